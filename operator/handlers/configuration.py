"""How kopf is told to behave: as little as possible, and to write nothing to anybody's objects."""

from collections.abc import Iterator
from typing import Any

import kopf

FINALIZER = "entresol.dev/kopf"
"""Never set, because no handler needs one. But kopf removes its own from objects that carry it, and its default name
belongs to every operator made with kopf."""

_SERVER_SECONDS = 420
_REQUEST_SECONDS = 30
_EXIT_SECONDS = 30


class Patience:
    """Pauses between tries, without end: kopf's own run out after a minute and then end the process."""

    def __iter__(self) -> Iterator[float]:
        """Pauses in seconds."""
        yield from (1, 2, 5)
        while True:
            yield 10


class NoProgress(kopf.ProgressStorage):
    """Keeps nothing: handlers of events have no progress, and nothing is to be written to the objects."""

    def fetch(self, **_: Any) -> None:
        """Nothing is kept."""

    def store(self, **_: Any) -> None:
        """Nothing is kept."""

    def purge(self, **_: Any) -> None:
        """Nothing is kept."""

    def touch(self, **_: Any) -> None:
        """Nothing is kept."""

    def clear(self, *, essence: Any) -> Any:
        """Nothing of ours is in the object."""
        return essence


class NoMemory(kopf.DiffBaseStorage):
    """Keeps no last state. kopf would copy each object five times for every event to make one."""

    def build(self, **_: Any) -> Any:
        """An empty essence, so that there is never a difference."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Nothing is kept."""

    def store(self, **_: Any) -> None:
        """Nothing is kept."""


def register(registry: kopf.OperatorRegistry) -> None:
    """Have kopf configured before anything else starts."""

    @kopf.on.startup(registry=registry, id="configure")
    async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.peering.standalone = True  # one operator at a time is the business of a Lease
        settings.scanning.disabled = True  # no watching of all definitions and namespaces, nor the rights for that
        settings.posting.enabled = False  # our Events have a budget
        settings.persistence.finalizer = FINALIZER
        settings.persistence.progress_storage = NoProgress()
        settings.persistence.diffbase_storage = NoMemory()
        settings.watching.initial_streaming = True  # also what lets it recover from a lost watch without a list
        settings.watching.server_timeout = _SERVER_SECONDS
        settings.networking.request_timeout = _REQUEST_SECONDS
        settings.networking.error_backoffs = Patience()
        settings.process.ultimate_exiting_timeout = _EXIT_SECONDS

"""Deletions, repeated until the server says that they are done or that there is nothing left to delete."""

import logging
from collections.abc import Awaitable, Callable

from entresol.engine.effects import DeletePod, DeleteTask
from entresol.engine.events import Refusal
from entresol.kube.answers import Answer, Outcome
from entresol.kube.names import split_name
from entresol.kube.pace import Backoff
from entresol.runtime.courier import is_passing
from entresol.runtime.kinds import name_of
from entresol.runtime.launches import Desk
from entresol.runtime.refusals import refusal_of

_DONE = (Refusal.GONE, Refusal.CONFLICT)
"""404, and 409: the name belongs to another object by now."""

_log = logging.getLogger(__name__)


class Deletions:
    """Deletes pods and Tasks, by UID so that a namesake is safe."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def pod(self, deed: DeletePod) -> None:
        """Delete a pod."""
        record = self._desk.pods.get(deed.pod)
        name = deed.name or (name_of(record) if record is not None else "")
        if not name:
            _log.warning("pod %s cannot be deleted: it was never seen", deed.pod)
            return
        key = split_name(name)
        await self._until_gone(name, lambda: self._desk.client.delete_pod(*key, deed.pod, deed.grace))

    async def task(self, deed: DeleteTask) -> None:
        """Delete a Task whose time to live is over, once its end is written: whoever waits for that must see it."""
        record = self._desk.tasks.get(deed.task)
        if record is None:
            return
        if (refused := await self._desk.record(deed.task)) is not None:
            _log.info("%s is deleted before its end was written: %s", name_of(record), refused.words)
        key = record.metadata.namespace, record.metadata.name
        await self._until_gone(name_of(record), lambda: self._desk.client.delete_task(*key, deed.task))

    async def _until_gone(self, name: str, send: Callable[[], Awaitable[Outcome]]) -> None:
        backoff = Backoff(self._desk.pace)
        while True:
            outcome = await self._desk.courier.send("delete", send)
            if not is_passing(outcome):
                break
            await self._desk.pace.sleep(backoff.next())
        refused = refusal_of(outcome, missing=Refusal.GONE)
        if not (isinstance(outcome, Answer) and outcome.ok) and refused.refusal not in _DONE:
            _log.error("%s cannot be deleted: %s", name, refused.words)

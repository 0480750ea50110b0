"""From kopf's start to its end: our runtime is started, supervised, and stopped.

kopf does not notice when a task that was started in one of its handlers dies: it stays "healthy" without anything being
scheduled. So one supervisor waits for the runtime, and when that ends, for whatever reason, it stops kopf; the failure
is raised again at the end, so that the process does not exit with zero.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import kopf

from entresol.kube.announcements import Notice, Subject
from entresol.kube.answers import Answer, Lost
from entresol.kube.client import KubeClient
from entresol.kube.resources import ALL_FRAMEWORK_ROLES, ALL_FRAMEWORKS, ALL_TASKS, Selection
from entresol.runtime.driver import Driver

_OWN_KINDS = (ALL_TASKS, ALL_FRAMEWORKS, ALL_FRAMEWORK_ROLES)
_NOT_FOUND = 404
_DENIED = frozenset((401, 403))
_RETRY_SECONDS = 2.0

_log = logging.getLogger(__name__)

Operating = Callable[[], AbstractAsyncContextManager[tuple[KubeClient, Driver]]]


class Life:
    """One life of the runtime inside kopf. `stop` makes kopf stop, from inside its loop."""

    def __init__(self, operating: Operating, stop: Callable[[], None]) -> None:
        self._driver: Driver | None = None
        self._operating = operating
        self._stop = stop
        self._stack = AsyncExitStack()
        self._supervised: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    async def start(self) -> None:
        """Start everything. Raises a kopf error when the cluster is not prepared for us, or cannot be reached yet."""
        async with AsyncExitStack() as stack:
            try:
                operating = self._operating()
            except ValueError as error:  # settings or a kubeconfig that cannot be used: said in words, without a trace
                raise kopf.PermanentError(str(error)) from None
            client, driver = await stack.enter_async_context(operating)
            await _check_definitions(client)
            self._stack = stack.pop_all()
        self._driver = driver
        self._supervised = asyncio.create_task(self._supervise(driver), name="supervisor")

    async def end(self) -> None:
        """Stop everything. Raises what ended the runtime, if it was not us."""
        if self._supervised is not None:
            self._supervised.cancel()
            await asyncio.gather(self._supervised, return_exceptions=True)
        await self._stack.aclose()
        if self._failure is not None:
            raise kopf.PermanentError(f"the runtime ended: {_words(self._failure)}") from self._failure

    def tell(self, about: Subject, notice: Notice) -> None:
        """Write an Event, within the budget for Events; nothing while there is no runtime."""
        if self._driver is not None:
            self._driver.tell(about, notice)

    async def _supervise(self, driver: Driver) -> None:
        try:
            await driver.run()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the process must end
            self._failure = error
            _log.critical("the runtime ended: %s", _words(error), exc_info=error)
            self._stop()


def register(registry: kopf.OperatorRegistry, life: Life) -> None:
    """Tie a life to kopf's."""

    # Anything unexpected (wrong settings, an address that is taken) is final; kopf would try it again every minute.
    @kopf.on.startup(registry=registry, id="start", errors=kopf.ErrorsMode.PERMANENT)
    async def start(**_: Any) -> None:
        await life.start()

    @kopf.on.cleanup(registry=registry, id="end")
    async def end(**_: Any) -> None:
        await life.end()


async def _check_definitions(client: KubeClient) -> None:
    """Kopf waits for a missing kind without a word, so it is asked for here."""
    for selection in _OWN_KINDS:
        await _check_definition(client, selection)


async def _check_definition(client: KubeClient, selection: Selection) -> None:
    outcome = await client.list_page(selection, limit=1)
    name = f"{selection.resource.plural}.{selection.resource.group}"
    if isinstance(outcome, Lost):
        raise kopf.TemporaryError(f"the API server cannot be reached: {outcome.reason}", delay=_RETRY_SECONDS)
    if outcome.status == _NOT_FOUND:
        raise kopf.PermanentError(
            f"the definition of {name} must be installed: by the chart (crds.enabled=true), or by the chart entresol-crds"
        )
    if outcome.status in _DENIED:
        raise kopf.PermanentError(f"this operator must be allowed to list {name}: {_said(outcome)}")
    if not outcome.ok:
        raise kopf.TemporaryError(f"{name} cannot be listed: {_said(outcome)}", delay=_RETRY_SECONDS)


def _said(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:300].decode(errors='replace')}"


def _words(error: BaseException) -> str:
    """The innermost reasons of a group of errors."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_words(one) for one in error.exceptions)
    return f"{type(error).__name__}: {error}"

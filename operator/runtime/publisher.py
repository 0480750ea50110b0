"""Writes statuses, as few as will do.

The engine says whose status may need writing; the agenda holds the names; the page is rendered when it is sent, and
nothing is sent when nothing is new. One write per object at a time, and its answer is the newest record of the object,
so the next one is compared with that.

How soon depends on how long it will be true. An end is written at once. A state that is about to pass (`PASSING`) is
held back for a moment, as the next one tells all of it; any other gives way to launches (`agenda.py`).

A status is the durable memory of attempts, so one case is not lazy: before a second attempt's pod is created its number
must be written (`record`), and the executor waits for it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn

from entresol import metrics
from entresol.engine.effects import PublishFramework, PublishRole, PublishTask
from entresol.engine.events import Refusal
from entresol.engine.machine import BOOKS_AGE
from entresol.kube.answers import Answer, Outcome
from entresol.kube.pace import Backoff, Pace
from entresol.metrics import Metrics
from entresol.model.identifiers import TaskId
from entresol.model.tasks import STAGING, STARTING, TERMINAL
from entresol.runtime.agenda import Agenda, Name, Sort, Wish
from entresol.runtime.courier import Courier, code_of, is_passing
from entresol.runtime.crash import BEFORE_STATUS, Crash
from entresol.runtime.pages import Pages
from entresol.runtime.refusals import Refused, refusal_of

FIGURES_SECONDS = 1.0
"""Figures of one framework or role are written at most so often."""

PASSING = frozenset({STAGING, STARTING})
"""States between a decision and the kubelet's word; most pods leave them in less than a second."""

HOLD_SECONDS = 1.0
"""For so long a passing state is not worth a write."""

_REREADS = 5
_log = logging.getLogger(__name__)

Publish = PublishTask | PublishFramework | PublishRole


@dataclass(frozen=True, slots=True)
class Press:
    """What statuses are written with. `writers` bounds the writes at the same time."""

    pages: Pages
    courier: Courier
    metrics: Metrics
    crash: Crash
    now: Callable[[], float]
    writers: int
    pace: Pace = Pace(first=0.5, most=10.0)


class Publisher:
    """Names in, writes out. `run` must be running for anything to be written but records."""

    def __init__(self, agenda: Agenda, press: Press) -> None:
        self._agenda = agenda
        self._press = press
        self._woken = asyncio.Event()
        self._released: dict[Name, asyncio.Event] = {}
        self._begun: dict[Name, float] = {}  # when the newest write of figures began
        self._marked: dict[Name, float] = {}  # when figures were last said to have changed
        self._failures: dict[Name, Backoff] = {}

    def mark(self, effect: Publish) -> None:
        """Somebody's status may need writing."""
        match effect:
            case PublishTask(task, urgent=True):
                self._mark_state(task)
            case PublishTask(task):
                self._agenda.news(Name(Sort.TASK, task), self._press.pages.framework_of(task))
            case PublishFramework(framework):
                self._mark_figures(Name(Sort.FRAMEWORK, framework))
            case PublishRole(role):
                self._mark_figures(Name(Sort.ROLE, role))
        self._woken.set()

    async def record(self, task: TaskId) -> Refused | None:
        """Write a task's status now, and return when it is in the cluster, or why it never will be."""
        name = Name(Sort.TASK, task)
        await self._take(name)
        try:
            backoff = Backoff(self._press.pace)
            while True:
                outcome = await self._write(name)
                if outcome is None or not is_passing(outcome):
                    break
                await self._press.pace.sleep(backoff.next())
        finally:
            self._release(name)
        if outcome is None or (isinstance(outcome, Answer) and outcome.ok):
            return None
        return refusal_of(outcome, missing=Refusal.GONE)

    async def farewell(self, seconds: float) -> None:
        """Write every role's account as it stands, within so many seconds: the next operator goes on from there."""
        words = [self._last_words(name) for name in self._press.pages.roles()]
        try:
            async with asyncio.timeout(seconds):
                for failure in await asyncio.gather(*words, return_exceptions=True):
                    if isinstance(failure, Exception):
                        _log.error("a role's ledger cannot be written", exc_info=failure)
        except TimeoutError:
            _log.warning("not every role's ledger could be written in %.0f s", seconds)

    async def run(self) -> NoReturn:
        """Write what is due until cancelled."""
        free = asyncio.Semaphore(self._press.writers)
        async with asyncio.TaskGroup() as group:
            while True:
                await free.acquire()
                name = await self._next()
                group.create_task(self._serve(name, free), name=f"status of {name.sort.value} {name.id}")

    async def _take(self, name: Name) -> None:
        while not self._agenda.take(name):
            await self._released.setdefault(name, asyncio.Event()).wait()

    async def _last_words(self, name: Name) -> None:
        await self._take(name)
        try:
            await self._write(name, last=True)
        finally:
            self._release(name)

    def _mark_state(self, task: TaskId) -> None:
        name, state = Name(Sort.TASK, task), self._press.pages.state_of(task)
        if state is None:
            return
        if state in TERMINAL:
            self._agenda.urgent(name)
        elif state in PASSING:
            self._agenda.later(name, self._press.now() + HOLD_SECONDS)
        else:
            self._agenda.soon(name)

    def _mark_figures(self, name: Name) -> None:
        self._marked[name] = self._press.now()
        self._agenda.later(name, self._begun.get(name, -FIGURES_SECONDS) + FIGURES_SECONDS)

    async def _next(self) -> Name:
        while (name := self._agenda.next()) is None:
            self._woken.clear()
            try:
                async with asyncio.timeout(self._agenda.pause()):
                    await self._woken.wait()
            except TimeoutError:
                pass
        return name

    async def _serve(self, name: Name, free: asyncio.Semaphore) -> None:
        retry: float | None = None
        began = self._press.now()
        if name.sort is not Sort.TASK:
            self._begun[name] = began
        try:
            outcome = await self._write(name)
            # Conflicts end a record, whose task is launched again later; nobody would ask for this write again.
            if outcome is not None and (is_passing(outcome) or _is(outcome, HTTPStatus.CONFLICT)):
                retry = self._failures.setdefault(name, Backoff(self._press.pace)).next()
            else:
                self._failures.pop(name, None)
        except Exception:  # noqa: BLE001
            # One object that cannot be rendered or read must not stop the statuses of all others.
            _log.exception("the status of %s %s cannot be written", name.sort.value, name.id)
        finally:
            self._release(name)
            free.release()
        if retry is not None:
            self._agenda.later(name, self._press.now() + retry, Wish.URGENT)
        elif self._marked.get(name, -BOOKS_AGE) + BOOKS_AGE > began:
            # The engine answers from books that may be so old, hence from before the change: ask once more.
            self._agenda.later(name, began + FIGURES_SECONDS)

    async def _write(self, name: Name, *, last: bool = False) -> Outcome | None:
        """Render and send; None when there was nothing to write."""
        press, kind = self._press, name.sort.value
        outcome: Outcome | None = None
        for _ in range(_REREADS):
            page = press.pages.render(name, press.now(), last=last)
            if page is None:
                press.metrics.add(metrics.STATUS_SPARED, kind)
                return None
            press.crash(BEFORE_STATUS)
            outcome = await press.courier.send("status", page.send)
            press.metrics.add(metrics.STATUS_WRITES, kind, code_of(outcome))
            if isinstance(outcome, Answer) and outcome.ok:
                page.learn(outcome.body)
                return outcome
            if page.reread is not None and _is(outcome, HTTPStatus.CONFLICT):
                newest = await press.courier.send("get", page.reread)
                if isinstance(newest, Answer) and newest.ok:
                    page.learn(newest.body)
                    continue
                outcome = newest  # that it could not be read may pass, which the conflict by itself would not
            if not is_passing(outcome) and not _is(outcome, HTTPStatus.NOT_FOUND):
                _log.error(
                    "the status of %s %s is refused: %s", kind, name.id, refusal_of(outcome, missing=Refusal.GONE)
                )
            return outcome
        return outcome

    def _release(self, name: Name) -> None:
        self._agenda.done(name)
        self._woken.set()
        released = self._released.pop(name, None)
        if released is not None:
            released.set()


def _is(outcome: Outcome, status: HTTPStatus) -> bool:
    return isinstance(outcome, Answer) and outcome.status == status

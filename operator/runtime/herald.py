"""Tells people, by Kubernetes Events, within bounds.

Events are courtesy: whatever somebody must act on is in a status too. So they are the first thing to give way. A token
bucket bounds their rate; in a burst the rest is dropped and counted, and so is what a slow API server does not take.
While launches are under way they wait, for `PATIENCE` seconds at most; they bear the time of what they tell of. Nothing
is sent twice: an Event that got no answer is gone.

A task that goes on waiting for the same reason says so once.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from entresol import metrics
from entresol.engine.effects import Announce, Scheduled, Unscheduled
from entresol.kube.announcements import NO_NAMESPACE, News, Notice, Subject, event_body, subject_pod, subject_task
from entresol.kube.answers import Answer
from entresol.kube.client import KubeClient
from entresol.kube.wire_kinds import Task
from entresol.kube.wire_pod import Pod
from entresol.metrics import Metrics
from entresol.model.identifiers import TaskId
from entresol.runtime.agenda import PATIENCE, POLL
from entresol.runtime.budget import TokenBucket
from entresol.runtime.courier import Courier
from entresol.runtime.records import Records

WRITERS = 2
_QUEUE = 1000
REMEMBERED = 100_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Voice:
    """What Events are written with. `instance` names this process to their readers."""

    client: KubeClient
    courier: Courier
    metrics: Metrics
    tasks: Records[Task]
    pods: Records[Pod]
    now: Callable[[], float]
    instance: str


class Herald:
    """News in, Events out. `run` must be running for any to be written."""

    def __init__(self, voice: Voice, budget: TokenBucket, calm: Callable[[], bool] = lambda: True) -> None:
        """Let Events give way while it is not `calm`."""
        self._voice = voice
        self._budget = budget
        self._calm = calm
        self._queue: asyncio.Queue[tuple[float, str, bytes]] = asyncio.Queue(_QUEUE)
        self._waits: OrderedDict[TaskId, tuple[str, str]] = OrderedDict()

    def announce(self, effect: Announce) -> None:
        """Tell news about a task."""
        if self._is_repetition(effect):
            return
        if not self._affords_one():  # most of a burst ends here, so this comes before anything is looked up
            return
        about = self._subject(effect.task)
        if about is not None:
            self._tell(about, effect.news)

    def notice(self, about: Subject, notice: Notice) -> None:
        """Tell something about an object that is not a task."""
        if self._affords_one():
            self._tell(about, notice)

    async def run(self) -> NoReturn:
        """Write Events until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(self._write(), name="Events")
        raise AssertionError("a writer of Events ended without an error")

    def _tell(self, about: Subject, news: News) -> None:
        """Have an Event written."""
        voice = self._voice
        now = voice.now()
        self._queue.put_nowait((now, about.namespace or NO_NAMESPACE, event_body(news, about, voice.instance, now)))

    async def _write(self) -> NoReturn:
        voice = self._voice
        while True:
            told, namespace, body = await self._queue.get()
            while not self._calm() and voice.now() < told + PATIENCE:  # noqa: ASYNC110 - nobody tells when it is calm
                await asyncio.sleep(POLL)
            outcome = await voice.courier.send("event", partial(voice.client.create_event, namespace, body))
            if isinstance(outcome, Answer) and outcome.ok:
                voice.metrics.add(metrics.EVENTS_WRITTEN)
            else:
                voice.metrics.add(metrics.EVENTS_DROPPED)
                _log.debug("an Event was not written: %s", outcome)

    def _affords_one(self) -> bool:
        """Whether one more Event may be written now, which counts as written."""
        if not self._queue.full() and self._budget.take():
            return True
        self._voice.metrics.add(metrics.EVENTS_DROPPED)
        return False

    def _is_repetition(self, effect: Announce) -> bool:
        match effect.news:
            case Unscheduled(waiting):
                said = (waiting.reason.value, waiting.detail)
                if self._waits.get(effect.task) == said:
                    return True
                self._waits[effect.task] = said
                if len(self._waits) > REMEMBERED:
                    self._waits.popitem(last=False)
            case Scheduled():
                self._waits.pop(effect.task, None)
            case _:
                pass
        return False

    def _subject(self, task: TaskId) -> Subject | None:
        record = self._voice.tasks.get(task)
        if record is not None:
            return subject_task(record.metadata)
        pod = self._voice.pods.get(task)
        return subject_pod(pod.metadata) if pod is not None else None

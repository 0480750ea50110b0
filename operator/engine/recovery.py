"""What is done once, when the world is whole: what was recorded is settled against what is there, a portion at a time.

A hundred thousand waiting tasks take seconds, and who looks away for so long loses its Lease. So the engine works off a
portion with each tick, and takes part in what happens meanwhile: an entry is settled whether it changed since or not.
Nothing is granted and nothing is said before all is done.
"""

from collections import deque

from entresol.engine.effects import PublishTask
from entresol.engine.intake import observe_pod
from entresol.engine.lives import avoid, lost
from entresol.engine.state import Entry, State
from entresol.engine.waiting import FIRST_PAUSE, review
from entresol.model import tasks
from entresol.model.tasks import Record

PORTION = 500
"""Tasks, or pods, that are settled at a stretch: about 20 ms."""

REMEMBERED = (tasks.STAGING, tasks.STARTING, tasks.RUNNING, tasks.UNREACHABLE)
"""Recorded states that say a pod was at work; only compared with, never complete."""


class Recovery:
    """What is left to be settled. Call `step` until it says that this was all.

    Attributes:
        since: when the world was listed.
        led_until: until when another operator is known to have led.
    """

    def __init__(self, state: State, at: float, led_until: float | None) -> None:
        """Every object has been listed; what is observed from now on needs no settling, but takes no harm by it."""
        self.since = at
        self.led_until = led_until
        # A plain pod at work is what it was seen to be; on a full cluster these are nearly all.
        self._tasks = deque(
            task for task, entry in state.entries.items() if not (entry.task.plain and entry.live is not None)
        )
        self._pods = deque(pod.id for pod in state.pods.values() if pod.owner is not None)

    def step(self, state: State, at: float) -> bool:
        """Settle a portion; returns whether nothing is left."""
        left = PORTION
        while self._tasks and left:
            left -= 1
            entry = state.entries.get(self._tasks.popleft())
            if entry is not None:
                self._settle(state, entry, at)
        while self._pods and left:
            left -= 1
            pod = state.pods.get(self._pods.popleft())
            if pod is not None:
                observe_pod(state, pod, at)
        return not (self._tasks or self._pods)

    def _settle(self, state: State, entry: Entry, at: float) -> None:
        """Settle what was recorded of one task, and let it wait where it belongs."""
        if entry.live is None and not entry.over and entry.record.state in REMEMBERED and not _judged(entry):
            _missing(state, entry, at)
        last = entry.record.last
        if last is not None and last.state == tasks.DROPPED and last.agent is not None and entry.live is None:
            avoid(state, entry, last.agent, at + 10 * FIRST_PAUSE)
        # Entries that were born before the world was whole have waited since then, as far as anyone can tell.
        entry.since = self.since
        review(state, entry, at)
        # What was learnt while listing is not yet said: a pod may have ended while nobody looked. That a task waits is
        # no news before it has waited for a while.
        if entry.live is not None or entry.record not in (entry.task.record, Record(state=tasks.PENDING)):
            state.do(PublishTask(entry.task.id))


def _judged(entry: Entry) -> bool:
    """Whether the newest attempt's end is already accounted for: the pod was found over while listing."""
    last = entry.record.last
    return last is not None and last.number >= entry.record.attempt


def _missing(state: State, entry: Entry, at: float) -> None:
    """The record says an attempt was under way, but there is no pod of it.

    Recorded as staging, its create may never have been sent, or may even still arrive: the number is used again, so
    that a late create and ours cannot both succeed. Once a pod had been seen, that attempt is lost.
    """
    number = entry.record.attempt
    if entry.record.state == tasks.STAGING or number == 0:
        entry.unused = number > 0
        return
    lost(state, entry, at)

"""What happens when a timer runs out. One that rings for something that changed meanwhile is ignored."""

from typing import assert_never

from entresol.engine import intake, offers
from entresol.engine.effects import Announce, DeleteTask, PublishTask, Unscheduled
from entresol.engine.explain import why
from entresol.engine.state import Alarm, Entry, State
from entresol.engine.waiting import review
from entresol.model.identifiers import FrameworkId, OfferId, PodId, TaskId


def ring(state: State, alarm: Alarm, subject: str, at: float) -> None:
    """A timer about this subject ran out."""
    match alarm:
        case Alarm.OFFER:
            offers.rescind(state, (OfferId(subject),))
        case Alarm.REFUSAL:
            offers.expire_filters(state, FrameworkId(subject), at)
        case Alarm.NAMESPACE:
            _namespace(state, subject, at)
        case Alarm.FIGURES:
            state.settle_figures()
        case Alarm.ORPHAN:
            intake.ring_orphan(state, PodId(subject), at)
        case Alarm.RETRY | Alarm.FORGIVE | Alarm.TELL | Alarm.DEADLINE | Alarm.EXPIRE:
            entry = state.entries.get(TaskId(subject))
            if entry is not None and not entry.gone:
                _about_task(state, alarm, entry, at)
        case _:
            assert_never(alarm)


def _about_task(state: State, alarm: Alarm, entry: Entry, at: float) -> None:
    if alarm in (Alarm.RETRY, Alarm.DEADLINE):
        review(state, entry, at)
    elif alarm is Alarm.FORGIVE:
        entry.avoid = {agent: until for agent, until in entry.avoid.items() if until > at}
        review(state, entry, at)
    elif alarm is Alarm.TELL:
        _tell(state, entry, at)
    elif entry.over and entry.task.ttl is not None and (entry.record.finished or 0.0) + entry.task.ttl <= at:
        state.do(DeleteTask(entry.task.id))


def _tell(state: State, entry: Entry, at: float) -> None:
    if entry.told or entry.live is not None or entry.over:
        return
    waiting = why(state, entry, at)
    assert waiting is not None
    entry.told = True
    state.do(PublishTask(entry.task.id, urgent=False))
    state.do(Announce(entry.task.id, Unscheduled(waiting)))


def _namespace(state: State, namespace: str, at: float) -> None:
    rest = state.quota.get(namespace)
    if rest is not None and rest[0] <= at:
        # Open again; how often it rested in a row is kept, so that the next rest is longer.
        state.quota[namespace] = (0.0, rest[1])
        state.changed()

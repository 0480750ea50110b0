"""What happens when a timer runs out. One that rings for something that changed meanwhile is ignored."""

from typing import assert_never

from entresol.engine import intake, offers
from entresol.engine.effects import Announce, DeleteTask, PublishTask, Unscheduled
from entresol.engine.explain import why
from entresol.engine.lives import TOO_LONG
from entresol.engine.state import Alarm, Entry, State
from entresol.engine.waiting import finish, review, stop
from entresol.model import tasks
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
        case Alarm.ORPHAN:
            intake.ring_orphan(state, PodId(subject), at)
        case Alarm.RETRY | Alarm.FORGIVE | Alarm.TELL | Alarm.DEADLINE | Alarm.EXPIRE:
            entry = state.entries.get(TaskId(subject))
            if entry is not None and not entry.gone:
                _about_task(state, alarm, entry, at)
        case _:
            assert_never(alarm)


def _about_task(state: State, alarm: Alarm, entry: Entry, at: float) -> None:
    if alarm is Alarm.RETRY:
        review(state, entry, at)
    elif alarm is Alarm.FORGIVE:
        entry.avoid = ()
        review(state, entry, at)
    elif alarm is Alarm.TELL:
        _tell(state, entry, at)
    elif alarm is Alarm.DEADLINE:
        _deadline(state, entry, at)
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


def _deadline(state: State, entry: Entry, at: float) -> None:
    limit, started = entry.task.deadline, entry.record.started
    if limit is None or started is None or entry.over or started + limit > at:
        return
    if entry.live is not None:
        stop(state, entry, TOO_LONG)
    else:
        finish(state, entry, tasks.FAILED, "it ran longer than `activeDeadlineSeconds` allows", at)


def _namespace(state: State, namespace: str, at: float) -> None:
    rest = state.quota.get(namespace)
    if rest is not None and rest[0] <= at:
        # Open again; how often it rested in a row is kept, so that the next rest is longer.
        state.quota[namespace] = (0.0, rest[1])
        state.changed()

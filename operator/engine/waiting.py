"""Whether a task waits in line, waits aside, or does not wait: one review, repeated whenever anything about it changed.

The review is level-based: it looks at how things are and puts the task where it belongs, so it does no harm to review
once too often.
"""

from dataclasses import replace

from entresol.engine.backlog import Place
from entresol.engine.effects import Announce, AttemptEnded, DeletePod, PublishTask
from entresol.engine.state import Alarm, Entry, Live, Pause, State
from entresol.model import tasks
from entresol.model.identifiers import FrameworkId, TaskId
from entresol.model.reasons import Reason, Waiting
from entresol.model.resources import Resources
from entresol.model.tasks import Attempt
from entresol.model.work import TaskClass, Unit

FIRST_PAUSE = 1.0
"""Seconds before a second attempt after an end that was nobody's fault; doubled each time in a row."""

LONGEST_PAUSE = 300.0
"""Where the doubling stops, as the kubelet's own restart back-off does."""

SUSPENDED = "Suspended"
TOO_LONG = "DeadlineExceeded"
"""Words for attempts that we end ourselves."""

PATIENCE = 5.0
"""Seconds a task waits before anything is written about it (decisions.md 17)."""


def setback_pause(setbacks: int) -> float:
    """The exponential back-off after so many setbacks in a row."""
    return float(min(FIRST_PAUSE * 2 ** min(max(setbacks - 1, 0), 16), LONGEST_PAUSE))


def aside(entry: Entry, at: float) -> Waiting | None:
    """Why the task itself must not be launched now, whatever room there is; None when it may stand in line."""
    task = entry.task
    if task.invalid:
        return Waiting(reason=Reason.INVALID, detail=task.invalid)
    if task.unsupported:
        return Waiting(reason=Reason.UNSUPPORTED, detail=", ".join(task.unsupported))
    if task.suspended:
        return Waiting(reason=Reason.SUSPENDED)
    if task.gated:
        return Waiting(reason=Reason.GATED)
    if entry.pause is not None and entry.pause.until > at:
        return Waiting(reason=entry.pause.reason, detail=entry.pause.detail, until=entry.pause.until)
    return None


def review(state: State, entry: Entry, at: float) -> None:
    """Put the task where it belongs."""
    if not state.synced:
        return
    if entry.over or entry.gone or entry.task.deleting:
        _leave(state, entry)
    elif entry.live is not None:
        _leave(state, entry)
        _stop_if_unwanted(state, entry, at)
    elif entry.task.invalid and not entry.task.plain:
        finish(state, entry, tasks.ERROR, entry.task.invalid, at)
    elif ran_too_long(entry, at):
        finish(state, entry, tasks.FAILED, "it ran longer than `activeDeadlineSeconds` allows", at)
    else:
        _wait(state, entry, at)


def finish(state: State, entry: Entry, final: str, words: str, at: float) -> None:
    """The task has reached its end; nothing about it changes any more but its going away."""
    _leave(state, entry)
    entry.record = replace(entry.record, state=final, finished=at)
    entry.words = words
    entry.pause = None
    state.do(PublishTask(entry.task.id))
    state.recount(entry)
    if entry.task.ttl is not None:
        state.ring(at + entry.task.ttl, Alarm.EXPIRE, entry.task.id)


def pause(state: State, entry: Entry, why: Pause) -> None:
    """Keep the task aside for a while."""
    entry.pause = why
    state.ring(why.until, Alarm.RETRY, entry.task.id)


def set_state(state: State, entry: Entry, name: str) -> None:
    """Let the task be in another state, and say so."""
    record = entry.record
    if record.state == name:
        return
    entry.record = replace(record, state=name)
    state.recount(entry)
    if name != tasks.PENDING or entry.told:
        state.do(PublishTask(entry.task.id))


def work_of(state: State, entry: Entry) -> TaskClass:
    """The class a task belongs to now, with what its framework and its namespace's admission add."""
    framework = state.tenants.framework(entry.task.framework)
    demand = state.surcharges.get((entry.namespace, entry.task.demand), entry.task.demand)
    return TaskClass(
        demand=demand,
        constraints=entry.task.constraints,
        partition=framework.partition if framework else (),
        avoid=tuple(sorted(entry.avoid)),
    )


def requeue(state: State, framework: FrameworkId, at: float) -> None:
    """Something about the framework changed: every waiting task of it may belong elsewhere in line."""
    for entry in [entry for entry in state.entries.values() if entry.task.framework == framework]:
        review(state, entry, at)


def record_end(state: State, entry: Entry, ended: Attempt) -> None:
    """Enter how an attempt ended into the durable record."""
    record = entry.record
    entry.record = replace(
        record,
        attempt=max(record.attempt, ended.number),
        failures=record.failures + (1 if ended.charged else 0),
        last=ended,
    )
    entry.unused = False
    state.do(Announce(entry.task.id, AttemptEnded(ended)))


def _wait(state: State, entry: Entry, at: float) -> None:
    if entry.record.state != tasks.PENDING:
        entry.since = at
    set_state(state, entry, tasks.PENDING)
    if entry.pause is not None and entry.pause.until <= at:
        entry.pause = None
    if not entry.told:
        state.ring(max(entry.since + PATIENCE, at), Alarm.TELL, entry.task.id)
    why = aside(entry, at)
    if why is not None:
        _leave(state, entry)
        if entry.told:
            state.do(PublishTask(entry.task.id, urgent=False))
        return
    place = Place(entry.task.framework, work_of(state, entry), _unit(state, entry))
    if state.backlog.place(entry.task.id) != place:
        state.backlog.join(place)
        state.touch_framework(entry.task.framework)
        state.news[entry.task.id] = None
        state.changed()


def _unit(state: State, entry: Entry) -> Unit:
    framework = state.tenants.framework(entry.task.framework)
    orders = state.policy.orders
    # A framework that is not there, or names no order we know, still has a line: its tasks wait in order of creation.
    order = orders.get(framework.order) if framework else None
    policy_key = order(entry.task.urgency) if order else ()
    return Unit((policy_key, entry.task.created, entry.task.name), entry.task.id, entry.since)


def _leave(state: State, entry: Entry) -> None:
    if state.backlog.leave(entry.task.id):
        state.touch_framework(entry.task.framework)
        state.changed()


def ran_too_long(entry: Entry, at: float) -> bool:
    """Whether the time that all attempts together may take, from the first start on, is over."""
    started, limit = entry.record.started, entry.task.deadline
    return started is not None and limit is not None and started + limit <= at


def _stop_if_unwanted(state: State, entry: Entry, at: float) -> None:
    if ran_too_long(entry, at):
        stop(state, entry, TOO_LONG)
    elif entry.task.suspended and not entry.task.plain:
        stop(state, entry, SUSPENDED)


def stop(state: State, entry: Entry, why: str) -> None:
    """End the running attempt ourselves. A pod whose create is still under way is ended when it turns up."""
    live = entry.live
    assert live is not None
    if live.doomed:
        # A limit on time is final, so it has the last word on why the attempt ended.
        live.doomed = why if why == TOO_LONG else live.doomed
        return
    live.doomed = why
    end_if_due(state, live)


def end_if_due(state: State, live: Live) -> None:
    """Ask once for the deletion of an attempt's pod, if it is to end and there is one."""
    if live.pod is None or not live.number:
        # A plain pod is ended by whoever made it, and on a lost node by Kubernetes' own garbage collector.
        return
    if live.agent not in state.cluster:
        # No kubelet is left to end it and confirm, so its own grace would last for ever.
        if live.deleted is not True:
            live.deleted = True
            state.do(DeletePod(live.pod, live.name, grace=0))
    elif live.doomed and live.deleted is None:
        live.deleted = False
        state.do(DeletePod(live.pod, live.name))


def learn(state: State, namespace: str, asked: Resources, really: Resources, at: float) -> None:
    """Admission made pods of this namespace ask more than was decided: decide with that from now on."""
    key = (namespace, asked)
    known = state.surcharges.get(key, asked)
    if known.covers(really):
        return
    state.surcharges[key] = known.peak(really)
    waiting: list[TaskId] = [place.unit.task for place in state.backlog.places()]
    for task in waiting:
        entry = state.entries[task]
        if entry.namespace == namespace:
            review(state, entry, at)

"""Tasks and pods as they are observed: who is new, who changed, who is gone.

The reflectors say what is; this module finds the entry it is about and leaves the rest to `lives` (a running attempt)
and `waiting` (a task that waits). Two things make a restart safe. A Task's status says how far its attempts are
accounted for, so an old pod is never judged twice; and a pod's stamp says which attempt it is, so a pod that we created
but never saw is recognised.
"""

from dataclasses import replace

from entresol.engine.effects import DeletePod, PublishTask
from entresol.engine.events import PodsListed
from entresol.engine.lives import adopt, conclude, follow, let_go, orphan, own_key_of
from entresol.engine.state import Alarm, Entry, State
from entresol.engine.waiting import finish, review
from entresol.model import tasks
from entresol.model.identifiers import PodId, TaskId
from entresol.model.tasks import Pod, Task

ORPHAN_PATIENCE = 5.0
"""Seconds that the garbage collector gets to delete a pod whose Task is gone, or to release it, before we do."""


def observe_task(state: State, task: Task, at: float) -> None:
    """A Task object, or the task that a plain pod is, looks like this."""
    entry = state.entries.get(task.id)
    if entry is None:
        entry = Entry(task=task, record=task.record, since=at)
        state.enrol(entry)
        if entry.over and task.ttl is not None:
            state.ring((entry.record.finished or at) + task.ttl, Alarm.EXPIRE, task.id)
        if entry.record.started is not None and task.deadline is not None:
            state.ring(entry.record.started + task.deadline, Alarm.DEADLINE, task.id)
        for pod in sorted(state.strays.pop(task.id, ())):
            observe_pod(state, state.pods[pod], at)
    else:
        _update(state, entry, task, at)
    review(state, entry, at)


def lose_task(state: State, task: TaskId, at: float) -> None:
    """The Task object is gone. Its pod, if one lives, is the garbage collector's, or a plain pod from now on."""
    entry = state.entries.get(task)
    if entry is None or entry.task.plain:
        return
    if state.backlog.leave(task):
        state.changed()
    if entry.live is None:
        state.dismiss(entry)
    else:
        entry.gone = True
        state.recount(entry)
        if entry.live.pod is not None:
            state.ring(at + ORPHAN_PATIENCE, Alarm.ORPHAN, entry.live.pod)


def observe_pod(state: State, pod: Pod, at: float) -> None:
    """A pod of ours looks like this."""
    if pod.owner is not None and pod.agent is None:
        # Attempts are created on their agent; what claims to be one and has none is somebody's forgery.
        return
    before = state.pods.get(pod.id)
    if before is not None and pod.owner is not None and _claim(pod) != _claim(before):
        # Neither does a plain pod become an attempt, nor an attempt another Task's, because somebody writes an owner.
        pod = replace(pod, owner=before.owner, claims=before.claims, attempt=before.attempt, task=before.task)
    if before is not None and before.owner is not None and pod.owner is None:
        _released(state, before, at)
    state.pods[pod.id] = pod
    if pod.owner is None:
        _observe_plain(state, pod, at)
    else:
        _observe_attempt(state, pod, at)


def lose_pod(state: State, pod: PodId, at: float) -> None:
    """A pod of ours is gone."""
    last = state.pods.pop(pod, None)
    if last is None:
        return
    task = last.owner or TaskId(pod)
    _no_stray(state, last)
    entry = state.entries.get(task)
    # A plain pod is its own attempt even while the answer to its binding is still out.
    if entry is not None and entry.live is not None and (entry.live.pod == pod or last.owner is None):
        conclude(state, entry, last, at)
        entry = state.entries.get(task)
    state.release(own_key_of(pod))
    if last.owner is None and entry is not None:
        state.backlog.leave(task)
        state.dismiss(entry)
        state.changed()


def pods_listed(state: State, listed: PodsListed, at: float) -> None:
    """A complete list of our pods: a pod that was created before it began and is not in it came and went unseen."""
    for entry in list(state.entries.values()):
        live = entry.live
        if live is None or live.seen or live.acked is None or live.pod is None:
            continue
        if live.acked < listed.began and live.pod not in listed.present:
            conclude(state, entry, Pod(id=live.pod, name=live.name, demand=live.held, attempt=live.number), at)


def ring_orphan(state: State, pod: PodId, at: float) -> None:
    """A pod's Task was gone a while ago; if it still is, and the pod still claims it, end the pod."""
    last = state.pods.get(pod)
    if last is None or last.owner is None or last.deleting or last.over:
        return
    entry = state.entries.get(last.owner)
    if entry is not None and entry.gone:
        state.do(DeletePod(last.id, last.name))
        state.ring(at + ORPHAN_PATIENCE, Alarm.ORPHAN, pod)


def _update(state: State, entry: Entry, task: Task, at: float) -> None:
    before = entry.task
    entry.task = task
    if entry.gone:
        return
    if task.suspended != before.suspended or task.gated != before.gated:
        entry.since = at
    if before.framework != task.framework:
        state.touch_framework(before.framework)
        state.recount(entry)
    started = entry.record.started
    if task.deadline is not None and task.deadline != before.deadline and started is not None:
        state.ring(started + task.deadline, Alarm.DEADLINE, task.id)
    if task.ttl is not None and task.ttl != before.ttl and entry.over:
        state.ring((entry.record.finished or at) + task.ttl, Alarm.EXPIRE, task.id)
    if task.generation != before.generation and entry.told:
        state.do(PublishTask(task.id, urgent=False))


def _observe_plain(state: State, pod: Pod, at: float) -> None:
    assert pod.task is not None
    task = pod.task
    known = state.entries.get(task.id)
    if known is not None and known.over:
        return
    if known is None or known.live is None or not known.live.seen:
        # What it asks, and whom it names, counts only while it waits.
        observe_task(state, task, at)
    entry = state.entries[task.id]
    if pod.agent is None:
        if pod.over:
            _over_unbound(state, entry, pod, at)
    elif entry.live is not None:
        follow(state, entry, pod, at)
    else:
        adopt(state, entry, pod, at)
        state.backlog.leave(task.id)


def _over_unbound(state: State, entry: Entry, pod: Pod, at: float) -> None:
    """Somebody ended the pod before it had an agent (its own deadline does that)."""
    if entry.live is not None:
        conclude(state, entry, pod, at)
    else:
        finish(state, entry, tasks.FAILED, pod.ending.message, at)


def _observe_attempt(state: State, pod: Pod, at: float) -> None:
    assert pod.owner is not None
    entry = state.entries.get(pod.owner)
    if entry is None:
        # Its Task may be unknown because it cannot be read: ending it is the garbage collector's business.
        orphan(state, pod)
        state.strays.setdefault(pod.owner, set()).add(pod.id)
    elif entry.task.plain or entry.task.name != pod.claims:
        # UIDs are no secret. A pod of another namespace, or by another Task's name, takes room and is nothing more.
        orphan(state, pod)
    elif entry.live is not None and entry.live.number == pod.attempt:
        state.release(own_key_of(pod.id))
        follow(state, entry, pod, at)
        if entry.gone:
            state.ring(at + ORPHAN_PATIENCE, Alarm.ORPHAN, pod.id)
    elif _accounted(entry, pod):
        _keep_out(state, pod)
    else:
        state.release(own_key_of(pod.id))
        adopt(state, entry, pod, at)
        state.backlog.leave(entry.task.id)


def _claim(pod: Pod) -> tuple[TaskId | None, str]:
    return pod.owner, pod.claims


def _no_stray(state: State, pod: Pod) -> None:
    """The pod is gone, or nobody's attempt any more: its Task, if it ever comes to be known, has no claim to it."""
    if pod.owner is not None and pod.owner in state.strays:
        state.strays[pod.owner].discard(pod.id)
        if not state.strays[pod.owner]:
            del state.strays[pod.owner]


def _accounted(entry: Entry, pod: Pod) -> bool:
    """Whether this pod's attempt was already judged, or superseded."""
    last = entry.record.last
    judged = last is not None and pod.attempt <= last.number
    return judged or pod.attempt < entry.record.attempt or entry.over or entry.live is not None


def _keep_out(state: State, pod: Pod) -> None:
    # An attempt that was given up must not go on beside its successor.
    orphan(state, pod)
    if not pod.over and not pod.deleting and state.synced:
        state.do(DeletePod(pod.id, pod.name))


def _released(state: State, before: Pod, at: float) -> None:
    """The pod lost its owner reference (`--cascade=orphan`): it is a plain pod from now on."""
    assert before.owner is not None
    _no_stray(state, before)
    entry = state.entries.get(before.owner)
    if entry is not None and entry.live is not None and entry.live.pod == before.id:
        let_go(state, entry, at)

"""The life of an attempt, from the moment an agent is chosen until its room is free again.

What happens                              what the books say
agent chosen                              held at once (assumed), `TASK_STAGING`
the server answers the create or bind     the pod's UID is known; what admission added is charged too
the pod is observed                       `TASK_STARTING`, then `TASK_RUNNING`
the pod is over, or gone                  released; the table in `attempts` judges whose fault it was
the server refuses                        released; the reason is kept, and the task waits again after a pause

A deletion that is merely asked for frees nothing: containers may run until their grace ends.
"""

from dataclasses import replace

from entresol.engine import attempts
from entresol.engine.effects import PublishTask
from entresol.engine.ledger import Holding
from entresol.engine.state import Alarm, Entry, Live, Pause, State
from entresol.engine.tenants import default_of
from entresol.engine.waiting import (
    SUSPENDED,
    TOO_LONG,
    end_if_due,
    finish,
    learn,
    pause,
    record_end,
    review,
    set_state,
    setback_pause,
    stop,
)
from entresol.model import tasks
from entresol.model.identifiers import AgentId, PodId, TaskId
from entresol.model.reasons import Reason
from entresol.model.resources import Resources
from entresol.model.tasks import Attempt, Charge, Phase, Pod
from entresol.model.work import TaskClass

DOES_NOT_FIT = "AdmissionAddedTooMuch"


def key_of(task: TaskId, number: int) -> str:
    """Under which key the books hold an attempt."""
    return f"{task}/{number}"


def own_key_of(pod: PodId) -> str:
    """Under which key the books hold a pod that is nobody's attempt; no word of its author has a part in it."""
    return key_of(TaskId(pod), 0)


def begin(state: State, entry: Entry, agent: AgentId, charge: Charge, work: TaskClass) -> Live:
    """An agent is chosen: hold its room from now on."""
    number = 0 if entry.task.plain else entry.record.attempt + (0 if entry.unused else 1)
    live = Live(number, agent, charge, work.demand, work.demand, work.constraints.ports)
    entry.live, entry.unused, entry.pause = live, False, None
    if entry.record.attempt != number:
        entry.record = replace(entry.record, attempt=number)
    _enter(state, entry, live)
    state.backlog.leave(entry.task.id)
    entry.told = True
    set_state(state, entry, tasks.STAGING)
    return live


def adopt(state: State, entry: Entry, pod: Pod, at: float) -> None:
    """A pod of this task turned up that we did not know of: after a restart, or before the answer to its create."""
    assert pod.agent is not None
    charge = state.tenants.believed(pod.charge) or state.tenants.charge(entry.task.framework)
    entry.live = Live(pod.attempt, pod.agent, charge, pod.demand, pod.demand, pod.ports)
    entry.unused, entry.pause, entry.told = False, None, True
    if entry.record.attempt < pod.attempt:
        entry.record = replace(entry.record, attempt=pod.attempt)
    follow(state, entry, pod, at)


def follow(state: State, entry: Entry, pod: Pod, at: float) -> None:
    """The pod of the live attempt looks like this now."""
    live = entry.live
    assert live is not None
    live.pod, live.name, live.seen = pod.id, pod.name, True
    live.held = live.held.peak(pod.demand)
    if pod.agent is not None and pod.agent != live.agent:
        _move(state, entry, live, pod.agent)
    if pod.over:
        conclude(state, entry, pod, at)
        return
    _enter(state, entry, live)
    weigh(state, entry, pod.demand, at)
    _report_phase(state, entry, pod, at)
    end_if_due(state, live)
    review(state, entry, at)


def weigh(state: State, entry: Entry, really: Resources, at: float) -> None:
    """The pod asks this much, after admission: if that is more than was decided, charge it and decide so from now on.

    Where there is no room for it, or it passes the role's limit, the attempt is taken back, uncharged.
    """
    live = entry.live
    assert live is not None
    if live.weighed.covers(really):
        return
    grown = [name for name, amount in really if amount > live.weighed.get(name)]
    live.weighed = live.weighed.peak(really)
    live.held = live.held.peak(really)
    _enter(state, entry, live)
    learn(state, entry.namespace, entry.task.demand, really, at)
    agent = state.cluster.get(live.agent)
    if agent is None:
        return
    usage = state.ledger.usage(live.agent)
    limit, held = state.tenants.role(live.charge.role).limit, state.ledger.of_role(live.charge.role)
    passed = any(name in limit and held.get(name) > limit[name] for name in grown)
    if passed or not agent.allocatable.covers(usage.ours + usage.foreign):
        stop(state, entry, DOES_NOT_FIT)
        state.do(PublishTask(entry.task.id))


def conclude(state: State, entry: Entry, pod: Pod, at: float) -> None:
    """The live attempt is over: free its room, judge it, and decide what becomes of the task."""
    live = entry.live
    assert live is not None
    _forget(state, entry, live)
    ended = _ended(state, live, pod, at)
    record_end(state, entry, ended)
    entry.words = ended.message
    if entry.gone:
        state.dismiss(entry)
    elif ended.state == tasks.FINISHED:
        finish(state, entry, tasks.FINISHED, ended.message, at)
    elif TOO_LONG in {live.doomed, pod.ending.reason}:
        finish(state, entry, tasks.FAILED, ended.message, at)
    elif entry.task.plain:
        # A plain pod is its own only attempt; who made it (a Job, say) makes the next one.
        finish(state, entry, tasks.FAILED, ended.message, at)
    elif entry.record.failures >= entry.task.max_attempts:
        finish(state, entry, tasks.FAILED, ended.message, at)
    else:
        _again(state, entry, ended, at)


def lost(state: State, entry: Entry, at: float) -> None:
    """The newest recorded attempt was at work when it was recorded, and there is no pod of it any more."""
    ended = Attempt(number=entry.record.attempt, state=tasks.LOST, reason="PodGone", finished=at)
    record_end(state, entry, ended)
    _again(state, entry, ended, at)


def refused(state: State, entry: Entry, why: Pause, at: float, *, unused: bool) -> None:
    """The launch did not happen, and will not: free the room and wait again, after a pause.

    `unused` says that no pod can exist under the attempt's number, so that it is used again.
    """
    live = entry.live
    assert live is not None
    _forget(state, entry, live)
    entry.unused = unused and not entry.task.plain
    entry.words = why.detail
    if entry.gone:
        state.dismiss(entry)
        return
    pause(state, entry, why)
    review(state, entry, at)


def avoid(state: State, entry: Entry, agent: AgentId, until: float) -> None:
    """Stay away from an agent that refused the task."""
    entry.avoid = {**entry.avoid, agent: until}
    state.ring(until, Alarm.FORGIVE, entry.task.id)


def let_go(state: State, entry: Entry, at: float) -> None:
    """The live attempt's pod is nobody's attempt any more: its room is the pod's own affair, the task may go on."""
    assert entry.live is not None
    _forget(state, entry, entry.live)
    if entry.gone:
        state.dismiss(entry)
    else:
        review(state, entry, at)


def orphan(state: State, pod: Pod) -> None:
    """A pod that is not its Task's attempt, as far as we know: it takes room, and is charged as its stamp says."""
    key = own_key_of(pod.id)
    if pod.over or pod.agent is None:
        state.release(key)
    else:
        namespace = pod.name.partition("/")[0]
        charge = state.tenants.believed(pod.charge) or state.tenants.charge(default_of(namespace))
        state.hold(key, Holding(pod.agent, pod.demand, charge, pod.ports))


def reach(state: State, entry: Entry) -> None:
    """The agent's readiness, or the pod's phase, changed: say whether the task can be reached."""
    live = entry.live
    pod = state.pods.get(live.pod) if live is not None and live.pod is not None else None
    if live is not None and pod is not None:
        set_state(state, entry, _state_of(state, live, pod))


def _report_phase(state: State, entry: Entry, pod: Pod, at: float) -> None:
    live = entry.live
    assert live is not None
    if pod.phase is Phase.RUNNING and entry.record.started is None:
        entry.record = replace(entry.record, started=at)
        if entry.task.deadline is not None:
            state.ring(at + entry.task.deadline, Alarm.DEADLINE, entry.task.id)
    if pod.ready and entry.setbacks:
        entry.setbacks = 0
    before = entry.record.state
    set_state(state, entry, _state_of(state, live, pod))
    if entry.record.state == before:
        state.do(PublishTask(entry.task.id, urgent=False))


def _state_of(state: State, live: Live, pod: Pod) -> str:
    agent = state.cluster.get(live.agent)
    if agent is None or not agent.ready:
        return tasks.UNREACHABLE
    return tasks.RUNNING if pod.phase is Phase.RUNNING else tasks.STARTING


def _enter(state: State, entry: Entry, live: Live) -> None:
    state.hold(key_of(entry.task.id, live.number), Holding(live.agent, live.held, live.charge, live.ports))
    state.by_agent.setdefault(live.agent, set()).add(entry.task.id)


def _move(state: State, entry: Entry, live: Live, agent: AgentId) -> None:
    # Only a plain pod can turn up elsewhere than we meant: somebody else bound it first.
    _drop_from_agent(state, entry, live)
    live.agent = agent


def _forget(state: State, entry: Entry, live: Live) -> None:
    state.release(key_of(entry.task.id, live.number))
    _drop_from_agent(state, entry, live)
    entry.live = None
    state.touch_framework(entry.task.framework)


def _drop_from_agent(state: State, entry: Entry, live: Live) -> None:
    there = state.by_agent.get(live.agent, set())
    there.discard(entry.task.id)
    if not there:
        state.by_agent.pop(live.agent, None)


def _ended(state: State, live: Live, pod: Pod, at: float) -> Attempt:
    verdict = attempts.judge(pod)
    outcome, charged, reason = verdict.state, verdict.charged, attempts.word(pod)
    if live.doomed and outcome != tasks.FINISHED:
        outcome, charged, reason = tasks.KILLED, False, live.doomed
    elif not pod.over and live.agent not in state.cluster:
        outcome, reason = tasks.GONE, "AgentGone"
    return Attempt(
        number=live.number,
        state=outcome,
        reason=reason,
        message=pod.ending.message,
        exit_code=pod.ending.exit_code,
        agent=live.agent,
        pod=pod.name,
        charged=charged,
        finished=at,
    )


def _again(state: State, entry: Entry, ended: Attempt, at: float) -> None:
    entry.since = at
    if ended.reason == SUSPENDED:
        review(state, entry, at)
        return
    entry.setbacks += 1
    seconds = setback_pause(entry.setbacks)
    if ended.state == tasks.DROPPED and ended.agent is not None:
        # The kubelet's own view of its room may lag behind ours; stay away for longer than the task itself pauses.
        avoid(state, entry, ended.agent, at + 10 * seconds)
    pause(state, entry, Pause(Reason.BACKING_OFF, at + seconds, ended.reason))
    review(state, entry, at)

"""The one door through which a task gets an agent.

Built-in launches and ACCEPTs of external frameworks end here alike. A plan was made on a picture; the commit looks at
the live books once more and refuses what is no longer true, so that nothing is ever granted twice, past a limit, or
onto an agent that filled up meanwhile.
"""

from typing import assert_never

from entresol.engine.effects import Announce, BindPod, CreatePod, DeletePod, Scheduled
from entresol.engine.events import Launched, LaunchRefused, Refusal
from entresol.engine.lives import begin, refused, weigh
from entresol.engine.state import Alarm, Entry, Pause, State
from entresol.engine.waiting import end_if_due, finish, setback_pause
from entresol.model import tasks
from entresol.model.constraints import port_clash
from entresol.model.identifiers import AgentId, RoleId, TaskId
from entresol.model.reasons import Reason
from entresol.model.resources import Resources
from entresol.model.work import TaskClass

LONG_PAUSE = 60.0
"""Seconds before a pod that admission forbids is tried again: somebody has to change something first."""


def obstacle(state: State, task: TaskId, agent: AgentId) -> str:
    """Why the task cannot be put on that agent just now; empty when it can."""
    place = state.backlog.place(task)
    if place is None:
        return "the task does not wait for an agent"
    known = state.cluster.get(agent)
    if known is None or not known.member:
        return "the agent is gone"
    if state.tenants.trouble(place.framework) is not None:
        return "the framework may be granted nothing"
    view = state.cluster.view(agent)
    if place.work.exclusion(view.agent) is not None:
        return "the task may not use the agent"
    if port_clash(place.work.constraints.ports, view.ports) is not None:
        return "a host port is taken"
    if not view.free.covers(place.work.demand):
        return "the agent has not enough room"
    role = state.tenants.charge(place.framework).role
    over = over_limit(state, role, place.work.demand)
    return f"the role's limit on {', '.join(over)} would be passed" if over else ""


def over_limit(state: State, role: RoleId, demand: Resources) -> tuple[str, ...]:
    """The resources of which the role would hold more than its limit with that demand added."""
    limit = state.tenants.role(role).limit
    if not limit:
        return ()
    held = state.ledger.of_role(role)
    return tuple(name for name, amount in demand if name in limit and held.get(name) + amount > limit[name])


def commit(state: State, task: TaskId, agent: AgentId) -> None:
    """Give the task its agent. The caller has asked `obstacle` in the same breath."""
    entry = state.entries[task]
    place = state.backlog.place(task)
    assert place is not None
    work: TaskClass = place.work
    charge = state.tenants.charge(place.framework)
    recorded = entry.unused
    live = begin(state, entry, agent, charge, work)
    if entry.task.plain:
        state.do(BindPod(task, agent, charge))
    else:
        first = live.number > 1 or recorded
        state.do(CreatePod(task, live.number, agent, charge, record_first=first))


def launched(state: State, outcome: Launched, at: float) -> None:
    """The pod exists on its agent."""
    entry = state.entries.get(outcome.task)
    if entry is None or entry.live is None or entry.live.number != outcome.attempt:
        _too_late(state, outcome)
        return
    live = entry.live
    live.pod = outcome.pod
    live.acked = at
    state.do(Announce(entry.task.id, Scheduled(live.agent)))
    end_if_due(state, live)
    state.quota.pop(entry.namespace, None)
    weigh(state, entry, outcome.demand, at)


def launch_refused(state: State, outcome: LaunchRefused, at: float) -> None:
    """The deed did not happen."""
    entry = state.entries.get(outcome.task)
    if entry is None or entry.live is None or entry.live.number != outcome.attempt or entry.live.seen:
        # Seen, the pod is there whatever the answer to our create was: a conflict with ourselves.
        return
    entry.setbacks += 1
    match outcome.refusal:
        case Refusal.INVALID:
            _invalid(state, entry, outcome.message, at)
        case Refusal.QUOTA:
            _rest_namespace(state, entry, at)
            _back_off(state, entry, Reason.QUOTA_EXCEEDED, outcome.message, at)
        case Refusal.FORBIDDEN:
            refused(state, entry, Pause(Reason.FORBIDDEN, at + LONG_PAUSE, outcome.message), at, unused=True)
        case Refusal.TERMINATING:
            refused(state, entry, Pause(Reason.BACKING_OFF, at + LONG_PAUSE, outcome.message), at, unused=True)
        case Refusal.CONFLICT:
            # Somebody else's pod has the name; the next number has another.
            words = outcome.message
            refused(
                state, entry, Pause(Reason.BACKING_OFF, at + setback_pause(entry.setbacks), words), at, unused=False
            )
        case Refusal.GONE | Refusal.UNAVAILABLE:
            _back_off(state, entry, Reason.BACKING_OFF, outcome.message, at)
        case _:
            assert_never(outcome.refusal)


def _too_late(state: State, outcome: Launched) -> None:
    """The attempt was given up while its create was under way (a namesake's end was taken for its own)."""
    if outcome.attempt and outcome.pod not in state.pods and outcome.task in state.entries:
        state.do(DeletePod(outcome.pod, ""))


def _back_off(state: State, entry: Entry, reason: Reason, words: str, at: float) -> None:
    refused(state, entry, Pause(reason, at + setback_pause(entry.setbacks), words), at, unused=True)


def _invalid(state: State, entry: Entry, words: str, at: float) -> None:
    if entry.task.plain:
        refused(state, entry, Pause(Reason.INVALID, at + LONG_PAUSE, words), at, unused=True)
        return
    refused(state, entry, Pause(Reason.INVALID, at, words), at, unused=True)
    if not entry.gone:
        finish(state, entry, tasks.ERROR, words, at)


def _rest_namespace(state: State, entry: Entry, at: float) -> None:
    """A quota is exhausted for the whole namespace: do not let each of its tasks find out by itself."""
    until, times = state.quota.get(entry.namespace, (0.0, 0))
    if until <= at:
        times += 1
        until = at + setback_pause(times)
        state.quota[entry.namespace] = (until, times)
        state.ring(until, Alarm.NAMESPACE, entry.namespace)

"""Everything observed that is not work: agents, foreign pods, roles, frameworks, namespaces."""

from typing import assert_never

from entresol.engine import events
from entresol.engine.ledger import Holding
from entresol.engine.lives import reach
from entresol.engine.offers import rescind_invalid
from entresol.engine.state import State
from entresol.engine.waiting import end_if_due, requeue
from entresol.model.agents import Agent
from entresol.model.identifiers import AgentId, PodId
from entresol.model.tasks import ForeignPod
from entresol.model.tenants import Framework

Observed = (
    events.AgentObserved
    | events.AgentGone
    | events.RoleObserved
    | events.RoleGone
    | events.FrameworkObserved
    | events.FrameworkGone
    | events.NamespaceObserved
    | events.NamespaceGone
    | events.ForeignObserved
    | events.ForeignGone
)


def observe(state: State, event: Observed, at: float) -> None:
    """Take in what is, or what is gone."""
    match event:
        case events.AgentObserved(agent=agent):
            _agent(state, agent, at)
        case events.AgentGone(id=agent_id):
            _agent_gone(state, agent_id, at)
        case events.ForeignObserved(pod=pod):
            _foreign(state, pod)
        case events.ForeignGone(id=pod_id):
            state.release(_foreign_key(pod_id))
        case events.FrameworkObserved(framework=framework):
            _framework(state, framework, at)
        case (
            events.RoleObserved()
            | events.RoleGone()
            | events.FrameworkGone()
            | events.NamespaceObserved()
            | events.NamespaceGone()
        ):
            _tenant(state, event, at)
        case _:
            assert_never(event)


def _agent(state: State, agent: Agent, at: float) -> None:
    before = state.cluster.get(agent.id)
    if not state.cluster.observe(agent, at):
        return
    state.changed()
    state.figures_changed(at)
    if before is None or before.ready != agent.ready:
        _reach_all(state, agent.id)
    rescind_invalid(state)


def _agent_gone(state: State, agent: AgentId, at: float) -> None:
    if not state.cluster.remove(agent):
        return
    state.changed()
    state.figures_changed(at)
    rescind_invalid(state)
    for task in sorted(state.by_agent.get(agent, ())):
        live = state.entries[task].live
        assert live is not None
        end_if_due(state, live)
    _reach_all(state, agent)


def _reach_all(state: State, agent: AgentId) -> None:
    for task in sorted(state.by_agent.get(agent, ())):
        reach(state, state.entries[task])


def _foreign(state: State, pod: ForeignPod) -> None:
    state.hold(_foreign_key(pod.id), Holding(pod.agent, pod.demand, None, pod.ports))
    if state.offers:
        rescind_invalid(state)


def _foreign_key(pod: PodId) -> str:
    return f"foreign/{pod}"


def _framework(state: State, framework: Framework, at: float) -> None:
    before = state.tenants.observe_framework(framework)
    if before == framework:
        return
    state.changed()
    state.figures_changed(at)
    state.touch_framework(framework.id)
    state.touch_role(framework.role)
    rescind_invalid(state)
    if before is None or (before.order, before.partition) != (framework.order, framework.partition):
        requeue(state, framework.id, at)


def _tenant(
    state: State,
    event: (
        events.RoleObserved | events.RoleGone | events.FrameworkGone | events.NamespaceObserved | events.NamespaceGone
    ),
    at: float,
) -> None:
    tenants = state.tenants
    match event:
        case events.RoleObserved(role=role, saved=saved):
            changed = tenants.observe_role(role)
            if not state.whole:
                state.fairness.found(role.id, saved)
            state.touch_role(role.id)
        case events.RoleGone(id=role_id):
            changed = tenants.remove_role(role_id)
            state.fairness.forget(role_id)
        case events.FrameworkGone(id=framework_id):
            changed = tenants.remove_framework(framework_id)
            requeue(state, framework_id, at)
        case events.NamespaceObserved(name=name, labels=labels, terminating=terminating):
            changed = tenants.observe_namespace(name, labels, terminating=terminating)
        case events.NamespaceGone(name=name):
            changed = tenants.remove_namespace(name)
            state.quota.pop(name, None)
        case _:
            assert_never(event)
    if changed:
        state.changed()
        state.figures_changed(at)
        rescind_invalid(state)

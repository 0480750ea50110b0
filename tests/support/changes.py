"""What happens to a cluster between two cycles: snapshots that share structure, as the engine makes them."""

import random
from collections.abc import Callable
from dataclasses import replace

from entresol.allocator.snapshot import AgentView, ClusterSnapshot, FrameworkView, Queue
from entresol.model.constraints import HostPort, Taint
from entresol.model.resources import Resources
from tests.support.builders import Batch, Outcome, agent, framework, resources, work

Change = Callable[[ClusterSnapshot, random.Random], ClusterSnapshot]


def changed(snapshot: ClusterSnapshot, outcome: Outcome, draw: random.Random) -> ClusterSnapshot:
    """The next snapshot: some grants carried out, and a few other things that happen."""
    snapshot = carried_out(snapshot, outcome, draw)
    for change in draw.sample(CHANGES, 2):
        snapshot = change(snapshot, draw)
    return replace(snapshot, cycle=snapshot.cycle + 1)


def carried_out(snapshot: ClusterSnapshot, outcome: Outcome, draw: random.Random) -> ClusterSnapshot:
    """Take a few granted units from their queues and from the agents; what is not touched stays the same object."""
    done = {grant.task: grant for grant in outcome.grants if draw.random() < 0.5}
    agents = [
        _used(view, [grant.work.demand for grant in done.values() if grant.agent == view.agent.id])
        for view in snapshot.agents
    ]
    frameworks = [_without(view, set(done)) for view in snapshot.frameworks]
    return replace(snapshot, agents=tuple(agents), frameworks=tuple(frameworks))


def _used(view: AgentView, demands: list[Resources]) -> AgentView:
    for demand in demands:
        view = replace(view, free=view.free - demand)
    return view


def _without(view: FrameworkView, done: set[str]) -> FrameworkView:
    if not any(unit.task in done for queue in view.queues for unit in queue.units):
        return view
    queues = [Queue(q.work, tuple(unit for unit in q.units if unit.task not in done)) for q in view.queues]
    return replace(view, queues=tuple(queues))


def _agent_joins(snapshot: ClusterSnapshot, draw: random.Random) -> ClusterSnapshot:
    name = f"n{draw.choice('0369')}{draw.randint(0, 9)}"
    taken = {view.agent.id for view in snapshot.agents}
    new = [] if name in taken else [agent(name, cpu=draw.randint(1, 40), memory=30, fpga=draw.randint(0, 1))]
    return replace(snapshot, agents=tuple(sorted([*snapshot.agents, *new], key=lambda view: view.agent.id)))


def _agent_leaves(snapshot: ClusterSnapshot, draw: random.Random) -> ClusterSnapshot:
    gone = draw.randrange(len(snapshot.agents)) if snapshot.agents else 0
    return replace(snapshot, agents=snapshot.agents[:gone] + snapshot.agents[gone + 1 :])


def _one_agent(change: Callable[[AgentView, random.Random], AgentView]) -> Change:
    def apply(snapshot: ClusterSnapshot, draw: random.Random) -> ClusterSnapshot:
        if not snapshot.agents:
            return snapshot
        at = draw.randrange(len(snapshot.agents))
        agents = list(snapshot.agents)
        agents[at] = change(agents[at], draw)
        return replace(snapshot, agents=tuple(agents))

    return apply


def _tainted(view: AgentView, draw: random.Random) -> AgentView:
    taints = draw.choice([(), (Taint("dedicated"),), (Taint("other"),)])
    return replace(view, agent=replace(view.agent, taints=taints, attributes={"zone": draw.choice("ab")}))


def _resized(view: AgentView, draw: random.Random) -> AgentView:
    size = resources(cpu=draw.randint(1, 40), memory=draw.randint(1, 40), gpu=draw.choice([0, 2]))
    return replace(view, agent=replace(view.agent, allocatable=size), free=size)


def _port_taken(view: AgentView, draw: random.Random) -> AgentView:
    return replace(view, ports=draw.choice([frozenset(), frozenset({HostPort(80)})]))


def _framework_joins(snapshot: ClusterSnapshot, draw: random.Random) -> ClusterSnapshot:
    """With a class that nobody had, perhaps of a resource that nobody named."""
    shape = work(cpu=draw.randint(1, 9), memory=draw.randint(1, 9), fpga=draw.choice([0, 0, 1]))
    new = framework(f"red/late{snapshot.cycle}", Batch(3, shape), role=draw.choice("pqr"))
    return replace(snapshot, frameworks=(*snapshot.frameworks, new))


CHANGES: list[Change] = [
    lambda snapshot, _: snapshot,
    _agent_joins,
    _agent_leaves,
    _one_agent(_tainted),
    _one_agent(_resized),
    _one_agent(_port_taken),
    _framework_joins,
]


def scaled(snapshot: ClusterSnapshot, factor: int) -> ClusterSnapshot:
    """The same cluster in other units."""
    return replace(
        snapshot,
        totals=snapshot.totals.times(factor),
        agents=tuple(_scaled_agent(view, factor) for view in snapshot.agents),
        roles=tuple(
            replace(
                view,
                held=view.held.times(factor),
                namespaces={name: held.times(factor) for name, held in view.namespaces.items()},
                role=replace(
                    view.role,
                    guarantee=view.role.guarantee.times(factor),
                    limit={name: amount * factor for name, amount in view.role.limit.items()},
                ),
            )
            for view in snapshot.roles
        ),
        frameworks=tuple(
            replace(
                view,
                held=view.held.times(factor),
                queues=tuple(
                    Queue(replace(queue.work, demand=queue.work.demand.times(factor)), queue.units)
                    for queue in view.queues
                ),
            )
            for view in snapshot.frameworks
        ),
        refusals={
            name: {where: tuple(a.times(factor) for a in amounts) for where, amounts in refused.items()}
            for name, refused in snapshot.refusals.items()
        },
    )


def _scaled_agent(view: AgentView, factor: int) -> AgentView:
    larger = replace(view.agent, allocatable=view.agent.allocatable.times(factor))
    return replace(view, agent=larger, free=view.free.times(factor))

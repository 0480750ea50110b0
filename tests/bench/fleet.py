"""The cluster that the allocator is measured on, as a picture and as an engine that has seen it.

Eight kinds of agents, filled at random up to 70 % by others; frameworks of ten to a role, roles of weight 1 to 4; each
framework has five batches of tasks, each of one class. One generator, one seed: equal sizes are equal clusters.
"""

import random
from dataclasses import replace

from entresol.allocator.snapshot import AgentView, ClusterSnapshot, FrameworkView, RoleView
from entresol.engine import events
from entresol.engine.events import Event
from entresol.engine.machine import Engine
from entresol.model.identifiers import PodId, RoleId
from entresol.model.policy import Policy
from entresol.model.tasks import ForeignPod, Task
from entresol.model.tenants import Admission, Framework, Role
from entresol.model.work import TaskClass, Unit
from tests.support.builders import Batch, agent, cluster, framework, resources, role, work

SHAPES = [(16, 64, 0), (32, 128, 0), (64, 256, 0), (96, 512, 0), (16, 128, 0), (64, 128, 0), (64, 512, 4), (96, 768, 8)]
CLASSES = 127
BATCHES = 5
FRAMEWORKS_PER_ROLE = 10


def fleet(machines: int, frameworks: int, tasks: int, classes: int = CLASSES) -> ClusterSnapshot:
    """A picture with so many agents, frameworks and waiting tasks."""
    draw = random.Random(7)
    kinds = [_class(draw) for _ in range(classes)]
    per = tasks // frameworks // BATCHES
    tenants = [
        framework(f"f{i:05}", *[Batch(per, draw.choice(kinds), created=draw.random() * 100) for _ in range(BATCHES)])
        for i in range(frameworks)
    ]
    count = max(1, frameworks // FRAMEWORKS_PER_ROLE)
    tenants = [replace(view, role=RoleId(f"r{i % count:04}")) for i, view in enumerate(tenants)]
    roles = [role(name, weight=draw.randint(1, 4)) for name in sorted({str(view.role) for view in tenants})]
    return cluster([_agent(draw, i) for i in range(machines)], *tenants, roles=roles)


def idle(roles: int, busy: int, machines: int) -> ClusterSnapshot:
    """A picture of so many roles that all hold something, of which a few have ten tasks waiting each."""
    draw = random.Random(11)
    kinds = [_class(draw) for _ in range(CLASSES)]
    holding = resources(cpu=1000, memory=4 << 30, pods=1)
    tenants = [
        framework(f"t{i:05}/main", Batch(10, draw.choice(kinds)), role=RoleId(f"t{i:05}"), held=holding)
        for i in range(busy)
    ]
    stated = [role(f"t{i:05}", held=holding) for i in range(roles)]
    return cluster([_agent(draw, i) for i in range(machines)], *tenants, roles=stated)


def observed(snapshot: ClusterSnapshot, policy: Policy) -> Engine:
    """An engine that has seen what makes this picture, and has not been asked for one yet."""
    engine = Engine(policy)
    for event in _events(snapshot):
        engine.handle(event, 0.0)
    engine.handle(events.Synced(), 0.0)
    while engine.recovering:
        engine.handle(events.Ticked(), 0.0)
    return engine


def _events(snapshot: ClusterSnapshot) -> list[Event]:
    told: list[Event] = [events.AgentObserved(view.agent) for view in snapshot.agents]
    for view in snapshot.agents:
        used = view.agent.allocatable - view.free
        pod = ForeignPod(id=PodId(f"f-{view.agent.id}"), agent=view.agent.id, demand=used)
        told.append(events.ForeignObserved(pod))
    told += [events.RoleObserved(_open_to_all(view, snapshot)) for view in snapshot.roles]
    for tenant in snapshot.frameworks:
        told.append(events.FrameworkObserved(Framework(id=tenant.id, role=tenant.role, weight=tenant.weight)))
        told += [
            events.TaskObserved(_task(tenant, unit, queue.work)) for queue in tenant.queues for unit in queue.units
        ]
    return told


def _open_to_all(view: RoleView, snapshot: ClusterSnapshot) -> Role:
    spaces = frozenset(each.namespace for each in snapshot.frameworks if each.role == view.role.id)
    return replace(view.role, admission=Admission(names=spaces))


def _task(tenant: FrameworkView, unit: Unit, kind: TaskClass) -> Task:
    name = f"{tenant.namespace}/{unit.task.replace('/', '-')}"
    return Task(id=unit.task, name=name, framework=tenant.id, demand=kind.demand, created=unit.rank[1])


def _class(draw: random.Random) -> TaskClass:
    gpu = draw.choice([0, 0, 0, 0, 1, 2])
    cpu = draw.choice([500, 1000, 2000, 4000, 8000])
    return work(cpu=cpu, memory=draw.randint(1, 32) << 30, pods=1, gpu=gpu)


def _agent(draw: random.Random, i: int) -> AgentView:
    cpu, memory, gpu = draw.choice(SHAPES)
    part = draw.random() * 0.7
    used = resources(cpu=int(cpu * 1000 * part), memory=int((memory << 30) * part), pods=int(110 * part))
    return agent(f"n{i:05}", used=used, cpu=cpu * 1000, memory=memory << 30, pods=110, gpu=gpu)

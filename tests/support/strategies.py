"""Small clusters for Hypothesis, rich in what makes allocation hard: ties, limits, taints, ports, refusals, leftovers.

Amounts are small on purpose. Two resources and units of one to nine make every corner case of a large cluster likely.
"""

from dataclasses import replace

from hypothesis import strategies as st

from entresol.allocator.snapshot import AgentView, ClusterSnapshot, FrameworkView, RoleView
from entresol.model.constraints import Toleration
from entresol.model.resources import Resources
from entresol.model.work import TaskClass
from tests.support.builders import Batch, agent, batch, cluster, framework, resources, role, work

PLACEMENT_NAMES = ("Balanced", "Pack", "Spread")


@st.composite
def machines(draw: st.DrawFn, name: str) -> AgentView:
    """An agent: perhaps with a GPU, a taint, labels, a used port, or closed."""
    cpu, memory, gpu = draw(st.integers(4, 40)), draw(st.integers(4, 40)), draw(st.sampled_from([0, 2]))
    used = resources(cpu=draw(st.integers(0, cpu)), memory=draw(st.integers(0, memory)))
    return agent(
        name,
        used=draw(st.sampled_from([Resources(), Resources(), used])),
        labels={"zone": draw(st.sampled_from("ab"))},
        taints=draw(st.sampled_from([*[()] * 5, ("dedicated",)])),
        ports=draw(st.sampled_from([(), (), (80,)])),
        is_open=draw(st.sampled_from([*[True] * 7, False])),
        cpu=cpu,
        memory=memory,
        gpu=gpu,
    )


@st.composite
def classes(draw: st.DrawFn) -> TaskClass:
    """A class; mostly without constraints."""
    gpu = draw(st.sampled_from([0, 0, 0, 1]))
    demand = resources(cpu=draw(st.integers(0, 9)), memory=draw(st.integers(1, 9)), gpu=gpu)
    kind = draw(st.sampled_from(["plain", "plain", "plain", "plain", "zone", "tolerant", "port", "avoids"]))
    return {
        "plain": lambda: work(demand),
        "zone": lambda: work(demand, selector={"zone": "a"}),
        "tolerant": lambda: work(demand, tolerations=[Toleration(exists=True)]),
        "port": lambda: work(demand, ports=[draw(st.sampled_from([80, 81]))]),
        "avoids": lambda: work(demand, avoid=["n0", "gone"]),
    }[kind]()


@st.composite
def tenants(draw: st.DrawFn, name: str, shapes: list[TaskClass]) -> FrameworkView:
    """A framework with up to three classes, whose units are interleaved in time."""
    chosen = draw(st.lists(st.sampled_from(shapes), min_size=1, max_size=3, unique=True))
    batches = [Batch(draw(st.integers(2, 8)), each, created=float(draw(st.integers(0, 3)))) for each in chosen]
    return framework(
        f"{draw(st.sampled_from(['red', 'blue']))}/{name}",
        *batches,
        role=draw(st.sampled_from("pqr")),
        weight=draw(st.integers(1, 3)),
        held=draw(st.sampled_from([Resources(), resources(cpu=3), resources(memory=5, gpu=1)])),
        placement=draw(st.sampled_from(PLACEMENT_NAMES)),
        external=draw(st.sampled_from([False, False, True])),
    )


@st.composite
def stated_roles(draw: st.DrawFn, name: str) -> RoleView:
    """A role, perhaps with a guarantee or a limit."""
    amounts = st.integers(0, 40)
    limits = st.fixed_dictionaries({}, optional={"cpu": amounts, "memory": amounts, "gpu": st.integers(0, 2)})
    return role(
        name,
        weight=draw(st.integers(1, 4)),
        guarantee=resources(**draw(st.fixed_dictionaries({}, optional={"cpu": amounts, "memory": amounts}))),
        limit=draw(st.one_of(st.just({}), st.just({}), limits)),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> ClusterSnapshot:
    """A whole cluster of up to five agents and five frameworks in three roles and two namespaces."""
    shapes = draw(st.lists(classes(), min_size=1, max_size=4, unique=True))
    views = [draw(tenants(f"f{i}", shapes)) for i in range(draw(st.integers(2, 5)))]
    hosts = [draw(machines(f"n{i}")) for i in range(draw(st.integers(2, 5)))]
    refusing = [view for view in views if view.external]
    refusals = {
        str(view.id): {draw(st.sampled_from(["n0", "n1", "gone"])): [resources(cpu=draw(st.integers(0, 9)), memory=9)]}
        for view in refusing
    }
    return cluster(hosts, *views, roles=[draw(stated_roles(name)) for name in "pqr"], refusals=refusals)


@st.composite
def pools(draw: st.DrawFn, *, weighted: bool = True, guaranteed: bool = False) -> ClusterSnapshot:
    """One agent, and up to five roles of one framework with one class each: where the theorems hold."""
    size = [draw(st.integers(5, 60)), draw(st.integers(5, 60))]
    views, roles = [], []
    left = list(size)
    for i in range(draw(st.integers(2, 5))):
        demand = [draw(st.integers(0, 9)), draw(st.integers(1, 9))]
        promised = draw(st.integers(0, 6)) if guaranteed else 0
        while any(promised * d > rest for d, rest in zip(demand, left, strict=True)):
            promised -= 1
        left = [rest - promised * d for d, rest in zip(demand, left, strict=True)]
        views.append(framework(f"f{i}", batch(draw(st.integers(1, 80)), cpu=demand[0], memory=demand[1])))
        weight = draw(st.integers(1, 4)) if weighted else 1
        roles.append(
            role(f"f{i}", weight=weight, guarantee=resources(cpu=promised * demand[0], memory=promised * demand[1]))
        )
    return cluster([agent("n", cpu=size[0], memory=size[1])], *views, roles=roles)


def without_guarantees(snapshot: ClusterSnapshot) -> ClusterSnapshot:
    """The same cluster where nobody was promised anything."""
    bare = tuple(replace(view, role=replace(view.role, guarantee=Resources())) for view in snapshot.roles)
    return replace(snapshot, roles=bare)

"""Snapshots in a few words: every argument has a default, so a test states only what it is about.

Amounts are keywords. Whole numbers are canonical units as they stand, text is a Kubernetes quantity; `gpu` is short
for `nvidia.com/gpu`. A `batch` is a class with a number of units, and a framework is made of batches.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from entresol.allocator.allocate import allocate
from entresol.allocator.memo import Cache
from entresol.allocator.ordering import SHARES
from entresol.allocator.plan import Grant, Plan
from entresol.allocator.snapshot import AgentView, ClusterSnapshot, FrameworkView, Queue, RoleView
from entresol.frameworks.orders import ORDERS
from entresol.frameworks.placements import PLACEMENTS
from entresol.kube.quantity import parse_quantity
from entresol.model.agents import Agent
from entresol.model.constraints import Constraints, HostPort, Taint, Term, Toleration
from entresol.model.identifiers import AgentId, FrameworkId, RoleId, TaskId
from entresol.model.policy import Policy
from entresol.model.resources import Resources, total
from entresol.model.tenants import Role
from entresol.model.work import TaskClass, Unit

SHORT = {"gpu": "nvidia.com/gpu", "fpga": "example.com/fpga"}
Amount = int | str


def resources(**amounts: Amount) -> Resources:
    """Amounts by keyword."""
    named = {SHORT.get(name, name): amount for name, amount in amounts.items()}
    return Resources.of({name: parse_quantity(name, a) if isinstance(a, str) else a for name, a in named.items()})


NOTHING = Resources()


def agent(
    name: str,
    size: Resources = NOTHING,
    *,
    used: Resources = NOTHING,
    labels: Mapping[str, str] | None = None,
    taints: Iterable[str | Taint] = (),
    ports: Iterable[int | HostPort] = (),
    is_open: bool = True,
    **allocatable: Amount,
) -> AgentView:
    """An agent of this size, of which some may be used; a taint that is text is `NoSchedule`."""
    size = size + resources(**allocatable)
    marks = tuple(Taint(taint) if isinstance(taint, str) else taint for taint in taints)
    this = Agent(id=AgentId(name), allocatable=size, attributes=labels or {}, taints=marks, open=is_open)
    return AgentView(this, size.without(used), _ports(ports))


def agents(count: int, **allocatable: Amount) -> list[AgentView]:
    """So many equal agents, `n0` and on."""
    return [agent(f"n{i:0{len(str(count - 1))}}", resources(**allocatable)) for i in range(count)]


def _ports(ports: Iterable[int | HostPort]) -> frozenset[HostPort]:
    return frozenset(HostPort(port) if isinstance(port, int) else port for port in ports)


def work(
    demand: Resources = NOTHING,
    *,
    selector: Mapping[str, str] | None = None,
    affinity: Iterable[Term] = (),
    tolerations: Iterable[Toleration] = (),
    ports: Iterable[int | HostPort] = (),
    avoid: Iterable[str] = (),
    partition: Mapping[str, str] | None = None,
    **amounts: Amount,
) -> TaskClass:
    """A class of work."""
    return TaskClass(
        demand=demand + resources(**amounts),
        constraints=Constraints(
            selector=tuple(sorted((selector or {}).items())),
            affinity=tuple(affinity),
            tolerations=tuple(tolerations),
            ports=tuple(sorted(_ports(ports))),
        ),
        partition=tuple(sorted((partition or {}).items())),
        avoid=tuple(AgentId(name) for name in avoid),
    )


@dataclass(frozen=True)
class Batch:
    """Units of one class, created one second apart, each waiting since its creation."""

    count: int
    work: TaskClass
    created: float = 0.0
    policy: tuple[float, ...] = ()


def batch(
    count: int,
    demand: Resources = NOTHING,
    *,
    created: float = 0.0,
    policy: tuple[float, ...] = (),
    **amounts: Amount,
) -> Batch:
    """So many units of a class without constraints."""
    return Batch(count, work(demand + resources(**amounts)), created, policy)


def framework(name: str, *batches: Batch, **options: object) -> FrameworkView:
    """A framework `namespace/name` (its namespace is `team` unless stated); its role is called as itself."""
    full = name if "/" in name else f"team/{name}"
    view = FrameworkView(
        id=FrameworkId(full),
        role=RoleId(name.partition("/")[2] or name),
        namespace=full.partition("/")[0],
        weight=1,
        held=NOTHING,
        queues=tuple(_queue(full, i, each) for i, each in enumerate(batches)),
    )
    return replace(view, **options)  # type: ignore[arg-type]  # keywords are those of FrameworkView


def _queue(owner: str, number: int, each: Batch) -> Queue:
    names = [f"{owner}/{number}/{i:05}" for i in range(each.count)]
    units = [
        Unit((each.policy, each.created + i, name), TaskId(name), each.created + i) for i, name in enumerate(names)
    ]
    return Queue(each.work, tuple(units))


def role(
    name: str,
    *,
    weight: int = 1,
    guarantee: Resources = NOTHING,
    limit: Mapping[str, Amount] | None = None,
    held: Resources | None = None,
) -> RoleView:
    """A role; what it holds is what its frameworks hold, unless stated (then nobody's namespace holds it)."""
    caps = {SHORT.get(n, n): parse_quantity(n, a) if isinstance(a, str) else a for n, a in (limit or {}).items()}
    return RoleView(Role(id=RoleId(name), weight=weight, guarantee=guarantee, limit=caps), held or NOTHING)


def cluster(
    machines: Iterable[AgentView],
    *frameworks: FrameworkView,
    roles: Iterable[RoleView] = (),
    totals: Resources | None = None,
    refusals: Mapping[str, Mapping[str, Sequence[Resources]]] | None = None,
) -> ClusterSnapshot:
    """A snapshot. Roles that are not stated have weight 1; totals are the sum of what the agents are."""
    machines = sorted(machines, key=lambda view: view.agent.id)
    stated = {view.role.id: view for view in roles}
    names = sorted({view.role for view in frameworks} | set(stated))
    return ClusterSnapshot(
        cycle=1,
        totals=total(view.agent.allocatable for view in machines) if totals is None else totals,
        agents=tuple(machines),
        roles=tuple(_with_holdings(stated.get(name, role(name)), frameworks) for name in names),
        frameworks=tuple(sorted(frameworks, key=lambda view: view.id)),
        refusals={
            FrameworkId(name if "/" in name else f"team/{name}"): {
                AgentId(where): tuple(amounts) for where, amounts in refused.items()
            }
            for name, refused in (refusals or {}).items()
        },
    )


def _with_holdings(view: RoleView, frameworks: Iterable[FrameworkView]) -> RoleView:
    inside = [each for each in frameworks if each.role == view.role.id]
    spaces = {each.namespace for each in inside}
    namespaces = {name: total(each.held for each in inside if each.namespace == name) for name in spaces}
    return replace(view, held=view.held or total(each.held for each in inside), namespaces=namespaces)


def policy(share: str = "FinalShare", **options: object) -> Policy:
    """The registered policies under the default share function; unbounded enough for a test to end in one cycle."""
    chosen = Policy(share=SHARES[share], orders=ORDERS, placements=PLACEMENTS, grants_per_cycle=100_000)
    return replace(chosen, **options)  # type: ignore[arg-type]  # keywords are those of Policy


DEFAULT = policy()


@dataclass(frozen=True)
class Outcome:
    """A whole cycle's answer."""

    grants: tuple[Grant, ...]
    final: Plan
    steps: tuple[Plan, ...] = field(repr=False)

    def count(self, name: str) -> int:
        """How many units a framework got; its name with or without the namespace `team`."""
        full = name if "/" in name else f"team/{name}"
        return sum(grant.framework == full for grant in self.grants)

    def agents_of(self, name: str) -> list[str]:
        """On which agents, in the order of the grants."""
        full = name if "/" in name else f"team/{name}"
        return [str(grant.agent) for grant in self.grants if grant.framework == full]


def run(snapshot: ClusterSnapshot, chosen: Policy = DEFAULT, cache: Cache | None = None) -> Outcome:
    """Allocate to the end."""
    steps = tuple(allocate(snapshot, chosen, cache))
    return Outcome(tuple(_grants(steps)), steps[-1], steps)


def _grants(steps: Iterable[Plan]) -> Iterator[Grant]:
    for step in steps:
        yield from step.grants

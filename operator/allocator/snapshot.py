"""What the allocator sees: one frozen picture of the cluster.

Pictures share structure. An agent whose numbers did not change since the last cycle is the *same object*, and so is a
queue that nobody touched; the allocator's memos rely on that identity and on nothing else (decisions.md 20).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from entresol.model.agents import Agent
from entresol.model.constraints import HostPort
from entresol.model.identifiers import AgentId, FrameworkId, RoleId
from entresol.model.resources import Resources
from entresol.model.tenants import Role
from entresol.model.work import TaskClass, Unit


@dataclass(frozen=True, slots=True)
class AgentView:
    """One agent and what is on it.

    Attributes:
        free: allocatable, less what foreign pods and our own tasks and offers take, never below zero.
        ports: host ports that are taken.
    """

    agent: Agent
    free: Resources
    ports: frozenset[HostPort] = frozenset()


@dataclass(frozen=True, slots=True)
class Queue:
    """The waiting units of one class in one framework, first in line first."""

    work: TaskClass
    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkView:
    """One framework that wants something.

    Attributes:
        held: what its tasks, launches under way and outstanding offers take.
        placement: the name of its placement policy.
        external: its grants are slices for an offer, not launches.
    """

    id: FrameworkId
    role: RoleId
    namespace: str
    weight: int
    held: Resources
    queues: tuple[Queue, ...]
    placement: str = "Balanced"
    external: bool = False


@dataclass(frozen=True, slots=True)
class RoleView:
    """One role that holds or wants something, with what all charges stamped with its name add up to.

    Attributes:
        namespaces: what each of its namespaces holds, because namespaces share a role before frameworks do.
    """

    role: Role
    held: Resources
    namespaces: Mapping[str, Resources] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSnapshot:
    """Everything one cycle decides on.

    Attributes:
        cycle: counts cycles; no decision depends on it, it only names the picture in logs and replays.
        totals: the denominator of every share (decisions.md 4).
        agents: sorted by id.
        roles: sorted by id; every framework's role is among them.
        frameworks: sorted by id; only those whose waiting work may be granted now.
        refusals: what an external framework declined on an agent, until its filter ends: an offer that is contained in
            a refused amount would be the same offer again.
    """

    cycle: int
    totals: Resources
    agents: tuple[AgentView, ...]
    roles: tuple[RoleView, ...]
    frameworks: tuple[FrameworkView, ...]
    refusals: Mapping[FrameworkId, Mapping[AgentId, tuple[Resources, ...]]] = field(default_factory=dict)

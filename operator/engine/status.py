"""What the engine says about a task, a framework or a role when somebody wants to publish it.

Statuses are rendered on demand from the engine's books, never stored: the last write wins, and a status that equals
what is already published costs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from entresol.allocator.shares import Dominant
from entresol.model.accounts import Account
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.reasons import Waiting
from entresol.model.resources import Resources
from entresol.model.tasks import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStatus:
    """One task, now.

    Attributes:
        record: the durable part (state, attempts, times).
        generation: of the spec this status is about.
        pod: `namespace/name` of the live or last pod; empty before the first.
        waiting: why it waits, when it waits.
        since: since when it waits, in seconds.
        passed_over: in how many cycles younger work of its framework was placed before it.
        more_agents_help: it waits for nothing but room, within its limits: what an autoscaler may act on.
    """

    id: TaskId
    name: str
    plain: bool
    record: Record
    generation: int
    demand: Resources
    reason: str = ""
    message: str = ""
    pod: str = ""
    pod_id: PodId | None = None
    agent: AgentId | None = None
    ready: bool = False
    waiting: Waiting | None = None
    since: float | None = None
    passed_over: int = 0
    more_agents_help: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkStatus:
    """One framework, now. `counts` is by task state; `trouble` is why it gets nothing at all, if so."""

    id: FrameworkId
    role: RoleId
    counts: Mapping[str, int]
    held: Resources
    share: Dominant
    entitlement: float
    head: TaskStatus | None = None
    trouble: Waiting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleStatus:
    """One role, now.

    Attributes:
        wanted: what its waiting work that may be granted asks together.
        entitlement: its dominant share in fluid weighted DRF, given what everyone holds and wants.
        floor: its weight over the sum of all weights in play.
        placeable: how many of its waiting units are within its limit and fit some agent, were it empty.
        guarantee_fits: False when the guarantees of all roles together exceed the cluster.
        guarantee_unmet: work waits that the role's guarantee covers.
        oldest_wait: how long its oldest waiting unit has waited, in seconds.
        account: what it was due and what it held, added up; None before the first look.
    """

    id: RoleId
    weight: int
    held: Resources
    wanted: Resources
    share: Dominant
    entitlement: float
    floor: float
    waiting: int
    frameworks: int
    placeable: int = 0
    guarantee_fits: bool = True
    guarantee_unmet: bool = False
    oldest_wait: float = 0.0
    account: Account | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everybody's figures at one moment: what metrics and `/state` show.

    Attributes:
        reasons: how many tasks wait, by framework and kind of reason.
        totals: the denominator of every share.
        launches: deeds under way: chosen, but not yet seen.
        leaderless: seconds for which nobody led, as far as is known.
    """

    roles: tuple[RoleStatus, ...]
    frameworks: tuple[FrameworkStatus, ...]
    reasons: Mapping[tuple[FrameworkId, str], int]
    agents: int
    totals: Resources
    offers: int
    launches: int
    leaderless: float = 0.0

"""Why a unit of work waits: a closed set of reasons, with the figures that explain them.

Reasons are data made by the decision itself. Words are found at the edge (`kube.words`), metrics count by kind.
"""

from dataclasses import dataclass
from enum import Enum

from entresol.model.constraints import Exclusion
from entresol.model.identifiers import FrameworkId


class Reason(Enum):
    """The kinds of waiting. The value is the word users see in `status.pending.reason` and in metrics."""

    RECOVERING = "Recovering"
    """Entresol has not yet listed the whole cluster and grants nothing."""
    NOT_CONSIDERED = "NotConsidered"
    """No allocation cycle has looked at the unit yet."""
    SUSPENDED = "Suspended"
    """The Task itself is suspended."""
    GATED = "SchedulingGated"
    """The pod carries scheduling gates."""
    UNSUPPORTED = "UnsupportedField"
    """It asks for something that is not honoured yet; the field is named."""
    INVALID = "Invalid"
    """It contradicts itself; the message says how."""
    FRAMEWORK_NOT_FOUND = "FrameworkNotFound"
    FRAMEWORK_SUSPENDED = "FrameworkSuspended"
    ROLE_NOT_FOUND = "RoleNotFound"
    ROLE_NOT_ALLOWED = "RoleNotAllowed"
    """The role exists but does not admit this namespace."""
    BACKING_OFF = "BackingOff"
    """An attempt ended through no fault of the user; the next one starts after a pause."""
    QUOTA_EXCEEDED = "QuotaExceeded"
    """The namespace's ResourceQuota refused the pod; tried again after a pause."""
    FORBIDDEN = "PodForbidden"
    """Admission refused the pod (Pod Security, a policy); tried again after a long pause."""
    LIMIT_REACHED = "LimitReached"
    """One more unit would pass the role's limit."""
    NEVER_FITS = "NeverFits"
    """No agent could hold it, even empty."""
    NO_ROOM = "NoRoomNow"
    """It fits some agent, all of them are busy, and it is first in line."""
    BEHIND = "WaitingForTurn"
    """Others are due first: another framework by its share, or older work of its own framework."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why a class found no agent in one cycle: every agent is counted once, under the first thing that stands in the way.

    What stays comes first (lasting barriers, then size), what passes by itself last (passing barriers, then tasks that
    run), so an agent that is busy *and* too small counts as too small.

    Attributes:
        agents: how many agents were looked at.
        excluded: barriers (taints, selectors, ports…), with how many agents each keeps out.
        too_small: resources of which an agent has too little even when empty.
        busy: resources of which an agent has enough, but not free now.
    """

    agents: int = 0
    excluded: tuple[tuple[Exclusion, int], ...] = ()
    too_small: tuple[tuple[str, int], ...] = ()
    busy: tuple[tuple[str, int], ...] = ()

    @property
    def fits_when_empty(self) -> int:
        """How many agents could hold the unit if nothing else ran there."""
        passing = sum(count for exclusion, count in self.excluded if exclusion.barrier.passing)
        return passing + sum(count for _, count in self.busy)

    @property
    def never(self) -> bool:
        """Whether no agent could hold the unit, even empty: what tells "never fits" from "busy now"."""
        return not self.fits_when_empty


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is before ours, and by how much: shares after the next unit, divided by weight, in [0, …)."""

    due: FrameworkId
    due_share: float
    own_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The whole answer to "why is this pending" for one unit.

    Attributes:
        reason: the kind.
        detail: the field, role, framework or resource that the reason is about, as a bare name.
        shortage: what stood in the way, when room was the question.
        turn: who is due first, when order was the question.
        ahead: units of its own framework that come before it.
        until: when a pause ends, in seconds; None when the reason is not a pause.
    """

    reason: Reason
    detail: str = ""
    shortage: Shortage | None = None
    turn: Turn | None = None
    ahead: int = 0
    until: float | None = None

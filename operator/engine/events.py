"""What can happen to the engine: a closed union, in the past tense.

Observations say what *is*, not what changed: the same one twice, or a missed one in between, does no harm. Outcomes
answer effects. Calls are what external frameworks say; everything that speaks for a framework comes through them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from entresol.allocator.plan import Plan
from entresol.model.accounts import Saved
from entresol.model.agents import Agent
from entresol.model.identifiers import AgentId, FrameworkId, OfferId, PodId, RoleId, TaskId
from entresol.model.resources import Resources
from entresol.model.tasks import ForeignPod, Pod, Task
from entresol.model.tenants import Framework, Role


@dataclass(frozen=True, slots=True)
class AgentObserved:
    """A Node is there, like this."""

    agent: Agent


@dataclass(frozen=True, slots=True)
class AgentGone:
    """The Node object is gone; what ran there is lost."""

    id: AgentId


@dataclass(frozen=True, slots=True)
class RoleObserved:
    """A FrameworkRole is there, like this; `saved` is the account in its status, which counts until the world is whole."""

    role: Role
    saved: Saved | None = None


@dataclass(frozen=True, slots=True)
class RoleGone:
    """The FrameworkRole is gone."""

    id: RoleId


@dataclass(frozen=True, slots=True)
class FrameworkObserved:
    """A Framework is there, like this."""

    framework: Framework


@dataclass(frozen=True, slots=True)
class FrameworkGone:
    """The Framework is gone; what runs goes on, what waits goes on waiting."""

    id: FrameworkId


@dataclass(frozen=True, slots=True)
class NamespaceObserved:
    """A namespace is there, with these labels (roles select namespaces by them)."""

    name: str
    labels: Mapping[str, str]
    terminating: bool = False


@dataclass(frozen=True, slots=True)
class NamespaceGone:
    """The namespace is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class TaskObserved:
    """A Task object is there, like this."""

    task: Task


@dataclass(frozen=True, slots=True)
class TaskGone:
    """The Task object is gone."""

    id: TaskId


@dataclass(frozen=True, slots=True)
class PodObserved:
    """A pod that names Entresol as its scheduler is there, like this."""

    pod: Pod


@dataclass(frozen=True, slots=True)
class PodGone:
    """Such a pod is gone."""

    id: PodId


@dataclass(frozen=True, slots=True)
class ForeignObserved:
    """A bound pod of another scheduler is there."""

    pod: ForeignPod


@dataclass(frozen=True, slots=True)
class ForeignGone:
    """It is gone, or finished."""

    id: PodId


@dataclass(frozen=True, slots=True)
class Synced:
    """Every kind has been listed once: the world is whole, allocation may begin.

    `led_until` is until when another operator is known to have led; None when nothing is known of any.
    """

    led_until: float | None = None


@dataclass(frozen=True, slots=True)
class PodsListed:
    """A re-list of our pods is complete: what we launched before `began` and is not `present` never came to be seen."""

    began: float
    present: frozenset[PodId]


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed: offers, refusals, pauses and deadlines may have run out."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The allocator answered, in whole or in part."""

    plan: Plan


class Refusal(Enum):
    """Why the API server, or the world, did not let a deed happen."""

    INVALID = "Invalid"
    """The object can never be valid (422): the task ends in the server's words."""
    QUOTA = "QuotaExceeded"
    """A ResourceQuota is exhausted (403): tried again after a pause."""
    FORBIDDEN = "PodForbidden"
    """Admission said no (403): tried again after a long pause."""
    TERMINATING = "NamespaceTerminating"
    """The namespace is going away: dropped."""
    CONFLICT = "Conflict"
    """Another object has that name, or the pod is already bound elsewhere or being deleted."""
    GONE = "Gone"
    """The object is not there any more."""
    UNAVAILABLE = "Unavailable"
    """The server could not say; nothing was done. Tried again after a pause."""


@dataclass(frozen=True, slots=True)
class Launched:
    """The task's pod exists and is on its agent.

    `demand` is what a created pod asks after admission; nothing for a bound one, which asks what it was seen to ask.
    """

    task: TaskId
    attempt: int
    pod: PodId
    demand: Resources


@dataclass(frozen=True, slots=True)
class LaunchRefused:
    """The pod was not created, or the plain pod not bound, and certainly will not be by that deed."""

    task: TaskId
    attempt: int
    refusal: Refusal
    message: str = ""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """An external framework's scheduler is listening for offers."""

    framework: FrameworkId


@dataclass(frozen=True, slots=True)
class Disconnected:
    """It stopped listening: its offers come back."""

    framework: FrameworkId


@dataclass(frozen=True, slots=True)
class Accepted:
    """It takes offers of one agent and starts these waiting tasks on them; what it leaves over counts as declined."""

    framework: FrameworkId
    offers: tuple[OfferId, ...]
    tasks: tuple[TaskId, ...]
    refuse_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Declined:
    """It does not want these offers, nor any part of them on that agent for so many seconds."""

    framework: FrameworkId
    offers: tuple[OfferId, ...]
    refuse_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Suppressed:
    """It wants no offers until it says otherwise."""

    framework: FrameworkId


@dataclass(frozen=True, slots=True)
class Revived:
    """It wants offers again; all its refusals are forgotten."""

    framework: FrameworkId


Observation = (
    AgentObserved
    | AgentGone
    | RoleObserved
    | RoleGone
    | FrameworkObserved
    | FrameworkGone
    | NamespaceObserved
    | NamespaceGone
    | TaskObserved
    | TaskGone
    | PodObserved
    | PodGone
    | ForeignObserved
    | ForeignGone
    | Synced
    | PodsListed
)
Outcome = Launched | LaunchRefused
Call = Subscribed | Disconnected | Accepted | Declined | Suppressed | Revived
Event = Observation | Outcome | Call | Ticked | Planned

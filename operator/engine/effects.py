"""What the engine wants done: a closed union, in the imperative.

Effects are data. The runtime carries them out and every deed that can fail comes back as an outcome event. Order within
one answer matters only per object: the runtime keeps it.
"""

from dataclasses import dataclass

from entresol.model.identifiers import AgentId, FrameworkId, OfferId, PodId, RoleId, TaskId
from entresol.model.reasons import Waiting
from entresol.model.resources import Resources
from entresol.model.tasks import Attempt, Charge


@dataclass(frozen=True, slots=True)
class CreatePod:
    """Create the pod of a Task's attempt, on its agent. Answered by `Launched` or `LaunchRefused`.

    Attributes:
        record_first: write the task's status before the create: from the second attempt on a crash in between must not
            make a number be used twice.
    """

    task: TaskId
    attempt: int
    agent: AgentId
    charge: Charge
    record_first: bool


@dataclass(frozen=True, slots=True)
class BindPod:
    """Bind a plain pod. Answered by `Launched` (attempt 0) or `LaunchRefused`."""

    task: TaskId
    agent: AgentId
    charge: Charge


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Delete a pod, by UID so that a namesake is safe. `grace` None leaves the pod its own grace period."""

    pod: PodId
    name: str
    grace: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteTask:
    """Delete a finished Task whose time to live is over."""

    task: TaskId


@dataclass(frozen=True, slots=True)
class PublishTask:
    """The task's status (for a plain pod: its PodScheduled condition) may need writing.

    Attributes:
        urgent: a state changed. Otherwise it is news about waiting, which may be late or left out under load.
    """

    task: TaskId
    urgent: bool = True


@dataclass(frozen=True, slots=True)
class PublishFramework:
    """The Framework's status may need writing."""

    framework: FrameworkId


@dataclass(frozen=True, slots=True)
class PublishRole:
    """The FrameworkRole's status may need writing."""

    role: RoleId


@dataclass(frozen=True, slots=True)
class Scheduled:
    """News: the task has an agent."""

    agent: AgentId


@dataclass(frozen=True, slots=True)
class Unscheduled:
    """News: the task has been waiting, for this reason."""

    waiting: Waiting


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """News: an attempt of the task ended."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell people, by an Event on the task's object."""

    task: TaskId
    news: Scheduled | Unscheduled | AttemptEnded


@dataclass(frozen=True, slots=True)
class Offer:
    """Resources of one agent shown to one framework for a while."""

    id: OfferId
    framework: FrameworkId
    agent: AgentId
    amount: Resources
    expires: float


@dataclass(frozen=True, slots=True)
class Rescind:
    """An offer is no longer good."""

    id: OfferId


@dataclass(frozen=True, slots=True)
class Rejected:
    """An accept, or a part of it, did not hold together; the reason says what it must be like."""

    offers: tuple[OfferId, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell an external framework."""

    framework: FrameworkId
    about: Offer | Rescind | Rejected


Effect = CreatePod | BindPod | DeletePod | DeleteTask | PublishTask | PublishFramework | PublishRole | Announce | Notify

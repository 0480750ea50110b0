"""Tasks and the pods that are their attempts, as observed.

A *task* is one unit of work with one live pod at a time. It comes from a Task object, whose pods we create, or from a
plain pod, which is task and pod in one (`plain`). Both wait in the same queues and end in the same books.

States are Mesos' names and an open set: they are reported, compared with the few constants below, and never switched
on exhaustively, so that a state we do not know yet passes through unharmed.
"""

from dataclasses import dataclass
from enum import Enum

from entresol.model.constraints import Constraints, HostPort
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.policy import Urgency
from entresol.model.resources import Resources

PENDING = "TASK_PENDING"
"""Waiting for an agent. Our addition: in Mesos a task exists only once it is launched."""
STAGING = "TASK_STAGING"
STARTING = "TASK_STARTING"
RUNNING = "TASK_RUNNING"
UNREACHABLE = "TASK_UNREACHABLE"
FINISHED = "TASK_FINISHED"
FAILED = "TASK_FAILED"
KILLED = "TASK_KILLED"
ERROR = "TASK_ERROR"
LOST = "TASK_LOST"
DROPPED = "TASK_DROPPED"
GONE = "TASK_GONE"

TERMINAL = frozenset({FINISHED, FAILED, KILLED, ERROR})
"""States a task never leaves. LOST, DROPPED, GONE and UNREACHABLE describe an attempt; the task lives on."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Who pays for a pod, stamped on it at launch; it rules while the pod lives, whatever labels say later."""

    role: RoleId
    framework: FrameworkId


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one attempt ended.

    Attributes:
        state: the Mesos state of the attempt (`TASK_FAILED`, `TASK_LOST`, `TASK_DROPPED`…).
        reason: CamelCase word, the kubelet's where it gave one.
        charged: whether it counts against the user's `maxAttempts`.
        finished: when we saw it end, in seconds.
    """

    number: int
    state: str
    reason: str
    message: str = ""
    exit_code: int | None = None
    agent: AgentId | None = None
    pod: str = ""
    charged: bool = False
    finished: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is durable about a task: the part of its status that a restarted operator goes on from.

    Attributes:
        attempt: the number of the newest attempt; from the second on it is written *before* the pod is created.
        failures: attempts that count against the user.
        last: the newest attempt that ended; it tells which ends are already accounted for.
        started: first time any attempt ran; the run-time limit counts from here.
    """

    state: str = ""
    attempt: int = 0
    failures: int = 0
    last: Attempt | None = None
    started: float | None = None
    finished: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One unit of work as its author wrote it.

    Attributes:
        name: `namespace/name`.
        demand: effective requests, `pods: 1` included.
        created: creation time stamp in seconds; only ever compared with other creation times.
        deadline: seconds from the first start after which it is stopped for good.
        ttl: seconds after which a finished Task is deleted.
        gated: a plain pod's scheduling gates are not yet lifted.
        unsupported: names of fields it uses that are not honoured yet; it waits rather than run differently than asked.
        invalid: why it can never run, in words; it ends as `TASK_ERROR`.
        deleting: somebody asked for its deletion.
        record: what its status said when it was last observed.
    """

    id: TaskId
    name: str
    framework: FrameworkId
    demand: Resources
    constraints: Constraints = Constraints()
    urgency: Urgency = Urgency()
    created: float = 0.0
    plain: bool = False
    max_attempts: int = 1
    deadline: float | None = None
    ttl: float | None = None
    suspended: bool = False
    gated: bool = False
    unsupported: tuple[str, ...] = ()
    invalid: str = ""
    deleting: bool = False
    generation: int = 0
    record: Record = Record()


class Phase(Enum):
    """A pod's phase (v1.PodPhase)."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a failed or finished pod says of its end.

    Attributes:
        disruption: reason of a true `DisruptionTarget` condition: something other than the work itself ended it.
        reason: the pod's own `status.reason` (`OutOfcpu`, `Evicted`, `DeadlineExceeded`…).
        exit_code: of the first container that failed, if any ran.
        container_reason: that container's reason (`OOMKilled`, `Error`…).
    """

    disruption: str = ""
    reason: str = ""
    exit_code: int | None = None
    container_reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a container of a live pod does not start: a word and a sentence of its kubelet, both empty if nothing hinders."""

    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod that names Entresol as its scheduler.

    Attributes:
        name: `namespace/name`.
        owner: the Task whose attempt it claims to be; None for a plain pod.
        claims: that Task's name, `namespace/name`, as the pod has it; the claim holds for a Task of this name alone.
        attempt: number of that attempt, zero for a plain pod.
        agent: where it is bound, if it is.
        charge: what was stamped on it at launch.
        task: for a plain pod, the task it is.
    """

    id: PodId
    name: str
    demand: Resources
    ports: tuple[HostPort, ...] = ()
    owner: TaskId | None = None
    claims: str = ""
    attempt: int = 0
    agent: AgentId | None = None
    phase: Phase = Phase.PENDING
    ready: bool = False
    deleting: bool = False
    ending: Ending = Ending()
    hindrance: Hindrance = Hindrance()
    charge: Charge | None = None
    task: Task | None = None

    @property
    def over(self) -> bool:
        """Whether its containers will never run again: only then is its room free."""
        return self.phase in (Phase.SUCCEEDED, Phase.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPod:
    """A live pod of another scheduler: it is counted, never touched."""

    id: PodId
    agent: AgentId
    demand: Resources
    ports: tuple[HostPort, ...] = ()

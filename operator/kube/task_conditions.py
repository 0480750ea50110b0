"""What a Task's status says in words and conditions.

`Succeeded` is Unknown until the task ends, then True or False for good. `Scheduled` and `Ready` follow the task through
its life; both are Unknown while nobody has looked at it. `Stalled` is there only after an end without success.

Tools that read conditions by kstatus (Helm, Flux, Argo) wait until Ready is True and give up when Stalled is: so a task
that has finished stays Ready, although a finished pod does not.
"""

from entresol.engine.status import TaskStatus
from entresol.kube.conditions import FALSE, TRUE, UNKNOWN, condition
from entresol.kube.wire import Condition
from entresol.kube.words import attempt_sentence, waiting_sentence
from entresol.model.reasons import Reason
from entresol.model.tasks import FINISHED, TERMINAL

OWNED = frozenset({"Scheduled", "Ready", "Succeeded", "Stalled"})
"""The types that are ours on a Task."""

_UNDECIDED = frozenset({Reason.RECOVERING, Reason.NOT_CONSIDERED})


def task_reason(status: TaskStatus) -> str:
    """One word for the state: why it waits, what hinders its pod, or how it ended; empty while all is well."""
    if status.waiting is not None:
        return status.waiting.reason.value
    if status.reason or status.record.state not in TERMINAL:
        return status.reason
    return _camel(status.record.state)


def task_message(status: TaskStatus) -> str:
    """The sentence that goes with the word; empty while all is well."""
    last = status.record.last
    if status.waiting is not None:
        said = waiting_sentence(status.waiting)
        return f"{said} {attempt_sentence(last)}" if last and status.waiting.reason is Reason.BACKING_OFF else said
    if status.record.state in TERMINAL:
        return status.message or (attempt_sentence(last) if last is not None else "")
    return status.message if status.reason else ""


def task_conditions(status: TaskStatus) -> tuple[Condition, ...]:
    """Ours, in a fixed order, without times."""
    said = (_scheduled(status), _ready(status), _succeeded(status))
    return (*said, _stalled(status)) if _failed(status) else said


def _scheduled(status: TaskStatus) -> Condition:
    last = status.record.last
    agent = status.agent or (last.agent if last is not None and status.record.state in TERMINAL else None)
    if status.waiting is not None:
        return _because(status, "Scheduled", UNKNOWN if status.waiting.reason in _UNDECIDED else FALSE)
    if agent is not None:
        return _condition(status, "Scheduled", TRUE, "Scheduled", f"Node {agent} was chosen.")
    if status.record.state in TERMINAL:
        return _because(status, "Scheduled", FALSE)
    return _unseen(status, "Scheduled")


def _ready(status: TaskStatus) -> Condition:
    if status.record.state == FINISHED:
        return _condition(status, "Ready", TRUE, "Finished", "The task has finished.")
    if status.waiting is not None:
        return _because(status, "Ready", UNKNOWN if status.waiting.reason in _UNDECIDED else FALSE)
    if status.record.state in TERMINAL:
        return _because(status, "Ready", FALSE)
    if status.ready:
        return _condition(status, "Ready", TRUE, "PodReady", "The task's pod is ready.")
    if status.agent is None:
        return _unseen(status, "Ready")
    if status.reason:
        return _because(status, "Ready", FALSE)
    return _condition(status, "Ready", FALSE, "PodNotReady", "The task's pod is not ready.")


def _succeeded(status: TaskStatus) -> Condition:
    if status.record.state == FINISHED:
        return _condition(status, "Succeeded", TRUE, "Finished", "The task has finished.")
    if _failed(status):
        return _because(status, "Succeeded", FALSE)
    return _condition(status, "Succeeded", UNKNOWN, "InProgress", "The task has not ended.")


def _unseen(status: TaskStatus, kind: str) -> Condition:
    return _condition(status, kind, UNKNOWN, Reason.NOT_CONSIDERED.value, "Nobody has looked at the task yet.")


def _stalled(status: TaskStatus) -> Condition:
    return _because(status, "Stalled", TRUE)


def _failed(status: TaskStatus) -> bool:
    return status.record.state in TERMINAL and status.record.state != FINISHED


def _because(status: TaskStatus, kind: str, value: str) -> Condition:
    """A condition for the reason that the status gives anyway."""
    return _condition(status, kind, value, task_reason(status), task_message(status))


def _condition(status: TaskStatus, kind: str, value: str, reason: str, message: str) -> Condition:
    return condition(kind, value, reason, message or reason, status.generation)


def _camel(state: str) -> str:
    """`TASK_FAILED` as a condition's reason: `Failed`."""
    return state.removeprefix("TASK_").title().replace("_", "")

"""Task objects as they are read -> values of the model.

Nobody has checked a Task's template: the API server will, when the pod is created. What can be told before is told
here: a template that cannot be read, or that asks for what a Task must not, makes the task `invalid` with a message that
says what must be different; what is merely not honoured yet is named as `unsupported`, and the task waits.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from entresol.kube.bodies import Malformed
from entresol.kube.bodies_pod import urgency_of
from entresol.kube.names import CONTAINER, SCHEDULER, full_name
from entresol.kube.requests import as_accepted, effective_requests
from entresol.kube.scheduling import constraints_of, unsupported_fields
from entresol.kube.times import parse_time
from entresol.kube.wire_kinds import LastAttempt, TaskSpec, TaskStatus
from entresol.kube.wire_kinds import Task as WireTask
from entresol.kube.wire_pod import Container, PodSpec, read_template
from entresol.model.constraints import Constraints
from entresol.model.identifiers import AgentId, FrameworkId, TaskId
from entresol.model.resources import Resources
from entresol.model.tasks import Attempt, Record, Task

_NO_PRIORITIES: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class _Work:
    """What a Task's template says, or why it says nothing."""

    demand: Resources = Resources.of(pods=1)
    constraints: Constraints = Constraints()
    unsupported: tuple[str, ...] = ()
    priority: int = 0
    invalid: str = ""


def task_of(task: WireTask, priorities: Mapping[str, int] = _NO_PRIORITIES) -> Task | Malformed:
    """A Task object as a task.

    Args:
        task: the object.
        priorities: values of the priority classes by name, and under the empty name that of the global default; they
            count where the Task itself states no priority.
    """
    metadata, spec = task.metadata, task.spec
    name = full_name(metadata.namespace, metadata.name)
    if not metadata.uid or not metadata.name or not metadata.namespace:
        return Malformed("Task", name, "`metadata.name`, `metadata.namespace` and `metadata.uid` must not be empty")
    work = _work(spec, priorities)
    return Task(
        id=TaskId(metadata.uid),
        name=name,
        framework=FrameworkId(sys.intern(full_name(metadata.namespace, spec.framework_ref.name))),
        demand=work.demand,
        constraints=work.constraints,
        urgency=urgency_of(
            spec.priority if spec.priority is not None else work.priority, _seconds(spec.expected_runtime_seconds)
        ),
        created=parse_time(metadata.creation_timestamp) or 0.0,
        max_attempts=max(1, spec.max_attempts),
        deadline=_seconds(spec.active_deadline_seconds),
        ttl=_seconds(spec.ttl_seconds_after_finished),
        suspended=spec.suspend,
        unsupported=work.unsupported,
        invalid=work.invalid,
        deleting=bool(metadata.deletion_timestamp),
        generation=metadata.generation,
        record=record_of(task.status, metadata.namespace),
    )


def record_of(status: TaskStatus, namespace: str) -> Record:
    """What a Task's status says of its past; times that cannot be read count as unknown."""
    return Record(
        state=status.state,
        attempt=status.attempt,
        failures=status.failures,
        last=None if status.last_attempt is None else _attempt(status.last_attempt, namespace),
        started=parse_time(status.start_time),
        finished=parse_time(status.finish_time),
    )


def _work(spec: TaskSpec, priorities: Mapping[str, int]) -> _Work:
    """Read the template, or the short form as the template it stands for."""
    try:
        pod = _pod_spec(spec)
        _check(pod)
        accepted = as_accepted(pod)
        return _Work(
            demand=effective_requests(accepted),
            constraints=constraints_of(accepted),
            unsupported=tuple(f"spec.template.{field}" for field in _unsupported(accepted)),
            priority=_priority(pod, priorities),
        )
    except ValueError as error:
        return _Work(invalid=str(error))


def _pod_spec(spec: TaskSpec) -> PodSpec:
    if not spec.framework_ref.name:
        raise ValueError("`spec.frameworkRef.name` must name a Framework")
    if bool(spec.template) == bool(spec.image):
        raise ValueError(
            "exactly one of `spec.template` (a pod template) and `spec.image` (the short form) must be set"
        )
    if spec.image:
        return PodSpec(containers=(Container(name=CONTAINER, image=spec.image, resources=spec.resources),))
    try:
        return read_template(spec.template).spec
    except RecursionError:
        raise ValueError("`spec.template` must be nested less deeply") from None
    except ValueError as error:
        raise ValueError(f"`spec.template`: {error}") from None


def _check(pod: PodSpec) -> None:
    """Refuse what contradicts a Task, as the validation of the kind does."""
    where = "`spec.template.spec"
    if not pod.containers:
        raise ValueError(f"{where}.containers` must hold at least one container")
    if pod.node_name:
        raise ValueError(
            f"{where}.nodeName` must be absent, as Entresol chooses the node; use `nodeSelector` or `affinity` to narrow "
            "the choice"
        )
    if pod.scheduling_gates:
        raise ValueError(f"{where}.schedulingGates` must be absent; use the `suspend` of the Task to hold it back")
    if pod.scheduler_name not in ("", SCHEDULER):
        raise ValueError(f"{where}.schedulerName` must be absent or {SCHEDULER}, not {pod.scheduler_name!r}")
    if pod.restart_policy not in ("", "Never", "OnFailure"):
        raise ValueError(
            f"{where}.restartPolicy` must be Never or OnFailure, as a task ends, not {pod.restart_policy!r}"
        )


def _unsupported(pod: PodSpec) -> tuple[str, ...]:
    # A pod that exists has its runtime class's overhead and constraints written into it; a template has not.
    fields = unsupported_fields(pod)
    return (*fields, "spec.runtimeClassName") if pod.runtime_class_name else fields


def _priority(pod: PodSpec, priorities: Mapping[str, int]) -> int:
    if pod.priority is not None:
        return pod.priority
    return priorities.get(pod.priority_class_name, 0)


def _attempt(last: LastAttempt, namespace: str) -> Attempt:
    return Attempt(
        number=last.attempt,
        state=last.state,
        reason=last.reason,
        message=last.message,
        exit_code=last.exit_code,
        agent=AgentId(last.node_name) if last.node_name else None,
        pod=full_name(namespace, last.pod_name) if last.pod_name else "",
        charged=last.charged,
        finished=parse_time(last.finish_time) or 0.0,
    )


def _seconds(value: int | None) -> float | None:
    return None if value is None else float(value)

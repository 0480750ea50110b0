"""Pods as they are read -> values of the model.

A pod that names our scheduler is either an attempt of a Task, or a task by itself (`plain`). Whose attempt it is says
its controller, which attempt says its name, and who pays says the stamp of its launch: what its labels say counts only
until then. A pod of another scheduler only takes up room.
"""

import sys
from functools import lru_cache

from entresol.kube.bodies import Malformed
from entresol.kube.endings import ending_of, hindrance_of
from entresol.kube.names import (
    DEFAULT_FRAMEWORK,
    FRAMEWORK,
    GROUP,
    ROLE,
    RUNTIME,
    RUNTIME_FIELD,
    attempt_in,
    full_name,
    pod_name,
)
from entresol.kube.requests import effective_requests, host_ports
from entresol.kube.scheduling import constraints_of, unsupported_fields
from entresol.kube.times import parse_duration, parse_time
from entresol.kube.wire import ObjectMeta
from entresol.kube.wire_pod import Pod as WirePod
from entresol.model.constraints import Constraints
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.policy import Urgency
from entresol.model.resources import Resources
from entresol.model.tasks import Charge, ForeignPod, Phase, Pod, Task

_SHAPES = 4096
_LONGEST_NAME = 253
_PHASES = {phase.value: phase for phase in Phase} | {"": Phase.PENDING}


def pod_of(pod: WirePod) -> Pod | Malformed:
    """A pod that names our scheduler."""
    metadata, spec = pod.metadata, pod.spec
    name = full_name(metadata.namespace, metadata.name)
    if not metadata.uid or not metadata.name or not metadata.namespace:
        return Malformed("Pod", name, "`metadata.name`, `metadata.namespace` and `metadata.uid` must not be empty")
    try:
        demand = effective_requests(spec, pod.status)
        constraints = constraints_of(spec)
    except ValueError as error:
        return Malformed("Pod", name, f"`spec`: {error}")
    owner, claims = owner_of(metadata) or (None, "")
    return Pod(
        id=PodId(metadata.uid),
        name=name,
        demand=demand,
        ports=constraints.ports,
        owner=owner,
        claims=claims,
        attempt=attempt_in(metadata.name, owner) if owner is not None else 0,
        agent=AgentId(sys.intern(spec.node_name)) if spec.node_name else None,
        # A phase that we do not know may mean running containers, and so keeps its room.
        phase=_PHASES.get(pod.status.phase, Phase.RUNNING),
        ready=any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions),
        deleting=bool(metadata.deletion_timestamp),
        ending=ending_of(spec, pod.status),
        hindrance=hindrance_of(pod.status),
        charge=_charge(metadata) if spec.node_name else None,
        task=_plain_task(pod, name, demand, constraints) if owner is None else None,
    )


def foreign_pod_of(pod: WirePod) -> ForeignPod | Malformed:
    """A bound pod of another scheduler."""
    name = full_name(pod.metadata.namespace, pod.metadata.name)
    if not pod.metadata.uid or not pod.spec.node_name:
        return Malformed("Pod", name, "`metadata.uid` and `spec.nodeName` must not be empty")
    try:
        demand = effective_requests(pod.spec, pod.status)
    except ValueError as error:
        return Malformed("Pod", name, f"`spec`: {error}")
    return ForeignPod(
        id=PodId(pod.metadata.uid),
        agent=AgentId(sys.intern(pod.spec.node_name)),
        demand=demand,
        ports=host_ports(pod.spec),
    )


def owner_of(metadata: ObjectMeta) -> tuple[TaskId, str] | None:
    """The Task whose attempt a pod of this name claims to be, with that Task's `namespace/name`; None for a plain pod.

    Anybody may write an owner reference, even one to a Task elsewhere. The name that follows from the UID and the name in
    it can be had by one pod of a namespace at a time; whether there is such a Task in that namespace, the engine knows.
    """
    for reference in metadata.owner_references:
        group = reference.api_version.partition("/")[0]
        named = reference.controller and reference.kind == "Task" and group == GROUP
        number = attempt_in(metadata.name, reference.uid) if named else 0
        if number and metadata.name == pod_name(reference.name, reference.uid, number):
            return TaskId(reference.uid), full_name(metadata.namespace, reference.name)
    return None


def _plain_task(pod: WirePod, name: str, demand: Resources, constraints: Constraints) -> Task:
    """The task that a pod without a Task is by itself."""
    metadata = pod.metadata
    stated = metadata.annotations.get(RUNTIME)
    runtime = None if stated is None else parse_duration(stated)
    unsupported = unsupported_fields(pod.spec)
    if stated is not None and runtime is None:
        unsupported = (*unsupported, RUNTIME_FIELD)
    return Task(
        id=TaskId(metadata.uid),
        name=name,
        framework=_framework(metadata.namespace, metadata.labels.get(FRAMEWORK) or DEFAULT_FRAMEWORK),
        demand=demand,
        constraints=constraints,
        urgency=urgency_of(pod.spec.priority or 0, runtime),
        created=parse_time(metadata.creation_timestamp) or 0.0,
        plain=True,
        gated=bool(pod.spec.scheduling_gates),
        unsupported=unsupported,
        deleting=bool(metadata.deletion_timestamp),
        generation=metadata.generation,
    )


def _charge(metadata: ObjectMeta) -> Charge | None:
    role, framework = metadata.annotations.get(ROLE), metadata.annotations.get(FRAMEWORK)
    if not role or not framework or len(role) > _LONGEST_NAME or len(framework) > _LONGEST_NAME:
        return None  # no stamp, or none of ours: annotations are anybody's to write
    return _charged(role, _framework(metadata.namespace, framework))


# Few values among many pods: each is made once, and held once.


@lru_cache(_SHAPES)
def urgency_of(priority: int, runtime: float | None) -> Urgency:
    """What a framework's order may look at."""
    return Urgency(priority, runtime)


@lru_cache(_SHAPES)
def _framework(namespace: str, name: str) -> FrameworkId:
    return FrameworkId(full_name(namespace, name))


@lru_cache(_SHAPES)
def _charged(role: str, framework: FrameworkId) -> Charge:
    return Charge(RoleId(role), framework)

"""A pod (core/v1) as far as Entresol honours it, or must refuse it by name.

Fields that are only ever refused (claims, required inter-pod affinity, spread constraints) are read just deep
enough to be recognised and named. A Task's pod template has the same shape and is read with `PodTemplate`.
"""

from collections.abc import Mapping

import msgspec

from entresol.kube.wire import (
    Condition,
    ObjectMeta,
    Quantity,
    Requirement,
    ResourceClaim,
    ResourceRequirements,
    Wire,
    without_nulls,
)

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


class NodeSelectorTerm(Wire, frozen=True):
    """Requirements that must all hold on one node; a term without any matches no node."""

    match_expressions: tuple[Requirement, ...] = ()
    match_fields: tuple[Requirement, ...] = ()


class NodeSelector(Wire, frozen=True):
    """Terms of which one must hold."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class NodeAffinity(Wire, frozen=True):
    """Required node affinity; what is merely preferred is not read."""

    required: NodeSelector | None = msgspec.field(name=_REQUIRED, default=None)


class PodAffinityTerm(Wire, frozen=True):
    """A required relation to other pods, known only so that it can be refused."""

    topology_key: str = ""


class PodAffinity(Wire, frozen=True):
    """Required affinity, or anti-affinity, to other pods."""

    required: tuple[PodAffinityTerm, ...] = msgspec.field(name=_REQUIRED, default=())


class Affinity(Wire, frozen=True):
    """Every kind of affinity that a pod can require."""

    node_affinity: NodeAffinity = NodeAffinity()
    pod_affinity: PodAffinity = PodAffinity()
    pod_anti_affinity: PodAffinity = PodAffinity()


class Toleration(Wire, frozen=True):
    """A taint that a pod accepts; an empty key with `Exists` accepts them all, an empty effect every effect."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""


class ContainerPort(Wire, frozen=True):
    """A port; `host_port` 0 takes none of the node's. With the host's network the server sets `host_port` itself."""

    container_port: int = 0
    host_port: int = 0
    host_ip: str = msgspec.field(name="hostIP", default="")
    protocol: str = "TCP"


class Container(Wire, frozen=True):
    """A container; among init containers `restart_policy` "Always" marks a sidecar."""

    name: str = ""
    image: str = ""
    resources: ResourceRequirements = ResourceRequirements()
    ports: tuple[ContainerPort, ...] = ()
    restart_policy: str = ""


class ClaimVolume(Wire, frozen=True):
    """A persistent volume claim by name."""

    claim_name: str = ""


class EphemeralVolume(Wire, frozen=True):
    """A claim made for this pod alone; only its presence matters."""


class Volume(Wire, frozen=True):
    """A volume, read only for the two sources that bind a pod to places."""

    name: str = ""
    persistent_volume_claim: ClaimVolume | None = None
    ephemeral: EphemeralVolume | None = None


class SpreadConstraint(Wire, frozen=True):
    """A topology spread constraint; only `when_unsatisfiable` "DoNotSchedule" is a demand."""

    topology_key: str = ""
    when_unsatisfiable: str = ""


class SchedulingGate(Wire, frozen=True):
    """While any gate is there, the pod must not be scheduled."""

    name: str = ""


class PodSpec(Wire, frozen=True):
    """What a pod asks for. An unset priority is None: zero is a priority."""

    node_name: str = ""
    scheduler_name: str = ""
    scheduling_gates: tuple[SchedulingGate, ...] = ()
    priority: int | None = None
    priority_class_name: str = ""
    node_selector: Mapping[str, str] = {}
    affinity: Affinity = Affinity()
    tolerations: tuple[Toleration, ...] = ()
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    overhead: Mapping[str, Quantity] = {}
    resources: ResourceRequirements = ResourceRequirements()
    volumes: tuple[Volume, ...] = ()
    topology_spread_constraints: tuple[SpreadConstraint, ...] = ()
    resource_claims: tuple[ResourceClaim, ...] = ()
    host_network: bool = False
    runtime_class_name: str = ""
    restart_policy: str = ""


class Waiting(Wire, frozen=True):
    """A container that has not started, and why."""

    reason: str = ""
    message: str = ""


class Running(Wire, frozen=True):
    """A container that runs."""

    started_at: str = ""


class Terminated(Wire, frozen=True):
    """A container that has ended; `signal` is 0 unless one killed it."""

    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: str = ""
    finished_at: str = ""


class ContainerState(Wire, frozen=True):
    """At most one of the three is set; none means waiting."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Wire, frozen=True):
    """A container as its kubelet sees it.

    `allocated_resources` and `resources` differ from the pod's spec while a resize in place is under way.
    """

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    allocated_resources: Mapping[str, Quantity] = {}
    resources: ResourceRequirements = ResourceRequirements()


class PodStatus(Wire, frozen=True):
    """What became of a pod; a kubelet that refuses one sets phase Failed and a `reason` such as OutOfcpu."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    start_time: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Wire, frozen=True):
    """A pod (core/v1)."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodTemplate(Wire, frozen=True):
    """A pod template as a Task carries it: read for what it demands, never written back from here."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()


def read_template(raw: msgspec.Raw) -> PodTemplate:
    """Return what a Task's template demands.

    A template is checked by nobody before its pod is created, so it may hold anything: nulls count as absent, as
    they do for Kubernetes. Raises ValueError, naming the place, where a field is not of the kind it must be.
    """
    try:
        return msgspec.json.decode(without_nulls(raw), type=PodTemplate)
    except msgspec.DecodeError as error:
        raise ValueError(f"template must be a pod template: {error}") from error

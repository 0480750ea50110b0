"""Entresol's own kinds (entresol.dev/v1alpha1) as they are read back from the API server.

Field for field the definitions in `helm/entresol/files/crds/`; a contract test holds the two together. The pod
template and the environment of a Task belong to the user: they stay raw JSON, so that what is written into a pod is
what the user wrote, including fields that this version has never heard of.
"""

from collections.abc import Mapping

import msgspec

from entresol.kube.wire import (
    Condition,
    LabelSelector,
    ObjectMeta,
    Quantity,
    ResourceRequirements,
    Wire,
)


class RoleNamespaces(Wire, frozen=True):
    """Whose Frameworks may use a role: the named namespaces, and those whose labels match.

    Without names and without a selector it is the namespace of the role's own name. An empty selector, as
    everywhere in Kubernetes, matches every namespace, so here absent and empty differ.
    """

    names: tuple[str, ...] = ()
    selector: LabelSelector | None = None


class RoleSpec(Wire, frozen=True):
    """Weight, first claim and ceiling of a role."""

    weight: int = 1
    guarantee: Mapping[str, Quantity] = {}
    limit: Mapping[str, Quantity] = {}
    namespaces: RoleNamespaces = RoleNamespaces()


class RoleLedger(Wire, frozen=True):
    """A role's account, in share-seconds as decimal text; read back when another operator takes over."""

    since: str = ""
    as_of: str = ""
    entitled_share_seconds: str = ""
    held_share_seconds: str = ""
    deficit_share_seconds: str = ""
    leaderless_seconds: str = ""


class RoleStatus(Wire, frozen=True):
    """What is published of a role: read back to be compared with what should be, so no share can be minted here.

    Counts are None when absent, so that a zero is written.
    """

    observed_generation: int = 0
    allocated: Mapping[str, Quantity] = {}
    dominant_share: str = ""
    dominant_resource: str = ""
    entitlement: str = ""
    floor: str = ""
    pending_tasks: int | None = None
    placeable_tasks: int | None = None
    frameworks: int | None = None
    ledger: RoleLedger | None = None
    conditions: tuple[Condition, ...] = ()


class FrameworkRole(Wire, frozen=True):
    """A holder of shares; cluster-scoped, written by administrators."""

    metadata: ObjectMeta = ObjectMeta()
    spec: RoleSpec = RoleSpec()
    status: RoleStatus = RoleStatus()


class SchedulerChoice(Wire, frozen=True):
    """Who runs the second level, and for the built-in one by which policies."""

    type: str = "BuiltIn"
    order: str = "Fifo"
    placement: str = "Balanced"


class FrameworkSpec(Wire, frozen=True):
    """A tenant's scheduler; an empty `role` is the role named like the namespace."""

    role: str = ""
    weight: int = 1
    suspend: bool = False
    node_selector: Mapping[str, str] = {}
    scheduler: SchedulerChoice = SchedulerChoice()


class TaskCounts(Wire, frozen=True):
    """Tasks and plain pods by state; None when absent, so that a zero is written."""

    pending: int | None = None
    staging: int | None = None
    starting: int | None = None
    running: int | None = None
    finished: int | None = None
    failed: int | None = None
    killed: int | None = None
    error: int | None = None
    unreachable: int | None = None


class HeadStatus(Wire, frozen=True):
    """The task at the head of a framework's queue, and why it waits."""

    task: str = ""
    reason: str = ""
    message: str = ""
    since: str = ""


class FrameworkStatus(Wire, frozen=True):
    """What is published of a framework: read back only to be compared with what should be."""

    observed_generation: int = 0
    role: str = ""
    tasks: TaskCounts = TaskCounts()
    allocated: Mapping[str, Quantity] = {}
    dominant_share: str = ""
    dominant_resource: str = ""
    entitlement: str = ""
    head: HeadStatus | None = None
    conditions: tuple[Condition, ...] = ()


class Framework(Wire, frozen=True):
    """A tenant's scheduler, namespaced."""

    metadata: ObjectMeta = ObjectMeta()
    spec: FrameworkSpec = FrameworkSpec()
    status: FrameworkStatus = FrameworkStatus()


class FrameworkReference(Wire, frozen=True):
    """The Framework, of the Task's own namespace, that a Task belongs to."""

    name: str = ""


class TaskSpec(Wire, frozen=True):
    """One unit of work: a pod `template`, or the short form from `image` to `resources`.

    `template` is empty (falsy) in the short form.
    """

    framework_ref: FrameworkReference = FrameworkReference()
    priority: int | None = None
    template: msgspec.Raw = msgspec.Raw()
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: msgspec.Raw = msgspec.Raw()
    resources: ResourceRequirements = ResourceRequirements()
    max_attempts: int = 1
    expected_runtime_seconds: int | None = None
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    suspend: bool = False

    def __post_init__(self) -> None:
        """Detach the raw parts: a view would keep the whole list page that it came in alive."""
        msgspec.structs.force_setattr(self, "template", self.template.copy())
        msgspec.structs.force_setattr(self, "env", self.env.copy())


class LastAttempt(Wire, frozen=True):
    """The attempt before the present one, or the last of a finished Task; `exit_code` is None without a container."""

    attempt: int = 0
    state: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    node_name: str = ""
    pod_name: str = ""
    charged: bool = False
    finish_time: str = ""


class PendingStatus(Wire, frozen=True):
    """Why a Task waits, since when, and how often others were placed before it."""

    reason: str = ""
    message: str = ""
    since: str = ""
    passed_over: int = 0


class TaskStatus(Wire, frozen=True):
    """What became of a Task. `attempt` counts pods created, `failures` those charged to the user."""

    observed_generation: int = 0
    state: str = ""
    reason: str = ""
    message: str = ""
    attempt: int = 0
    failures: int = 0
    pod_name: str = ""
    pod_uid: str = msgspec.field(name="podUID", default="")
    node_name: str = ""
    start_time: str = ""
    finish_time: str = ""
    last_attempt: LastAttempt | None = None
    pending: PendingStatus | None = None
    requests: Mapping[str, Quantity] = {}
    conditions: tuple[Condition, ...] = ()


class Task(Wire, frozen=True):
    """One unit of work with at most one live pod at a time."""

    metadata: ObjectMeta = ObjectMeta()
    spec: TaskSpec = TaskSpec()
    status: TaskStatus = TaskStatus()

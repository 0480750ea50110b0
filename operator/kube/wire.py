"""The Kubernetes objects that Entresol reads, exactly as deep as it reads them.

A structure here names the fields that are honoured, or that must be refused by name; everything else in
an object is skipped by the decoder without being built. Absent and empty are one value: the API server
drops empty fields, so a reader need not tell them apart. Values stay as they travel: quantities are text
(`quantity.py` reads them) and times are RFC 3339 text.

A null stands for an absent field: the server itself writes one for every time that is not set. Since the
decoder does not know this, `without_nulls` is there for the rare object that has one where it is read.

Pods have `wire_pod.py`, Entresol's own kinds `wire_kinds.py`. Nothing here knows what a field *means*:
that is the work of the translators.
"""

from collections.abc import Mapping

import msgspec

Quantity = str | int
"""A quantity on the wire; custom resources may carry a bare integer where the core kinds carry text."""


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Base of every structure on the wire: immutable trees, unknown fields skipped, defaults not written.

    `gc=False` spares the collector a hundred thousand objects; it is safe because a decoded document is a tree.
    """


class OwnerReference(Wire, frozen=True):
    """Who owns an object; `controller` marks the one owner that manages it."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    controller: bool = False


class ObjectMeta(Wire, frozen=True):
    """Identity, version and labels. `creation_timestamp` and `deletion_timestamp` are empty when unset."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()


class Condition(Wire, frozen=True):
    """A condition of any kind; `status` is "True", "False" or "Unknown", `type` is its key."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str = ""
    observed_generation: int = 0


class Requirement(Wire, frozen=True):
    """One expression of a label, field or node selector: In, NotIn, Exists, DoesNotExist, and for nodes Gt, Lt."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(Wire, frozen=True):
    """Labels that must match; all parts must hold, and an empty selector matches everything."""

    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()


class ResourceClaim(Wire, frozen=True):
    """A reference to a claim of dynamic resource allocation, known only so that it can be refused by name."""

    name: str = ""


class ResourceRequirements(Wire, frozen=True):
    """What a container or a whole pod asks for and may use at most."""

    requests: Mapping[str, Quantity] = {}
    limits: Mapping[str, Quantity] = {}
    claims: tuple[ResourceClaim, ...] = ()


class Taint(Wire, frozen=True):
    """A mark on a node; `effect` is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str = ""
    effect: str = ""
    value: str = ""


class NodeSpec(Wire, frozen=True):
    """What an administrator or the node controller says about a node."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeStatus(Wire, frozen=True):
    """What the kubelet says about its node; `allocatable` is what pods may use."""

    allocatable: Mapping[str, Quantity] = {}
    conditions: tuple[Condition, ...] = ()


class Node(Wire, frozen=True):
    """A node (core/v1)."""

    metadata: ObjectMeta = ObjectMeta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class NamespaceStatus(Wire, frozen=True):
    """`phase` is Active or Terminating."""

    phase: str = ""


class Namespace(Wire, frozen=True):
    """A namespace (core/v1), read for its labels and for whether it is ending."""

    metadata: ObjectMeta = ObjectMeta()
    status: NamespaceStatus = NamespaceStatus()


class PriorityClass(Wire, frozen=True):
    """A priority class (scheduling.k8s.io/v1); `value` is the priority it stands for."""

    metadata: ObjectMeta = ObjectMeta()
    value: int = 0
    global_default: bool = False


class ListMeta(Wire, frozen=True):
    """Head of a list page; a `continue_` token means that more pages follow."""

    resource_version: str
    continue_: str = msgspec.field(name="continue", default="")


class ListPage(Wire, frozen=True):
    """One page of a list. Items stay undecoded, so that one unreadable object cannot hide the others.

    Both fields are required: whatever else an answer may be, it must not be taken for a list of nothing.
    """

    metadata: ListMeta
    items: tuple[msgspec.Raw, ...] | None


class WatchLine(Wire, frozen=True):
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR, and the object it speaks of."""

    type: str
    object: msgspec.Raw


class Headed(Wire, frozen=True):
    """Any object, read no deeper than its metadata."""

    metadata: ObjectMeta = ObjectMeta()


class StatusCause(Wire, frozen=True):
    """One fault among several, and the field it is in."""

    reason: str = ""
    message: str = ""
    field: str = ""


class StatusDetails(Wire, frozen=True):
    """What a Status speaks of; `uid` is the object's own."""

    name: str = ""
    kind: str = ""
    uid: str = ""
    retry_after_seconds: int = 0
    causes: tuple[StatusCause, ...] = ()


class Status(Wire, frozen=True):
    """The API server's answer in words (meta/v1), sent for every failure and for a successful Binding."""

    status: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: StatusDetails = StatusDetails()


def without_nulls(body: bytes | msgspec.Raw) -> bytes:
    """Return a JSON document without the fields that are null. Raises msgspec.DecodeError when it is none."""
    return msgspec.json.encode(_stripped(msgspec.json.decode(body)))


def _stripped(value: object) -> object:
    if isinstance(value, dict):
        return {key: _stripped(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_stripped(item) for item in value]
    return value

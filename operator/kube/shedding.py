"""What is kept of an object once it is understood: the least that anybody asks for later.

A record is decoded whole, read once by its translator, and then held for as long as the object lives: a hundred thousand
tolerations, conditions and time stamps that nobody looks at again. So what will not be asked for is dropped from it,
and what many objects have in common (namespaces, agents, framework labels, templates) is held once for all of them.

Records are values to everybody else; only here, right after they were understood and before anybody else sees them,
their fields are set.

Kept of a pod: who it is, which framework it names, whether it has an agent, and the condition that says why it waits.
Of a node: who it is. Of a Task: everything, since its pods are made from it and its status is compared with what should
be there.
"""

import sys
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from msgspec import Raw
from msgspec.structs import force_setattr

from entresol.kube.names import FRAMEWORK
from entresol.kube.wire import Condition, Node, NodeSpec, NodeStatus, ObjectMeta, Quantity
from entresol.kube.wire_kinds import Task
from entresol.kube.wire_pod import Pod, PodSpec, PodStatus

_AGENTS = 16_384
_SHAPES = 4096
_TEMPLATES = 512
_LARGE = 4096
"""Bytes of a template above which it is not looked up: what is shared is also remembered."""

_NONE: Mapping[str, str] = MappingProxyType({})
_NO_NODE_SPEC, _NO_NODE_STATUS = NodeSpec(), NodeStatus()
_UNBOUND, _NO_POD_STATUS = PodSpec(), PodStatus()


def shed_pod(pod: Pod) -> None:
    """Keep of a pod what a binding, a deletion, an Event or the condition of a waiting pod is made of."""
    metadata, agent, conditions = pod.metadata, pod.spec.node_name, pod.status.conditions
    named = metadata.labels.get(FRAMEWORK)
    _shed_metadata(metadata)
    if named:
        force_setattr(metadata, "labels", _labels(named))
    force_setattr(metadata, "creation_timestamp", "")
    force_setattr(pod, "spec", _bound(agent) if agent else _UNBOUND)
    waits = () if agent else tuple([_shared(known) for known in conditions if known.type == "PodScheduled"])
    force_setattr(pod, "status", PodStatus(conditions=waits) if waits else _NO_POD_STATUS)


def shed_node(node: Node) -> None:
    """Keep of a node only who it is."""
    _shed_metadata(node.metadata)
    force_setattr(node.metadata, "creation_timestamp", "")
    force_setattr(node, "spec", _NO_NODE_SPEC)
    force_setattr(node, "status", _NO_NODE_STATUS)


def shed_task(task: Task) -> None:
    """Keep all of a Task but what its author noted on it, and only once what it has in common with others."""
    spec, status = task.spec, task.status
    _shed_metadata(task.metadata)
    force_setattr(task.metadata, "creation_timestamp", sys.intern(task.metadata.creation_timestamp))
    force_setattr(spec.framework_ref, "name", sys.intern(spec.framework_ref.name))
    if 0 < len(template := bytes(spec.template)) <= _LARGE:
        force_setattr(spec, "template", _template(template))
    force_setattr(status, "state", sys.intern(status.state))
    force_setattr(status, "node_name", sys.intern(status.node_name))
    if status.requests:
        force_setattr(status, "requests", _requests(tuple(status.requests.items())))
    for known in status.conditions:
        _shared(known)


def _shed_metadata(metadata: ObjectMeta) -> None:
    force_setattr(metadata, "namespace", sys.intern(metadata.namespace))
    force_setattr(metadata, "labels", _NONE)
    force_setattr(metadata, "annotations", _NONE)
    force_setattr(metadata, "owner_references", ())


def _shared(condition: Condition) -> Condition:
    force_setattr(condition, "type", sys.intern(condition.type))
    force_setattr(condition, "status", sys.intern(condition.status))
    force_setattr(condition, "reason", sys.intern(condition.reason))
    force_setattr(condition, "message", sys.intern(condition.message))
    force_setattr(condition, "last_transition_time", sys.intern(condition.last_transition_time))
    return condition


@lru_cache(_AGENTS)
def _bound(agent: str) -> PodSpec:
    return PodSpec(node_name=agent)


@lru_cache(_SHAPES)
def _labels(framework: str) -> Mapping[str, str]:
    return MappingProxyType({FRAMEWORK: framework})


@lru_cache(_SHAPES)
def _requests(amounts: tuple[tuple[str, Quantity], ...]) -> Mapping[str, Quantity]:
    return dict(amounts)


@lru_cache(_TEMPLATES)
def _template(template: bytes) -> Raw:
    return Raw(template)

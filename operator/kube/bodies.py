"""Objects as they are read -> values of the model: nodes, namespaces, roles and frameworks.

Pods have `bodies_pod.py`, Tasks `bodies_task.py`. These functions are total: what cannot be understood becomes a
`Malformed`, which the caller logs and counts, so that one bad object never stops the rest.
"""

from dataclasses import dataclass

from entresol.engine.events import NamespaceObserved
from entresol.kube import wire, wire_kinds
from entresol.kube.names import full_name
from entresol.kube.requests import amount, amounts
from entresol.kube.scheduling import label_expressions, sorted_pairs, taints_of
from entresol.kube.scope import EVERYTHING, Scope
from entresol.model.agents import Agent
from entresol.model.identifiers import AgentId, FrameworkId, RoleId
from entresol.model.tenants import Admission, Framework, Role


@dataclass(frozen=True, slots=True)
class Malformed:
    """An object that cannot be understood. `name` is `namespace/name`; `why` says what must be different."""

    kind: str
    name: str
    why: str


def agent_of(node: wire.Node, scope: Scope = EVERYTHING) -> Agent | Malformed:
    """A Node as an agent. `open` is True: a cordon is a taint, and draining is the engine's own business."""
    name = node.metadata.name
    if not name:
        return Malformed("Node", name, "`metadata.name` must not be empty")
    try:
        allocatable = amounts(node.status.allocatable)
    except ValueError as error:
        return Malformed("Node", name, f"`status.allocatable`: {error}")
    return Agent(
        id=AgentId(name),
        allocatable=allocatable,
        attributes=node.metadata.labels,
        taints=taints_of(node.spec.taints, unschedulable=node.spec.unschedulable),
        ready=any(c.type == "Ready" and c.status == "True" for c in node.status.conditions),
        member=scope.takes(node.metadata.labels),
    )


def namespace_of(namespace: wire.Namespace) -> NamespaceObserved | Malformed:
    """A Namespace as the engine is told of it."""
    metadata = namespace.metadata
    if not metadata.name:
        return Malformed("Namespace", "", "`metadata.name` must not be empty")
    terminating = namespace.status.phase == "Terminating" or bool(metadata.deletion_timestamp)
    return NamespaceObserved(metadata.name, metadata.labels, terminating=terminating)


def role_of(role: wire_kinds.FrameworkRole) -> Role | Malformed:
    """A FrameworkRole as a role. A limit of zero stays, because it forbids; a guarantee of zero is none."""
    name, spec = role.metadata.name, role.spec
    if not name:
        return Malformed("FrameworkRole", name, "`metadata.name` must not be empty")
    if spec.weight < 1:
        return Malformed("FrameworkRole", name, f"`spec.weight` must be at least 1, not {spec.weight}")
    try:
        return Role(
            id=RoleId(name),
            weight=spec.weight,
            guarantee=amounts(spec.guarantee),
            limit={resource: amount(resource, quantity) for resource, quantity in spec.limit.items()},
            admission=_admission(spec.namespaces),
        )
    except ValueError as error:
        return Malformed("FrameworkRole", name, f"`spec`: {error}")


def framework_of(framework: wire_kinds.Framework) -> Framework | Malformed:
    """A Framework as a framework; without a role it belongs to the one named like its namespace."""
    metadata, spec = framework.metadata, framework.spec
    name = full_name(metadata.namespace, metadata.name)
    if not metadata.name or not metadata.namespace:
        return Malformed("Framework", name, "`metadata.name` and `metadata.namespace` must not be empty")
    if spec.weight < 1:
        return Malformed("Framework", name, f"`spec.weight` must be at least 1, not {spec.weight}")
    if spec.scheduler.type not in ("BuiltIn", "External"):
        why = f"`spec.scheduler.type` must be BuiltIn or External, not {spec.scheduler.type!r}"
        return Malformed("Framework", name, why)
    return Framework(
        id=FrameworkId(name),
        role=RoleId(spec.role or metadata.namespace),
        weight=spec.weight,
        suspended=spec.suspend,
        partition=sorted_pairs(spec.node_selector),
        external=spec.scheduler.type == "External",
        order=spec.scheduler.order,
        placement=spec.scheduler.placement,
    )


def _admission(namespaces: wire_kinds.RoleNamespaces) -> Admission:
    selector = namespaces.selector
    return Admission(
        names=frozenset(namespaces.names),
        selector=None if selector is None else label_expressions(selector),
    )

"""Who shares the cluster: roles hold shares, frameworks belong to roles, namespaces say who may use which role."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from entresol.model.constraints import Expression
from entresol.model.identifiers import FrameworkId, RoleId, namespace_of
from entresol.model.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whose frameworks may use a role: named namespaces, or those whose labels satisfy every expression.

    Both empty means the namespace of the role's own name, and no other.
    """

    names: frozenset[str] = frozenset()
    selector: tuple[Expression, ...] | None = None

    def admits(self, role: RoleId, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether frameworks of this namespace may hold shares of the role."""
        if not self.names and self.selector is None:
            return namespace == role
        if namespace in self.names:
            return True
        return self.selector is not None and all(expression.holds(labels) for expression in self.selector)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A holder of a share. `guarantee` is claimed first, `limit` is never passed; None means there is none.

    A limit that names a resource with zero forbids it, which is why it is a mapping and not `Resources`: there a
    zero and a missing name are the same.
    """

    id: RoleId
    weight: int = 1
    guarantee: Resources = Resources()
    limit: Mapping[str, int] = field(default_factory=dict)
    admission: Admission = Admission()


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """A tenant's scheduler.

    Attributes:
        weight: its part inside its role and namespace.
        suspended: no new grants; what runs goes on.
        partition: attributes an agent must have to be shown to this framework (its `nodeSelector`).
        external: a scheduler outside decides on offers; otherwise Entresol's own second level does, with `order`
            and `placement` naming registered policies.
    """

    id: FrameworkId
    role: RoleId
    weight: int = 1
    suspended: bool = False
    partition: tuple[tuple[str, str], ...] = ()
    external: bool = False
    order: str = "Fifo"
    placement: str = "Balanced"

    @property
    def namespace(self) -> str:
        """The namespace whose tenant owns this framework."""
        return namespace_of(self.id)

"""Roles, frameworks and namespaces, and the rule that no share can be minted.

A role that is named like the framework's own namespace exists without an object: weight 1, no guarantee, no limit. Any
other role needs a FrameworkRole that admits the namespace. The same holds for frameworks: `default` exists in every
namespace, belongs to the namespace's own role, and a real Framework of that name replaces it. So a tenant can neither
invent a role, nor multiply a share by making many frameworks or many labels.

Whoever runs the cluster may want it stricter: without implicit roles a namespace holds nothing before an administrator
gave it a role. And where only some namespaces are served, a role that admits none of them is somebody else's.
"""

from collections.abc import Mapping
from typing import NamedTuple

from entresol.model.identifiers import FrameworkId, RoleId, namespace_of
from entresol.model.reasons import Reason, Waiting
from entresol.model.tasks import Charge
from entresol.model.tenants import Framework, Role

DEFAULT = "default"


def default_of(namespace: str) -> FrameworkId:
    """The framework of a namespace that takes pods which name none."""
    return FrameworkId(f"{namespace}/{DEFAULT}")


class Namespace(NamedTuple):
    """What the engine knows of a namespace."""

    labels: Mapping[str, str]
    terminating: bool


class Tenants:
    """Who may hold shares.

    Without `implicit_roles` every role needs an object. `served` are the namespaces that are told of; none means all.
    """

    def __init__(self, *, implicit_roles: bool = True, served: frozenset[str] = frozenset()) -> None:
        self._implicit_roles = implicit_roles
        self._served = served
        self._roles: dict[RoleId, Role] = {}
        self._frameworks: dict[FrameworkId, Framework] = {}
        self._namespaces: dict[str, Namespace] = {}

    def observe_role(self, role: Role) -> bool:
        """Take in a FrameworkRole; True when it changed."""
        changed = self._roles.get(role.id) != role
        self._roles[role.id] = role
        return changed

    def remove_role(self, role: RoleId) -> bool:
        """The FrameworkRole is gone; True when it was known."""
        return self._roles.pop(role, None) is not None

    def observe_framework(self, framework: Framework) -> Framework | None:
        """Take in a Framework, and say how it was before."""
        before = self._frameworks.get(framework.id)
        self._frameworks[framework.id] = framework
        return before

    def remove_framework(self, framework: FrameworkId) -> bool:
        """The Framework is gone; True when it was known."""
        return self._frameworks.pop(framework, None) is not None

    def observe_namespace(self, name: str, labels: Mapping[str, str], *, terminating: bool) -> bool:
        """Take in a namespace; True when it changed."""
        after = Namespace(dict(labels), terminating)
        changed = self._namespaces.get(name) != after
        self._namespaces[name] = after
        return changed

    def remove_namespace(self, name: str) -> bool:
        """The namespace is gone; True when it was known."""
        return self._namespaces.pop(name, None) is not None

    def terminating(self, namespace: str) -> bool:
        """Whether the namespace is going away: nothing can be created in it any more."""
        known = self._namespaces.get(namespace)
        return known is not None and known.terminating

    def role(self, role: RoleId) -> Role:
        """The role, or the implicit one of that name."""
        return self._roles.get(role) or Role(id=role)

    def roles(self) -> Mapping[RoleId, Role]:
        """The roles that have an object and could be held by anybody who is served."""
        if not self._served:
            return self._roles
        return {role: known for role, known in self._roles.items() if self.concerns(role)}

    def concerns(self, role: RoleId) -> bool:
        """Whether anybody who is served could hold the role; if not, its object is somebody else's."""
        known = self._roles.get(role)
        return known is None or not self._served or any(self._admits(known, namespace) for namespace in self._served)

    def frameworks(self) -> Mapping[FrameworkId, Framework]:
        """The frameworks that have an object."""
        return self._frameworks

    def framework(self, framework: FrameworkId) -> Framework | None:
        """The framework, or the implicit `default` one of its namespace."""
        known = self._frameworks.get(framework)
        if known is None and framework.endswith(f"/{DEFAULT}"):
            return Framework(id=framework, role=RoleId(namespace_of(framework)))
        return known

    def charge(self, framework: FrameworkId) -> Charge:
        """Who pays for what the framework launches now; its namespace's own role when the framework is not there."""
        known = self.framework(framework)
        return Charge(known.role if known else RoleId(namespace_of(framework)), framework)

    def believed(self, stamp: Charge | None) -> Charge | None:
        """A stamp as far as it can be believed of a pod that we did not see being launched.

        Anybody who may edit a pod may write a stamp, so one that names a role which does not admit the namespace is
        charged to the namespace's own role: nobody fills another's limit. Work that ran under a role from which access
        was withdrawn is charged so too, but only after a restart.
        """
        if stamp is None:
            return None
        namespace = namespace_of(stamp.framework)
        role = self._roles.get(stamp.role)
        if stamp.role == namespace or (role is not None and self._admits(role, namespace)):
            return stamp
        return Charge(RoleId(namespace), stamp.framework)

    def _admits(self, role: Role, namespace: str) -> bool:
        known = self._namespaces.get(namespace)
        return role.admission.admits(role.id, namespace, known.labels if known else {})

    def trouble(self, framework: FrameworkId) -> Waiting | None:
        """Why a framework may be granted nothing at all; None when it may."""
        known = self.framework(framework)
        if known is None:
            return Waiting(reason=Reason.FRAMEWORK_NOT_FOUND, detail=framework.partition("/")[2])
        role = self._roles.get(known.role)
        if role is None and not (self._implicit_roles and known.role == known.namespace):
            return Waiting(reason=Reason.ROLE_NOT_FOUND, detail=known.role)
        if role is not None and not self._admits(role, known.namespace):
            return Waiting(reason=Reason.ROLE_NOT_ALLOWED, detail=known.role)
        if known.suspended:
            return Waiting(reason=Reason.FRAMEWORK_SUSPENDED, detail=framework.partition("/")[2])
        return None

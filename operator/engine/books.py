"""Shares and entitlements of everybody, worked out once for one state of the ledger.

Entitlements are first found for the roles (`allocator.entitlement`); a role's namespaces then divide the role's, and
their frameworks theirs, by weight, nobody taking more than it holds and wants.

What a task asks that no agent could ever hold is not counted as wanted: it would only shrink what is said to be due to
others.
"""

from collections.abc import Iterable, Mapping

from entresol.allocator.entitlement import Claim, Entitlement, divide, entitlements
from entresol.allocator.shares import Dominant, dominant
from entresol.engine.cycle import grantable
from entresol.engine.fairness import Due
from entresol.engine.prospects import NONE, placeable, prospects
from entresol.engine.state import State
from entresol.engine.status import FrameworkStatus, RoleStatus, TaskStatus
from entresol.model import tasks
from entresol.model.identifiers import FrameworkId, RoleId, namespace_of
from entresol.model.reasons import Reason
from entresol.model.resources import Resources, total

IDLE = Entitlement(share=0.0, floor=0.0)
"""Whoever neither holds nor wants anything is owed nothing just now."""

BARRED = frozenset({Reason.FRAMEWORK_NOT_FOUND, Reason.ROLE_NOT_FOUND, Reason.ROLE_NOT_ALLOWED})
"""Troubles that mean a framework has no part in the role it names."""


class Books:
    """Everybody's figures at one moment.

    Attributes:
        totals: the denominator of every share.
        counts: how many tasks of each framework are in each state.
        known: everybody who has an object, holds something, or has tasks.
        roles: every role that has an object, holds something, or is named by a framework.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.totals = state.cluster.totals()
        self.counts = {framework: dict(counts) for framework, counts in state.census.counts().items()}
        self.known = sorted({*state.tenants.frameworks(), *state.ledger.by_framework(), *self.counts})
        self._trouble = {framework: grantable(state, framework) for framework in self.known}
        self._members: dict[RoleId, list[FrameworkId]] = {}
        for framework in self.known:
            trouble = self._trouble[framework]
            if trouble is None or trouble.reason not in BARRED or state.ledger.of_framework(framework):
                self._members.setdefault(state.tenants.charge(framework).role, []).append(framework)
        self.roles = sorted({*state.tenants.roles(), *state.ledger.by_role(), *self._members})
        self._prospects = {
            framework: prospects(state, framework) if self._trouble[framework] is None else NONE
            for framework in self.known
        }
        claims = [self._claim(role) for role in self.roles]
        active = [claim for claim in claims if claim.held or claim.pending]
        self.entitlements: Mapping[RoleId, Entitlement] = entitlements(self.totals, active, state.policy.excluded)
        self._parts: dict[RoleId, Mapping[FrameworkId, float]] = {}

    def role(self, role: RoleId, at: float) -> RoleStatus:
        """One role, now."""
        state = self._state
        members = self._members.get(role, [])
        held = state.ledger.of_role(role)
        entitled = self.entitlements.get(role, IDLE)
        oldest = [since for framework in members if (since := state.backlog.oldest(framework)) is not None]
        return RoleStatus(
            id=role,
            weight=state.tenants.role(role).weight,
            held=held,
            wanted=total(self._prospects[framework].wanted for framework in members),
            share=self._share(held),
            entitlement=entitled.share,
            floor=entitled.floor,
            waiting=sum(self.counts.get(framework, {}).get(tasks.PENDING, 0) for framework in members),
            frameworks=len(members),
            placeable=self._placeable(role),
            guarantee_fits=self._guarantees_fit(),
            guarantee_unmet=any(self._prospects[framework].claims for framework in members),
            oldest_wait=max(0.0, at - min(oldest)) if oldest else 0.0,
            account=state.fairness.account(role, at),
        )

    def dues(self) -> dict[RoleId, Due]:
        """What every role is due, for the fairness ledger."""
        return {
            role: Due(
                self.entitlements.get(role, IDLE).share,
                self._placeable(role) > 0,
                self._state.ledger.of_role(role),
            )
            for role in self.roles
        }

    def share(self, held: Resources) -> float:
        """What a holding amounts to as a dominant share."""
        return self._share(held).fraction

    def framework(self, framework: FrameworkId, head: TaskStatus | None) -> FrameworkStatus:
        """One framework, now; `head` is its first waiting task."""
        role = self._state.tenants.charge(framework).role
        held = self._state.ledger.of_framework(framework)
        if role not in self._parts:
            self._parts[role] = self._divide(role)
        return FrameworkStatus(
            id=framework,
            role=role,
            counts=self.counts.get(framework, {}),
            held=held,
            share=self._share(held),
            entitlement=self._parts[role].get(framework, 0.0),
            head=head,
            trouble=self._trouble[framework],
        )

    def _guarantees_fit(self) -> bool:
        """Whether the cluster could hold all guarantees at once, resource by resource."""
        return self.totals.covers(total(role.guarantee for role in self._state.tenants.roles().values()))

    def _placeable(self, role: RoleId) -> int:
        return placeable(self._state, role, sum(self._prospects[one].placeable for one in self._members.get(role, ())))

    def _claim(self, role: RoleId) -> Claim:
        known = self._state.tenants.role(role)
        return Claim(
            role=role,
            weight=known.weight,
            held=self._state.ledger.of_role(role),
            pending=total(self._prospects[framework].wanted for framework in self._members.get(role, ())),
            limit=known.limit,
            guarantee=known.guarantee,
        )

    def _divide(self, role: RoleId) -> Mapping[FrameworkId, float]:
        """A role's entitlement among its namespaces, and each namespace's among its frameworks."""
        by_namespace: dict[str, list[FrameworkId]] = {}
        for framework in self._members.get(role, ()):
            by_namespace.setdefault(namespace_of(framework), []).append(framework)
        wishes = [(1, self._wish(members)) for members in by_namespace.values()]
        parts: dict[FrameworkId, float] = {}
        due = divide(self.entitlements.get(role, IDLE).share, wishes)
        for members, part in zip(by_namespace.values(), due, strict=True):
            inside = [(self._weight(framework), self._wish([framework])) for framework in members]
            parts.update(zip(members, divide(part, inside), strict=True))
        return parts

    def _weight(self, framework: FrameworkId) -> int:
        known = self._state.tenants.framework(framework)
        return known.weight if known else 1

    def _wish(self, frameworks: Iterable[FrameworkId]) -> float:
        state = self._state
        return self.share(total(state.ledger.of_framework(f) + self._prospects[f].wanted for f in frameworks))

    def _share(self, held: Resources) -> Dominant:
        return dominant(held, self.totals, self._state.policy.excluded)

"""Statuses, rendered from the books when somebody asks."""

from collections import Counter
from collections.abc import Iterable, Mapping

from entresol.allocator.entitlement import Claim, Entitlement, entitlements
from entresol.allocator.shares import Dominant, dominant
from entresol.engine.cycle import grantable
from entresol.engine.explain import more_agents_help, why
from entresol.engine.state import Entry, State
from entresol.engine.status import FrameworkStatus, RoleStatus, Summary, TaskStatus
from entresol.model import tasks
from entresol.model.identifiers import FrameworkId, RoleId
from entresol.model.resources import Resources, total

IDLE = Entitlement(share=0.0, floor=0.0)
"""Whoever neither holds nor wants anything is owed nothing just now."""


def task_status(state: State, entry: Entry, at: float) -> TaskStatus:
    """One task, now."""
    live = entry.live
    waiting = why(state, entry, at)
    pod = state.pods.get(live.pod) if live is not None and live.pod is not None else None
    last = entry.record.last
    place = state.backlog.place(entry.task.id)
    return TaskStatus(
        id=entry.task.id,
        name=entry.task.name,
        plain=entry.task.plain,
        record=entry.record,
        generation=entry.task.generation,
        demand=entry.task.demand,
        reason=waiting.reason.value if waiting else (last.reason if last and entry.over else ""),
        message=entry.words,
        pod=pod.name if pod else (last.pod if last else ""),
        pod_id=live.pod if live else None,
        agent=live.agent if live else (last.agent if last and entry.over else None),
        ready=bool(pod and pod.ready and entry.record.state == tasks.RUNNING),
        waiting=waiting,
        since=entry.since if waiting else None,
        passed_over=state.findings.passed_over.get((place.framework, place.work), 0) if place else 0,
        more_agents_help=bool(waiting and more_agents_help(state, entry, waiting)),
    )


class Books:
    """Shares and entitlements of everybody, worked out once for one state of the books."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.totals = state.cluster.totals()
        self.counts = counts_by_framework(state)
        self._frameworks = self._all_frameworks()
        self.known = frozenset(self._frameworks)
        self._of_role: dict[RoleId, list[FrameworkId]] = {}
        for framework in self._frameworks:
            self._of_role.setdefault(state.tenants.charge(framework).role, []).append(framework)
        self.roles = sorted({*state.tenants.roles(), *state.ledger.by_role(), *self._of_role})
        self._wanted = {role: total(state.backlog.wanted(f) for f in self._wanting(role)) for role in self.roles}
        claims = [self._claim(role) for role in self.roles if self._wanted[role] or state.ledger.of_role(role)]
        self.entitlements: Mapping[RoleId, Entitlement] = entitlements(self.totals, claims, state.policy.excluded)

    def role(self, role: RoleId, at: float) -> RoleStatus:
        """One role, now."""
        state = self._state
        members = self._of_role.get(role, [])
        held = state.ledger.of_role(role)
        entitled = self.entitlements.get(role, IDLE)
        oldest = [since for framework in members if (since := state.backlog.oldest(framework)) is not None]
        return RoleStatus(
            id=role,
            weight=state.tenants.role(role).weight,
            held=held,
            wanted=self._wanted[role],
            share=self._share(held),
            entitlement=entitled.share,
            floor=entitled.floor,
            waiting=sum(state.backlog.count(framework) for framework in members),
            frameworks=len(members),
            guarantee_fits=self.guarantees_fit(),
            oldest_wait=max(0.0, at - min(oldest)) if oldest else 0.0,
        )

    def framework(self, framework: FrameworkId, at: float) -> FrameworkStatus:
        """One framework, now. Its entitlement is its part, by weight, of its role's."""
        state = self._state
        role = state.tenants.charge(framework).role
        held = state.ledger.of_framework(framework)
        head = state.backlog.head(framework)
        entitled = self.entitlements.get(role, IDLE)
        return FrameworkStatus(
            id=framework,
            role=role,
            counts=self.counts.get(framework, {}),
            held=held,
            share=self._share(held),
            entitlement=entitled.share * self._part(role, framework),
            head=task_status(state, state.entries[head.task], at) if head else None,
            trouble=grantable(state, framework),
        )

    def guarantees_fit(self) -> bool:
        """Whether the cluster could hold all guarantees at once, resource by resource."""
        return self.totals.covers(total(role.guarantee for role in self._state.tenants.roles().values()))

    def frameworks(self) -> list[FrameworkId]:
        """Everybody who has an object, holds something, or has tasks."""
        return self._frameworks

    def _all_frameworks(self) -> list[FrameworkId]:
        state = self._state
        return sorted({*state.tenants.frameworks(), *state.ledger.by_framework(), *self.counts})

    def _wanting(self, role: RoleId) -> Iterable[FrameworkId]:
        return (f for f in self._of_role.get(role, []) if grantable(self._state, f) is None)

    def _claim(self, role: RoleId) -> Claim:
        known = self._state.tenants.role(role)
        held = self._state.ledger.of_role(role)
        return Claim(
            role=role,
            weight=known.weight,
            held=held,
            pending=self._wanted[role],
            limit=known.limit,
            guarantee=known.guarantee,
        )

    def _share(self, held: Resources) -> Dominant:
        return dominant(held, self.totals, self._state.policy.excluded)

    def _part(self, role: RoleId, framework: FrameworkId) -> float:
        """Namespaces divide a role evenly, frameworks their namespace's part by weight; idle ones leave theirs."""
        state = self._state
        busy = [f for f in self._of_role.get(role, []) if state.ledger.of_framework(f) or state.backlog.wanted(f)]
        if framework not in busy:
            return 0.0
        namespaces = {f.partition("/")[0] for f in busy}
        beside = [f for f in busy if f.partition("/")[0] == framework.partition("/")[0]]
        weights = {f: known.weight if (known := state.tenants.framework(f)) else 1 for f in beside}
        return weights[framework] / sum(weights.values()) / len(namespaces)


def counts_by_framework(state: State) -> Mapping[FrameworkId, Counter[str]]:
    """How many tasks of each framework are in each state."""
    counts: dict[FrameworkId, Counter[str]] = {}
    for entry in state.entries.values():
        if not entry.gone:
            counts.setdefault(entry.task.framework, Counter())[entry.record.state or tasks.PENDING] += 1
    return counts


def summary(state: State, at: float) -> Summary:
    """Everybody's figures at once."""
    books = Books(state)
    reasons: Counter[tuple[FrameworkId, str]] = Counter()
    for framework, word, number in _reasons(state, at):
        if number:
            reasons[(framework, word)] += number
    return Summary(
        roles=tuple(books.role(role, at) for role in books.roles),
        frameworks=tuple(books.framework(one, at) for one in books.frameworks()),
        reasons=reasons,
        agents=len(state.cluster),
        totals=books.totals,
        offers=len(state.offers),
        launches=sum(1 for entry in state.entries.values() if entry.live is not None and not entry.live.seen),
    )


def _reasons(state: State, at: float) -> Iterable[tuple[FrameworkId, str, int]]:
    # Units in line share their class's verdict, so the first and the last of each class speak for all of them; only
    # tasks that wait aside are asked one by one.
    for framework in state.backlog.frameworks():
        for queue in state.backlog.queues(framework):
            yield framework, _word(state, state.entries[queue.units[0].task], at), 1
            yield framework, _word(state, state.entries[queue.units[-1].task], at), len(queue.units) - 1
    for entry in state.entries.values():
        if entry.live is None and not entry.over and entry.task.id not in state.backlog:
            yield entry.task.framework, _word(state, entry, at), 1


def _word(state: State, entry: Entry, at: float) -> str:
    waiting = why(state, entry, at)
    assert waiting is not None
    return waiting.reason.value

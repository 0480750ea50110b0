"""One allocation cycle as the engine sees it: the picture it gives out, and the plan it takes back.

A picture shows only work that may be granted now; everything else has its reason already. A plan comes in parts, each
committed as it comes. The last part explains what is left, and those findings stay until the next cycle's.
"""

from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heapreplace

from entresol.allocator.plan import CutShort, Launch, OverLimit, Plan, Slice, Verdict
from entresol.allocator.snapshot import ClusterSnapshot, FrameworkView, Queue, RoleView
from entresol.engine.commit import commit, obstacle
from entresol.engine.effects import PublishTask
from entresol.engine.state import Admission, Findings, State
from entresol.model.identifiers import FrameworkId, RoleId, TaskId
from entresol.model.reasons import Reason, Shortage, Waiting
from entresol.model.resources import Resources
from entresol.model.work import TaskClass, Unit

MOST_NEWS = 500
"""At most so many tasks are marked for new words about their waiting at a time; the rest follow with the next tick."""

DEFAULT_PLACEMENT = "Balanced"


def snapshot(state: State, cycle: int) -> ClusterSnapshot:
    """The picture that the allocator decides on."""
    frameworks = tuple(sorted(_frameworks(state), key=lambda view: view.id))
    holders = {view.role for view in frameworks} | set(state.ledger.by_role())
    roles = tuple(
        RoleView(state.tenants.role(role), state.ledger.of_role(role), state.ledger.namespaces(role))
        for role in sorted(holders)
    )
    return ClusterSnapshot(
        cycle=cycle,
        totals=state.cluster.totals(),
        agents=state.cluster.views(),
        roles=roles,
        frameworks=frameworks,
        refusals=state.refusals(),
    )


def grantable(state: State, framework: FrameworkId) -> Waiting | None:
    """Why nothing of a framework may be granted now, be it for reasons of its own or of its namespace's quota."""
    trouble = state.tenants.trouble(framework)
    if trouble is not None:
        return trouble
    namespace = framework.partition("/")[0]
    if state.tenants.terminating(namespace):
        return Waiting(reason=Reason.FORBIDDEN, detail="the namespace is being deleted")
    rest = state.quota.get(namespace)
    if rest is not None and rest[0] > 0:
        return Waiting(reason=Reason.QUOTA_EXCEEDED, until=rest[0])
    return None


def planned(state: State, plan: Plan) -> tuple[Slice, ...]:
    """Commit a part of a plan; returns the slices, which become offers.

    A grant that is no longer possible is left out: its task still waits, and the next cycle sees why.
    """
    slices = []
    for grant in plan.grants:
        if isinstance(grant, Slice):
            slices.append(grant)
        elif obstacle(state, grant.task, grant.agent):
            state.changed()
        else:
            commit(state, grant.task, grant.agent)
    return tuple(slices)


def conclude(state: State, plan: Plan, launched: dict[FrameworkId, Unit], at: float) -> None:
    """Keep what a complete cycle found, and tell those whose kind of reason changed.

    `launched` names, per framework, the last unit in its line that was placed in this cycle.
    """
    verdicts = {(one.framework, one.work): one.verdict for one in plan.passes}
    passed_over: dict[tuple[FrameworkId, TaskClass], int] = {}
    for key in verdicts:
        first = state.backlog.first(*key)
        behind = launched.get(key[0])
        skipped = first is not None and behind is not None and first < behind
        passed_over[key] = state.findings.passed_over.get(key, 0) + (1 if skipped else 0)
    admissible, admissions = _admissible(state, verdicts)
    before = state.findings
    state.findings = Findings(verdicts, plan.standings, passed_over, admissible, admissions, _kinds(state, verdicts))
    _gather_news(state, before)
    tell_news(state)
    state.figures_changed(at)


def tell_news(state: State) -> None:
    """Mark tasks that were told something else before; what is too much at once follows with the next occasion."""
    for task in list(state.news)[:MOST_NEWS]:
        del state.news[task]
        entry = state.entries.get(task)
        if entry is not None and entry.told and entry.live is None and not entry.over:
            state.do(PublishTask(task, urgent=False))


def cut_short(plan: Plan) -> bool:
    """Whether the cycle stopped at its bound, so that another one has to go on."""
    return any(isinstance(one.verdict, CutShort) for one in plan.passes)


def placed_last(state: State, plan: Plan, so_far: dict[FrameworkId, Unit]) -> None:
    """Remember the last unit in line that each framework was granted; called before the grants are committed."""
    for grant in plan.grants:
        place = state.backlog.place(grant.task)
        if place is not None and isinstance(grant, Launch):
            last = so_far.get(grant.framework)
            if last is None or last < place.unit:
                so_far[grant.framework] = place.unit


def kind(verdict: Verdict) -> Reason:
    """The kind of reason a verdict gives to the first unit of its class."""
    if isinstance(verdict, OverLimit):
        return Reason.LIMIT_REACHED
    if isinstance(verdict, Shortage):
        return Reason.NEVER_FITS if verdict.never else Reason.NO_ROOM
    return Reason.BEHIND


def _hopeless(verdict: Verdict | None) -> bool:
    return isinstance(verdict, Shortage) and verdict.never


def _frameworks(state: State) -> Iterator[FrameworkView]:
    offered = state.offered_tasks()
    for framework in state.backlog.frameworks():
        if grantable(state, framework) is not None:
            continue
        known = state.tenants.framework(framework)
        assert known is not None
        queues = state.backlog.queues(framework)
        if known.external:
            if not state.listens(framework):
                continue
            queues = _without(queues, offered)
        if not queues:
            continue
        yield FrameworkView(
            id=framework,
            role=known.role,
            namespace=known.namespace,
            weight=known.weight,
            held=state.ledger.of_framework(framework),
            queues=queues,
            # An operator that is older than the definitions may not know a placement; its work goes on all the same.
            placement=known.placement if known.placement in state.policy.placements else DEFAULT_PLACEMENT,
            external=known.external,
        )


def _without(queues: tuple[Queue, ...], offered: frozenset[TaskId]) -> tuple[Queue, ...]:
    left = (Queue(queue.work, tuple(unit for unit in queue.units if unit.task not in offered)) for queue in queues)
    return tuple(queue for queue in left if queue.units)


def _admissible(
    state: State, verdicts: dict[tuple[FrameworkId, TaskClass], Verdict]
) -> tuple[frozenset[TaskId], dict[RoleId, Admission]]:
    """In roles with a limit: the waiting tasks that fit under it one after the other, first in line first."""
    waiting: dict[RoleId, set[FrameworkId]] = {}
    for framework, _ in verdicts:
        role = state.tenants.charge(framework).role
        if state.tenants.role(role).limit:
            waiting.setdefault(role, set()).add(framework)
    admitted: set[TaskId] = set()
    admissions: dict[RoleId, Admission] = {}
    for role, frameworks in waiting.items():
        queues = tuple(
            queue
            for framework in sorted(frameworks)
            for queue in state.backlog.queues(framework)
            if not _hopeless(verdicts.get((framework, queue.work)))
        )
        key = (state.ledger.of_role(role), state.tenants.role(role).limit, queues)
        known = state.findings.admissions.get(role)
        # Queues that did not change are the same objects, so with ten thousand waiting this costs nothing to compare.
        admissions[role] = known if known is not None and known[0] == key else (key, within(*key))
        admitted |= admissions[role][1]
    return frozenset(admitted), admissions


def within(held: Resources, limit: Mapping[str, int], queues: tuple[Queue, ...]) -> frozenset[TaskId]:
    """The first units of these queues, taken together in order of rank, that stay within the limit.

    What is held only grows on the way, so a class that does not fit once is out for good.
    """
    admitted: set[TaskId] = set()
    line = [(queue.units[0], number, 0) for number, queue in enumerate(queues)]
    heapify(line)
    while line:
        unit, number, place = line[0]
        units, demand = queues[number].units, queues[number].work.demand
        after = held + demand
        if any(after.get(name) > limit[name] for name, _ in demand if name in limit):
            heappop(line)
            continue
        held = after
        admitted.add(unit.task)
        if place + 1 < len(units):
            heapreplace(line, (units[place + 1], number, place + 1))
        else:
            heappop(line)
    return frozenset(admitted)


def _kinds(
    state: State, verdicts: dict[tuple[FrameworkId, TaskClass], Verdict]
) -> dict[tuple[FrameworkId, TaskClass], Reason]:
    """The kind of reason that each waiting class has now."""
    kinds: dict[tuple[FrameworkId, TaskClass], Reason] = {}
    for framework in state.backlog.frameworks():
        trouble = grantable(state, framework)
        for queue in state.backlog.queues(framework):
            key = (framework, queue.work)
            if trouble is not None:
                kinds[key] = trouble.reason
            elif key in verdicts:
                kinds[key] = kind(verdicts[key])
    return kinds


def _gather_news(state: State, before: Findings) -> None:
    now = state.findings
    for key, reason in now.kinds.items():
        if before.kinds.get(key) is not reason:
            state.news.update((unit.task, None) for unit in state.backlog.line(*key))
    state.news.update((task, None) for task in sorted(before.admissible ^ now.admissible))

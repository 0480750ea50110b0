"""The decision log, replayed by the slowest possible allocator.

For every grant the audit works out afresh, from the snapshot and the grants before it, which units could have been
granted at all, what everybody's key was, and who was due at each level. It shares the formula of a share with the
product and nothing else: no heaps, no arrays, no memos. A plan without findings is one that the rules dictate, and it
says of everything it left behind why, correctly.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from entresol.allocator.plan import CutShort, Grant, Key, OverLimit, Slice
from entresol.allocator.snapshot import AgentView, ClusterSnapshot, FrameworkView, Queue
from entresol.model.constraints import HostPort, port_clash
from entresol.model.identifiers import AgentId, FrameworkId, RoleId
from entresol.model.policy import Policy
from entresol.model.reasons import Shortage
from entresol.model.resources import Resources
from entresol.model.work import TaskClass, Unit
from tests.support.builders import Outcome

Head = tuple[Unit, TaskClass]


@dataclass
class Books:
    """What is held and free at one moment."""

    snapshot: ClusterSnapshot
    policy: Policy
    free: dict[AgentId, Resources] = field(init=False)
    ports: dict[AgentId, frozenset[HostPort]] = field(init=False)
    roles: dict[RoleId, Resources] = field(init=False)
    spaces: dict[tuple[RoleId, str], Resources] = field(init=False)
    frameworks: dict[FrameworkId, Resources] = field(init=False)
    taken: dict[tuple[FrameworkId, int], int] = field(init=False)

    def __post_init__(self) -> None:
        self.free = {view.agent.id: view.free for view in self.snapshot.agents}
        self.ports = {view.agent.id: view.ports for view in self.snapshot.agents}
        self.roles = {view.role.id: view.held for view in self.snapshot.roles}
        self.spaces = {(v.role.id, name): held for v in self.snapshot.roles for name, held in v.namespaces.items()}
        self.frameworks = {view.id: view.held for view in self.snapshot.frameworks}
        self.taken = {(view.id, i): 0 for view in self.snapshot.frameworks for i in range(len(view.queues))}

    def book(self, view: FrameworkView, queue: int, agent: AgentId) -> None:
        work = view.queues[queue].work
        self.taken[view.id, queue] += 1
        self.free[agent] -= work.demand
        self.ports[agent] |= frozenset(work.constraints.ports)
        self.roles[view.role] += work.demand
        space = view.role, view.namespace
        self.spaces[space] = self.spaces.get(space, Resources()) + work.demand
        self.frameworks[view.id] += work.demand

    def over(self, view: FrameworkView, work: TaskClass) -> tuple[str, ...]:
        """Limited resources that one more unit would pass."""
        limit = next(each.role.limit for each in self.snapshot.roles if each.role.id == view.role)
        held = self.roles[view.role]
        return tuple(n for n, amount in work.demand if n in limit and held.get(n) + amount > limit[n])

    def fits(self, view: FrameworkView, work: TaskClass, on: AgentView) -> bool:
        """Whether the unit may go onto this agent now."""
        agent = on.agent.id
        refused = self.snapshot.refusals.get(view.id, {}).get(agent, ()) if view.external else ()
        return (
            work.exclusion(on.agent) is None
            and self.free[agent].covers(work.demand)
            and port_clash(work.constraints.ports, self.ports[agent]) is None
            and not any(amount.covers(work.demand) for amount in refused)
        )

    def fits_somewhere(self, view: FrameworkView, work: TaskClass) -> bool:
        return any(self.fits(view, work, on) for on in self.snapshot.agents)

    def left(self, view: FrameworkView) -> Iterator[tuple[int, Queue, Unit]]:
        """A framework's queues with waiting units, and the next of each."""
        for i, queue in enumerate(view.queues):
            at = self.taken[view.id, i]
            if at < len(queue.units):
                yield i, queue, queue.units[at]

    def head(self, view: FrameworkView, *, with_room: bool) -> Head | None:
        """The next unit within the limit, of those with room or of all."""
        open_ = [
            (unit, queue.work)
            for _, queue, unit in self.left(view)
            if not self.over(view, queue.work) and (not with_room or self.fits_somewhere(view, queue.work))
        ]
        return min(open_, key=lambda head: head[0].rank, default=None)

    def ladders(self, *, with_room: bool) -> dict[FrameworkId, tuple[Key, ...]]:
        """The keys of every framework that has a head, from its role's down to its own."""
        heads = {v.id: head for v in self.snapshot.frameworks if (head := self.head(v, with_room=with_room))}
        views = {view.id: view for view in self.snapshot.frameworks if view.id in heads}
        own = {f: self._key(self.frameworks[f], heads[f], view.weight, (0, f)) for f, view in views.items()}
        due_in_space: dict[tuple[RoleId, str], FrameworkId] = {}
        for f in sorted(views, key=lambda f: own[f]):
            due_in_space.setdefault((views[f].role, views[f].namespace), f)
        space_key = {
            space: self._key(self.spaces.get(space, Resources()), heads[f], 1, (0, space[1]))
            for space, f in due_in_space.items()
        }
        due_in_role: dict[RoleId, FrameworkId] = {}
        for space in sorted(space_key, key=lambda space: space_key[space]):
            due_in_role.setdefault(space[0], due_in_space[space])
        role_key = {r: self._role_key(r, heads[f]) for r, f in due_in_role.items()}
        return {f: (role_key[v.role], space_key[v.role, v.namespace], own[f]) for f, v in views.items()}

    def due(self) -> FrameworkId | None:
        """Whose turn it is: the smallest key at each level, from the top."""
        ladders = self.ladders(with_room=True)
        return min(ladders, key=lambda f: ladders[f], default=None)

    def _role_key(self, role: RoleId, head: Head) -> Key:
        known = next(view.role for view in self.snapshot.roles if view.role.id == role)
        after, demand = self.roles[role] + head[1].demand, head[1].demand
        guaranteed = [name for name in demand.names() if name in known.guarantee.names()]
        inside = bool(guaranteed) and all(after.get(name) <= known.guarantee.get(name) for name in guaranteed)
        return self._key(self.roles[role], head, known.weight, (0 if inside else 1, role))

    def _key(self, held: Resources, head: Head, weight: int, ends: tuple[int, str]) -> Key:
        unit, work = head
        totals = self.snapshot.totals
        names = [name for name in totals.names() if name not in self.policy.excluded]
        share = self.policy.share(
            [held.get(name) for name in names],
            [work.demand.get(name) for name in names],
            [1.0 / totals.get(name) for name in names],
        )
        return Key(ends[0], share / weight, unit.since, ends[1])


def audit(snapshot: ClusterSnapshot, policy: Policy, outcome: Outcome) -> list[str]:
    """Everything that is wrong with an outcome; empty when it is exactly what the rules dictate."""
    books = Books(snapshot, policy)
    findings: list[str] = []
    for number, grant in enumerate(outcome.grants):
        findings += [f"grant {number} ({grant.task}): {finding}" for finding in _check_grant(books, grant)]
        if findings:
            return findings
    return [*_check_steps(policy, outcome), *_check_rest(books, policy, outcome)]


def _check_grant(books: Books, grant: Grant) -> Iterator[str]:
    views = {view.id: view for view in books.snapshot.frameworks}
    agents = {view.agent.id: view for view in books.snapshot.agents}
    view = views[grant.framework]
    if isinstance(grant, Slice) is not view.external:
        yield "only external frameworks get slices, and nothing else"
    found = [(i, queue) for i, queue, unit in books.left(view) if unit.task == grant.task]
    if not found or found[0][1].work != grant.work:
        yield "it is not the next unit of any class"
        return
    if books.over(view, grant.work):
        yield "it passes the role's limit"
    if not books.fits(view, grant.work, agents[grant.agent]):
        yield f"it does not fit on {grant.agent}"
        return
    due = books.due()
    head = books.head(view, with_room=True)
    if due != grant.framework or head is None or head[0].task != grant.task:
        yield f"{due} was due, and next in the framework {head}"
    elif books.ladders(with_room=True)[grant.framework] != grant.keys:
        yield f"its keys are {grant.keys}"
    books.book(view, found[0][0], grant.agent)


def _check_steps(policy: Policy, outcome: Outcome) -> Iterator[str]:
    if [step.final for step in outcome.steps] != [False] * (len(outcome.steps) - 1) + [True]:
        yield "the last step, and only the last, must be final"
    if any(len(step.grants) > policy.grants_per_step for step in outcome.steps):
        yield "a step has too many grants"
    if len(outcome.grants) > policy.grants_per_cycle:
        yield "the cycle has too many grants"


def _check_rest(books: Books, policy: Policy, outcome: Outcome) -> Iterator[str]:
    cut = len(outcome.grants) == policy.grants_per_cycle
    wanted = [(view, queue.work) for view in books.snapshot.frameworks for _, queue, _ in books.left(view)]
    passes = {(each.framework, each.work): each.verdict for each in outcome.final.passes}
    if len(outcome.final.passes) != len(wanted):
        yield f"{len(wanted)} classes are left, {len(outcome.final.passes)} are explained"
    for view, work in wanted:
        verdict = passes.get((view.id, work))
        over, room = books.over(view, work), books.fits_somewhere(view, work)
        match verdict:
            case OverLimit(resources):
                if resources != over:
                    yield f"{view.id}: over its limit on {over}, not on {resources}"
            case CutShort():
                if over or not cut:
                    yield f"{view.id}: nothing cut {work} short"
            case Shortage():
                if over or room:
                    yield f"{view.id}: {work} has room"
                yield from _check_shortage(books, view, work, verdict)
            case None:
                yield f"{view.id}: {work} is left without a reason"
    yield from _check_standings(books, outcome)


def _check_shortage(books: Books, view: FrameworkView, work: TaskClass, shortage: Shortage) -> Iterator[str]:
    agents = books.snapshot.agents
    counted = sum(n for _, n in (*shortage.excluded, *shortage.too_small, *shortage.busy))
    if (counted, shortage.agents) != (len(agents), len(agents)):
        yield f"{view.id}: {counted} of {len(agents)} agents are counted for {work}"
    hopeful = [
        on.agent.id
        for on in agents
        if on.agent.allocatable.covers(work.demand)
        and ((barrier := work.exclusion(on.agent)) is None or barrier.barrier.passing)
    ]
    if shortage.never is bool(hopeful) or shortage.fits_when_empty != len(hopeful):
        yield f"{view.id}: {hopeful} could hold {work} when empty, not {shortage.fits_when_empty}"


def _check_standings(books: Books, outcome: Outcome) -> Iterator[str]:
    want = books.ladders(with_room=False)
    have = {standing.framework: standing.keys for standing in outcome.final.standings}
    if have != want:
        yield f"standings are {have}, should be {want}"
    if [s.framework for s in outcome.final.standings] != sorted(want, key=lambda f: want[f]):
        yield "standings are out of order"

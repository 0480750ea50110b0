"""One allocation cycle: who is due, onto which agent, and what that changes for everybody else.

The rule it keeps, and which an audit of its grants can check: *every grant goes to the smallest key among the units
that could be granted at that moment*, level by level. So whatever a grant changes is settled before the next one: the
holders that were charged, the frameworks whose next unit has lost its last agent, and those whose next unit would now
pass their role's limit.

A cycle has three parts, `prepare`, `grants` and `explanation`, each to be exhausted in this order. All three give way
now and then: `tired` says when enough has been done at a stretch. It goes by counted work and not by a clock, so that the
same snapshot is always cut the same way.
"""

from collections.abc import Iterable, Iterator

from entresol.allocator.explanation import Explanation
from entresol.allocator.memo import Cache
from entresol.allocator.placement.floor import Floor
from entresol.allocator.placement.kind import Kind, Room
from entresol.allocator.placement.walk import Walk
from entresol.allocator.plan import Grant, Launch, Slice
from entresol.allocator.seating import Seat, Seating
from entresol.allocator.shares import inverses
from entresol.allocator.snapshot import ClusterSnapshot
from entresol.allocator.tree import Holder, Tree
from entresol.allocator.watch import Watch
from entresol.model.policy import Policy

_new = tuple.__new__
"""What calling `Launch` or `Slice` comes down to, without two frames in between."""

ENOUGH = 8000
"""Work at a stretch, in microseconds of an ordinary core."""
GRANT, SEAT = 10, 20
"""What placing a unit and seating a framework cost of it."""


class Cycle:
    """A cycle under way."""

    def __init__(self, snapshot: ClusterSnapshot, policy: Policy, cache: Cache) -> None:
        """Begin a cycle; `cache` must be open on the snapshot."""
        names = cache.axes.names
        self._floor = Floor(cache.matrix, inverses(names, snapshot.totals))
        self._watch = Watch(self._floor)
        self._placements = policy.placements
        self._walks: dict[str, dict[Room, Walk]] = {}
        self._tree = Tree(policy.share, inverses(names, snapshot.totals, policy.excluded))
        self._seating = Seating(snapshot, self._tree, cache)
        self._seats: dict[Holder, Seat] = {}
        # Who ever stood first in line with a room; most of them went on since, which is only looked at when it closes.
        self._stood: dict[Room, list[Seat]] = {}

    def tired(self) -> bool:
        """Whether enough was done since this was last true."""
        if self._floor.effort < ENOUGH:
            return False
        self._floor.effort = 0
        return True

    def prepare(self) -> Iterator[None]:
        """Seat everybody and find everybody's next unit."""
        floor = self._floor
        for seat in self._seating.seats():
            self._seats[seat.holder] = seat
            floor.effort += SEAT
            yield
        grounds = {queued.room.kind.ground: None for seat in self._seats.values() for queued in seat.line.queues}
        for ground in grounds:
            for _ in ground.learn(floor.matrix):
                floor.effort = ENOUGH
                yield
            floor.effort += SEAT
            yield
        for seat in self._seats.values():
            self._choose(seat)
            floor.effort += GRANT
            yield
        floor.effort = 0

    def grants(self, most: int) -> Iterator[Grant]:
        """Grant one unit after the other to whoever is due, until nothing that waits can be granted."""
        floor, tree, watch, seats = self._floor, self._tree, self._watch, self._seats
        views = floor.matrix.views
        for _ in range(most):
            due = tree.due()
            if due is None:
                return
            leaf, keys = due
            seat = seats[leaf]
            queued, view = seat.head, seat.view
            if queued is None:
                raise AssertionError("a framework without an open class was called due")
            room, unit = queued.room, queued.unit
            kind = room.kind
            walk = queued.walk
            if walk is None:
                walk = queued.walk = self._walk(room, view.placement)
            agent = walk.best()
            floor.take(kind, agent)
            floor.effort += GRANT
            then = seat.line.advance()
            died = watch.shaken(agent)
            if then is queued and not died and seat.ceiling is None:
                tree.next_unit(leaf, kind.demand, queued.unit.since, kind.pairs)
            elif not died and seat.ceiling is None:
                self._choose(seat, kind.pairs)
            else:
                self._settle(seat, kind, died)
            what = (view.id, unit.task, kind.work, views[agent].agent.id, keys)
            yield _new(Slice, what) if view.external else _new(Launch, what)

    def explanation(self) -> Explanation:
        """Why what is left waits, and in which order, still to be found out; no grant may follow."""
        return Explanation(self._floor, self._watch, self._tree, self._seats.values())

    def _walk(self, room: Room, placement: str) -> Walk:
        walks = self._walks.get(placement)
        if walks is None:
            walks = self._walks[placement] = {}
        walk = walks.get(room)
        if walk is None:
            walk = walks[room] = Walk(self._floor, room, self._placements[placement])
        return walk

    def _settle(self, served: Seat, kind: Kind, died: Iterable[Room]) -> None:
        """Charge the framework that was served, and choose anew for all whose next unit is out now."""
        ceiling, charged = served.ceiling, kind.pairs
        out: dict[Seat, None] = {seat: None for room in died for seat in self._heads_of(room)}
        if ceiling is not None:
            # The limit is judged on what the role holds, this unit included.
            self._tree.next_unit(served.holder, None, charged=charged)
            charged = ()
            closed = [seat for room in ceiling.lowered() for seat in self._heads_of(room)]
            out.update((seat, None) for seat in closed if seat.ceiling is ceiling)
        out.pop(served, None)
        self._choose(served, charged)
        for seat in out:
            self._choose(seat)

    def _heads_of(self, room: Room) -> list[Seat]:
        """The frameworks whose next unit asks for this room."""
        return [seat for seat in self._stood.get(room, ()) if seat.head is not None and seat.head.room is room]

    def _choose(self, seat: Seat, charged: tuple[tuple[int, int], ...] = ()) -> None:
        """Find the framework's next unit among its open classes, and its place in the order."""
        alive = self._watch.alive
        if seat.ceiling is None:
            head = seat.line.head(alive)
        else:
            closed = seat.ceiling.closed
            head = seat.line.head(lambda room: room not in closed and alive(room))
        seat.head = head
        if head is None:
            self._tree.next_unit(seat.holder, None, charged=charged)
            return
        if not head.stood:
            head.stood = True
            self._stood.setdefault(head.room, []).append(seat)
        self._tree.next_unit(seat.holder, head.room.kind.demand, head.unit.since, charged)

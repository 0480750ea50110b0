"""One allocation cycle: who is due, onto which agent, and what that changes for everybody else.

The rule it keeps, and which an audit of its grants can check: *every grant goes to the smallest key among the units
that could be granted at that moment*, level by level. So whatever a grant changes is settled before the next one: the
holders that were charged, the frameworks whose next unit has lost its last agent, and those whose next unit would now
pass their role's limit.
"""

from entresol.allocator.line import Queued
from entresol.allocator.memo import Cache
from entresol.allocator.placement.diagnosis import diagnose
from entresol.allocator.placement.floor import Floor
from entresol.allocator.placement.kind import Room
from entresol.allocator.placement.walk import Walk
from entresol.allocator.plan import CutShort, Grant, Launch, OverLimit, Pass, Slice, Standing, Verdict
from entresol.allocator.seating import Seat, seats
from entresol.allocator.shares import inverses
from entresol.allocator.snapshot import ClusterSnapshot
from entresol.allocator.tree import Tree
from entresol.allocator.watch import Watch
from entresol.model.policy import Policy
from entresol.model.reasons import Shortage


class Cycle:
    """A cycle under way."""

    def __init__(self, snapshot: ClusterSnapshot, policy: Policy, cache: Cache) -> None:
        cache.open(snapshot)
        names = cache.axes.names
        self._axes = cache.axes
        self._placements = policy.placements
        self._inverse = inverses(names, snapshot.totals)
        self._floor = Floor(cache.matrix)
        self._watch = Watch(self._floor)
        self._walks: dict[tuple[Room, str], Walk] = {}
        self._tree = Tree(policy.share, inverses(names, snapshot.totals, policy.excluded))
        self._seats = seats(snapshot, self._tree, cache)
        self._waiting: dict[Room, dict[Seat, None]] = {}
        for seat in self._seats.values():
            self._choose(seat)

    def grant(self) -> Grant | None:
        """Grant one unit to whoever is due; None when nothing that waits can be granted."""
        leaf = self._tree.due()
        if leaf is None:
            return None
        seat = self._seats[leaf]
        room, unit = _head(seat).room, _head(seat).unit
        agent = self._walk(room, seat.view.placement).best()
        grant = (Slice if seat.view.external else Launch)(
            framework=seat.view.id,
            task=unit.task,
            work=room.kind.work,
            agent=self._floor.matrix.views[agent].agent.id,
            keys=self._tree.keys(leaf),
        )
        self._floor.take(room.kind, agent)
        self._tree.charge(leaf, room.kind.demand)
        seat.line.advance()
        for other in self._unsettled(seat, agent):
            self._choose(other)
        return grant

    def passes(self) -> tuple[Pass, ...]:
        """Every class of every framework that is left with units, and why; call it when no grant follows."""
        shortages: dict[Room, Shortage] = {}
        return tuple(
            Pass(seat.view.id, queued.room.kind.work, self._verdict(seat, queued.room, shortages))
            for seat in self._seats.values()
            for queued in seat.line.left()
        )

    def standings(self) -> tuple[Standing, ...]:
        """The order in which the waiting would be due if there were room; ends the cycle, no grant may follow."""
        waiting = []
        for seat in self._seats.values():
            seat.line.reopen()
            seat.head = seat.line.head(seat.within_limit)
            self._state_next(seat)
            if seat.head is not None:
                waiting.append(seat)
        standings = [Standing(seat.view.id, self._tree.keys(seat.holder)) for seat in waiting]
        return tuple(sorted(standings, key=lambda standing: standing.keys))

    def _walk(self, room: Room, placement: str) -> Walk:
        walk = self._walks.get((room, placement))
        if walk is None:
            walk = Walk(self._floor, room, self._placements[placement], self._inverse)
            self._walks[room, placement] = walk
        return walk

    def _unsettled(self, charged: Seat, agent: int) -> dict[Seat, None]:
        """Whose place in the order may have changed: the one just charged, and those whose next unit is out now."""
        seats = {charged: None}
        for room in self._watch.shaken(agent):
            seats.update(self._waiting.get(room, {}))
        if (ceiling := charged.ceiling) is not None:
            for room in ceiling.lowered():
                seats.update((seat, None) for seat in self._waiting.get(room, {}) if seat.ceiling is ceiling)
        return seats

    def _choose(self, seat: Seat) -> None:
        """Find the framework's next unit among its open classes, and its place in the order."""
        before, alive = seat.head, self._watch.alive
        seat.head = seat.line.head(lambda room: seat.within_limit(room) and alive(room))
        if seat.head is not before:
            if before is not None:
                self._waiting[before.room].pop(seat, None)
            if seat.head is not None:
                self._waiting.setdefault(seat.head.room, {})[seat] = None
        self._state_next(seat)

    def _state_next(self, seat: Seat) -> None:
        if seat.head is None:
            self._tree.next_unit(seat.holder, None)
        else:
            self._tree.next_unit(seat.holder, seat.head.room.kind.demand, seat.head.unit.since)

    def _verdict(self, seat: Seat, room: Room, shortages: dict[Room, Shortage]) -> Verdict:
        if seat.ceiling is not None and (over := seat.ceiling.over(room.kind)):
            return OverLimit(tuple(self._axes.names[i] for i in over))
        if room not in self._watch.dead:
            return CutShort()
        if room not in shortages:
            shortages[room] = diagnose(self._floor, room)
        return shortages[room]


def _head(seat: Seat) -> Queued:
    if seat.head is None:
        raise AssertionError("a framework without an open class was called due")
    return seat.head

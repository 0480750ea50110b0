"""The end of a cycle explained: why each class that is left waits, and in which order its framework would be due."""

from collections.abc import Iterable, Iterator

from entresol.allocator.placement.diagnosis import diagnose
from entresol.allocator.placement.floor import Floor
from entresol.allocator.placement.kind import Room
from entresol.allocator.plan import CutShort, OverLimit, Pass, Standing, Verdict
from entresol.allocator.seating import Seat
from entresol.allocator.tree import Tree
from entresol.allocator.watch import Watch
from entresol.model.reasons import Shortage

WORDS = 5
"""The work of one class, or of one framework's place, in the floor's measure."""


class Explanation:
    """What a final plan says.

    Attributes:
        passes: every class of every framework that is left with units, and why.
        standings: the order in which the waiting would be due if there were room.
    """

    def __init__(self, floor: Floor, watch: Watch, tree: Tree, seats: Iterable[Seat]) -> None:
        """Say nothing yet; no grant may follow."""
        self._floor = floor
        self._watch = watch
        self._tree = tree
        self._seats = list(seats)
        self._shortages: dict[Room, Shortage] = {}
        self.passes: list[Pass] = []
        self.standings: list[Standing] = []

    def find(self) -> Iterator[None]:
        """Work it out; yields now and then, to let others have a turn."""
        for seat in self._seats:
            for queued in seat.line.left():
                self.passes.append(Pass(seat.view.id, queued.room.kind.work, self._verdict(seat, queued.room)))
            self._floor.effort += WORDS * len(seat.line.queues)
            yield
        yield from self._stand_in_line()

    def _verdict(self, seat: Seat, room: Room) -> Verdict:
        if seat.ceiling is not None and (over := seat.ceiling.over(room.kind)):
            names = self._floor.matrix.axes.names
            return OverLimit(tuple(names[i] for i in over))
        if room not in self._watch.dead:
            return CutShort()
        if room not in self._shortages:
            self._shortages[room] = diagnose(self._floor, room)
        return self._shortages[room]

    def _stand_in_line(self) -> Iterator[None]:
        """State every framework's first unit within its limit, room or not, and see what keys that makes."""
        waiting = []
        for seat in self._seats:
            seat.line.reopen()
            head = seat.line.head(seat.within_limit)
            if head is None:
                self._tree.next_unit(seat.holder, None)
            else:
                self._tree.next_unit(seat.holder, head.room.kind.demand, head.unit.since)
                waiting.append(seat)
            self._floor.effort += WORDS * len(seat.line.queues)
            yield
        self.standings = [Standing(seat.view.id, self._tree.keys(seat.holder)) for seat in waiting]
        self.standings.sort(key=lambda standing: standing.keys)

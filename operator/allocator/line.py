"""A framework's waiting units, in its own order.

A framework has one queue per class, each sorted. Its next unit is the smallest head among the queues that are open; a
class that finds no room or would pass a limit is passed over, not the framework.
"""

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heapreplace
from typing import TypeAlias

from entresol.allocator.placement.kind import Room
from entresol.allocator.placement.walk import Walk
from entresol.model.work import Unit

Rank: TypeAlias = tuple[tuple[float, ...], float, str]


class Queued:
    """One class's queue while it is served.

    Attributes:
        at: the place of its next unit.
        count: how many there are.
        unit: that unit; meaningless when none is left.
        stood: whether it ever was the first in line.
        walk: what finds agents for it, once its turn has come.
    """

    __slots__ = ("at", "count", "room", "stood", "unit", "units", "walk")

    def __init__(self, room: Room, units: Sequence[Unit]) -> None:
        """Begin with the first of `units`, of which there must be one."""
        self.room = room
        self.units = units
        self.at = 0
        self.unit = units[0]
        self.count = len(units)
        self.stood = False
        self.walk: Walk | None = None

    @property
    def left(self) -> bool:
        """Whether units are waiting."""
        return self.at < self.count


class Line:
    """All queues of one framework."""

    __slots__ = ("_heads", "queues")

    def __init__(self, queues: Sequence[Queued]) -> None:
        self.queues = queues
        self._heads: list[tuple[Rank, int]] = []
        self.reopen()

    def reopen(self) -> None:
        """Let every queue stand in line again, those passed over included."""
        self._heads = [(queued.unit.rank, i) for i, queued in enumerate(self.queues) if queued.left]
        heapify(self._heads)

    def head(self, is_open: Callable[[Room], bool]) -> Queued | None:
        """The queue whose unit is next; queues that are not open are passed over until `reopen`."""
        heads = self._heads
        while heads:
            queued = self.queues[heads[0][1]]
            if is_open(queued.room):
                return queued
            heappop(heads)
        return None

    def advance(self) -> Queued | None:
        """Take the unit that `head` named out of the line.

        Returns:
            The queue that is first now, whether it is open or not.
        """
        heads = self._heads
        i = heads[0][1]
        queued = self.queues[i]
        queued.at = at = queued.at + 1
        if at == queued.count:
            heappop(heads)
            return self.queues[heads[0][1]] if heads else None
        queued.unit = unit = queued.units[at]
        if len(heads) == 1:
            return queued
        heapreplace(heads, (unit.rank, i))
        return self.queues[heads[0][1]]

    def left(self) -> list[Queued]:
        """The queues with waiting units, the first in line first."""
        return sorted([queued for queued in self.queues if queued.left], key=lambda queued: queued.unit.rank)

"""A framework's waiting units, in its own order.

A framework has one queue per class, each sorted. Its next unit is the smallest head among the queues that are open; a
class that finds no room or would pass a limit is passed over, not the framework.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from typing import TypeAlias

from entresol.allocator.placement.kind import Room
from entresol.model.work import Unit

Rank: TypeAlias = tuple[tuple[float, ...], float, str]


@dataclass(slots=True, eq=False)
class Queued:
    """One class's queue while it is served; `at` is the place of its next unit."""

    room: Room
    units: Sequence[Unit]
    at: int = 0

    @property
    def left(self) -> bool:
        """Whether units are waiting."""
        return self.at < len(self.units)

    @property
    def unit(self) -> Unit:
        """The next unit."""
        return self.units[self.at]


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

    def advance(self) -> None:
        """Take the unit that `head` named out of the line."""
        i = self._heads[0][1]
        queued = self.queues[i]
        queued.at += 1
        if queued.left:
            heapreplace(self._heads, (queued.units[queued.at].rank, i))
        else:
            heappop(self._heads)

    def left(self) -> list[Queued]:
        """The queues with waiting units, the first in line first."""
        return sorted([queued for queued in self.queues if queued.left], key=lambda queued: queued.unit.rank)

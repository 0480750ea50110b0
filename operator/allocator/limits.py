"""Hard limits: what no unit may pass, judged on all that a role holds.

What a role holds only grows within a cycle, so a room that would pass the limit once is closed to that role for the
rest of the cycle. Until the role comes within one largest unit of its limit, looking at that unit is enough.
"""

from collections.abc import Iterable, Sequence

from entresol.allocator.placement.kind import Kind, Room


class Ceiling:
    """One limited role.

    Attributes:
        closed: rooms of which one more unit would pass the limit.
    """

    __slots__ = ("_held", "_largest", "_limit", "_rooms", "closed")

    def __init__(self, limit: Sequence[tuple[int, int]], held: Sequence[int], rooms: Iterable[Room]) -> None:
        """Judge these rooms; `held` is the role's own vector, which changes under our eyes."""
        self._limit = limit
        self._held = held
        self._rooms = list(rooms)
        self._largest = [0] * len(limit)
        self.closed: set[Room] = set()
        self._sort_out()

    def over(self, kind: Kind) -> list[int]:
        """The positions of the resources on which one more unit would pass the limit."""
        held, demand = self._held, kind.demand
        return [i for i, most in self._limit if demand[i] and held[i] + demand[i] > most]

    def lowered(self) -> list[Room]:
        """The rooms that closed because of what was charged since the last call."""
        held = self._held
        for (i, most), largest in zip(self._limit, self._largest, strict=True):
            if largest and held[i] + largest > most:
                return self._sort_out()
        return []

    def _sort_out(self) -> list[Room]:
        closing = [room for room in self._rooms if self.over(room.kind)]
        if closing:
            self.closed.update(closing)
            self._rooms = [room for room in self._rooms if room not in self.closed]
        self._largest = [max([room.kind.demand[i] for room in self._rooms], default=0) for i, _ in self._limit]
        return closing

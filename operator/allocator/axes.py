"""Amounts as plain vectors: the form they have inside a cycle.

A `Resources` names what it holds; a vector gives every resource a fixed position, so that adding, comparing and
multiplying become loops over small lists, and rows of arrays when all agents are meant. The positions are fixed for
one snapshot. Nothing outside the allocator sees a vector.
"""

from collections.abc import Iterable

from entresol.model.resources import Resources

UNREACHABLE = 2**62
"""Amounts of demand stop here and amounts of room one below, to fit 64 bits with space for sums. What is asked beyond
it therefore fits nowhere, which is true of four exbibytes of memory as much as of five."""


class Axes:
    """The resources of one snapshot, each at its position in alphabetical order."""

    __slots__ = ("_position", "names")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(names))
        self._position = {name: i for i, name in enumerate(self.names)}

    def pairs(self, amounts: Iterable[tuple[str, int]], most: int = UNREACHABLE) -> tuple[tuple[int, int], ...]:
        """Positions and amounts of what is named, in order of position; names without a position are left out."""
        position = self._position
        return tuple(sorted((position[name], min(amount, most)) for name, amount in amounts if name in position))

    def demand(self, resources: Resources) -> list[int]:
        """A vector of what is asked or held."""
        return self._vector(resources, UNREACHABLE)

    def room(self, resources: Resources) -> list[int]:
        """A vector of what an agent has."""
        return self._vector(resources, UNREACHABLE - 1)

    def _vector(self, resources: Resources, most: int) -> list[int]:
        position = self._position
        vector = [0] * len(self.names)
        for name, amount in resources.amounts:
            if name in position:
                vector[position[name]] = min(most, amount)
        return vector

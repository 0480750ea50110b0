"""Which agent comes first for one kind under one placement policy.

Scoring every agent before every placement would be exact and slow, and correcting single scores as they go out of date
is slow too: with many kinds at work every good agent changes between two units of one kind. So a walk scores all agents
at once, in arrays, and lives on that for a number of placements that grows with the cluster. With the scores it works
out by how much each of the best agents falls (or rises) with one more unit of this kind, so what the walk itself places
is accounted for at once; what other kinds place is seen at the next scoring. In a small cluster that is every second
placement, in a large one a sixty-fourth of the agents is used first.

A candidate is one number, `rank * agents + position`, so that all that is sorted or kept in a heap is plain integers:
the smallest rank first, and of equal ranks the agent whose name comes first. No two are equal.

Feasibility is never out of date: an agent that changed is checked again before it is chosen.
"""

from collections.abc import Sequence
from heapq import heappop, heapreplace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from entresol.allocator.placement.floor import SCAN, Floor
from entresol.allocator.placement.kind import Room
from entresol.allocator.placement.matrix import Mask
from entresol.model.policy import Placement

PART = 64
FEWEST = 2
"""All agents are scored again after one placement per `PART` agents that have room, and not before `FEWEST`."""

KEPT = 4
"""How many candidates are kept for each placement until then; when others fill them all, agents are scored anew."""

STEPS = 2**20
"""Scores are rounded to this many steps of the largest one: what differs by less than a millionth is equal, and the
agent's name decides, rather than the noise of floating point."""

LAST = 2**40
"""Added to the rank of agents that have a scarce resource the kind has no use for: they come last under every policy.
Without this rule half of a cluster's GPUs end up behind tasks that never asked for one."""

NOBODY = 2**62
"""Larger than every candidate."""

SORTED = 40
"""So many agents are scored and the best of them found in about a microsecond."""


Rows: TypeAlias = Sequence[NDArray[np.int64]]
"""Amounts, one row per resource."""


class Walk:
    """The candidates of one room under one policy."""

    def __init__(self, floor: Floor, room: Room, placement: Placement, inverse: Sequence[float]) -> None:
        """Score nothing yet; `inverse` is 1 / total by resource, zero for what the cluster has none of."""
        self._floor = floor
        self._room = room
        self._placement = placement
        self._inverse = inverse
        self._demand = [amount * part for amount, part in zip(room.kind.demand, inverse, strict=True)]
        self._agents = len(floor.matrix.views)
        self._penalty: NDArray[np.int64] = LAST * self._agents * self._wasteful()
        self._heap: list[int] = []
        self._falls: NDArray[np.int64] = np.zeros(self._agents, np.int64)
        self._edge = 0
        self._scored_at = 0
        self._left = 0

    def best(self) -> int:
        """The agent on which to place one unit, which is taken as placed. At least one must have room."""
        floor, kind, agents = self._floor, self._room.kind, self._agents
        if self._left <= 0:
            self._score_all()
        self._left -= 1
        while True:
            heap = self._heap
            if not heap or heap[0] > self._edge:
                self._score_all()
                continue
            candidate = heap[0]
            agent = candidate % agents
            if floor.touched[agent] <= self._scored_at or floor.fits(kind, agent):
                heapreplace(heap, candidate + self._falls.item(agent))
                return agent
            heappop(heap)

    def _score_all(self) -> None:
        """Score every agent that has room, and keep the best."""
        floor, agents = self._floor, self._agents
        (where,) = floor.fitting(self._room).nonzero()
        if not len(where):
            raise AssertionError("a walk was asked for an agent although none has room")
        self._left = max(FEWEST, len(where) // PART)
        free = [row.take(where) for row in floor.free]
        scores = self._scores(free, len(where))
        highest = max(float(scores.max()), -float(scores.min()))
        scale = STEPS / highest if highest > 0 else 0.0
        candidates = _steps(scores, -scale, agents) + self._penalty.take(where) + where
        best, self._edge = _smallest(candidates, KEPT * self._left)
        self._heap = candidates.take(best).tolist()
        self._foresee([row.take(best) for row in free], where.take(best), scores.take(best), scale)
        self._scored_at = floor.count
        floor.effort += SCAN + agents // SORTED

    def _foresee(self, free: Rows, where: NDArray[np.intp], scores: NDArray[np.float64], scale: float) -> None:
        """Work out by how much each of these agents falls with one unit more, where there is room for one after that."""
        fits: Mask | bool = True
        for i, amount in self._room.kind.pairs:
            fits = fits & (free[i] >= 2 * amount)
        demand = self._room.kind.demand
        after = [np.where(fits, row - more, row) if more else row for row, more in zip(free, demand, strict=True)]
        self._falls[where] = _steps(scores - self._scores(after, len(where)), scale, self._agents)

    def _scores(self, free: Rows, count: int) -> NDArray[np.float64]:
        """The scores of so many agents that have these amounts free."""
        if not self._inverse:
            return np.zeros(count)
        fractions = [row * np.float64(part) for row, part in zip(free, self._inverse, strict=True)]
        return self._placement(self._demand, fractions)

    def _wasteful(self) -> Mask:
        """Which agents have a scarce resource that this kind does not ask for."""
        matrix = self._floor.matrix
        mask: Mask = np.zeros(len(matrix.views), np.bool_)
        for name, having in matrix.scarce.items():
            if name not in self._room.kind.scarce:
                mask |= having
        return mask


def _steps(scores: NDArray[np.float64], scale: float, agents: int) -> NDArray[np.int64]:
    """Scores as whole numbers of steps, in the measure of candidates."""
    return np.rint(scores * scale).astype(np.int64) * agents


def _smallest(candidates: NDArray[np.int64], count: int) -> tuple[NDArray[np.intp], int]:
    """The positions of the smallest candidates in order, and the largest of them; `NOBODY` when they are all."""
    if len(candidates) <= count:
        return candidates.argsort(), NOBODY
    chosen = candidates.argpartition(count)[:count]
    chosen = chosen[candidates.take(chosen).argsort()]
    return chosen, int(candidates[chosen[-1]])

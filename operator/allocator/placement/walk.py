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

from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from entresol.allocator.placement.floor import SCAN, Floor
from entresol.allocator.placement.kind import Room
from entresol.allocator.placement.matrix import Mask
from entresol.model.policy import Placement

PART = 64
FEWEST = 2
"""All agents are scored again after one placement per `PART` agents, and not before `FEWEST`."""

KEPT = 8
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


class Walk:
    """The candidates of one room under one policy."""

    def __init__(self, floor: Floor, room: Room, placement: Placement) -> None:
        """Score nothing yet."""
        self._floor = floor
        self._room = room
        self._placement = placement
        self._demand = [amount * part for amount, part in zip(room.kind.demand, floor.inverse, strict=True)]
        self._agents = len(floor.matrix.views)
        self._wasteful = floor.wasteful(room.kind.scarce)
        self._order: list[int] = [NOBODY]
        self._at = 0
        self._again: list[tuple[int, int]] = []
        self._edge = 0
        self._falls: NDArray[np.int64] = np.zeros(0, np.int64)
        self._scored_at = 0
        self._left = 0

    def best(self) -> int:
        """The agent on which to place one unit, which is taken as placed. At least one must have room."""
        if self._left <= 0:
            self._score_all()
        self._left -= 1
        floor, kind, agents, at = self._floor, self._room.kind, self._agents, self._at
        order, again, touched, rows = self._order, self._again, floor.touched, floor.rows
        while True:
            if again and again[0][0] < order[at]:
                candidate, place = heappop(again)
            else:
                candidate, place = order[at], at
                at += 1
            if candidate > self._edge:
                self._score_all()
                order, at, again = self._order, 0, self._again
                continue
            agent = candidate % agents
            if touched[agent] > self._scored_at:
                # What `floor.fits` asks, without a call: others have filled most of those that come up here.
                row = rows[agent]
                for i, amount in kind.pairs:
                    if row[i] < amount:
                        break
                else:
                    if not kind.ports or floor.ports_free(kind.ports, agent):
                        break
            else:
                break
        heappush(again, (candidate + self._falls.item(place), place))
        self._at = at
        return agent

    def _score_all(self) -> None:
        """Score every agent that has room, and keep the best."""
        floor, agents = self._floor, self._agents
        (where,) = floor.fitting(self._room).nonzero()
        if not len(where):
            raise AssertionError("a walk was asked for an agent although none has room")
        scores = self._scores(where, 0)
        highest = max(float(scores.max()), -float(scores.min()))
        scale = STEPS / highest if highest > 0 else 0.0
        self._left = max(FEWEST, agents // PART)
        late = self._wasteful.take(where) * (LAST * agents)
        candidates = _smallest(self._steps(scores, -scale) + late + where, KEPT * self._left)
        self._order = candidates.tolist()
        self._edge = self._order[-1] if len(candidates) < len(where) else NOBODY - 1
        self._order.append(NOBODY)
        self._at, self._again = 0, []
        self._foresee(candidates % agents, scale)
        self._scored_at = floor.count
        floor.effort += SCAN + agents // SORTED

    def _foresee(self, where: NDArray[np.intp], scale: float) -> None:
        """Work out by how much each of these agents falls with one unit more, where there is room for one after that."""
        free = self._floor.free
        again: Mask = np.ones(len(where), np.bool_)
        for i, amount in self._room.kind.pairs:
            again &= free[i].take(where) - amount >= amount
        where = where[again]
        self._falls = np.zeros(len(again), np.int64)
        self._falls[again] = self._steps(self._scores(where, 0) - self._scores(where, 1), scale)

    def _scores(self, where: NDArray[np.intp], more: int) -> NDArray[np.float64]:
        """The scores of these agents, each with so many units more."""
        if not self._demand:
            return np.zeros(len(where))
        free, used = self._floor.fractions, self._demand
        fractions = [row.take(where) for row in free]
        if more:
            fractions = [row - more * use for row, use in zip(fractions, used, strict=True)]
        return self._placement(self._demand, fractions)

    def _steps(self, scores: NDArray[np.float64], scale: float) -> NDArray[np.int64]:
        """Scores as whole numbers of steps, in the measure of candidates."""
        return np.rint(scores * scale).astype(np.int64) * self._agents


def _smallest(candidates: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """So many candidates at most, the first ones in order."""
    if count < len(candidates):
        candidates = np.partition(candidates, count)[:count]
    candidates.sort()
    return candidates

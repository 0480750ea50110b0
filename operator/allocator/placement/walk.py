"""Which agent comes first for one kind under one placement policy.

Scoring every agent before every placement would be exact and slow. A walk scores all of them once, keeps the best few
hundred in a heap, and from then on scores single agents again when they surface and have changed since. For policies
under which an agent's score falls as it fills (`Balanced`, `Spread`) this *is* exact: a score that is out of date is
too high, so it surfaces and is corrected, and when the best one left is worse than the worst one kept, all agents are
scored anew. Where scores rise (`Pack`), changes made by other kinds are noticed at the next full scoring, about ten
times in a full fill of the cluster.

Feasibility is never out of date: an agent that changed is checked again before it is chosen.
"""

from heapq import heappop, heapreplace
from typing import TypeAlias

import numpy as np

from entresol.allocator.placement.floor import Floor
from entresol.allocator.placement.kind import Room
from entresol.allocator.placement.matrix import Mask
from entresol.model.policy import Placement

KEPT = 256
"""How many of the best agents a scoring keeps at first; four times as many whenever these run out."""

STEPS = 2**20
"""Scores are rounded to this many steps of the largest one: what differs by less than a millionth is equal, and the
agent's name decides, rather than the noise of floating point."""

LAST = 2**40
"""Added to the rank of agents that have a scarce resource the kind has no use for: they come last under every policy.
Without this rule half of a cluster's GPUs end up behind tasks that never asked for one."""

FULL_SCORINGS = 10
FEWEST = 8
"""All agents are scored again after one placement per `FULL_SCORINGS` agents, and not more often than `FEWEST`."""

CORRECTIONS = 4
"""How many scores that are out of date one choice corrects; then the best one known is taken. In a cluster with many
classes the best agents change all the time, and correcting each would cost more than it gains."""

Candidate: TypeAlias = tuple[int, int, int]
"""Rank (smaller is better), position of the agent, and how often it had been placed on when it was ranked."""


class Walk:
    """The candidates of one room under one policy."""

    def __init__(self, floor: Floor, room: Room, placement: Placement, inverse: list[float]) -> None:
        """Score nothing yet; `inverse` is 1 / total by resource, zero for what the cluster has none of."""
        self._floor = floor
        self._room = room
        self._placement = placement
        self._scored = [(i, part) for i, part in enumerate(inverse) if part]
        self._demand = [room.kind.demand[i] * part for i, part in self._scored]
        self._heap: list[Candidate] = []
        self._edge = (0, 0)
        self._scale = 0.0
        self._kept = KEPT
        self._left = 0

    def best(self) -> int:
        """The agent on which to place one unit. At least one must have room."""
        touches = self._floor.touches
        if self._left <= 0:
            self._rank_all()
        self._left -= 1
        corrections = CORRECTIONS
        while True:
            heap = self._heap
            if not heap or heap[0][:2] > self._edge:
                self._kept *= 1 if heap else 4
                self._rank_all()
                continue
            rank, agent, seen = heap[0]
            now = touches.get(agent, 0)
            if now == seen:
                return agent
            if not self._floor.fits(self._room.kind, agent):
                heappop(heap)
            elif corrections:
                corrections -= 1
                heapreplace(heap, (self._rank(agent, last=rank > LAST // 2), agent, now))
            else:
                return agent

    def _rank(self, agent: int, *, last: bool) -> int:
        """The rank of one agent as it is now, on the scale of the last full scoring."""
        row = self._floor.row(agent)
        score = self._placement(self._demand, [row[i] * part for i, part in self._scored]) if self._scored else 0.0
        return LAST * last - round(score * self._scale)

    def _rank_all(self) -> None:
        """Score every agent that has room, and keep the best."""
        floor = self._floor
        where = np.flatnonzero(floor.fitting(self._room))
        if not len(where):
            raise AssertionError("a walk was asked for an agent although none has room")
        scores = np.zeros(len(where))
        if self._scored:
            scores = self._placement(self._demand, [floor.free[i][where] * part for i, part in self._scored])
        highest = float(np.abs(scores).max())
        self._scale = STEPS / highest if highest > 0 else 0.0
        ranks = LAST * self._wasteful()[where] - np.rint(scores * self._scale).astype(np.int64)
        # Rank and position in one number: no two are equal, so which agents are kept is never left to chance.
        order = ranks * len(where) + np.arange(len(where))
        chosen = np.argpartition(order, self._kept)[: self._kept] if len(where) > self._kept else np.arange(len(where))
        chosen = chosen[np.argsort(order[chosen])]
        touches = floor.touches
        self._heap = [
            (rank, agent, touches.get(agent, 0))
            for rank, agent in zip(ranks[chosen].tolist(), where[chosen].tolist(), strict=True)
        ]
        self._edge = self._heap[-1][:2] if len(where) > len(chosen) else (2 * LAST, 0)
        self._left = max(FEWEST, len(floor.matrix.views) // FULL_SCORINGS)

    def _wasteful(self) -> Mask:
        """Which agents have a scarce resource that this kind does not ask for."""
        matrix = self._floor.matrix
        mask: Mask = np.zeros(len(matrix.views), np.bool_)
        for name, having in matrix.scarce.items():
            if name not in self._room.kind.scarce:
                mask |= having
        return mask

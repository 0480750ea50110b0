"""The free room of one cycle: what the snapshot says, less what this cycle has granted.

Questions about one agent are answered by a plain list of integers, exactly and at once. Questions about all agents are
answered by arrays, into which the agents that changed since the last such question are written first. Room only ever
shrinks here: nothing is released within a cycle.

The floor also counts the work that questions about all agents are, so that whoever runs a cycle can pause in time
without a clock.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from entresol.allocator.placement.kind import Kind, Room
from entresol.allocator.placement.matrix import Mask, Matrix
from entresol.model.constraints import HostPort, port_clash

SOME = 64
"""How many agents are remembered when any will do."""

SCAN = 100
"""So many agents are asked whether one unit fits in the time of about one microsecond, the unit in which work counts."""


class Floor:
    """Free amounts and host ports of every agent, by position.

    Attributes:
        matrix: the agents as the snapshot has them.
        inverse: by resource, what one unit of it is of the cluster's total; zero for what the cluster has none of.
        free: free amounts, one row per resource; exact after `synced`.
        fractions: the same as fractions of the cluster's total.
        rows: free amounts of one agent, now. Not to be written to.
        count: how many units were placed in this cycle.
        touched: by agent, `count` as it was when a unit was last placed there; 0 for an agent nobody touched.
        effort: work done, in microseconds of an ordinary core, estimated by counting.
    """

    def __init__(self, matrix: Matrix, inverse: Sequence[float]) -> None:
        self.matrix = matrix
        self.inverse = inverse
        self.free = matrix.free.copy()
        self._per_unit = np.array(inverse).reshape(-1, 1)
        self.fractions: NDArray[np.float64] = self.free * self._per_unit
        self.rows = matrix.rows.copy()
        self.count = 0
        self.touched = [0] * len(self.rows)
        self.effort = 0
        self._wasteful: dict[frozenset[str], Mask] = {}
        self._ports = matrix.ports.copy()
        self._dirty: set[int] = set()

    def fits(self, kind: Kind, agent: int) -> bool:
        """Whether amounts and host ports leave room for one unit, now; the ground is not asked again."""
        row = self.rows[agent]
        for i, amount in kind.pairs:
            if row[i] < amount:
                return False
        return not kind.ports or self.ports_free(kind.ports, agent)

    def ports_free(self, ports: tuple[HostPort, ...], agent: int) -> bool:
        """Whether none of these host ports is taken on an agent."""
        return port_clash(ports, self._ports.get(agent, frozenset())) is None

    def clashing(self, ports: tuple[HostPort, ...]) -> list[int]:
        """The agents on which one of these host ports is taken."""
        return [agent for agent, taken in self._ports.items() if port_clash(ports, taken)] if ports else []

    def take(self, kind: Kind, agent: int) -> None:
        """Book one unit on an agent on which it fits."""
        row = self.rows[agent]
        if not self.touched[agent]:
            self.rows[agent] = row = row.copy()  # the list belongs to the matrix until now
        for i, amount in kind.pairs:
            row[i] -= amount
        self.count = self.touched[agent] = self.count + 1
        self._dirty.add(agent)
        if kind.ports:
            self._ports[agent] = self._ports.get(agent, frozenset()).union(kind.ports)

    def synced(self) -> None:
        """Bring the arrays up to date with the lists."""
        if self._dirty:
            stale = list(self._dirty)
            now = np.array([self.rows[agent] for agent in stale], np.int64).T
            self.free[:, stale] = now
            self.fractions[:, stale] = now * self._per_unit
            self.effort += len(stale)
            self._dirty.clear()

    def fitting(self, room: Room) -> Mask:
        """On which agents one more unit fits, now."""
        self.synced()
        kind = room.kind
        mask = kind.ground.open(self.matrix)
        for i, amount in kind.pairs:
            mask = mask & (self.free[i] >= amount)
        barred = [*self.avoided(kind), *room.refused, *self.clashing(kind.ports)]
        if barred:
            mask = mask.copy()
            mask[barred] = False
        self.effort += SCAN + len(mask) // SCAN
        return mask

    def avoided(self, kind: Kind) -> list[int]:
        """The agents this kind avoids, as far as they exist."""
        position = self.matrix.position
        return [position[agent] for agent in kind.work.avoid if agent in position]

    def wasteful(self, asked: frozenset[str]) -> Mask:
        """Which agents have a scarce resource that is not among those asked for."""
        mask = self._wasteful.get(asked)
        if mask is None:
            mask = np.zeros(len(self.rows), np.bool_)
            for name, having in self.matrix.scarce.items():
                if name not in asked:
                    mask |= having
            self._wasteful[asked] = mask
        return mask

    def some_fitting(self, room: Room) -> tuple[list[int], bool]:
        """Some agents on which one more unit fits, now, and whether these are all."""
        where = np.flatnonzero(self.fitting(room))
        # From the far end: placements settle ties by name, so the near end is touched most.
        return where[-SOME:].tolist(), len(where) <= SOME

"""Which agents a class may use at all, kept from cycle to cycle.

Many classes differ in amounts only and stand on the same *ground*: the same selectors, affinity, tolerations and
partition. A ground is asked of each agent once, and again only when that agent's labels or taints change. The answer
is stored as a small code per agent (0: may be used), so that counting the barriers of 10,000 agents is one call.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from entresol.allocator.placement.matrix import AT_ONCE, Mask, Matrix, moved_along
from entresol.model.constraints import Exclusion
from entresol.model.work import TaskClass


class Ground:
    """The standing of every agent towards one set of constraints."""

    def __init__(self, probe: TaskClass) -> None:
        """Start with nothing known; `probe` is a class reduced to what makes its ground."""
        self._probe = probe
        self._selective = bool(probe.partition or probe.constraints.selector or probe.constraints.affinity)
        self._codes: NDArray[np.int32] = np.zeros(0, np.int32)
        self._exclusions: list[Exclusion | None] = [None]
        self._code: dict[Exclusion | None, int] = {None: 0}
        self._version = -1
        self._open: Mask = np.zeros(0, np.bool_)

    def move(self, moved: NDArray[np.intp]) -> None:
        """Follow the agents to their new positions."""
        self._codes = moved_along(self._codes, moved)
        self._open = moved_along(self._open, moved)

    def open(self, matrix: Matrix) -> Mask:
        """Which agents may be used, by position. Not to be written to."""
        if self._version != matrix.version:
            list(self.learn(matrix))
        return self._open

    def exclusions(self, matrix: Matrix) -> list[tuple[Exclusion, int]]:
        """How many agents each barrier keeps out."""
        self.open(matrix)
        counts = np.bincount(self._codes, minlength=len(self._exclusions)).tolist()
        return [(e, n) for e, n in zip(self._exclusions, counts, strict=True) if n and e is not None]

    def learn(self, matrix: Matrix) -> Iterator[None]:
        """Ask every agent that changed; between two portions of them it yields, to let others have a turn."""
        if len(self._codes) != len(matrix.views):
            self._codes = np.zeros(len(matrix.views), np.int32)
            self._version = -1
        stale = np.flatnonzero(matrix.seen > self._version).tolist()
        for start in range(0, len(stale), AT_ONCE):
            if start:
                yield
            part = stale[start : start + AT_ONCE]
            self._codes[part] = [self._standing(matrix, i) for i in part]
        if stale:
            self._open = self._codes == 0
        self._version = matrix.version

    def _standing(self, matrix: Matrix, i: int) -> int:
        agent = matrix.views[i].agent
        if agent.open and not agent.taints and not self._selective:
            return 0
        exclusion = self._probe.exclusion(agent)
        code = self._code.get(exclusion)
        if code is None:
            code = self._code[exclusion] = len(self._exclusions)
            self._exclusions.append(exclusion)
        return code

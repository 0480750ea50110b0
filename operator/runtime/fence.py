"""What keeps a replica from writing when another one may have taken over.

The leader may write until a moment that each renewal of its Lease puts off. When the moment passes, or before it ever
came, nothing passes any more and nothing ever will: whoever tried is the sign that this process must end. That decision
needs nobody's answer, only a clock that goes on while the process stands still.

The transport asks here before every write (`kube/transport.py`).
"""

import asyncio
from collections.abc import Callable
from math import inf


class Fence:
    """Open until a moment; once somebody ran into it, shut for good."""

    def __init__(self, now: Callable[[], float], refused: Callable[[], None]) -> None:
        """Go by the clock `now`; call `refused` for every write that does not pass."""
        self._now = now
        self._refused = refused
        self._until = -inf
        self.shut = asyncio.Event()
        """Set when a write did not pass."""

    @property
    def left(self) -> float:
        """Seconds for which writes pass if nothing happens; zero or less when none does."""
        return -inf if self.shut.is_set() else self._until - self._now()

    def extend(self, until: float) -> None:
        """Let writes pass until this moment; it is never brought forward."""
        self._until = max(self._until, until)

    def close(self) -> None:
        """Let nothing pass from now on."""
        self.shut.set()

    def passes(self) -> bool:
        """Whether a write may leave now."""
        if self.left > 0:
            return True
        self.shut.set()
        self._refused()
        return False

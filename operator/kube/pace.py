"""How long to wait before trying again, by which clock, and by whose dice.

Pauses double from `first` to `most`, and each is drawn from the upper half of its span: operators and
reflectors that lost the same server at the same moment must not return to it at the same moment. Clock, sleep
and generator stand here so that a test can hand in its own and knows every pause.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The patience of a follower. Times in seconds.

    `denials` is how often in a row missing rights are tolerated; a server that has just started may refuse
    for a while. `refusals` is how often in a row a server may refuse to resume a watch before the list starts
    over. `lifetime` bounds how long a watch is asked to last; it varies, so that watches do not end together.
    """

    first: float = 0.25
    most: float = 15.0
    denials: int = 8
    refusals: int = 3
    lifetime: tuple[int, int] = (300, 600)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    generator: Random = field(default_factory=Random)


class Backoff:
    """Growing pauses for one purpose."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._span = pace.first

    def next(self, at_least: float | None = None) -> float:
        """Return the next pause in seconds; a server may ask for a longer one."""
        pause = self._span * self._pace.generator.uniform(0.5, 1.0)
        self._span = min(2 * self._span, self._pace.most)
        return max(pause, at_least or 0.0)

    def reset(self) -> None:
        """Start again with the shortest pause."""
        self._span = self._pace.first

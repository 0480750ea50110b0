"""What time it is: seconds since the epoch that never jump.

The wall clock is read once, at the start; from then on a monotonic clock adds to it. So time stamps in statuses are
true to the wall, while no correction of the machine's clock can end a pause early or keep an offer for an hour.
Times of other machines are only ever compared with each other.
"""

import time
from collections.abc import Callable


def boot_seconds() -> float:
    """Seconds since the machine started, those in which it slept included: what is promised to others ends by these."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Clock:
    """The one clock of an operator. Tests hand in their loop's virtual time as `monotonic`."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._offset + self._monotonic()

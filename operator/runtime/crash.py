"""Places at which a test can have the process kill itself, so that the next one must recover from exactly there."""

import os
import signal
from collections import Counter
from collections.abc import Callable

BEFORE_CREATE = "before-create"
AFTER_CREATE = "after-create"
AFTER_BIND = "after-bind"
BEFORE_STATUS = "before-status"

Crash = Callable[[str], None]


def never(_place: str) -> None:
    """Go on: nobody asked for a crash."""


def crash_at(name: str, visit: int) -> Crash:
    """Kill this process, without any goodbye, when `name` is visited for the given time (the first is 1)."""
    visits: Counter[str] = Counter()

    def visited(place: str) -> None:
        visits[place] += 1
        if place == name and visits[place] == visit:
            os.kill(os.getpid(), signal.SIGKILL)

    return visited

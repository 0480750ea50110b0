"""Waiting with a deadline, the only kind of waiting there is here."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], what: str, seconds: float, pause: float = 0.05) -> None:
    """Call *condition* until it is true.

    Args:
        condition: asked every *pause* seconds; it may raise to give up early.
        what: what is awaited, for the message.
        seconds: how long to wait.
        pause: seconds between two questions.

    Raises:
        TimeoutError: *condition* was false for *seconds*.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:g} s")
        time.sleep(pause)

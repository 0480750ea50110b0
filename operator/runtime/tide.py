"""Whether launches come so thick that every other write should give way to them.

Two signs, either of which is enough: many deeds are under way, so each further request makes them wait; or many launches
began lately, so what could be said of each now will not be true for long, whoever it is that keeps the server busy. The
second is a count that fades with time: launches of the last second or so, without a list of them.
"""

from collections.abc import Callable
from math import exp

FADING = 1.0
"""Seconds in which the count of launches falls to a third (1/e)."""

MANY = 20.0
"""So many launches in about a second are a burst: a person who starts work by hand never makes one."""


class Tide:
    """Told of launches, asked for calm."""

    def __init__(self, busy: Callable[[], int], most: int, clock: Callable[[], float]) -> None:
        """It is never calm while more than `most` deeds are `busy`."""
        self._busy = busy
        self._most = most
        self._clock = clock
        self._level = 0.0
        self._at = clock()

    def launched(self) -> None:
        """A launch begins."""
        self._level = self._present() + 1.0
        self._at = self._clock()

    def calm(self) -> bool:
        """Whether other writes may come."""
        return self._busy() <= self._most and self._present() <= MANY

    def _present(self) -> float:
        return self._level * exp((self._at - self._clock()) / FADING)

"""How many requests may be under way at once, learned from the server's refusals.

The API server shares itself out by priority and fairness and answers 429 when a client's share is used up. The answer
is the usual one of networks: one more slot after as many good answers as there are slots, half of them after a 429, and
nobody sends before the pause that the server asked for is over. A burst of 429s in answer to one burst of requests
halves once, not once per request.
"""

import asyncio
from collections import deque
from collections.abc import Callable

DEFAULT_PAUSE = 1.0
"""Seconds, for a 429 that names no pause."""


class Throttle:
    """A semaphore whose size moves between one and `most`. Use as an asynchronous context manager around a request."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._size = float(most)
        self._used = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed_until = 0.0

    @property
    def size(self) -> int:
        """How many requests may be under way now."""
        return int(self._size)

    async def __aenter__(self) -> None:
        """Wait for a slot, and for the end of a pause."""
        while self._used >= self.size or self._waiting_for_pause() > 0:
            if (pause := self._waiting_for_pause()) > 0:
                await asyncio.sleep(pause)
            else:
                await self._turn()
        self._used += 1

    async def __aexit__(self, *_: object) -> None:
        """Give the slot back."""
        self._used -= 1
        self._wake()

    def accepted(self) -> None:
        """The server dealt with a request, whatever it said."""
        if self._size < self._most:
            self._size = min(float(self._most), self._size + 1 / self._size)
            self._wake()

    def rejected(self, pause: float | None) -> None:
        """The server said that it is too busy, and how long to wait."""
        now = self._clock()
        if now >= self._closed_until:
            self._size = max(1.0, self._size / 2)
        self._closed_until = max(self._closed_until, now + (DEFAULT_PAUSE if pause is None else pause))

    def _waiting_for_pause(self) -> float:
        return self._closed_until - self._clock()

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._wake()  # we were given a slot that somebody else can use
            raise

    def _wake(self) -> None:
        free = self.size - self._used
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1

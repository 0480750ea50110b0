"""How many requests may be under way at once, learned from the server's refusals and from how long it takes.

The API server shares itself out by priority and fairness and answers 429 when a client's share is used up. The answer
is the usual one of networks: one more slot after as many good answers as there are slots, half of them after a 429, and
nobody sends before the pause that the server asked for is over. A burst of 429s in answer to one burst of requests
halves once, not once per request.

Long before a server refuses, it becomes slow. More requests under way make nothing faster then: they wait inside the
server, everybody else's behind them, and what was decided grows old. So while answers take long, both by themselves and
beside the quickest of late, the size shrinks gently, to a quarter at the least: what is slow may also be a webhook.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable

DEFAULT_PAUSE = 1.0
"""Seconds, for a 429 that names no pause."""

SLOW_SECONDS = 0.25
"""An answer is slow when it takes longer than this, and also several times longer than the quickest of late."""

_SEVERAL = 4.0
_NARROWEST = 4
_SMOOTHING = 1 / 16
_FORGETTING = 1.001


class Throttle:
    """A semaphore whose size moves between one and `most`. Use as an asynchronous context manager around a request."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._narrowest = max(1.0, most / _NARROWEST)
        self._clock = clock
        self._size = float(most)
        self._used = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed_until = -math.inf
        self._opening: asyncio.TimerHandle | None = None  # while nobody is let in
        self._usual = 0.0
        self._quickest = math.inf

    @property
    def size(self) -> int:
        """How many requests may be under way now."""
        return int(self._size)

    async def __aenter__(self) -> None:
        """Wait for a slot, behind everybody who came before, and for the end of a pause."""
        if self._waiting or self._opening is not None or self._used >= int(self._size):
            await self._turn()
        else:
            self._used += 1

    async def __aexit__(self, *_: object) -> None:
        """Give the slot back."""
        self._used -= 1
        if self._waiting:
            self._wake()

    def accepted(self, seconds: float) -> None:
        """The server dealt with a request, whatever it said, and took so long."""
        self._usual += _SMOOTHING * (seconds - self._usual)
        self._quickest = min(seconds, _FORGETTING * self._quickest)
        slow = self._usual > max(SLOW_SECONDS, _SEVERAL * self._quickest)
        bound = self._narrowest if slow else float(self._most)
        if self._size > bound:
            self._size = max(bound, self._size - _SMOOTHING)
        elif self._size < bound:
            self._size = min(bound, self._size + 1 / self._size)
            self._wake()

    def rejected(self, pause: float | None) -> None:
        """The server said that it is too busy, and how long to wait."""
        now = self._clock()
        if now >= self._closed_until:
            self._size = max(1.0, self._size / 2)
        self._closed_until = max(self._closed_until, now + (DEFAULT_PAUSE if pause is None else pause))
        if self._opening is None:
            self._open()

    def _open(self) -> None:
        """Let them in again, unless the pause goes on."""
        pause = self._closed_until - self._clock()
        if pause > 0:
            self._opening = asyncio.get_running_loop().call_later(pause, self._open)
        else:
            self._opening = None
            self._wake()

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                if turn in self._waiting:
                    self._waiting.remove(turn)
            else:
                await self.__aexit__()  # the slot was ours already
            raise

    def _wake(self) -> None:
        # A slot is taken in the name of whoever is woken: one who has just given a slot back and comes again at once
        # would otherwise be quicker, and the line would never move.
        while self._waiting and self._opening is None and self._used < int(self._size):
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._used += 1

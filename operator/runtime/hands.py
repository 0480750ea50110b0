"""How many deeds are worked on at a time.

A thousand deeds may be decided in one cycle, but only a few dozen requests may be under way. A coroutine for each deed
would only stand in line; so there are as many workers as requests, and what is decided waits as plain data. A deed that
merely sleeps until its next try lends its hand to another: what goes wrong in one namespace keeps nobody else waiting.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Work = Callable[[], Awaitable[None]]


class Hands:
    """Workers that are there as long as there is work. Work must not raise."""

    def __init__(self, most: int, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._most = most
        self._sleep = sleep
        self._waiting: deque[Work] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._closed = False

    def do(self, work: Work) -> None:
        """Have this done as soon as a hand is free, first come, first served; nothing more once it is closed."""
        if not self._closed:
            self._waiting.append(work)
            self._hire()

    async def rest(self, seconds: float) -> None:
        """Sleep, called from within work, while another hand does something else."""
        self._busy -= 1
        self._hire()
        try:
            await self._sleep(seconds)
        finally:
            self._busy += 1

    async def close(self, seconds: float = 0.0) -> None:
        """Drop what waits, and what is under way unless it is done in so many seconds."""
        self._closed = True
        self._waiting.clear()
        if self._workers and seconds > 0:
            await asyncio.wait(self._workers, timeout=seconds)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def _hire(self) -> None:
        if self._busy < self._most and self._waiting:
            self._busy += 1
            worker = asyncio.create_task(self._work(), name="deeds")
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        # After a rest there may be more hands than work places; then whoever is done goes.
        try:
            while self._waiting and self._busy <= self._most:
                await self._waiting.popleft()()
        finally:
            self._busy -= 1

"""The owner of the engine: every event goes through here, and every effect leaves from here.

The engine is mutable and has no locks, because it has one owner on one loop and `dispatch` never awaits: an event is
handled whole before the next one begins. Allocation is the one thing that takes long, so a cycle gives the loop back
after every partial plan; what happened meanwhile is in the books when the next part is committed, and the engine
checks each grant against them again.

The first event begins a cycle at once. While one is under way further events gather, and after it the loop rests for as
long as the cycle worked (never longer than a quarter of a second), so that allocation takes at most half of the core
and the requests that carry out its decisions get the other half. No cycle begins while too many deeds are under way:
what is decided should not be much older than the world that it was decided on.

An exception out of the engine is a broken invariant. Nothing is handled after it; `run` raises it, which ends the
process, and the next one rebuilds its books from the cluster.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from entresol.allocator.plan import Plan
from entresol.allocator.snapshot import ClusterSnapshot
from entresol.engine.effects import Effect
from entresol.engine.events import Event, Planned, Ticked
from entresol.engine.machine import Engine
from entresol.runtime.clock import Clock

TICK_SECONDS = 1.0
_SHORTEST_NAP = 0.005
_LONGEST_REST = 0.25

Allocate = Callable[[ClusterSnapshot], Iterator[Plan]]


class Sink(Protocol):
    """Where effects go."""

    def take(self, effect: Effect, /) -> None:
        """Carry out an effect, later: nothing may be awaited, and nothing dispatched, before this returns."""

    @property
    def busy(self) -> int:
        """How many deeds are under way."""
        ...


class Witness(Protocol):
    """Who sees everything that happens, to log and count it."""

    def handled(self, event: Event, effects: tuple[Effect, ...], seconds: float, /) -> None:
        """An event was handled."""

    def cycled(self, grants: int, seconds: float, longest: float, /) -> None:
        """A cycle is complete: its grants, the work in it, and the longest stretch without giving the loop back."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the dispatcher works with.

    Attributes:
        bound: how many deeds may be under way when a cycle begins.
    """

    clock: Clock
    allocate: Allocate
    witness: Witness
    bound: int


class Dispatcher:
    """Owns an engine. `run` must be running for time to pass and for anything to be allocated."""

    def __init__(self, engine: Engine, around: Surroundings) -> None:
        self._engine = engine
        self._around = around
        self._sink: Sink | None = None
        self._woken = asyncio.Event()
        self._cycling = False
        self._cycled = asyncio.Event()
        self._broken: Exception | None = None
        self._ticked = around.clock.now()

    def connect(self, sink: Sink) -> None:
        """Say where effects go. Needed once, before the first event: sinks answer through `dispatch`."""
        self._sink = sink

    def dispatch(self, event: Event) -> None:
        """Handle an event now. Never raises: after a broken invariant events are ignored, and `run` ends."""
        if self._broken is not None:
            return
        began = time.perf_counter()
        try:
            effects = self._engine.handle(event, self._around.clock.now())
        except Exception as error:  # noqa: BLE001 - whatever it is, the books can no longer be trusted
            self._broken = error
            self._woken.set()
            return
        self._around.witness.handled(event, effects, time.perf_counter() - began)
        if self._sink is not None:
            for effect in effects:
                self._sink.take(effect)
        self._woken.set()

    async def run(self) -> None:
        """Tick and allocate until cancelled.

        Raises the engine's exception when it broke an invariant.
        """
        while True:
            if not self._cycle_is_due():
                await self._nap()
            if self._broken is not None:
                raise self._broken
            self._tick()
            if self._cycle_is_due():
                await self._cycle()

    @property
    def settled(self) -> bool:
        """Whether everything that happened has been answered by a whole cycle: between two, room may lie idle."""
        return not (self._cycling or self._engine.recovering or self._engine.wants_cycle)

    async def settle(self, patience: float) -> bool:
        """Wait until it is settled, for so many seconds at the most; returns whether it is."""
        try:
            async with asyncio.timeout(patience):
                while not self.settled:
                    self._cycled.clear()
                    await self._cycled.wait()
        except TimeoutError:
            pass
        return self.settled

    def _cycle_is_due(self) -> bool:
        if self._broken is not None or self._engine.recovering or not self._engine.wants_cycle:
            return False
        return self._sink is None or self._sink.busy < self._around.bound

    def _tick(self) -> bool:
        """Let timers ring, if it is time; returns whether it was."""
        now = self._around.clock.now()
        if now < self._next_tick():
            return False
        self._ticked = now
        self.dispatch(Ticked())
        return True

    def _next_tick(self) -> float:
        latest = self._ticked + TICK_SECONDS
        wakeup = self._engine.next_wakeup
        # A wake-up that is due but that a tick did not clear must not make the loop spin.
        return latest if wakeup is None else min(latest, max(wakeup, self._ticked + _SHORTEST_NAP))

    async def _nap(self) -> None:
        try:
            async with asyncio.timeout(max(0.0, self._next_tick() - self._around.clock.now())):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _cycle(self) -> None:
        grants, work, longest = 0, 0.0, 0.0
        self._cycling = True
        began = time.perf_counter()
        for plan in self._around.allocate(self._engine.snapshot()):
            self.dispatch(Planned(plan))
            stretch = time.perf_counter() - began
            grants, work, longest = grants + len(plan.grants), work + stretch, max(longest, stretch)
            await asyncio.sleep(0)
            if self._tick():  # timers ring in portions: once a cycle would leave deadlines behind in a long one
                await asyncio.sleep(0)
            if self._broken is not None:
                return
            began = time.perf_counter()
        self._cycling = False
        self._cycled.set()
        self._around.witness.cycled(grants, work, longest)
        await asyncio.sleep(min(work, _LONGEST_REST))

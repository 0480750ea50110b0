"""The live driver of the engine: its parts wired together, and their one life.

    world -> dispatcher -> engine -> dispatcher -> executor | publisher | herald -> cluster -> world

`run` ends when any part ends, because half an operator is worse than none: the process goes, and the next one rebuilds
everything from the cluster.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, assert_never

from entresol.engine.effects import (
    Announce,
    BindPod,
    CreatePod,
    DeletePod,
    DeleteTask,
    Effect,
    Notify,
    PublishFramework,
    PublishRole,
    PublishTask,
)
from entresol.engine.machine import Engine
from entresol.engine.status import Summary
from entresol.kube.announcements import NO_NAMESPACE, Notice, Subject
from entresol.gauges import Picture
from entresol.model.resources import Resources
from entresol.runtime.dispatch import Dispatcher
from entresol.runtime.executor import Executor
from entresol.runtime.herald import Herald
from entresol.runtime.publisher import Publisher
from entresol.runtime.tide import Tide
from entresol.runtime.world import World

RARE_COLLECTIONS = (100_000, 20, 100)
"""Thresholds of the garbage collector. Nothing on the way of an event or a deed makes cycles, so what it finds is
little, and by default it would look through everything new for every 700 objects that are."""

STALE_SECONDS = 90.0
"""A watch without a sign of life for so long is dead: the server sends a bookmark about every minute."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Router:
    """Hands each effect to the part that carries it out."""

    executor: Executor
    publisher: Publisher
    herald: Herald
    tide: Tide

    @property
    def busy(self) -> int:
        """How many deeds are under way."""
        return self.executor.busy

    def take(self, effect: Effect) -> None:
        """Carry out an effect, later."""
        match effect:
            case CreatePod() | BindPod():
                self.tide.launched()
                self.executor.submit(effect)
            case DeletePod() | DeleteTask():
                self.executor.submit(effect)
            case PublishTask() | PublishFramework() | PublishRole():
                self.publisher.mark(effect)
            case Announce():
                self.herald.announce(effect)
            case Notify(framework=framework):
                _log.debug("nobody listens for offers to %s", framework)
            case _:
                assert_never(effect)


@dataclass(frozen=True, slots=True)
class Room:
    """What is on one agent, for the debug page."""

    allocatable: Resources
    ours: Resources
    foreign: Resources


class Driver:
    """One running operator."""

    def __init__(
        self, engine: Engine, dispatcher: Dispatcher, world: World, router: Router, now: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._dispatcher = dispatcher
        self._router = router
        self._now = now
        self.world = world
        dispatcher.connect(router)

    async def run(self) -> NoReturn:
        """Run until cancelled. Raises, as an exception group, what ended any part of it."""
        gc.set_threshold(*RARE_COLLECTIONS)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._dispatcher.run(), name="dispatcher")
                group.create_task(self._router.publisher.run(), name="publisher")
                group.create_task(self._router.herald.run(), name="herald")
                group.create_task(self.world.run(), name="world")
                group.create_task(self._settle_memory(), name="memory")
        finally:
            await self._router.executor.close()
        raise AssertionError("every part ended without an error")

    def tell(self, about: Subject, notice: Notice) -> None:
        """Write an Event about an object that is not a task, if that is allowed where the Event would be."""
        if self.world.scope.serves(about.namespace or NO_NAMESPACE):
            self._router.herald.notice(about, notice)

    @property
    def ready(self) -> bool:
        """Whether the whole cluster has been listed once."""
        return self.world.whole.is_set() and not self._engine.recovering

    def stale(self) -> Mapping[str, float]:
        """The kinds whose watch is dead, with the seconds since its last sign of life."""
        return {name: stream.age for name, stream in self.world.streams().items() if stream.age > STALE_SECONDS}

    async def settle(self, patience: float) -> bool:
        """Wait until every event was answered by a whole cycle, for so many seconds at most; returns whether it was."""
        return await self._dispatcher.settle(patience)

    def summary(self) -> Summary:
        """Everybody's figures."""
        return self._engine.summary(self._now())

    def picture(self) -> Picture:
        """What the gauges of metrics show."""
        return Picture(
            summary=self.summary(),
            recovering=self._engine.recovering,
            deeds=self._router.busy,
            streams=self.world.streams(),
            unserved_pods=self.world.unserved_pods,
        )

    def rooms(self) -> Mapping[str, Room]:
        """The ledger, agent by agent."""
        state = self._engine.state
        return {
            agent.id: Room(agent.allocatable, usage.ours, usage.foreign)
            for agent in state.cluster.counted()
            for usage in (state.ledger.usage(agent.id),)
        }

    async def _settle_memory(self) -> None:
        """Spare the garbage collector what was just read and stays: a large cluster is a million objects."""
        await self.world.whole.wait()
        # Not collected first: that would stop everything for half a second, and little garbage was made so far.
        gc.freeze()

"""The live driver of the engine: its parts wired together, and their one life.

    world -> dispatcher -> engine -> dispatcher -> executor | publisher | herald -> cluster -> world
                                                   leadership: whether any of it is told, and may write

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
from entresol.gauges import Picture
from entresol.kube.announcements import NO_NAMESPACE, Notice, Subject
from entresol.model.resources import Resources
from entresol.runtime.audit import Audit
from entresol.runtime.dispatch import Dispatcher
from entresol.runtime.executor import Executor
from entresol.runtime.herald import Herald
from entresol.runtime.leadership import Leadership
from entresol.runtime.publisher import Publisher
from entresol.runtime.tide import Tide
from entresol.runtime.world import World

RARE_COLLECTIONS = (100_000, 20, 100)
"""Thresholds of the garbage collector. Nothing on the way of an event or a deed makes cycles, so what it finds is
little, and by default it would look through everything new for every 700 objects that are."""

STALE_SECONDS = 90.0
"""A watch without a sign of life for so long is dead: the server sends a bookmark about every minute."""

FAREWELL_SECONDS = 3.0
"""So long may the last statuses take when an operator is told to end."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Router:
    """The parts that act. Hands each effect to the one that carries it out; the audit needs none."""

    executor: Executor
    publisher: Publisher
    herald: Herald
    tide: Tide
    audit: Audit

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
        self,
        engine: Engine,
        dispatcher: Dispatcher,
        world: World,
        router: Router,
        leadership: Leadership,
        now: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._dispatcher = dispatcher
        self._router = router
        self._leadership = leadership
        self._now = now
        self.world = world
        dispatcher.connect(router)

    async def run(self) -> NoReturn:
        """Run until cancelled. Raises, as an exception group, what ended any part of it."""
        gc.set_threshold(*RARE_COLLECTIONS)
        told_to_end = False
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._dispatcher.run(), name="dispatcher")
                group.create_task(self._router.publisher.run(), name="publisher")
                group.create_task(self._router.herald.run(), name="herald")
                group.create_task(self.world.run(), name="world")
                group.create_task(self._leadership.run(self.world.whole), name="leadership")
                group.create_task(self._router.audit.run(), name="audit")
                group.create_task(self._settle_memory(), name="memory")
        except asyncio.CancelledError:
            told_to_end = True  # nothing is wrong, so what we know may still be written down
            raise
        finally:
            await self._router.executor.close()
            if told_to_end and not self._engine.recovering:
                await self._router.publisher.farewell(FAREWELL_SECONDS)
            await self._leadership.release()
        raise AssertionError("every part ended without an error")

    def tell(self, about: Subject, notice: Notice) -> None:
        """Write an Event about an object that is not a task, if that is allowed where the Event would be."""
        if self.leads and self.world.scope.serves(about.namespace or NO_NAMESPACE):
            self._router.herald.notice(about, notice)

    @property
    def ready(self) -> bool:
        """Whether the whole cluster has been listed once: then this replica can answer, and take over at any time."""
        return self.world.whole.is_set()

    @property
    def leads(self) -> bool:
        """Whether this replica decides and writes; once it does, it does so until it ends."""
        return self._leadership.won.is_set()

    @property
    def leader(self) -> str | None:
        """Where the leader is to be asked, as HOST:PORT, while it is another replica and known."""
        return None if self.leads else self._leadership.address

    def stale(self) -> Mapping[str, float]:
        """The kinds whose watch is dead and does not know it, with the seconds since its last sign of life.

        One that knows is at work on it already. To end the process for that would not bring the API server back, and
        would cost every replica what it knows of the cluster.
        """
        troubled = self.world.problems()
        streams = self.world.streams().items()
        return {name: each.age for name, each in streams if each.age > STALE_SECONDS and name not in troubled}

    async def settle(self, patience: float) -> bool:
        """Wait until every event was answered by a whole cycle, for so many seconds at most; returns whether it was."""
        return await self._dispatcher.settle(patience)

    def summary(self) -> Summary:
        """Everybody's figures."""
        return self._engine.summary(self._now())

    def picture(self) -> Picture:
        """What the gauges of metrics show."""
        return Picture(
            summary=self.summary() if self.leads else None,
            recovering=self._engine.recovering,
            deeds=self._router.busy,
            streams=self.world.streams(),
            unserved_pods=self.world.unserved_pods,
            drift=self._router.audit.drift,
            standing=self._leadership.standing(),
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

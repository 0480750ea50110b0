"""The owner of the engine: ticks, cycles, bounds, and the end after a broken invariant."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import pytest

from entresol.allocator.allocate import allocate
from entresol.allocator.plan import Plan
from entresol.allocator.snapshot import ClusterSnapshot
from entresol.app import policy_of
from entresol.engine.effects import CreatePod, Effect
from entresol.engine.events import (
    AgentObserved,
    Event,
    FrameworkObserved,
    Launched,
    Planned,
    RoleObserved,
    Synced,
    TaskObserved,
    Ticked,
)
from entresol.engine.machine import Engine
from entresol.engine.state import MOST_RINGS, Alarm
from entresol.model.agents import Agent
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.policy import Policy
from entresol.model.resources import Resources
from entresol.model.tasks import Task
from entresol.model.tenants import Framework, Role
from entresol.runtime.clock import Clock
from entresol.runtime.dispatch import Dispatcher, Surroundings
from entresol.settings import Settings
from tests.support.recorder import until

ONE = Resources.of(cpu=1000, pods=1)


@dataclass
class Desk:
    """A real engine and allocator, with effects and events written down."""

    bound: int = 1000
    per_step: int = 2
    events: list[Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    cycles: list[int] = field(default_factory=list)
    busy: int = 0
    after_step: Callable[[], None] = lambda: None
    step_seconds: float = 0.0
    passed: float = 0.0

    def __post_init__(self) -> None:
        policy: Policy = policy_of(Settings(grants_per_step=self.per_step, grants_per_cycle=100))
        loop, self.engine = asyncio.get_running_loop(), Engine(policy)
        clock = Clock(monotonic=lambda: loop.time() + self.passed)
        self.dispatcher = Dispatcher(
            self.engine, Surroundings(clock, partial(allocate, policy=policy), self, self.bound)
        )
        self.dispatcher.connect(self)

    def take(self, effect: Effect) -> None:
        self.effects.append(effect)
        if isinstance(effect, CreatePod) and len(self.launches) == self.per_step:
            asyncio.get_running_loop().call_soon(self.after_step)

    def handled(self, event: Event, _effects: tuple[Effect, ...], seconds: float) -> None:
        assert seconds >= 0
        self.events.append(event)
        self.passed += self.step_seconds * isinstance(event, Planned)

    def cycled(self, grants: int, seconds: float, longest: float) -> None:
        assert seconds >= longest >= 0
        self.cycles.append(grants)

    def populate(self, tasks: int) -> None:
        events: tuple[Event, ...] = (
            AgentObserved(Agent(id=AgentId("n1"), allocatable=Resources.of(cpu=64_000, pods=110))),
            RoleObserved(Role(id=RoleId("team"))),
            FrameworkObserved(Framework(id=FrameworkId("team/batch"), role=RoleId("team"))),
            *(self.task(f"t{number}") for number in range(tasks)),
        )
        for event in events:
            self.dispatcher.dispatch(event)

    @staticmethod
    def task(name: str) -> TaskObserved:
        framework = FrameworkId("team/batch")
        return TaskObserved(Task(id=TaskId(name), name=f"team/{name}", framework=framework, demand=ONE))

    @property
    def launches(self) -> list[CreatePod]:
        return [effect for effect in self.effects if isinstance(effect, CreatePod)]


@pytest.fixture
async def desk() -> Any:
    desk = Desk()
    run: asyncio.Task[Any] = asyncio.create_task(desk.dispatcher.run())
    yield desk
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_nothing_is_allocated_before_everything_is_listed(desk: Desk) -> None:
    desk.populate(3)
    for _ in range(10):
        await asyncio.sleep(0)
    assert (desk.launches, desk.cycles) == ([], [])
    desk.dispatcher.dispatch(Synced())
    await until(lambda: len(desk.launches) == 3)


async def test_a_cycle_comes_in_steps_between_which_the_loop_is_free(desk: Desk) -> None:
    desk.populate(5)
    seen: list[int] = []

    async def look() -> None:
        while len(desk.launches) < 5:
            seen.append(len(desk.launches))
            await asyncio.sleep(0)

    desk.dispatcher.dispatch(Synced())
    async with asyncio.timeout(5):
        await look()
    assert {2, 4} <= set(seen), "somebody else had a turn after each step of two"
    await until(lambda: desk.cycles[:1] == [5])
    plans = [event.plan for event in desk.events if isinstance(event, Planned)]
    assert [plan.final for plan in plans[:3]] == [False, False, True]


async def test_what_happens_between_steps_is_in_the_next_cycle(desk: Desk) -> None:
    desk.populate(3)
    desk.after_step = lambda: desk.dispatcher.dispatch(desk.task("late"))
    desk.dispatcher.dispatch(Synced())
    await until(lambda: len(desk.launches) == 4)
    assert {launch.task for launch in desk.launches} == {"t0", "t1", "t2", "late"}


async def test_timers_ring_between_the_steps_of_a_cycle(desk: Desk) -> None:
    """They ring in portions, so that many of them would leave the last ones far behind at one portion a cycle."""
    desk.step_seconds = 0.1
    desk.populate(10)
    for number in range(10 * MOST_RINGS):
        desk.engine.state.ring(0.0, Alarm.TELL, f"gone {number}")
    desk.dispatcher.dispatch(Synced())
    await until(lambda: desk.cycles[:1] == [10])
    kinds = [type(event) for event in desk.events]
    assert kinds[kinds.index(Planned) :][:7] == [Planned, Ticked, Planned, Ticked, Planned, Ticked, Planned]


async def test_a_cluster_at_rest_is_left_alone_but_for_ticks(desk: Desk) -> None:
    desk.dispatcher.dispatch(Synced())
    await until(lambda: len(desk.cycles) == 1)
    await until(lambda: any(isinstance(event, Ticked) for event in desk.events))
    assert len(desk.cycles) == 1


async def test_no_cycle_begins_while_too_many_deeds_are_under_way() -> None:
    desk = Desk(bound=1)
    desk.busy = 1
    run: asyncio.Task[Any] = asyncio.create_task(desk.dispatcher.run())
    desk.populate(1)
    desk.dispatcher.dispatch(Synced())
    for _ in range(20):
        await asyncio.sleep(0)
    assert desk.launches == []
    desk.busy = 0
    desk.dispatcher.dispatch(desk.task("another"))
    await until(lambda: len(desk.launches) == 2)
    outcome = Launched(TaskId("another"), 1, PodId("pod"), ONE)
    desk.dispatcher.dispatch(outcome)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert desk.events[-1] == outcome


async def test_a_broken_invariant_ends_the_loop_and_nothing_is_handled_after_it() -> None:
    desk = Desk()
    run: asyncio.Task[Any] = asyncio.create_task(desk.dispatcher.run())
    desk.dispatcher.dispatch(cast("Event", "nonsense"))
    desk.dispatcher.dispatch(Ticked())
    async with asyncio.timeout(5):
        with pytest.raises(AssertionError, match="nonsense"):
            await run
    assert desk.events == []


async def test_an_invariant_broken_in_the_middle_of_a_cycle_ends_it() -> None:
    desk = Desk()

    def decide(snapshot: ClusterSnapshot) -> Iterator[Plan]:
        yield Plan(snapshot.cycle, ())
        desk.dispatcher.dispatch(cast("Event", "nonsense"))
        yield Plan(snapshot.cycle, ())
        raise AssertionError("the rest of a cycle must not be asked for")

    policy = policy_of(Settings())
    clock = Clock(monotonic=asyncio.get_running_loop().time)
    desk.dispatcher = Dispatcher(Engine(policy), Surroundings(clock, decide, desk, 10))
    desk.populate(1)
    desk.dispatcher.dispatch(Synced())
    async with asyncio.timeout(5):
        with pytest.raises(AssertionError, match="nonsense"):
            await desk.dispatcher.run()


async def test_an_error_of_the_allocator_ends_the_loop() -> None:
    desk = Desk()

    def decide(_: ClusterSnapshot) -> Iterator[Plan]:
        raise ZeroDivisionError

    policy = policy_of(Settings())
    clock = Clock(monotonic=asyncio.get_running_loop().time)
    desk.dispatcher = Dispatcher(Engine(policy), Surroundings(clock, decide, desk, 10))
    desk.populate(1)
    desk.dispatcher.dispatch(Synced())
    async with asyncio.timeout(5):
        with pytest.raises(ZeroDivisionError):
            await desk.dispatcher.run()


async def test_settled_means_that_a_whole_cycle_has_answered(desk: Desk) -> None:
    """Whoever asks for figures waits for the cycle that is due, but not for ever."""
    desk.populate(5)
    assert not await desk.dispatcher.settle(0.01), "nothing is settled before everything is listed"
    desk.dispatcher.dispatch(Synced())
    assert await desk.dispatcher.settle(5.0)
    assert len(desk.launches) == 5
    desk.busy = desk.bound
    desk.dispatcher.dispatch(desk.task("late"))
    assert not await desk.dispatcher.settle(0.01), "no cycle begins while too many deeds are under way"
    desk.busy = 0
    assert await desk.dispatcher.settle(5.0)
    assert len(desk.launches) == 6

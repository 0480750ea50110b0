"""Choosing agents one after the other, while other work takes room from under the walk."""

from collections.abc import Sequence

import numpy as np
import pytest

from entresol.allocator.memo import Cache
from entresol.allocator.placement.floor import SOME, Floor
from entresol.allocator.placement.kind import Room
from entresol.allocator.placement.walk import FEWEST, KEPT, PART, Walk
from entresol.allocator.shares import inverses
from entresol.allocator.snapshot import AgentView
from entresol.allocator.watch import Watch
from entresol.frameworks.placements import PLACEMENTS
from entresol.model.policy import Free
from tests.support.builders import Batch, agent, agents, cluster, framework, work

UNIT = work(cpu=1)
WHOLE = work(cpu=10)


class Bench:
    """A floor, a room for units of 1 CPU on it, and something else that takes whole agents."""

    def __init__(self, machines: list[AgentView], placement: str = "Balanced") -> None:
        snapshot = cluster(machines, framework("f", Batch(1, UNIT), Batch(1, WHOLE)))
        cache = Cache()
        for _ in cache.open(snapshot):
            pass
        self.floor = Floor(cache.matrix, inverses(cache.axes.names, snapshot.totals))
        self.unit, self.whole = cache.kind(UNIT), cache.kind(WHOLE)
        self.room = Room(self.unit)
        self.walk = Walk(self.floor, self.room, PLACEMENTS[placement])

    def place(self) -> int:
        chosen = self.walk.best()
        self.floor.take(self.unit, chosen)
        return chosen


def test_agents_filled_by_others_are_passed_over() -> None:
    bench = Bench(agents(5, cpu=10))
    assert bench.place() == 0
    for filled in (1, 2, 3):
        bench.floor.take(bench.whole, filled)
    assert bench.place() == 4


MANY = 4 * PART
REMEMBERED = KEPT * MANY // PART
"""How many of that many agents a walk remembers."""


def test_when_the_best_are_full_all_are_asked_again() -> None:
    bench = Bench(agents(MANY, cpu=10))
    assert bench.place() == 0
    for filled in range(1, REMEMBERED):
        bench.floor.take(bench.whole, filled)
    assert bench.place() == REMEMBERED, "nobody touched it, so it is better than the first by now"


def test_when_every_agent_that_was_remembered_is_full_all_are_asked_again() -> None:
    bench = Bench(agents(MANY, cpu=10))
    bench.walk.best()
    for filled in range(REMEMBERED):
        bench.floor.take(bench.whole, filled)
    assert bench.place() == REMEMBERED


def test_what_it_places_itself_a_walk_accounts_for_at_once() -> None:
    bench = Bench([agent("a", cpu=12), agent("b", cpu=10)])
    assert [bench.place() for _ in range(6)] == [0, 0, 0, 1, 0, 1]


@pytest.mark.parametrize(("placement", "want"), [("Balanced", [0, 0, 1, 1, 1]), ("Pack", [0, 0, 0, 0, 0])])
def test_what_others_place_is_seen_at_the_next_scoring(placement: str, want: list[int]) -> None:
    bench = Bench([agent("a", cpu=100), agent("b", cpu=101 if placement == "Pack" else 99)], placement)
    chosen = [bench.place()]
    for _ in range(5):
        bench.floor.take(bench.whole, 0)
    chosen += [bench.place() for _ in range(2 * FEWEST)]
    assert chosen == want


def test_pack_leaves_an_agent_when_others_have_filled_one_further() -> None:
    bench = Bench(agents(2, cpu=100), "Pack")
    assert bench.place() == 0
    for _ in range(5):
        bench.floor.take(bench.whole, 1)
    assert [bench.place() for _ in range(FEWEST + 1)] == [0] * (FEWEST - 1) + [1, 1]


def test_among_scarce_agents_the_score_decides_also_when_it_is_worked_out_again() -> None:
    bench = Bench([agent("a", cpu=100, gpu=1), agent("b", cpu=99, gpu=1)])
    assert bench.place() == 0
    for _ in range(5):
        bench.floor.take(bench.whole, 0)
    assert [bench.place() for _ in range(FEWEST)] == [0] * (FEWEST - 1) + [1]


def test_an_agent_without_room_for_a_second_unit_is_not_scored_as_if_it_had() -> None:
    """A score may divide by what is free: agents without room are none of its business."""
    seen: list[float] = []

    def watched(demand: Sequence[float], free: Sequence[Free], /) -> Free:
        seen.extend(np.atleast_1d(free[0]).tolist())
        return free[0] * demand[0]

    bench = Bench(agents(3, cpu=15))
    bench.walk = Walk(bench.floor, Room(bench.whole), watched)
    bench.walk.best()
    assert seen
    assert min(seen) > 0.3, "15 of 45, and never the 5 of 45 that are left after it"


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_what_is_chosen_always_has_room(placement: str) -> None:
    bench = Bench([agent(f"n{i}", cpu=3 + i % 7) for i in range(9)], placement)
    for step in range(sum(3 + i % 7 for i in range(9))):
        chosen = bench.walk.best()
        assert bench.floor.fits(bench.unit, chosen), step
        bench.floor.take(bench.unit, chosen)
    assert not bench.floor.fitting(bench.room).any()


def test_asking_for_an_agent_when_none_has_room_is_a_mistake_of_ours() -> None:
    bench = Bench(agents(1, cpu=1))
    bench.place()
    with pytest.raises(AssertionError, match="none has room"):
        bench.place()


# --- which rooms are open --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("from_the_end", [False, True])
@pytest.mark.parametrize("count", [1, SOME, SOME + 1, 3 * SOME])
def test_a_room_dies_with_its_last_agent_and_not_before(count: int, from_the_end: bool) -> None:
    bench = Bench(agents(count, cpu=10))
    watch = Watch(bench.floor)
    assert watch.alive(bench.room)
    died = []
    for used in sorted(range(count), reverse=from_the_end):
        bench.floor.take(bench.whole, used)
        died.append(watch.shaken(used))
    assert died == [[]] * (count - 1) + [[bench.room]]
    assert not watch.alive(bench.room)
    assert watch.dead == {bench.room}


def test_a_room_that_never_was_open_is_dead_at_once() -> None:
    bench = Bench(agents(2, cpu=10))
    for used in range(2):
        bench.floor.take(bench.whole, used)
    watch = Watch(bench.floor)
    assert not watch.alive(bench.room)


def test_the_small_survive_the_large_on_the_same_agent() -> None:
    bench = Bench(agents(1, cpu=15))
    watch, large = Watch(bench.floor), Room(bench.whole)
    assert watch.alive(large)
    assert watch.alive(bench.room)
    bench.floor.take(bench.whole, 0)
    assert watch.shaken(0) == [large]
    assert watch.alive(bench.room)
    assert watch.shaken(0) == [], "nothing was placed since"


def test_an_agent_that_is_nobodys_witness_shakes_nothing() -> None:
    bench = Bench(agents(2, cpu=10))
    watch = Watch(bench.floor)
    assert watch.alive(bench.room)
    bench.floor.take(bench.whole, 0)
    assert watch.shaken(0) == []

"""Choosing agents one after the other, while other work takes room from under the walk."""

import pytest

from entresol.allocator.memo import Cache
from entresol.allocator.placement.floor import SOME, Floor
from entresol.allocator.placement.kind import Room
from entresol.allocator.placement.walk import CORRECTIONS, FEWEST, KEPT, Walk
from entresol.allocator.shares import inverses
from entresol.allocator.snapshot import AgentView
from entresol.allocator.watch import Watch
from entresol.frameworks.placements import PLACEMENTS
from tests.support.builders import Batch, agent, agents, cluster, framework, work

UNIT = work(cpu=1)
WHOLE = work(cpu=10)


class Bench:
    """A floor, a room for units of 1 CPU on it, and something else that takes whole agents."""

    def __init__(self, machines: list[AgentView], placement: str = "Balanced") -> None:
        snapshot = cluster(machines, framework("f", Batch(1, UNIT), Batch(1, WHOLE)))
        cache = Cache()
        cache.open(snapshot)
        self.floor = Floor(cache.matrix)
        self.unit, self.whole = cache.kind(UNIT), cache.kind(WHOLE)
        self.room = Room(self.unit)
        inverse = inverses(cache.axes.names, snapshot.totals)
        self.walk = Walk(self.floor, self.room, PLACEMENTS[placement], inverse)

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


def test_when_the_best_are_full_the_next_best_are_found() -> None:
    bench = Bench(agents(KEPT + 50, cpu=10))
    assert bench.place() == 0
    bench.floor.take(bench.unit, 0)
    for filled in range(1, KEPT):
        bench.floor.take(bench.whole, filled)
    assert bench.place() == KEPT, "nobody touched it, so it is better than the first by now"


def test_when_every_agent_that_was_kept_is_full_all_are_asked_again() -> None:
    bench = Bench(agents(KEPT + 50, cpu=10))
    bench.walk.best()
    for filled in range(KEPT):
        bench.floor.take(bench.whole, filled)
    assert bench.place() == KEPT


def test_one_choice_corrects_a_few_scores_and_then_takes_what_it_has() -> None:
    count = CORRECTIONS + 3
    bench = Bench(agents(count, cpu=10))
    bench.walk.best()
    for used in range(count - 1):
        bench.floor.take(bench.unit, used)
    assert bench.walk.best() == CORRECTIONS, "it has room, though the last agent would be better"
    assert bench.walk.best() == count - 1, "which the next choice finds"


def test_pack_notices_what_others_filled_at_the_next_full_scoring() -> None:
    bench = Bench(agents(2, cpu=100), "Pack")
    assert bench.place() == 0
    for _ in range(5):
        bench.floor.take(bench.whole, 1)
    chosen = [bench.place() for _ in range(FEWEST + 1)]
    assert chosen == [0] * (FEWEST - 1) + [1, 1]


def test_among_scarce_agents_the_score_decides_also_when_it_is_worked_out_again() -> None:
    bench = Bench([agent("a", cpu=100, gpu=1), agent("b", cpu=99, gpu=1)])
    assert bench.place() == 0
    for _ in range(5):
        bench.floor.take(bench.whole, 0)
    assert bench.place() == 1


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

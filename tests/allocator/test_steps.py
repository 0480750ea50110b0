"""A large cycle gives way again and again, also before its first grant and after its last; what it decides is the same."""

from itertools import takewhile

import pytest

from entresol.allocator.allocate import allocate
from entresol.allocator.cycle import ENOUGH, SEAT
from entresol.allocator.memo import Cache
from entresol.allocator.placement.matrix import AT_ONCE
from entresol.allocator.plan import Plan
from entresol.allocator.snapshot import ClusterSnapshot
from tests.support.builders import DEFAULT, agents, batch, cluster, framework, run, work
from tests.support.builders import Batch as Units

MANY = ENOUGH // SEAT + 1
"""So many frameworks are too many to be seated at a stretch."""

WIDE = cluster(agents(2 * AT_ONCE + 1, cpu=4), framework("f", Units(9, work(cpu=1, selector={"zone": "a"}))))
BUSY = cluster(agents(3, cpu=2), *[framework(f"f{i:04}", batch(9, cpu=1), batch(9, cpu=2)) for i in range(MANY)])


def empty_before(steps: tuple[Plan, ...]) -> int:
    """How many steps came before the first grant or the end."""
    return len(list(takewhile(lambda step: not (step.grants or step.final), steps)))


def test_many_agents_are_worked_out_in_portions() -> None:
    steps = run(WIDE).steps
    assert empty_before(steps) == 2 + 2, "three portions of the agents, and three of what their labels mean"


def test_what_is_remembered_takes_no_steps() -> None:
    cache = Cache()
    first, again = run(WIDE, cache=cache), run(WIDE, cache=cache)
    assert empty_before(again.steps) == 0
    assert (again.grants, again.final) == (first.grants, first.final)


def test_many_frameworks_are_seated_and_explained_in_portions() -> None:
    seated, granted, explained = run(BUSY).steps
    assert [len(step.grants) for step in (seated, granted, explained)] == [0, 6, 0]
    assert (granted.passes, len(explained.passes)) == ((), 2 * MANY)
    assert [step.final for step in (seated, granted, explained)] == [False, False, True]


@pytest.mark.parametrize("snapshot", [WIDE, BUSY], ids=["agents", "frameworks"])
@pytest.mark.parametrize("after", range(1, 6))
def test_a_cycle_that_is_left_in_the_middle_leaves_the_cache_sound(snapshot: ClusterSnapshot, after: int) -> None:
    cache = Cache()
    left = allocate(snapshot, DEFAULT, cache)
    for _ in range(after):
        next(left, None)
    there = run(snapshot, cache=cache)
    want = run(snapshot)
    assert (there.grants, there.final) == (want.grants, want.final)


def test_agents_that_move_while_they_are_half_worked_out() -> None:
    cache = Cache()
    next(allocate(WIDE, DEFAULT, cache))
    moved = cluster(WIDE.agents[3:], *WIDE.frameworks)
    there, want = run(moved, cache=cache), run(moved)
    assert (there.grants, there.final) == (want.grants, want.final)

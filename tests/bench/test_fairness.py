"""The arithmetic of the fairness benchmark: what is near the fluid optimum, and when a late role had its due."""

from collections.abc import Mapping

import numpy as np
import pytest

from tests.bench.fluid import Figures, figures, instance, slices
from tests.bench.late import Change, held_at, jain, moment_freed, moment_within
from tests.support.oracle import Problem, leximin

PAIR = Problem(agents=[[9, 18]], demands=[[1, 4], [3, 1]], weights=[1, 1], tasks=[float("inf")] * 2)
"""The example of the paper on dominant resource fairness: three tasks and two, each two thirds of its resource."""

OUTCOMES: Mapping[str, tuple[list[int], Figures]] = {
    "the optimum itself": ([3, 2], Figures(lowest=1.0, sum=1.0, sliced=0.0, shortfall=0.0)),
    "one task too few of the second": ([3, 1], Figures(lowest=0.5, sum=0.75, sliced=0.0, shortfall=1.0)),
    "nothing for the first": ([0, 2], Figures(lowest=0.0, sum=0.5, sliced=0.5, shortfall=3.0)),
}


@pytest.mark.parametrize(("units", "want"), OUTCOMES.values(), ids=OUTCOMES)
def test_figures(units: list[int], want: Figures) -> None:
    found = figures(PAIR, leximin(PAIR), units)
    assert [getattr(found, name) for name in Figures.__slots__] == pytest.approx(
        [getattr(want, name) for name in Figures.__slots__], abs=1e-6
    )


def test_a_slice_counts_whole_tasks_on_agents_that_may_be_used() -> None:
    problem = Problem([[64, 68], [72, 28]], [[1, 1], [7, 5]], [1, 1], [1e9] * 2, [[True, True], [True, False]])
    assert np.array_equal(slices(problem), [32 + 14, 4])


def test_instances_are_the_same_every_time_and_differ_from_each_other() -> None:
    assert instance("constrained", 3) == instance("constrained", 3)
    assert instance("constrained", 3) != instance("constrained", 4)
    eligible = instance("constrained", 3).eligible
    assert eligible is not None
    assert all(any(row) for row in eligible)


LEVELS: Mapping[str, tuple[list[float], float]] = {
    "equal levels": ([0.2, 0.2, 0.2], 1.0),
    "one has everything": ([1.0, 0.0, 0.0, 0.0], 0.25),
    "one has twice as much": ([1.0, 2.0], 0.9),
}


@pytest.mark.parametrize(("levels", "want"), LEVELS.values(), ids=LEVELS)
def test_jain(levels: list[float], want: float) -> None:
    assert jain(levels) == pytest.approx(want)


CHANGES = [
    Change(1.0, "old", 1),
    Change(2.0, "old", -1),
    *(Change(3.0 + number, "old", -1) for number in range(3)),
    *(Change(6.0 + number, "late", 1) for number in range(20)),
]


def test_moments() -> None:
    """What was freed before the arrival does not count, and 19 of 20 places are within 5 %."""
    assert moment_freed(CHANGES, 2.5, 3) == 5.0
    assert moment_freed(CHANGES, 2.5, 4) is None
    assert moment_within(CHANGES, "late", 20) == 6.0 + 18
    assert moment_within(CHANGES, "late", 40) is None
    assert held_at(CHANGES, 7.0)["late"] == 2

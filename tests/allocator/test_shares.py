"""Dominant shares, and the two orders that are made of them."""

import pytest

from entresol.allocator.ordering import SHARES, current_share, final_share
from entresol.allocator.shares import Dominant, dominant, inverses
from entresol.model.resources import Resources
from tests.support.builders import resources

TOTALS = resources(cpu=10, memory=40, gpu=4)

DOMINANT = {
    "the largest fraction names it": (resources(cpu=1, memory=8), frozenset[str](), Dominant("memory", 0.2)),
    "of equal fractions the first name": (resources(cpu=1, memory=4), frozenset[str](), Dominant("cpu", 0.1)),
    "all of it is exactly one": (resources(cpu=10), frozenset[str](), Dominant("cpu", 1.0)),
    "nothing held, nothing dominant": (Resources(), frozenset[str](), Dominant("", 0.0)),
    "what the cluster has not does not count": (resources(fpga=3, cpu=1), frozenset[str](), Dominant("cpu", 0.1)),
    "what is excluded does not count": (resources(cpu=1, memory=8), frozenset({"memory"}), Dominant("cpu", 0.1)),
}


@pytest.mark.parametrize(("held", "excluded", "want"), DOMINANT.values(), ids=DOMINANT.keys())
def test_dominant(held: Resources, excluded: frozenset[str], want: Dominant) -> None:
    assert dominant(held, TOTALS, excluded) == want


def test_inverses_are_zero_for_what_does_not_count() -> None:
    assert inverses(["cpu", "fpga", "memory"], TOTALS, frozenset({"memory"})) == [0.1, 0.0, 0.0]


SHARE = {
    # held, demand, inverse of totals, final share, current share
    "final looks one unit ahead": ([2, 0], [1, 1], [0.1, 0.1], 0.3, 0.2),
    "the dominant resource may change with the unit": ([2, 1], [0, 4], [0.1, 0.1], 0.5, 0.2),
    "what does not count adds nothing": ([2, 900], [1, 900], [0.1, 0.0], 0.3, 0.2),
    "a large unit stands far behind": ([0, 0], [9, 1], [0.1, 0.1], 0.9, 0.0),
    "no resources, no share": ([], [], [], 0.0, 0.0),
}


@pytest.mark.parametrize(("held", "demand", "inverse", "final", "current"), SHARE.values(), ids=SHARE.keys())
def test_share(held: list[int], demand: list[int], inverse: list[float], final: float, current: float) -> None:
    assert final_share(held, demand, inverse) == pytest.approx(final)
    assert current_share(held, demand, inverse) == pytest.approx(current)


def test_shares_are_found_by_the_names_of_the_configuration() -> None:
    assert dict(SHARES) == {"FinalShare": final_share, "CurrentShare": current_share}

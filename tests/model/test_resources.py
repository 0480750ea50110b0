"""Arithmetic on amounts, and the laws it obeys."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.model.resources import Resources, is_scarce, total
from tests.support.builders import resources

NOTHING = Resources()
A = resources(cpu=3, memory=5)
B = resources(cpu=1, gpu=2)

SUMS = {
    "of nothing": ([], NOTHING),
    "of one": ([A], A),
    "by name": ([A, B, B], resources(cpu=5, memory=5, gpu=4)),
}


@pytest.mark.parametrize(("amounts", "want"), SUMS.values(), ids=SUMS.keys())
def test_sum(amounts: list[Resources], want: Resources) -> None:
    assert total(amounts) == want
    added = NOTHING
    for each in amounts:
        added += each
    assert added == want


RESULTS: dict[str, tuple[Resources, Resources]] = {
    "zeros are not kept": (Resources.of(cpu=0, memory=1), Resources((("memory", 1),))),
    "names are sorted": (Resources.of({"memory": 1, "cpu": 2}), Resources((("cpu", 2), ("memory", 1)))),
    "pairs and keywords go together": (Resources.of([("gpu", 1)], cpu=2), Resources((("cpu", 2), ("gpu", 1)))),
    "adding nothing": (A + NOTHING, A),
    "adding to nothing": (NOTHING + A, A),
    "taking away": (A - resources(cpu=1), resources(cpu=2, memory=5)),
    "taking away everything": (A - A, NOTHING),
    "taking away nothing": (A - NOTHING, A),
    "without stops at nothing": (A.without(resources(cpu=9, memory=1, gpu=4)), resources(memory=4)),
    "without nothing": (A.without(NOTHING), A),
    "times": (A.times(2), resources(cpu=6, memory=10)),
    "times zero": (A.times(0), NOTHING),
    "peak": (A.peak(B), resources(cpu=3, memory=5, gpu=2)),
    "peak with itself": (A.peak(A), A),
    "only some": (A.only(["cpu", "gpu"]), resources(cpu=3)),
}


@pytest.mark.parametrize(("got", "want"), RESULTS.values(), ids=RESULTS.keys())
def test_result(got: Resources, want: Resources) -> None:
    assert got == want


REFUSED: dict[str, tuple[Callable[[], Resources], str]] = {
    "a negative amount": (lambda: Resources.of(cpu=-1), "amount of `cpu` must be zero or more, got -1"),
    "more given back than was taken": (lambda: A - resources(cpu=4), "`cpu` would fall to -1"),
    "something given back that was never taken": (lambda: A - resources(gpu=1), "`nvidia.com/gpu` would fall to -1"),
}


@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(act: Callable[[], Resources], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        act()


COVERS = {
    "itself": (A, A, True),
    "less": (A, resources(cpu=1), True),
    "nothing": (NOTHING, NOTHING, True),
    "more of one": (A, resources(cpu=4, memory=1), False),
    "something it has not": (A, B, False),
}


@pytest.mark.parametrize(("have", "demand", "want"), COVERS.values(), ids=COVERS.keys())
def test_covers(have: Resources, demand: Resources, want: bool) -> None:
    assert have.covers(demand) is want


def test_looking_inside() -> None:
    assert (A.get("cpu"), A.get("gpu"), A.names(), dict(A), bool(A), bool(NOTHING)) == (
        3,
        0,
        ("cpu", "memory"),
        {"cpu": 3, "memory": 5},
        True,
        False,
    )


@pytest.mark.parametrize(("name", "want"), [("cpu", False), ("pods", False), ("nvidia.com/gpu", True)])
def test_scarce_resources_carry_a_domain(name: str, want: bool) -> None:
    assert is_scarce(name) is want


bundles = st.dictionaries(st.sampled_from(["cpu", "memory", "a/b"]), st.integers(0, 2**70)).map(Resources.of)


@given(bundles, bundles, bundles)
def test_the_laws(one: Resources, two: Resources, three: Resources) -> None:
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert (one + two) - two == one
    assert hash(one + two) == hash(two + one)
    assert (one + two).covers(one)
    assert one.without(two) + two == one.peak(two)
    assert one.peak(two).covers(one)
    assert one.times(3) == one + one + one

"""Dividing one quantity by weight and wish."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.allocator.entitlement import divide

CASES = {
    "nobody is there": (1.0, [], []),
    "by weight, when everybody wants much": (0.9, [(1, 5.0), (2, 5.0)], [0.3, 0.6]),
    "who wants less leaves the rest to the others": (0.9, [(1, 0.1), (1, 5.0)], [0.1, 0.8]),
    "who wants nothing gets nothing": (0.6, [(5, 0.0), (1, 1.0)], [0.0, 0.6]),
    "nobody gets more than it wishes": (1.0, [(1, 0.2), (9, 0.3)], [0.2, 0.3]),
}


@pytest.mark.parametrize(("amount", "wishes", "want"), CASES.values(), ids=CASES.keys())
def test_divide(amount: float, wishes: Sequence[tuple[int, float]], want: Sequence[float]) -> None:
    """The order of the answer is that of the wishes."""
    assert divide(amount, wishes) == pytest.approx(want)


@given(st.floats(0, 1), st.lists(st.tuples(st.integers(1, 9), st.floats(0, 1)), max_size=6))
def test_all_is_divided_or_all_are_satisfied(amount: float, wishes: Sequence[tuple[int, float]]) -> None:
    given_out = divide(amount, wishes)
    assert sum(given_out) == pytest.approx(min(amount, sum(wish for _, wish in wishes)))
    levels = [part / weight for part, (weight, wish) in zip(given_out, wishes, strict=True) if part < wish - 1e-9]
    assert max(levels, default=0.0) == pytest.approx(min(levels, default=0.0))

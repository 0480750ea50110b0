"""Which unit each task order puts first, and the contract that every registered order keeps."""

from itertools import pairwise
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.frameworks.orders import ORDERS
from entresol.model.policy import Urgency

IN_ORDER = {
    "Fifo looks at nothing, so age decides": ("Fifo", [Urgency(), Urgency(priority=9), Urgency(runtime=1.0)]),
    "Priority puts the highest first": ("Priority", [Urgency(priority=7), Urgency(priority=0), Urgency(priority=-3)]),
    "Priority ignores run times": ("Priority", [Urgency(runtime=9.0), Urgency(runtime=1.0), Urgency()]),
    "ShortestFirst puts the shortest first": ("ShortestFirst", [Urgency(runtime=1.0), Urgency(runtime=60.0)]),
    "ShortestFirst puts unknown run times last": ("ShortestFirst", [Urgency(runtime=1e9), Urgency()]),
    "ShortestFirst ignores priorities": ("ShortestFirst", [Urgency(runtime=1.0), Urgency(9, 1.0), Urgency(0, 1.0)]),
}


@pytest.mark.parametrize(("name", "urgencies"), IN_ORDER.values(), ids=IN_ORDER.keys())
def test_order(name: str, urgencies: list[Urgency]) -> None:
    keys = [ORDERS[name](urgency) for urgency in urgencies]
    assert keys == sorted(keys)


STRICT = {"Priority": (Urgency(priority=1), Urgency(priority=0)), "ShortestFirst": (Urgency(runtime=1.0), Urgency())}


@pytest.mark.parametrize(("name", "pair"), STRICT.items())
def test_order_tells_apart(name: str, pair: tuple[Urgency, Urgency]) -> None:
    assert ORDERS[name](pair[0]) < ORDERS[name](pair[1])


def test_fifo_tells_nothing_apart() -> None:
    assert ORDERS["Fifo"](Urgency(5, 1.0)) == ORDERS["Fifo"](Urgency())


urgencies = st.builds(
    Urgency,
    priority=st.integers(-(2**31), 2**31 - 1),
    runtime=st.none() | st.floats(min_value=0, allow_nan=False, allow_infinity=False),
)


@pytest.mark.parametrize("name", ORDERS)
@given(urgencies=st.lists(urgencies, min_size=2, max_size=6))
def test_every_order_is_total_and_looks_at_one_unit_alone(name: str, urgencies: list[Urgency]) -> None:
    order = ORDERS[name]
    keys = sorted(order(urgency) for urgency in urgencies)
    assert all(one <= other for one, other in pairwise(keys))
    assert len({len(key) for key in keys}) == 1
    assert not any(isnan(part) for key in keys for part in key)
    assert [order(urgency) for urgency in urgencies] == [order(urgency) for urgency in urgencies]

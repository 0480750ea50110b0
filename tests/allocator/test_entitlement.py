"""Entitlements, case by case. The paper's example and everything that bends the filling: limits, guarantees, holdings."""

from collections.abc import Mapping

import pytest

from entresol.allocator.entitlement import Claim, Entitlement, entitlements
from entresol.model.identifiers import RoleId
from entresol.model.resources import Resources
from tests.support.builders import resources

POOL = resources(cpu=90, memory=90)
LOTS = 10_000


def claim(
    name: str,
    pending: Resources,
    *,
    weight: int = 1,
    held: Resources = Resources(),  # noqa: B008 - a frozen value
    limit: Mapping[str, int] | None = None,
    guarantee: Resources = Resources(),  # noqa: B008 - a frozen value
) -> Claim:
    role = RoleId(name)
    return Claim(role=role, weight=weight, pending=pending, held=held, limit=limit or {}, guarantee=guarantee)


def much(**unit: int) -> Resources:
    return resources(**unit).times(LOTS)


CASES = {
    "the paper's example: 3 tasks of (1, 4) and 2 of (3, 1) in (9, 18), both at two thirds": (
        resources(cpu=9, memory=18),
        [claim("a", much(cpu=1, memory=4)), claim("b", much(cpu=3, memory=1))],
        {"a": 12 / 18, "b": 6 / 9},
    ),
    "nobody claims anything": (POOL, [], {}),
    "a role alone has what it asks for": (POOL, [claim("a", resources(cpu=45))], {"a": 0.5}),
    "and no more than there is": (POOL, [claim("a", resources(cpu=900))], {"a": 1.0}),
    "equal weights, equal shares": (POOL, [claim("a", much(cpu=1)), claim("b", much(cpu=7))], {"a": 0.5, "b": 0.5}),
    "weights divide": (POOL, [claim("a", much(cpu=1)), claim("b", much(cpu=1), weight=2)], {"a": 1 / 3, "b": 2 / 3}),
    "who asks for different things does not compete": (
        POOL,
        [claim("a", much(cpu=1)), claim("b", much(memory=1))],
        {"a": 1.0, "b": 1.0},
    ),
    "what a modest role leaves goes to the others": (
        POOL,
        [claim("a", resources(cpu=9)), claim("b", much(cpu=1)), claim("c", much(cpu=1))],
        {"a": 0.1, "b": 0.45, "c": 0.45},
    ),
    "when one resource is used up, those who do not need it go on": (
        POOL,
        [claim("a", much(cpu=1)), claim("b", much(cpu=1)), claim("c", much(memory=1))],
        {"a": 0.5, "b": 0.5, "c": 1.0},
    ),
    "two resources that are used up one after the other": (
        POOL,
        [claim("a", much(cpu=2, memory=1)), claim("b", much(cpu=2, memory=1)), claim("c", much(memory=1))],
        {"a": 0.5, "b": 0.5, "c": 0.5},
    ),
    "what is held counts like what is asked": (
        POOL,
        [claim("a", much(cpu=1), held=resources(cpu=80)), claim("b", much(cpu=1))],
        {"a": 0.5, "b": 0.5},
    ),
    "who only holds is entitled to that": (
        POOL,
        [claim("a", Resources(), held=resources(cpu=9)), claim("b", much(cpu=1))],
        {"a": 0.1, "b": 0.9},
    ),
    "a limit bounds, and the others have the rest": (
        POOL,
        [claim("a", much(cpu=1), limit={"cpu": 18}), claim("b", much(cpu=1))],
        {"a": 0.2, "b": 0.8},
    ),
    "a limit that is not reached changes nothing": (
        POOL,
        [claim("a", resources(cpu=9), limit={"cpu": 18, "memory": 1})],
        {"a": 0.1},
    ),
    "a limit bounds the whole bundle": (
        POOL,
        [claim("a", much(cpu=2, memory=1), limit={"memory": 9})],
        {"a": 0.2},
    ),
    "a resource that a limit forbids does not bind the rest": (
        POOL,
        [claim("a", resources(cpu=45, gpu=1), limit={"nvidia.com/gpu": 0})],
        {"a": 0.5},
    ),
    "a resource that the cluster has not does not bind the rest": (
        POOL,
        [claim("a", resources(cpu=45, gpu=1))],
        {"a": 0.5},
    ),
    "nor is a role entitled to it": (POOL, [claim("a", resources(gpu=1))], {"a": 0.0}),
    "a guarantee comes first": (
        POOL,
        [claim("a", much(cpu=1), guarantee=resources(cpu=72)), claim("b", much(cpu=1))],
        {"a": 0.8, "b": 0.2},
    ),
    "a guarantee below the fair share changes nothing": (
        POOL,
        [claim("a", much(cpu=1), guarantee=resources(cpu=9)), claim("b", much(cpu=1))],
        {"a": 0.5, "b": 0.5},
    ),
    "a guarantee that is not asked for is lent out": (
        POOL,
        [claim("a", resources(cpu=9), guarantee=resources(cpu=72)), claim("b", much(cpu=1))],
        {"a": 0.1, "b": 0.9},
    ),
    "a guarantee of something else promises nothing": (
        POOL,
        [claim("a", much(cpu=1), guarantee=resources(gpu=1, memory=80)), claim("b", much(cpu=1))],
        {"a": 0.5, "b": 0.5},
    ),
    "a guarantee of something scarce mints no share of what is asked beside it": (
        resources(cpu=90, gpu=4),
        [claim("a", resources(cpu=90, gpu=1), guarantee=resources(gpu=1)), claim("b", much(cpu=1))],
        {"a": 0.5, "b": 0.5},
    ),
    "a guarantee does not lift a limit": (
        POOL,
        [claim("a", much(cpu=1), guarantee=resources(cpu=72), limit={"cpu": 9}), claim("b", much(cpu=1))],
        {"a": 0.1, "b": 0.9},
    ),
    "guarantees beyond the cluster are cut in proportion": (
        POOL,
        [
            claim("a", much(cpu=1), guarantee=resources(cpu=90)),
            claim("b", much(cpu=1), guarantee=resources(cpu=45)),
            claim("c", much(cpu=1)),
        ],
        {"a": 2 / 3, "b": 1 / 3, "c": 0.0},
    ),
    "above its guarantee a role rises with the others": (
        POOL,
        [
            claim("a", much(cpu=1), guarantee=resources(cpu=36)),
            claim("b", resources(cpu=9)),
            claim("c", much(cpu=1)),
        ],
        {"a": 0.45, "b": 0.1, "c": 0.45},
    ),
    "48 agents of (8, 6): four roles of (1, 0.5) and four of (2, 2) all stand at a seventh": (
        resources(cpu=48 * 8000, memory=48 * 6000),
        [claim(f"s{i}", much(cpu=1000, memory=500)) for i in range(4)]
        + [claim(f"l{i}", much(cpu=2000, memory=2000)) for i in range(4)],
        {f"{kind}{i}": 1 / 7 for kind in "sl" for i in range(4)},
    ),
}


@pytest.mark.parametrize(("totals", "claims", "want"), CASES.values(), ids=CASES.keys())
def test_entitled(totals: Resources, claims: list[Claim], want: dict[str, float]) -> None:
    found = entitlements(totals, claims)
    assert {role: due.share for role, due in found.items()} == pytest.approx(want, abs=1e-12)


def test_an_excluded_resource_neither_counts_nor_binds() -> None:
    claims = [claim("a", much(cpu=1, memory=9)), claim("b", much(cpu=1))]
    found = entitlements(POOL, claims, frozenset({"memory"}))
    assert [due.share for due in found.values()] == pytest.approx([0.5, 0.5])
    assert entitlements(POOL, claims)[RoleId("b")].share > 0.5


def test_the_floor_is_the_fraction_of_the_weights() -> None:
    found = entitlements(POOL, [claim("a", much(cpu=1), weight=3), claim("b", resources(cpu=1))])
    assert found == {"a": Entitlement(found[RoleId("a")].share, 0.75), "b": Entitlement(1 / 90, 0.25)}


@pytest.mark.parametrize("large", range(1, 40))
def test_a_trace_of_a_resource_beside_heavy_users_of_it_is_no_trouble(large: int) -> None:
    """Slopes that differ by sixteen orders of magnitude are added and taken away again."""
    totals = resources(cpu=90, memory=2**60)
    heavy = [claim(f"r{i}", resources(memory=2**50 + i), weight=1000 * i + 7) for i in range(large)]
    found = entitlements(totals, [*heavy, claim("trace", much(cpu=1, memory=1))])
    assert found[RoleId("trace")].share == pytest.approx(1.0)
    assert found[RoleId("r0")].share == pytest.approx(2**-10)


def test_many_roles_together_never_pass_the_cluster() -> None:
    claims = [
        claim(f"r{i}", resources(cpu=1 + i % 7, memory=i % 5), weight=1 + i % 4, guarantee=resources(cpu=i % 3))
        for i in range(3000)
    ]
    totals = resources(cpu=3000, memory=2500)
    found = entitlements(totals, claims)
    for name, whole in totals:
        bundles = [(one.pending, found[one.role].share) for one in claims]
        dominant = [max(b.get(n) / t for n, t in totals) for b, _ in bundles]
        used = sum(b.get(name) * share / top for (b, share), top in zip(bundles, dominant, strict=True))
        assert used <= whole * (1 + 1e-9)
    assert max(due.share / one.weight for one, due in zip(claims, found.values(), strict=True)) > 0

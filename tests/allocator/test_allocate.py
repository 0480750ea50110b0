"""Whole cycles, one sentence each: who gets how much, and in which order."""

from dataclasses import replace

import pytest

from entresol.allocator.plan import CutShort, Key, Launch, OverLimit, Slice
from entresol.allocator.snapshot import ClusterSnapshot
from entresol.model.identifiers import RoleId
from entresol.model.resources import Resources
from tests.support.builders import agent, agents, batch, cluster, framework, policy, resources, role, run

ONE = [agent("n", cpu=12, memory=12)]
PAPER = [agent("n", cpu=9, memory=18)]

COUNTS = {
    # sentence: (cluster, units by framework)
    "the paper's example gives 3 tasks of (1, 4) and 2 of (3, 1)": (
        cluster(PAPER, framework("a", batch(9, cpu=1, memory=4)), framework("b", batch(9, cpu=3, memory=1))),
        {"a": 3, "b": 2},
    ),
    "equal weights share equally": (
        cluster(ONE, framework("a", batch(99, cpu=1)), framework("b", batch(99, cpu=1))),
        {"a": 6, "b": 6},
    ),
    "weights of roles divide": (
        cluster(ONE, framework("a", batch(99, cpu=1)), framework("b", batch(99, cpu=1)), roles=[role("b", weight=2)]),
        {"a": 4, "b": 8},
    ),
    "weights of frameworks divide inside their role and namespace only": (
        cluster(
            ONE,
            framework("a", batch(99, cpu=1), role=RoleId("r")),
            framework("b", batch(99, cpu=1), role=RoleId("r"), weight=2),
            framework("c", batch(99, cpu=1), weight=9),
        ),
        {"a": 2, "b": 4, "c": 6},
    ),
    "namespaces share a role before their frameworks do": (
        cluster(
            ONE,
            framework("red/a", batch(99, cpu=1), role=RoleId("r")),
            framework("red/b", batch(99, cpu=1), role=RoleId("r")),
            framework("red/c", batch(99, cpu=1), role=RoleId("r")),
            framework("blue/d", batch(99, cpu=1), role=RoleId("r")),
        ),
        {"red/a": 2, "red/b": 2, "red/c": 2, "blue/d": 6},
    ),
    "what is held already counts": (
        cluster(
            [agent("n", used=resources(cpu=6), cpu=12)],
            framework("a", batch(99, cpu=1), held=resources(cpu=4)),
            framework("b", batch(99, cpu=1), held=resources(cpu=2)),
        ),
        {"a": 2, "b": 4},
    ),
    "what a role holds elsewhere counts for it": (
        cluster(
            ONE,
            framework("a", batch(99, cpu=1)),
            framework("b", batch(99, cpu=1)),
            roles=[role("a", held=resources(cpu=6))],
        ),
        {"a": 3, "b": 9},
    ),
    "work that is done leaves the rest to the others": (
        cluster(ONE, framework("a", batch(2, cpu=1)), framework("b", batch(99, cpu=1))),
        {"a": 2, "b": 10},
    ),
    "small units overtake a large one that would pass their share": (
        cluster([agent("n", cpu=13)], framework("a", batch(9, cpu=9)), framework("b", batch(9, cpu=3))),
        {"a": 0, "b": 4},
    ),
    "a unit that fits nowhere holds nobody up, not even its own framework": (
        cluster(
            ONE,
            framework("a", batch(1, cpu=99), batch(99, cpu=1, created=9)),
            framework("b", batch(99, cpu=1)),
        ),
        {"a": 6, "b": 6},
    ),
    "a unit that stops fitting lets its framework go on with others": (
        # Were the order to notice only when its turn comes, b would have 8 by then.
        cluster(
            [agent("n", cpu=10)],
            framework("a", batch(1, cpu=8), batch(99, cpu=1, created=9)),
            framework("b", batch(99, cpu=1)),
        ),
        {"a": 5, "b": 5},
    ),
    "a guarantee is served first": (
        cluster(
            ONE,
            framework("a", batch(99, cpu=1)),
            framework("b", batch(99, cpu=1)),
            roles=[role("a", guarantee=resources(cpu=9))],
        ),
        {"a": 9, "b": 3},
    ),
    "beyond its guarantee a role stands in line with what it has": (
        cluster(
            ONE,
            framework("a", batch(99, cpu=1)),
            framework("b", batch(99, cpu=1)),
            roles=[role("a", guarantee=resources(cpu=4))],
        ),
        {"a": 6, "b": 6},
    ),
    "a guarantee of GPUs is no claim on CPUs": (
        cluster(
            [agent("n", cpu=12, gpu=4)],
            framework("a", batch(99, cpu=1)),
            framework("b", batch(99, cpu=1)),
            roles=[role("a", guarantee=resources(gpu=4))],
        ),
        {"a": 6, "b": 6},
    ),
    "a guarantee covers a unit only if all guaranteed resources it asks for are left": (
        cluster(
            [agent("n", cpu=12, gpu=4)],
            framework("a", batch(9, cpu=2, gpu=1)),
            framework("b", batch(99, cpu=2)),
            roles=[role("a", guarantee=resources(cpu=12, gpu=1))],
        ),
        {"a": 2, "b": 4},
    ),
    "a limit is never passed": (
        cluster(
            ONE,
            framework("a", batch(99, cpu=1)),
            framework("b", batch(99, cpu=1)),
            roles=[role("a", limit={"cpu": 3})],
        ),
        {"a": 3, "b": 9},
    ),
    "a limit judges all that the role holds": (
        cluster(
            ONE,
            framework("a", batch(99, cpu=1), role=RoleId("r"), held=resources(cpu=1)),
            framework("b", batch(99, cpu=1), role=RoleId("r"), held=resources(cpu=1)),
            roles=[role("r", limit={"cpu": 4})],
        ),
        {"a": 1, "b": 1},
    ),
    "a limit of zero forbids": (
        cluster(
            [agent("n", cpu=12, gpu=4)],
            framework("a", batch(9, cpu=1, gpu=1), batch(9, cpu=1)),
            roles=[role("a", limit={"gpu": 0})],
        ),
        {"a": 9},
    ),
    "a limit that is passed already stops what asks for more, and nothing else": (
        cluster(
            ONE,
            framework("a", batch(9, cpu=1), batch(3, memory=1), held=resources(cpu=8)),
            roles=[role("a", limit={"cpu": 4})],
        ),
        {"a": 3},
    ),
    "a large unit over the limit lets small ones through": (
        cluster(
            ONE,
            framework("a", batch(2, cpu=5), batch(9, cpu=1, created=9)),
            roles=[role("a", limit={"cpu": 7})],
        ),
        {"a": 3},
    ),
    "nobody wants anything": (cluster(ONE), {}),
    "there are no agents": (cluster([], framework("a", batch(3, cpu=1))), {"a": 0}),
    "a unit that asks for nothing fits, even where nothing counts": (
        cluster([agent("n")], framework("a", batch(3))),
        {"a": 3},
    ),
    "amounts beyond 64 bits are no trouble": (
        cluster([agent("n", memory=2**70)], framework("a", batch(2, memory=2**69), batch(2, memory=2**60))),
        {"a": 2},
    ),
}


@pytest.mark.parametrize(("snapshot", "want"), COUNTS.values(), ids=COUNTS.keys())
def test_counts(snapshot: ClusterSnapshot, want: dict[str, int]) -> None:
    outcome = run(snapshot)
    assert {name: outcome.count(name) for name in want} == want
    assert len(outcome.grants) == sum(want.values())


def order(snapshot: ClusterSnapshot, share: str = "FinalShare") -> str:
    """The frameworks in the order of their grants."""
    return "".join(grant.framework.removeprefix("team/") for grant in run(snapshot, policy(share)).grants)


ORDERS = {
    "of equal shares the older wait goes first": (
        cluster(ONE, framework("a", batch(2, cpu=1, created=5)), framework("b", batch(2, cpu=1))),
        "baba",
    ),
    "of equal waits the name decides": (
        cluster(ONE, framework("a", batch(2, cpu=1)), framework("b", batch(2, cpu=1))),
        "abab",
    ),
    "the smaller unit goes first": (
        cluster(ONE, framework("a", batch(2, cpu=3)), framework("b", batch(6, cpu=1))),
        "bbabbbab",
    ),
    "the first tier goes before everything": (
        cluster(
            ONE,
            framework("a", batch(3, cpu=1)),
            framework("b", batch(3, cpu=1)),
            roles=[role("b", guarantee=resources(cpu=2))],
        ),
        "bbaaab",
    ),
    "inside the first tier keys decide": (
        cluster(
            ONE,
            framework("a", batch(2, cpu=1)),
            framework("b", batch(2, cpu=1)),
            roles=[role("a", guarantee=resources(cpu=2)), role("b", guarantee=resources(cpu=2))],
        ),
        "abab",
    ),
}


@pytest.mark.parametrize(("snapshot", "want"), ORDERS.values(), ids=ORDERS.keys())
def test_order(snapshot: ClusterSnapshot, want: str) -> None:
    assert order(snapshot) == want


def test_current_share_is_blind_to_the_size_of_the_next_unit() -> None:
    snapshot = cluster(ONE, framework("a", batch(2, cpu=3)), framework("b", batch(6, cpu=1)))
    assert order(snapshot, "CurrentShare") == "abbbabbb"


def test_a_framework_serves_its_classes_in_the_order_of_their_units() -> None:
    """The policy part of the rank first, then creation, then name; across classes."""
    view = framework(
        "a",
        batch(2, cpu=1, policy=(0.0,), created=5),
        batch(1, cpu=2, policy=(-1.0,), created=9),
        batch(2, cpu=3, policy=(0.0,), created=5.5),
    )
    tasks = [grant.task.removeprefix("team/a/") for grant in run(cluster(ONE, view)).grants]
    assert tasks == ["1/00000", "0/00000", "2/00000", "0/00001", "2/00001"]


def test_an_excluded_resource_counts_in_no_share_but_must_fit() -> None:
    snapshot = cluster(ONE, framework("a", batch(9, cpu=1, memory=3)), framework("b", batch(9, cpu=1)))
    assert run(snapshot).count("a") == 3
    outcome = run(snapshot, policy(excluded=frozenset({"memory"})))
    assert (outcome.count("a"), outcome.count("b")) == (4, 8)


def test_grants_carry_the_keys_that_won() -> None:
    snapshot = cluster(
        ONE,
        framework("a", batch(1, cpu=3, created=7), weight=2),
        roles=[role("a", weight=3, guarantee=resources(cpu=5))],
    )
    (grant,) = run(snapshot).grants
    assert grant.keys == (
        Key(0, 0.25 / 3, 7.0, "a"),
        Key(0, 0.25, 7.0, "team"),
        Key(0, 0.125, 7.0, "team/a"),
    )


# --- steps and bounds ------------------------------------------------------------------------------------------------


def test_a_cycle_comes_in_steps_and_the_last_is_final() -> None:
    snapshot = cluster(ONE, framework("a", batch(7, cpu=1)))
    steps = run(snapshot, policy(grants_per_step=3)).steps
    assert [(len(step.grants), step.final) for step in steps] == [(3, False), (3, False), (1, True)]
    assert {step.cycle for step in steps} == {1}


def test_a_step_that_is_exactly_full_is_the_last() -> None:
    snapshot = cluster(ONE, framework("a", batch(6, cpu=1)))
    steps = run(snapshot, policy(grants_per_step=3)).steps
    assert [(len(step.grants), step.final) for step in steps] == [(3, False), (3, True)]


def test_a_cycle_is_bounded_and_says_what_it_cut_short() -> None:
    snapshot = cluster(
        ONE,
        framework("a", batch(7, cpu=1), batch(3, cpu=99, created=50)),
        framework("b", batch(3, cpu=1), held=resources(cpu=9)),
        roles=[role("b", limit={"cpu": 1})],
    )
    outcome = run(snapshot, policy(grants_per_cycle=2))
    assert len(outcome.grants) == 2
    cut, unseen, over = (each.verdict for each in outcome.final.passes)
    assert cut == CutShort()
    assert unseen == CutShort(), "its turn never came"
    assert over == OverLimit(("cpu",))


# --- external frameworks ---------------------------------------------------------------------------------------------

TWO = agents(2, cpu=4)


def test_external_frameworks_get_slices_and_others_launches() -> None:
    snapshot = cluster(TWO, framework("a", batch(1, cpu=1), external=True), framework("b", batch(1, cpu=1)))
    assert {grant.framework: type(grant) for grant in run(snapshot).grants} == {"team/a": Slice, "team/b": Launch}


REFUSED = {
    # what team/a refused on n0, and where its units of 2 CPU go
    "as much": (resources(cpu=2), ["n1", "n1"]),
    "more than that": (resources(cpu=3, memory=5), ["n1", "n1"]),
    "less than that": (resources(cpu=1), ["n0", "n0", "n1", "n1"]),
    "something else": (resources(gpu=1), ["n0", "n0", "n1", "n1"]),
}


@pytest.mark.parametrize(("refused", "want"), REFUSED.values(), ids=REFUSED.keys())
def test_an_offer_is_not_repeated_when_it_refused(refused: Resources, want: list[str]) -> None:
    view = framework("a", batch(9, cpu=2), external=True)
    refusals = {"a": {"n0": [resources(memory=9), refused], "gone": [resources(cpu=9)]}}
    outcome = run(cluster(TWO, view, refusals=refusals))
    assert outcome.agents_of("a") == want


def test_a_refusal_binds_nobody_else() -> None:
    refusals = {"a": {"n0": [resources(cpu=9)]}}
    snapshot = cluster(
        TWO[:1],
        framework("a", batch(1, cpu=2), external=True),
        framework("b", batch(1, cpu=2), external=True),
        refusals=refusals,
    )
    outcome = run(snapshot)
    assert (outcome.count("a"), outcome.count("b")) == (0, 1)


def test_built_in_frameworks_refuse_nothing() -> None:
    snapshot = cluster(TWO[:1], framework("a", batch(1, cpu=2)), refusals={"a": {"n0": [resources(cpu=9)]}})
    assert run(snapshot).count("a") == 1


# --- standings -------------------------------------------------------------------------------------------------------


def test_standings_list_the_waiting_in_due_order_and_leave_out_who_is_over_its_limit() -> None:
    snapshot = cluster(
        ONE,
        framework("a", batch(1, cpu=99)),
        framework("b", batch(1, cpu=50)),
        framework("c", batch(1, cpu=1)),
        framework("d", batch(1, cpu=20)),
        framework("e", batch(1, cpu=20), batch(2, cpu=30, created=9)),
        roles=[role("d", limit={"cpu": 9}), role("e", limit={"cpu": 99})],
    )
    final = run(snapshot).final
    assert [standing.framework for standing in final.standings] == ["team/e", "team/b", "team/a"]
    assert [standing.keys[0].share for standing in final.standings] == pytest.approx([20 / 12, 50 / 12, 99 / 12])


def test_a_standing_is_judged_by_the_first_unit_within_the_limit() -> None:
    snapshot = cluster(
        ONE,
        framework("a", batch(1, cpu=40), batch(1, memory=30, created=9)),
        roles=[role("a", limit={"cpu": 9})],
    )
    (standing,) = run(snapshot).final.standings
    assert standing.keys[0].share == pytest.approx(30 / 12)


def test_a_cycle_without_work_stands_empty() -> None:
    final = run(replace(cluster(ONE), cycle=7)).final
    assert (final.cycle, final.grants, final.passes, final.standings) == (7, (), (), ())

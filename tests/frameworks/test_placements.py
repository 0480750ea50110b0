"""Which agent each placement prefers, and the contract that every registered placement keeps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.allocator.snapshot import AgentView, ClusterSnapshot
from entresol.frameworks.placements import PLACEMENTS
from tests.support.audit import audit
from tests.support.builders import Batch, agent, agents, batch, cluster, framework, policy, resources, run, work
from tests.support.changes import scaled
from tests.support.strategies import snapshots

HALF = resources(cpu=50, memory=50)

CHOSEN = {
    # sentence: (placement, demand, agents, where the first units go)
    "Balanced sends CPU-heavy work where CPU is left": (
        "Balanced",
        {"cpu": 5, "memory": 1},
        [agent("a", cpu=100, memory=300), agent("b", cpu=300, memory=100)],
        ["b", "b"],
    ),
    "Balanced sends memory-heavy work where memory is left": (
        "Balanced",
        {"cpu": 1, "memory": 5},
        [agent("a", cpu=100, memory=300), agent("b", cpu=300, memory=100)],
        ["a", "a"],
    ),
    "Balanced prefers the larger of two agents of one shape": (
        "Balanced",
        {"cpu": 1, "memory": 1},
        [agent("a", cpu=40, memory=40), agent("b", cpu=80, memory=80)],
        ["b"] * 5,
    ),
    "Balanced fills up the agent on which nothing would be left": (
        "Balanced",
        {"cpu": 3, "memory": 3},
        [agent("a", cpu=8, memory=8), agent("b", cpu=3, memory=3)],
        ["b"],
    ),
    "Balanced does so before it opens another": ("Balanced", {"cpu": 2}, agents(3, cpu=4), ["n0", "n0", "n1", "n1"]),
    "what is not asked does not count for Balanced": (
        "Balanced",
        {"cpu": 10},
        [agent("a", cpu=90, memory=1), agent("b", cpu=100, memory=900)],
        ["b"],
    ),
    "Pack prefers the fuller agent": (
        "Pack",
        {"cpu": 10, "memory": 10},
        [agent("a", cpu=100, memory=100), agent("b", used=HALF, cpu=100, memory=100)],
        ["b"] * 5 + ["a"],
    ),
    "Pack fills one agent before it opens the next": (
        "Pack",
        {"cpu": 50},
        agents(3, cpu=100),
        ["n0", "n0", "n1", "n1"],
    ),
    "Spread prefers the emptier agent": (
        "Spread",
        {"cpu": 10, "memory": 10},
        [agent("a", used=HALF, cpu=100, memory=100), agent("b", cpu=100, memory=100)],
        ["b"] * 5,
    ),
    "Spread opens every agent before it fills one": (
        "Spread",
        {"cpu": 10},
        agents(3, cpu=100),
        ["n0", "n1", "n2", "n0", "n1", "n2"],
    ),
    "Spread does so on many agents": ("Spread", {"cpu": 1}, agents(300, cpu=100), [f"n{i:03}" for i in range(300)]),
    "what is not asked does not count for Spread": (
        "Spread",
        {"cpu": 10},
        [agent("a", cpu=90, memory=900), agent("b", cpu=100, memory=1)],
        ["b"],
    ),
}


@pytest.mark.parametrize(("name", "demand", "machines", "want"), CHOSEN.values(), ids=CHOSEN.keys())
def test_placement(name: str, demand: dict[str, int], machines: list[AgentView], want: list[str]) -> None:
    view = framework("f", batch(len(want), resources(**demand)), placement=name)
    assert run(cluster(machines, view)).agents_of("f") == want


GPU = resources(cpu=100, memory=100, gpu=4)


@pytest.mark.parametrize("name", PLACEMENTS)
def test_every_placement_keeps_work_without_need_off_scarce_agents(name: str) -> None:
    machines = [agent("a", GPU), agent("b", cpu=10, memory=10), agent("c", GPU, used=resources(cpu=60))]
    plain = framework("f", batch(3, cpu=5, memory=5), placement=name)
    outcome = run(cluster(machines, plain))
    assert outcome.agents_of("f")[:2] == ["b", "b"]
    assert outcome.agents_of("f")[2] in {"a", "c"}, "last is not never"


@pytest.mark.parametrize("name", PLACEMENTS)
def test_every_placement_lets_work_that_needs_it_onto_scarce_agents(name: str) -> None:
    machines = [agent("a", cpu=100, memory=100, fpga=4), agent("b", GPU)]
    asks = framework("f", Batch(2, work(cpu=5, gpu=1)), placement=name)
    assert run(cluster(machines, asks)).agents_of("f") == ["b", "b"]


amounts = st.floats(min_value=1e-18, max_value=1)
"""From a byte in an exbibyte to all that there is."""


@st.composite
def choices(draw: st.DrawFn) -> tuple[list[float], list[list[float]]]:
    """A demand, and what is free of each resource on agents that all have room for it."""
    demand = draw(st.lists(st.just(0.0) | amounts, min_size=1, max_size=4))
    count = draw(st.integers(1, 5))
    free = [draw(st.lists(st.floats(want, 1), min_size=count, max_size=count)) for want in demand]
    return demand, free


@pytest.mark.parametrize("name", PLACEMENTS)
@given(choice=choices())
def test_every_placement_scores_each_agent_alone(name: str, choice: tuple[list[float], list[list[float]]]) -> None:
    """In whatever company an agent is, its score is the same, bit for bit; and every score is a number."""
    demand, free = choice
    together = PLACEMENTS[name](demand, [np.array(row) for row in free])
    columns = list(zip(*free, strict=True))
    alone = [PLACEMENTS[name](demand, [np.array([have]) for have in column]).item() for column in columns]
    assert together.tolist() == alone
    assert np.isfinite(together).all()
    bare = [PLACEMENTS[name](demand, column) for column in columns]
    assert bare == pytest.approx(alone, rel=1e-12), "roots of bare numbers may differ in the last bit"


@pytest.mark.parametrize("name", PLACEMENTS)
@given(snapshot=snapshots())
def test_every_placement_gives_plans_that_the_rules_dictate(name: str, snapshot: ClusterSnapshot) -> None:
    chosen = policy(placements=dict.fromkeys(PLACEMENTS, PLACEMENTS[name]))
    outcome = run(snapshot, chosen)
    assert audit(snapshot, chosen, outcome) == []
    assert run(snapshot, chosen).steps == outcome.steps
    there = run(scaled(snapshot, 2**20), chosen)
    assert [(g.task, g.agent) for g in there.grants] == [(g.task, g.agent) for g in outcome.grants]

"""What every plan keeps, on clusters of all kinds; and that the checks would notice if it did not."""

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entresol.allocator.allocate import allocate
from entresol.allocator.memo import Cache
from entresol.allocator.plan import OverLimit
from entresol.allocator.snapshot import ClusterSnapshot
from entresol.model.identifiers import AgentId, FrameworkId
from tests.support.audit import Books, audit
from tests.support.builders import DEFAULT, Outcome, agent, batch, cluster, framework, policy, resources, role, run
from tests.support.changes import changed, scaled
from tests.support.strategies import snapshots


@settings(max_examples=4 * settings().max_examples)  # the most that is said about plans, in one sentence
@given(
    snapshot=snapshots(),
    share=st.sampled_from(["FinalShare", "CurrentShare"]),
    per_cycle=st.sampled_from([4, 1000]),
    excluded=st.sampled_from([frozenset[str](), frozenset({"memory"})]),
)
def test_a_plan_is_what_the_rules_dictate(
    snapshot: ClusterSnapshot, share: str, per_cycle: int, excluded: frozenset[str]
) -> None:
    chosen = policy(share, grants_per_cycle=per_cycle, grants_per_step=3, excluded=excluded)
    assert audit(snapshot, chosen, run(snapshot, chosen)) == []


@given(snapshot=snapshots(), draw=st.randoms(use_true_random=False))
def test_the_order_of_input_does_not_matter(snapshot: ClusterSnapshot, draw: random.Random) -> None:
    def shuffled(items: tuple) -> tuple:  # type: ignore[type-arg]
        return tuple(draw.sample(items, len(items)))

    mixed = replace(
        snapshot,
        roles=shuffled(snapshot.roles),
        frameworks=shuffled(tuple(replace(view, queues=shuffled(view.queues)) for view in snapshot.frameworks)),
        refusals=dict(shuffled(tuple(snapshot.refusals.items()))),
    )
    assert run(mixed).steps == run(snapshot).steps


@given(snapshot=snapshots(), power=st.sampled_from([1, 10, 30]))
def test_a_power_of_two_more_of_everything_changes_nothing(snapshot: ClusterSnapshot, power: int) -> None:
    here, there = run(snapshot), run(scaled(snapshot, 2**power))
    assert [(g.task, g.agent, g.keys) for g in there.grants] == [(g.task, g.agent, g.keys) for g in here.grants]
    assert there.final.standings == here.final.standings


@given(snapshot=snapshots(), seed=st.integers(0, 2**16))
def test_what_is_remembered_changes_nothing(snapshot: ClusterSnapshot, seed: int) -> None:
    draw, cache = random.Random(seed), Cache()
    for _ in range(6):
        remembered = run(snapshot, cache=cache)
        assert remembered.steps == run(snapshot).steps
        snapshot = changed(snapshot, remembered, draw)


@given(snapshot=snapshots())
def test_stopping_early_leaves_the_cache_sound(snapshot: ClusterSnapshot) -> None:
    cache, chosen = Cache(), policy(grants_per_step=1)
    next(allocate(snapshot, chosen, cache))
    assert run(snapshot, cache=cache).steps == run(snapshot).steps


# --- would the audit notice? -----------------------------------------------------------------------------------------

BUSY = cluster(
    [agent("n1", cpu=10, memory=10), agent("n2", cpu=10, memory=10, taints=["dedicated"])],
    framework("a", batch(4, cpu=1, memory=1), batch(2, cpu=4, memory=1, created=1)),
    framework("b", batch(9, cpu=2, memory=1)),
    framework("e", batch(3, cpu=1, memory=2), external=True),
    roles=[role("b", weight=2, limit={"memory": 3}), role("e", guarantee=resources(cpu=2, memory=4))],
)


def swapped(outcome: Outcome) -> Outcome:
    """Two neighbours that belong to different frameworks, in the other order."""
    grants = list(outcome.grants)
    i = next(i for i, (one, two) in enumerate(pairwise(grants)) if one.framework != two.framework)
    grants[i], grants[i + 1] = grants[i + 1], grants[i]
    return replace(outcome, grants=tuple(grants))


def with_final(outcome: Outcome, **what: object) -> Outcome:
    return replace(outcome, final=replace(outcome.final, **what))  # type: ignore[arg-type]


def wrong_reason(outcome: Outcome) -> Outcome:
    first, *rest = outcome.final.passes
    return with_final(outcome, passes=(first._replace(verdict=OverLimit(("cpu",))), *rest))


FORGERIES: dict[str, Callable[[Outcome], Outcome]] = {
    "a grant is repeated": lambda o: replace(o, grants=(*o.grants[:3], *o.grants[2:])),
    "a grant is left out": lambda o: replace(o, grants=o.grants[:-1]),
    "two grants change places": swapped,
    "a grant lands on an agent it may not use": lambda o: replace(
        o, grants=(o.grants[0]._replace(agent=AgentId("n2")), *o.grants[1:])
    ),
    "a grant claims other keys": lambda o: replace(
        o, grants=(o.grants[0]._replace(keys=o.grants[1].keys), *o.grants[1:])
    ),
    "a launch is called a slice": lambda o: replace(
        o, grants=tuple(g._replace(framework=FrameworkId("team/b")) if g.framework == "team/e" else g for g in o.grants)
    ),
    "a class is left without a reason": lambda o: with_final(o, passes=o.final.passes[1:]),
    "a class gets another's reason": wrong_reason,
    "a standing is missing": lambda o: with_final(o, standings=o.final.standings[1:]),
    "standings are out of order": lambda o: with_final(o, standings=o.final.standings[::-1]),
    "no step is final": lambda o: replace(o, steps=tuple(replace(s, final=False) for s in o.steps)),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_the_audit_notices_when(forgery: Callable[[Outcome], Outcome]) -> None:
    honest = run(BUSY)
    assert audit(BUSY, DEFAULT, honest) == []
    assert audit(BUSY, DEFAULT, forgery(honest)) != []


def test_the_audit_notices_the_order_of_mesos() -> None:
    naive = policy("CurrentShare")
    assert audit(BUSY, DEFAULT, run(BUSY, naive)) != []


def test_a_cycle_that_stops_at_the_first_refusal_leaves_room_that_others_could_use() -> None:
    """As the paper's pseudo-code does; hence a class that finds no room is passed over."""
    books = Books(BUSY, DEFAULT)
    views = {view.id: view for view in BUSY.frameworks}
    for grant in run(BUSY).grants:
        ladders = books.ladders(with_room=False)
        first = views[min(ladders, key=lambda name: ladders[name])]
        head = books.head(first, with_room=False)
        if head is None or not books.fits_somewhere(first, head[1]):
            break
        queue = next(i for i, _, unit in books.left(views[grant.framework]) if unit.task == grant.task)
        books.book(views[grant.framework], queue, grant.agent)
    assert books.due() is not None

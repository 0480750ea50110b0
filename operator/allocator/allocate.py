"""Level one: a snapshot in, a plan out.

    cycle:  who is due?  ──►  which agent?  ──►  book it  ──►  settle what changed  ──►  again
            tree, line        walk               floor          watch, limits

`allocate` is a pure function. It reads no clock and draws nothing, every tie is broken by a name, and what it remembers
between calls cannot change its answer. It decides; whether a decision can still be carried out is for `engine.commit`
to check against the world as it is by then.
"""

from collections.abc import Iterator

from entresol.allocator.cycle import Cycle
from entresol.allocator.memo import Cache
from entresol.allocator.plan import Grant, Plan
from entresol.allocator.snapshot import ClusterSnapshot
from entresol.model.policy import Policy


def allocate(snapshot: ClusterSnapshot, policy: Policy, cache: Cache | None = None) -> Iterator[Plan]:
    """Decide who gets what, in steps.

    Yields:
        Partial plans of at most `policy.grants_per_step` grants, at most `policy.grants_per_cycle` in all. Whenever
        much was worked out, which in a large cluster happens before the first grant and after the last, a plan may be
        shorter or empty: the caller gets its turn. The last, and only the last, is `final`: it says for all that still
        waits why, and in which order it stands. A caller may stop early; what was not yielded was not decided.
    """
    cache = cache or Cache()
    for _ in cache.open(snapshot):
        yield Plan(snapshot.cycle, ())
    cycle = Cycle(snapshot, policy, cache)
    for _ in cycle.prepare():
        if cycle.tired():
            yield Plan(snapshot.cycle, ())
    grants: list[Grant] = []
    for grant in cycle.grants(policy.grants_per_cycle):
        if len(grants) == policy.grants_per_step or cycle.tired():
            yield Plan(snapshot.cycle, tuple(grants))
            grants.clear()
        grants.append(grant)
    explanation = cycle.explanation()
    for _ in explanation.find():
        if cycle.tired():
            yield Plan(snapshot.cycle, tuple(grants))
            grants.clear()
    yield Plan(
        cycle=snapshot.cycle,
        grants=tuple(grants),
        final=True,
        passes=tuple(explanation.passes),
        standings=tuple(explanation.standings),
    )

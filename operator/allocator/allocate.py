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
        Partial plans of at most `policy.grants_per_step` grants, at most `policy.grants_per_cycle` in all. The last,
        and only the last, is `final`: it says for all that still waits why, and in which order it stands.
        A caller may stop early; what was not yielded was not decided.
    """
    cycle = Cycle(snapshot, policy, cache or Cache())
    grants: list[Grant] = []
    for _ in range(policy.grants_per_cycle):
        grant = cycle.grant()
        if grant is None:
            break
        if len(grants) == policy.grants_per_step:
            yield Plan(snapshot.cycle, tuple(grants))
            grants.clear()
        grants.append(grant)
    yield Plan(
        cycle=snapshot.cycle,
        grants=tuple(grants),
        final=True,
        passes=cycle.passes(),
        standings=cycle.standings(),
    )

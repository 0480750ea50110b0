"""What `check.py` measures against the contract: each probe is one round, and answers ratios alone.

CPU time of this process is counted in units of `reference`, or one product's work is held against another's in the same
round, so that a slow or busy machine changes both sides alike. To add a probe: a function here that answers values by
name, a row in `PROBES`, and an entry in `contract.toml` for each value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache as memo
from math import log

from entresol.allocator.memo import Cache
from entresol.allocator.snapshot import ClusterSnapshot
from tests.bench import bind, cycle, fairness, passage
from tests.bench.fleet import fleet
from tests.bench.fluid import SETS
from tests.bench.later import later
from tests.bench.reference import TURNS, spent, uncollected, unit

Values = dict[str, float]

SMALL, LARGE = (1_500, 150, 15_000), (6_000, 600, 60_000)
"""Agents, frameworks and tasks of the two sizes between which growth is measured."""

FREED = 50
"""In the incremental cycle, one place in so many was freed and is asked for again."""


def filled(snapshot: ClusterSnapshot, cache: Cache) -> cycle.Run:
    """Run one cycle to its end, without the garbage collector."""
    with uncollected():
        return cycle.run(snapshot, cache)


@memo
def picture(size: tuple[int, int, int]) -> ClusterSnapshot:
    """A cluster of this size; frozen, so that every round may have the same."""
    return fleet(*size)


def allocator() -> Values:
    """Full fills at two sizes, and what an incremental cycle costs beside a full one."""
    small = min(filled(picture(SMALL), Cache()).seconds for _ in range(3))
    snapshot, cache, before = picture(LARGE), Cache(), unit()
    full = min((filled(snapshot, cache := Cache()) for _ in range(2)), key=lambda fill: fill.seconds)
    one = (before + unit()) / 2
    quiet = later(snapshot, full.grants)
    filled(quiet, cache)
    stirred = later(snapshot, [grant for i, grant in enumerate(full.grants) if i % FREED], quiet)
    again = filled(stirred, cache)
    if len(again.grants) * FREED < len(full.grants) // 2:
        raise AssertionError(f"{len(again.grants)} grants are too few for an incremental cycle")
    return {
        "growth": log(full.seconds / small) / log(LARGE[2] / SMALL[2]),
        "grant": full.seconds / len(full.grants) / (one / TURNS),
        "longest_step": full.longest / one,
        "incremental": again.seconds / full.seconds,
    }


def shares() -> Values:
    """How near `Balanced` comes to the fluid optimum on the short set; the same on every machine."""
    found = {kind: fairness.offline(fairness.SHORT, kind)["Balanced"] for kind in SETS}
    return {
        f"{key}_{kind}": values[column]
        for kind, values in found.items()
        for key, column in (("lowest", "lowest share of fluid"), ("sum", "sum of shares of fluid"))
    }


def engine() -> Values:
    """A plain pod's way through reading, engine and body, beside the decoding of its two events alone."""
    pods = 2_000
    passage.decode(pods)  # makes the lines
    with uncollected():
        one = unit()
        decoding = min(spent(lambda: passage.decode(pods))[0] for _ in range(3))
        passing = min(passage.through(pods) for _ in range(3))
    return {"pod_vs_decoding": passing / decoding, "pod": passing / pods / (one / TURNS)}


def binding() -> Values:
    """1,000 pods on 200 nodes, by Entresol, by a client that decides nothing and by kube-scheduler, in turn."""
    size = bind.Size(200, 1_000)
    found = {letter: bind.one_round(bind.CONTENDERS[letter], size)[0] for letter in "cab"}
    return {
        "vs_bare_bindings": found["c"]["rate"] / found["a"]["rate"],
        "vs_kube_scheduler": found["c"]["rate"] / found["b"]["rate"],
        "requests_per_pod": found["c"]["requests"],
        "requests_per_pod_in_all": found["c"]["requests_in_all"],
    }


@dataclass(frozen=True, slots=True)
class Probe:
    """One round of measurement.

    Attributes:
        rounds: how many are taken at first; their median counts.
        take: answers values by name.
        more: how many are added, once, when a value is out of its range; 0 for what cannot come out otherwise.
    """

    take: Callable[[], Values]
    rounds: int
    more: int


PROBES: Mapping[str, Probe] = {
    "allocator": Probe(allocator, rounds=3, more=6),
    "engine": Probe(engine, rounds=3, more=6),
    "fairness": Probe(shares, rounds=1, more=0),
    "bind": Probe(binding, rounds=1, more=2),
}

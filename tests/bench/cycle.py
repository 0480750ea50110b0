"""How long an allocation cycle takes: `python -m tests.bench.cycle [--short]`.

The allocator alone, in CPU time of its own process, on the picture that an engine gives out that has observed such a
cluster. *Full fill*: everything waits, nothing is remembered, one cycle goes to the end. *Incremental*: a full cluster
in which 500 places were freed and 2,000 tasks are new, everything else as before. *Mostly idle*: 3,000 roles hold
something and 60 of them want more. Sizes take turns, round by round.

The garbage collector is off meanwhile: in the operator grants die within their step, here they are kept. And they are
kept for the audit, outside of the time that counts: what concerns a grant itself is checked at every grant, whose turn
it was at every so many (`tests.bench.audited`).
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log
from time import process_time
from typing import TypeAlias

from entresol.allocator.allocate import allocate
from entresol.allocator.memo import Cache
from entresol.allocator.plan import Grant
from entresol.allocator.snapshot import ClusterSnapshot, FrameworkView
from entresol.engine.machine import Engine
from entresol.model.identifiers import TaskId
from entresol.model.work import Unit
from tests.bench.audited import findings
from tests.bench.fleet import fleet, idle, observed
from tests.bench.later import later
from tests.bench.record import Aim, Record
from tests.bench.reference import TURNS, spent, uncollected, unit
from tests.support.builders import policy

Size: TypeAlias = tuple[int, int, int]
"""Agents, frameworks and waiting tasks."""

SIZES: Sequence[Size] = ((1_000, 100, 10_000), (5_000, 500, 50_000), (10_000, 1_000, 100_000))
SHORT: Sequence[Size] = ((500, 50, 5_000), (2_000, 200, 20_000))
ROUNDS = 3
TURN_EVERY = {10_000: 20, 50_000: 500, 100_000: 2_000}
"""By number of tasks, at every how many grants the audit asks whose turn it was."""

FREED, NEW = 500, 2_000
IDLE_ROLES, BUSY_ROLES, IDLE_AGENTS = 3_000, 60, 1_000

TO_THE_END = policy(grants_per_cycle=1_000_000)
MESOS = (
    "published elsewhere: Mesos 1.8.0 with 10,000 agents and 1,000 frameworks took 1.06 s for a cycle, on another "
    "machine; it makes offers only, of whole agents, and places nothing"
)


@dataclass(frozen=True, slots=True)
class Run:
    """One cycle to the end: seconds of CPU, those of its longest step, and what was granted."""

    seconds: float
    longest: float
    grants: tuple[Grant, ...]


def run(snapshot: ClusterSnapshot, cache: Cache) -> Run:
    """Run one cycle, steps timed."""
    parts: list[tuple[Grant, ...]] = []
    longest = 0.0
    began = before = process_time()
    for plan in allocate(snapshot, TO_THE_END, cache):
        now = process_time()
        longest, before = max(longest, now - before), now
        parts.append(plan.grants)
    return Run(before - began, longest, tuple(grant for part in parts for grant in part))


def stirred(picture: ClusterSnapshot, grants: Sequence[Grant]) -> tuple[ClusterSnapshot, ClusterSnapshot]:
    """The picture when everything granted runs, and the one after it: places freed, tasks new in the queues."""
    quiet = later(picture, grants)
    step = max(1, len(grants) // FREED)
    freed = len(range(0, len(grants), step))
    after = later(picture, [grant for i, grant in enumerate(grants) if i % step], quiet)
    return quiet, _with_more(after, NEW - freed)


def _with_more(picture: ClusterSnapshot, count: int) -> ClusterSnapshot:
    """So many more units, ten to a framework."""
    some = count // 10
    views = tuple(_lengthened(view) if i < some else view for i, view in enumerate(picture.frameworks))
    return replace(picture, frameworks=views)


def _lengthened(view: FrameworkView) -> FrameworkView:
    *others, last = view.queues
    units = tuple(Unit(((), 1e6 + i, f"{view.id}/new/{i}"), TaskId(f"{view.id}/new/{i}"), 1e6 + i) for i in range(10))
    return replace(view, queues=(*others, replace(last, units=last.units + units)))


def name_of(size: Size) -> str:
    """A size as the table's columns call it."""
    return " x ".join(f"{part:,}" for part in size)


class Field:
    """One size, ready to be measured again and again."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.name = name_of(size)
        self._engine: Engine = observed(fleet(*size), TO_THE_END)
        # The engine's first picture looks at everything once; it is timed, and those after it share what it found.
        self.first, self.picture = spent(self._engine.snapshot)
        self._kept: tuple[Grant, ...] = ()

    def fill(self, record: Record) -> None:
        """A full fill with nothing remembered; the picture is taken anew."""
        with uncollected():
            turn = unit() / TURNS
            taking, _ = spent(self._engine.snapshot)
            made = run(self.picture, Cache())
        self._check(made.grants)
        whole = taking + made.seconds
        record.round(
            self.name,
            {
                "cpu s": whole,
                "of it the picture, ms": 1e3 * taking,
                "grants": len(made.grants),
                "grants/s": len(made.grants) / whole,
                "µs per grant": 1e6 * whole / len(made.grants),
                "reference turns per grant": whole / len(made.grants) / turn,
                "longest step, ms": 1e3 * made.longest,
            },
        )

    def again(self, record: Record) -> None:
        """The incremental cycle, with a cache that knows the full cluster."""
        quiet, after = stirred(self.picture, self._kept)
        cache = Cache()
        with uncollected():
            run(quiet, cache)
            made = run(after, cache)
        if wrong := findings(after, TO_THE_END, made.grants, every=max(1, len(made.grants) // 20)):
            raise AssertionError(wrong)
        record.round(
            f"incremental at {self.name}",
            {"cpu ms": 1e3 * made.seconds, "grants": len(made.grants), "longest step, ms": 1e3 * made.longest},
        )

    def _check(self, grants: tuple[Grant, ...]) -> None:
        """Audit the first plan; every other one must be the same."""
        if not self._kept:
            every = TURN_EVERY.get(self.size[2], self.size[2] // 50)
            if wrong := findings(self.picture, TO_THE_END, grants, every):
                raise AssertionError(wrong)
            self._kept = grants
        elif grants != self._kept:
            raise AssertionError("the same picture gave another plan")


def idle_round(record: Record, picture: ClusterSnapshot) -> None:
    """Thousands of roles, few of which want anything; with a cache that has seen the agents."""
    cache = Cache()
    with uncollected():
        run(picture, cache)
        made = run(picture, cache)
    record.round(
        f"{IDLE_ROLES:,} roles, {BUSY_ROLES} busy",
        {"cpu ms": 1e3 * made.seconds, "grants": len(made.grants), "longest step, ms": 1e3 * made.longest},
    )


def growth(record: Record, sizes: Sequence[Size]) -> list[float]:
    """From size to size: the exponent of growth, and growth beside that of n log n, which must not be passed."""
    found = []
    for small, large in pairwise(sizes):
        times = record.quotient("cpu s", name_of(large), name_of(small))
        if times is None:
            continue
        span = f"{small[2]:,} to {large[2]:,} tasks"
        record.ratio(f"exponent of growth, {span}", log(times) / log(large[2] / small[2]))
        found.append(times / (large[2] * log(large[2]) / (small[2] * log(small[2]))))
        record.ratio(f"growth beside n log n, {span}", found[-1])
    return found


def aims(record: Record, sizes: Sequence[Size], grown: Sequence[float]) -> list[Aim]:
    """What is to be reached."""
    largest = name_of(sizes[-1])
    steps = [value for name in map(name_of, sizes) if (value := record.median(name, "longest step, ms")) is not None]
    full = record.median(largest, "cpu s") if sizes is SIZES else None
    return [
        Aim("full fill at the largest size, picture included, s", full, at_most=0.5),
        Aim("longest step of any fill, ms", max(steps), at_most=20),
        Aim("incremental cycle, ms", record.median(f"incremental at {largest}", "cpu ms"), at_most=80),
        Aim(
            f"{IDLE_ROLES:,} roles mostly idle, ms",
            record.median(f"{IDLE_ROLES:,} roles, {BUSY_ROLES} busy", "cpu ms"),
            at_most=50,
        ),
        Aim("growth beside n log n, the worst", max(grown), at_most=1.0),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and write its record."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cycle", description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="two smaller sizes")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of each (default: %(default)s)")
    given = parser.parse_args(arguments)
    sizes = SHORT if given.short else SIZES
    record = Record("cycle")
    fields = [Field(size) for size in sizes]
    quiet = idle(IDLE_ROLES, BUSY_ROLES, IDLE_AGENTS)
    for _ in range(given.rounds):
        for field in fields:
            field.fill(record)
        fields[-1].again(record)
        idle_round(record, quiet)
    record.note(
        "the picture is one of an engine that gave out another before; the first looks at every agent and costs more"
    )
    record.extra("first picture of an engine, ms", {field.name: 1e3 * field.first for field in fields})
    record.note(MESOS)
    record.note("a reference turn is a turn of the loop in tests/bench/reference.py, timed just before")
    record.finish(aims(record, sizes, growth(record, sizes)))


if __name__ == "__main__":
    main()

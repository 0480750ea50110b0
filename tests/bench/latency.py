"""How long a pod waits for its node: `python -m tests.bench.latency [--short] [--only CONTENDER] [--rate PODS]`.

Pods arrive one after the other, each at its own moment whether or not anybody keeps up, at half of what kube-scheduler
binds per second on the same nodes when thousands wait for it, which is measured first. There is room for all of them.
The independent watch says when a pod was first seen and when it was first seen with a node; the time between is the
latency, so what the API server takes to create a pod is nobody's.

Then the same, for Entresol, while 10,000 pods of one more tenant wait already and go on waiting, and again the latency of
the others: the flood asks for a licence of which there are ten; and once more with a flood that asks for nothing special,
but whose tenant has reached its limit.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from devcluster.component import Component
from devcluster.operator_process import OperatorProcess
from devcluster.waiting import wait_until
from tests.bench import field as fields
from tests.bench import tenants
from tests.bench.meters import cpu_seconds
from tests.bench.record import Aim, Record
from tests.bench.watcher import BOUND, Binds, Seen, Watch
from tests.support import objects

Json = dict[str, Any]

NODES = 1000
SECONDS, SHORT_SECONDS = 60.0, 10.0
ROUNDS = 3
BESIDE = 1 / 3
"""So long, of the time of arrivals alone, pods arrive beside each flood."""

BURST = 3000
"""How many pods wait for kube-scheduler while its maximum is measured."""

FLOOD, PLACES = 10_000, 10
"""How many pods a flood has, and how many of them can run."""

PATIENCE = 300.0
REST, REST_SECONDS = 0.2, 3.0
"""A scheduler is at rest when it uses less than this part of a core for so long."""

LICENCE = "example.com/licence"
ENTRESOL, KUBE = "Entresol", "kube-scheduler"
SCHEDULERS = {ENTRESOL: tenants.ENTRESOL, KUBE: tenants.KUBE_SCHEDULER}
PERCENTILES = (50, 95, 99)
ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Flood:
    """A tenant with far more work than it can have.

    Attributes:
        name: of the tenant.
        scene: what keeps its pods waiting, in words.
        resources: what each of its pods asks for.
        role: the spec of its role.
    """

    name: str
    scene: str
    resources: Json
    role: Json = field(default_factory=dict)

    def tenant(self, contender: str) -> Iterator[Json]:
        """Its namespace, and its role for who knows roles."""
        yield {"kind": "Namespace", "metadata": {"name": self.name}}
        if contender == ENTRESOL:
            yield objects.role(self.name, **self.role)

    def pods(self, contender: str) -> Iterator[Json]:
        """All its pods."""
        spec = objects.pod_spec(self.resources, schedulerName=SCHEDULERS[contender])
        for index in range(FLOOD):
            yield objects.pod(f"f-{index:05}", self.name, spec=spec)


EXHAUSTED = Flood("licences", "flood without licences", objects.requests_of("100m", "64Mi", **{LICENCE: "1"}))
LIMITED = Flood("limited", "flood at its limit", objects.requests_of("100m", "64Mi"), {"limit": {"pods": PLACES}})
FLOODS: dict[str, tuple[Flood, ...]] = {ENTRESOL: (EXHAUSTED, LIMITED), KUBE: ()}
"""kube-scheduler has no limits, and tries each pod of the other flood again and again: it was still not at rest, and the
arrivals beside it not all bound, after several minutes."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Pods that arrived under the same circumstances: their names, and what their scheduler used meanwhile."""

    scene: str
    names: frozenset[str]
    cpu: float

    def figures(self, seen: Sequence[Seen]) -> dict[str, float]:
        """How long they waited, in milliseconds."""
        waits = latencies([pod for pod in seen if pod.name in self.names])
        return {
            **{f"{self.scene}, p{percent}, ms": 1000 * percentile(waits, percent) for percent in PERCENTILES},
            f"{self.scene}, CPU ms per pod": 1000 * self.cpu / len(waits),
        }


def rested(pid: int) -> None:
    """Wait until a process is at rest."""
    used, since = cpu_seconds(pid), time.monotonic()
    deadline = since + PATIENCE
    while time.monotonic() - since < REST_SECONDS:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the scheduler was not at rest within {PATIENCE:.0f} s")
        time.sleep(0.5)
        now = cpu_seconds(pid)
        if now - used > REST * 0.5:
            since = time.monotonic()
        used = now


def latencies(pods: Sequence[Seen]) -> list[float]:
    """Seconds from first seen to first seen with a node, the shortest first. Raises RuntimeError when one has none."""
    waits = [pod.bound - pod.created for pod in pods if pod.bound is not None and pod.created is not None]
    if len(waits) < len(pods):
        raise RuntimeError(f"{len(pods) - len(waits)} of {len(pods)} pods have no node")
    return sorted(waits)


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest of the values that at least so many percent of them do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


@dataclass(slots=True)
class Arena:
    """A contender at work, the watch on it, and the pods that are still to come."""

    ground: fields.Field
    contender: str
    process: Component | OperatorProcess
    watch: Watch
    coming: Iterator[Json]

    def arrivals(self, scene: str, rate: float, seconds: float) -> Phase:
        """Let pods arrive and wait until all of them have their node."""
        wanted = list(islice(self.coming, int(rate * seconds)))
        want_bound = self.watch.live().bound + len(wanted)
        before = cpu_seconds(self.process.pid)
        self.ground.send(map(fields.creation, wanted), rate=rate, seconds=seconds + PATIENCE)
        wait_until(lambda: self.watch.live().bound >= want_bound, f"nodes for {len(wanted)} pods", PATIENCE)
        metadata = [pod["metadata"] for pod in wanted]
        names = frozenset(f"{each['namespace']}/{each['name']}" for each in metadata)
        return Phase(scene, names, cpu_seconds(self.process.pid) - before)

    def flood(self, by: Flood) -> None:
        """Let a flood come, and wait until its scheduler has come to rest over it."""
        want_bound = self.watch.live().bound + PLACES
        self.ground.create(by.tenant(self.contender))
        if isinstance(self.process, OperatorProcess):
            # Requests overtake one another, and so does the news of different kinds: a limit holds from when it is known.
            operator = self.process

            def known() -> bool:
                return any(role["name"] == by.name for role in operator.json("/state")["roles"])

            wait_until(known, f"the role {by.name} in the books", PATIENCE)
        self.ground.create(by.pods(self.contender))
        wait_until(lambda: self.watch.live().bound >= want_bound, f"nodes for {PLACES} pods", PATIENCE)
        rested(self.process.pid)


def started(ground: fields.Field, contender: str) -> Component | OperatorProcess:
    """Start a contender, and wait until it has seen the cluster."""
    if contender == ENTRESOL:
        ground.create(tenants.rights())
        ground.operator.start()
        return ground.operator
    scheduler = ground.kube_scheduler()
    scheduler.start()
    time.sleep(3.0)  # it does not say when it has, and needs a fraction of this
    return scheduler


def play(contender: str, rate: float, seconds: float, floods: Sequence[Flood]) -> dict[str, float]:
    """One round on a cluster of its own. Raises AssertionError when the auditor finds anything."""
    with fields.field("latency", NODES) as ground:
        ground.add_nodes(1, [replace(fields.SHAPES[0], extended={LICENCE: str(PLACES)})])
        ground.create(tenants.tenants())
        process = started(ground, contender)
        count = int(rate * seconds) + len(floods) * int(rate * seconds * BESIDE)
        coming = tenants.pods(count, SCHEDULERS[contender])
        try:
            with ground.watch() as watch:
                arena = Arena(ground, contender, process, watch, coming)
                phases = [arena.arrivals(ALONE, rate, seconds)]
                for flood in floods:
                    arena.flood(flood)
                    phases.append(arena.arrivals(flood.scene, rate, seconds * BESIDE))
                watch.stop()
                seen = watch.seen()
            if contender == ENTRESOL:
                ground.judge()
        finally:
            process.stop()
    return {name: value for phase in phases for name, value in phase.figures(seen).items()}


def maximum() -> float:
    """Pods per second that kube-scheduler binds while thousands wait, between 5 % and 95 % of them."""
    with fields.field("latency", NODES) as ground:
        ground.create(tenants.tenants())
        ground.create(tenants.pods(BURST, tenants.KUBE_SCHEDULER))
        scheduler = ground.kube_scheduler()
        with ground.watch(BOUND) as watch:
            scheduler.start()
            try:
                wait_until(lambda: watch.live().bound >= BURST, f"nodes for {BURST} pods", PATIENCE)
            finally:
                scheduler.stop()
            watch.stop()
            return Binds.of(watch.seen()).rate()


def aims(record: Record) -> list[Aim]:
    """What is to be reached, over the medians; keeps the ratios."""
    for percent in PERCENTILES:
        value = f"{ALONE}, p{percent}, ms"
        record.ratio(f"p{percent}_vs_kube_scheduler", record.quotient(value, ENTRESOL, KUBE))
    for contender, floods in FLOODS.items():
        for flood in floods:
            ratio = _raise(record, contender, flood)
            record.ratio(f"p99_{flood.name}_vs_alone_{contender.replace('-', '_').lower()}", ratio)
    return [
        Aim("p50 over kube-scheduler's", record.quotient(f"{ALONE}, p50, ms", ENTRESOL, KUBE), at_most=1.0),
        Aim("p99 over kube-scheduler's", record.quotient(f"{ALONE}, p99, ms", ENTRESOL, KUBE), at_most=0.5),
        *(
            Aim(f"p99 of the others beside a {flood.scene} over p99 alone", _raise(record, ENTRESOL, flood), at_most=2)
            for flood in FLOODS[ENTRESOL]
        ),
    ]


def _raise(record: Record, contender: str, flood: Flood) -> float | None:
    beside, alone = (record.median(contender, f"{scene}, p99, ms") for scene in (flood.scene, ALONE))
    return beside / alone if beside is not None and alone else None


def main() -> None:
    """Measure, in rounds that take turns."""
    parser = argparse.ArgumentParser(description="How long a pod waits for its node.")
    parser.add_argument("--short", action="store_true", help=f"one round, and {SHORT_SECONDS:.0f} s of arrivals")
    parser.add_argument("--only", choices=tuple(FLOODS), help="leave the other contender out")
    parser.add_argument("--rate", type=float, help="arrivals per second, instead of half of kube-scheduler's maximum")
    told = parser.parse_args()
    record = Record("latency")
    seconds = SHORT_SECONDS if told.short else SECONDS
    most = 2 * told.rate if told.rate else maximum()
    rate = most / 2
    said = "given" if told.rate else f"half of the {most:.0f} that kube-scheduler bound in this run"
    record.extra("arrivals_per_second", rate)
    for _ in range(1 if told.short else ROUNDS):
        for contender in [told.only] if told.only else FLOODS:
            record.round(contender, play(contender, rate, seconds, FLOODS[contender]))
    record.note(f"{rate:.0f} pods per second for {seconds:.0f} s, {said}; {NODES} nodes with room for all")
    record.note(f"a flood is {FLOOD} pods of one more tenant, of which {PLACES} run; they are in no figure")
    record.finish(aims(record))


if __name__ == "__main__":
    main()

"""Three equal roles want far more than there is: `python -m tests.bench.contended [--short] [--only CONTENDER]`.

2,000 pods of each role wait before the scheduler starts, and none ever ends, so whoever is wrong at first stays wrong.
The roles' demands differ in shape; nodes with 32 and with 16 GiB make CPU alone scarce, or CPU and memory. The shares at
the end are held against the fluid optimum, which is worked out (`tests.support.oracle`), and against it that nobody was
evicted. kube-scheduler does the same work beside it: it knows no roles, but writes about every pod it cannot place.

What is written per pending pod: all writes that the API server answered in the first minute after the start of the
scheduler's process, without bindings and without renewals of leases, over the pods that are still pending at its end.
The load made its objects before, so nobody but the scheduler writes in that minute.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from devcluster.kwok import NodeShape
from tests.bench import tenants
from tests.bench.field import Field, field
from tests.bench.meters import Requests, cpu_seconds, requests
from tests.bench.record import Aim, Record
from tests.bench.watcher import BOUND, Seen
from tests.support import objects
from tests.support.oracle import Problem, fill

Json = dict[str, Any]

NODES, CORES = 100, 8
MEMORIES = (32, 16)
"""GiB of each node, one scene after the other."""

DEMANDS = {"small": (1, 4), "cores": (3, 1), "square": (2, 2)}
"""Cores and GiB of every pod of a role."""

PODS = 2000
MINUTE, SHORT_MINUTE = 60.0, 15.0
ROUNDS = 3
ENTRESOL, KUBE = "Entresol", "kube-scheduler"
CONTENDERS = (ENTRESOL, KUBE)
SCHEDULERS = {ENTRESOL: tenants.ENTRESOL, KUBE: tenants.KUBE_SCHEDULER}
"""What a pod calls each of them."""

LOWEST_SHARE, WORST_DISTANCE = 0.330, 0.02
CORES_USED = {32: 0.99, 16: 0.97}
WRITES, LAST_BIND = 1.1, 3.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one contender made of one scene.

    Attributes:
        began: when its process was started.
        ready: when it said that it was; None for who does not say.
        seen: every pod that was ever bound, from the independent watch.
        asked: what the API server answered from before its start until the end of the minute.
        cpu: seconds that its process took in that time.
    """

    began: float
    ready: float | None
    seen: list[Seen]
    asked: Requests
    cpu: float


def optimum(memory: int) -> Mapping[str, float]:
    """The dominant share of each role if tasks were a fluid."""
    problem = Problem(
        agents=[(NODES * CORES, NODES * memory)],
        demands=list(DEMANDS.values()),
        weights=[1] * len(DEMANDS),
        tasks=[PODS] * len(DEMANDS),
    )
    return dict(zip(DEMANDS, map(float, fill(problem)), strict=True))


def shares(bound: Mapping[str, int], memory: int) -> dict[str, float]:
    """The dominant share of each role, by how many of its pods are bound."""
    return {
        role: bound.get(role, 0) * max(cores / (NODES * CORES), each / (NODES * memory))
        for role, (cores, each) in DEMANDS.items()
    }


def written(asked: Requests) -> Counter[tuple[str, str, str]]:
    """The writes that are neither bindings nor renewals of leases."""
    return Counter(
        {
            key: number
            for key, number in asked.counts.items()
            if key[0] not in ("GET", "LIST") and key[2] != "binding" and key[1] != "leases"
        }
    )


def figures(found: Outcome, memory: int) -> dict[str, float]:
    """The figures of a round. Raises RuntimeError when nothing was bound."""
    if not found.seen:
        raise RuntimeError("not one pod was bound")
    bound = Counter(pod.name.partition("/")[0] for pod in found.seen)
    held, due = shares(bound, memory), optimum(memory)
    pending = len(DEMANDS) * PODS - len(found.seen)
    writes = written(found.asked)
    last = max(pod.bound for pod in found.seen if pod.bound is not None)
    evicted = writes["DELETE", "pods", ""] + writes["POST", "pods", "eviction"]
    return {
        **{f"share of {role}": share for role, share in held.items()},
        "lowest share": min(held.values()),
        "worst distance": max(abs(held[role] - due[role]) for role in DEMANDS),
        "CPU used": sum(bound[role] * cores for role, (cores, _) in DEMANDS.items()) / (NODES * CORES),
        "evictions": evicted + sum(pod.gone is not None for pod in found.seen),
        "writes per pending pod": writes.total() / pending,
        "seconds to last bind": last - found.began,
        **({} if found.ready is None else {"of these, since ready": last - found.ready}),
        "CPU seconds in the minute": found.cpu,
    }


def roles(contender: str) -> Iterator[Json]:
    """Namespaces, and for who knows them roles and frameworks, so that their statuses are written and counted too."""
    for role in DEMANDS:
        yield {"kind": "Namespace", "metadata": {"name": role}}
    if contender == ENTRESOL:
        for role in DEMANDS:
            yield objects.role(role, weight=1)
            yield objects.framework("default", role)


def work(contender: str) -> Iterator[Json]:
    """All pods, the roles in turn."""
    for index in range(PODS):
        for role, (cores, memory) in DEMANDS.items():
            asked = objects.requests_of(str(cores), f"{memory}Gi")
            yield objects.pod(f"p-{index:04}", role, spec=objects.pod_spec(asked, schedulerName=SCHEDULERS[contender]))


def contest(ground: Field, contender: str, minute: float) -> Outcome:
    """Let one contender at the work that waits, and look on for a minute."""
    scheduler = ground.kube_scheduler() if contender == KUBE else None
    ready = None
    assert ground.operator.kubeconfig.exists()  # its token is made now, and not counted as the operator's write
    with ground.watch(BOUND) as watch:
        before = requests(ground.cluster)
        began = time.monotonic()
        if scheduler is not None:
            scheduler.start()
            pid = scheduler.pid
        else:
            ground.operator.start()
            ready = time.monotonic()
            pid = ground.operator.pid
        time.sleep(max(0.0, began + minute - time.monotonic()))
        cpu = cpu_seconds(pid)
        asked = requests(ground.cluster) - before
        watch.stop()
        if scheduler is not None:
            scheduler.stop()
        return Outcome(began, ready, watch.seen(), asked, cpu)


def play(contender: str, memory: int, minute: float) -> tuple[dict[str, float], list[str]]:
    """One round on a cluster of its own; its figures, and what was written in it. Raises AssertionError if unsound."""
    shape = NodeShape(str(CORES), f"{memory}Gi")
    with field("contended", NODES, [shape]) as ground:
        ground.create(roles(contender))
        ground.create(work(contender))
        found = contest(ground, contender, minute)
        if contender == ENTRESOL:
            ground.judge()
    kinds = [
        f"{number} {verb} {'/'.join(filter(None, what))}"
        for (verb, *what), number in written(found.asked).most_common(6)
    ]
    return figures(found, memory), kinds


def named(contender: str, memory: int) -> str:
    """A contender in one of the scenes, as the record calls it."""
    return f"{contender}, {memory} GiB"


def aims(record: Record, minute: float) -> list[Aim]:
    """What is to be reached, over the medians."""
    found: list[Aim] = []
    for memory in MEMORIES:
        ours = record.medians().get(named(ENTRESOL, memory), {})
        if memory == max(MEMORIES):
            found.append(Aim(f"{memory} GiB, lowest share", ours.get("lowest share"), at_least=LOWEST_SHARE))
        else:
            found.append(Aim(f"{memory} GiB, worst distance", ours.get("worst distance"), at_most=WORST_DISTANCE))
        found += [
            Aim(f"{memory} GiB, CPU used", ours.get("CPU used"), at_least=CORES_USED[memory]),
            Aim(f"{memory} GiB, evictions", ours.get("evictions"), at_most=0),
            Aim(
                f"{memory} GiB, writes per pending pod in {minute:.0f} s",
                ours.get("writes per pending pod"),
                at_most=WRITES,
            ),
            Aim(f"{memory} GiB, seconds to last bind", ours.get("seconds to last bind"), at_most=LAST_BIND),
        ]
    return found


def main() -> None:
    """Measure, in rounds that take turns."""
    parser = argparse.ArgumentParser(description="Three equal roles want far more than there is.")
    parser.add_argument("--short", action="store_true", help="one round, in which a minute has 15 seconds")
    parser.add_argument("--only", choices=CONTENDERS, help="leave the other contender out")
    parser.add_argument("--memory", type=int, choices=MEMORIES, help="GiB of a node; leave the other scene out")
    told = parser.parse_args()
    minute = SHORT_MINUTE if told.short else MINUTE
    record = Record("contended")
    written_by: dict[str, list[str]] = {}
    for number in range(1 if told.short else ROUNDS):
        for memory in [told.memory] if told.memory else MEMORIES:
            for contender in [told.only] if told.only else CONTENDERS:
                if contender == KUBE and number and not told.only:
                    continue  # it knows no roles, so nothing is held against it; what it writes is shown once
                values, kinds = play(contender, memory, minute)
                record.round(named(contender, memory), values)
                written_by[named(contender, memory)] = kinds
    for memory in MEMORIES:
        due = "  ".join(f"{role} {share:.3f}" for role, share in optimum(memory).items())
        record.note(f"fluid optimum with {memory} GiB: {due}")
    record.note(
        f"writes: all that the API server answered in the {minute:.0f} s since the start of the process, but bindings "
        "and leases, over the pods pending at its end"
    )
    for contender, kinds in written_by.items():
        record.note(f"written by {contender} in the last round: {', '.join(kinds)}")
    record.finish(aims(record, minute))


if __name__ == "__main__":
    main()

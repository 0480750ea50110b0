"""How long an operator takes to begin in a full cluster: to ready, to its first grant, and how much memory that needs.

    python -m tests.bench.start [--rounds 3] [--short]

5,000 nodes hold 50,000 bound pods, half of them plain pods of ours and half of another scheduler. 20,000 Tasks wait, of
which one spare node can take 110; all other nodes are full. Each round ends with these 110 replaced by new ones, so that
every round finds the same. Beside the operator, in turn with it, a bare client reads the same lists (`lister.py`), once
as bytes and once decoded: what the API server takes by itself.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from devcluster.errors import DevclusterError
from devcluster.kwok import NodeShape
from tests.bench import tenants
from tests.bench.field import Field, field
from tests.bench.load import Errand
from tests.bench.meters import Meter, Usage
from tests.bench.record import Aim, Record
from tests.bench.watcher import SOURCES
from tests.support import objects

Json = dict[str, Any]

PER_NODE = 10
SPARE = 110
FULL_NODE = NodeShape("16", "64Gi", pods=str(PER_NODE))
SPARE_NODE = NodeShape("128", "512Gi", pods=str(SPARE))
PATIENCE = 120.0
TASKS = "/apis/entresol.dev/v1alpha1/namespaces/{}/tasks/{}"
PODS = "/api/v1/namespaces/{}/pods/{}"


@dataclass(frozen=True, slots=True)
class Size:
    """How large the cluster is."""

    nodes: int = 5_000
    tasks: int = 20_000

    @property
    def pods(self) -> int:
        """The bound pods, which fill all nodes but the spare one."""
        return self.nodes * PER_NODE


def bound_pods(size: Size) -> Iterator[Json]:
    """Pods that have a node; every other one names another scheduler, and ours are charged to their tenants."""
    for item in range(size.pods):
        team = tenants.namespace_of(item)
        ours = item // tenants.TENANTS % 2 == 0
        stamp = {"entresol.dev/role": team, "entresol.dev/framework": tenants.FRAMEWORK} if ours else {}
        spec = {
            **objects.pod_spec(tenants.demand_of(item)),
            "schedulerName": tenants.ENTRESOL if ours else tenants.KUBE_SCHEDULER,
            "nodeName": f"node-{item // PER_NODE:05}",
        }
        labels = {"entresol.dev/framework": tenants.FRAMEWORK}
        yield objects.pod(f"p-{item:06}", team, spec=spec, labels=labels, annotations=stamp)


def replace_granted(ready: Field, fresh: "count[int]") -> None:
    """Take away what was launched, pods and Tasks, and let as many new Tasks wait."""
    listed = ready.cluster.api.get(f"/api/v1/pods?fieldSelector=spec.nodeName={ready.nodes[-1]}")["items"]
    gone, made = [], []
    for pod in listed:
        metadata = pod["metadata"]
        (owner,) = metadata["ownerReferences"]
        team = metadata["namespace"]
        gone.append(Errand("DELETE", TASKS.format(team, owner["name"])))
        gone.append(Errand("DELETE", PODS.format(team, metadata["name"]) + "?gracePeriodSeconds=0"))
        number = next(fresh)
        wanted = objects.task(
            f"n-{number:06}", team, framework=tenants.FRAMEWORK, spec=objects.pod_spec(tenants.demand_of(number))
        )
        made.append(wanted)
    ready.send(gone)
    ready.create(made)


def start(ready: Field) -> dict[str, float]:
    """One start of the operator, until the spare node is full."""
    operator = ready.operator
    with ready.watch(f"spec.nodeName={ready.nodes[-1]}") as watch:
        launched = time.monotonic()
        operator.start(wait=False)
        with Meter({"operator": operator.pid, "apiserver": ready.cluster.apiserver.pid}) as meter:
            ready_at: float | None = None
            while ready_at is None or watch.live().bound < SPARE:
                if time.monotonic() > launched + PATIENCE or not operator.running:
                    raise DevclusterError(f"the operator did not get so far; its log is {operator.log}")
                if ready_at is None and operator.answers():
                    ready_at = time.monotonic()
                time.sleep(0.02)
            calm = Usage.of(operator.pid)
        watch.stop()
        moments = sorted(pod.bound for pod in watch.seen() if pod.bound is not None)
    operator.stop()
    return {
        "ready_seconds": ready_at - launched,
        "first_grant_seconds": moments[0] - launched,
        "last_grant_seconds": moments[-1] - launched,
        "cpu_seconds_until_ready": meter.cpu("operator", until=ready_at),
        "apiserver_cpu_seconds": meter.cpu("apiserver", until=ready_at),
        "peak_mib": meter.peak("operator"),
        "mib": calm.rss,
    }


def bare(ready: Field, *, decode: bool) -> dict[str, float]:
    """The same lists, read by a process that does nothing else."""
    command = [sys.executable, "-m", "tests.bench.lister", f"--kubeconfig={ready.operator.kubeconfig}"]
    began = time.monotonic()
    done = subprocess.run(
        command + ["--decode"] * decode, cwd=SOURCES, check=True, capture_output=True, timeout=PATIENCE
    )
    found: dict[str, float] = json.loads(done.stdout)
    return {"process_seconds": time.monotonic() - began, **found}


def run(record: Record, size: Size, rounds: int) -> None:
    """Fill a cluster once, and start in it so many times."""
    fresh = count()
    with field("start") as ready:
        ready.add_nodes(size.nodes, (FULL_NODE,))
        ready.create(tenants.tenants())
        ready.create(tenants.rights())
        ready.create(bound_pods(size))
        ready.create(tenants.tasks(size.tasks))
        ready.add_nodes(1, (SPARE_NODE,))
        _ = ready.operator.kubeconfig
        for _ in range(rounds):
            ready.until_quiet(2.0)
            record.round("bare lists", bare(ready, decode=False))
            record.round("bare lists, decoded", bare(ready, decode=True))
            record.round("entresol", start(ready))
            ready.judge()
            replace_granted(ready, fresh)
    record.note(
        f"{size.nodes} nodes, {size.pods} bound pods (every other one of another scheduler, none with a kubelet's status), "
        f"{size.tasks} waiting Tasks of {tenants.TENANTS} frameworks, of which {SPARE} find room."
    )
    record.note("Seconds count from the start of the process, the interpreter's own start included.")
    record.ratio("entresol_ready_vs_bare_lists", _ratio(record, "bare lists"))
    record.ratio("entresol_ready_vs_decoded_lists", _ratio(record, "bare lists, decoded"))


def _ratio(record: Record, below: str) -> float | None:
    ready, listed = record.median("entresol", "ready_seconds"), record.median(below, "process_seconds")
    return ready / listed if ready and listed else None


def aims(record: Record) -> list[Aim]:
    """What is to be reached at full size."""
    return [
        Aim(
            "seconds from the start of the process until ready", record.median("entresol", "ready_seconds"), at_most=20
        ),
        Aim("peak memory of the operator, in MiB", record.median("entresol", "peak_mib"), at_most=500),
    ]


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description="The start of an operator in a full cluster.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="a tenth of the cluster, and one round")
    told = parser.parse_args()
    record = Record("start")
    run(record, Size(500, 2_000) if told.short else Size(), 1 if told.short else told.rounds)
    record.finish(aims(record))


if __name__ == "__main__":
    main()

"""What a hundred thousand Tasks leave behind: memory while they come, run, end and go, and API requests for each.

    python -m tests.bench.churn [--tasks 100000] [--rate 60] [--rounds 1] [--short]

1,000 simulated kubelets run every Task's pod for a second; Tasks go again a few seconds after they ended
(`ttlSecondsAfterFinished`), and Kubernetes' own garbage collector takes their pods. Tasks arrive at a steady rate. After
each tenth of them the operator's memory is read; the slope is that of a line through what was read after the first
fifth. Then, in a second phase without a time to live, so many finished Tasks stay, and memory tells what each takes.

Requests are told apart by what only Entresol asks for: pods are created by nobody else, statuses of our kinds patched by
nobody else, Events written by nobody else, Tasks deleted by nobody else. kwok patches statuses of pods, the collector
reads and deletes pods, the load creates Tasks. What Entresol counts of its own stands beside it.
"""

import argparse
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from devcluster.errors import DevclusterError
from devcluster.kwok import NodeShape
from devcluster.options import Options
from devcluster.waiting import wait_until
from tests.bench import tenants
from tests.bench.field import Field, creation, field
from tests.bench.meters import Meter, Requests, Usage, requests
from tests.bench.record import Aim, Record
from tests.support import objects

Json = dict[str, Any]

NODES = 1_000
TIME_TO_LIVE = 3
RUN_SECONDS = 1
TENTHS = 10
WARM = 2
"""So many of the tenths are warm-up."""

OPTIONS = Options(
    node_grace_seconds=600,  # a thousand kubelets renew their leases four times in it
    controller_manager_flags=(
        "--controllers=garbage-collector-controller,serviceaccount-controller,node-lifecycle-controller",
        "--kube-api-qps=2000",
        "--kube-api-burst=4000",
        "--concurrent-gc-syncs=40",
    ),
)
SHAPE = NodeShape("8", "32Gi")
PATIENCE = 120.0
_SAMPLE = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much: Tasks that come and go, Tasks that stay, and how many come per second."""

    tasks: int
    retained: int
    rate: float


def tasks(first: int, count: int, **fields: Any) -> Iterator[Json]:
    """Tasks whose pods run for a second."""
    for item in range(first, first + count):
        yield objects.task(
            f"t-{item:06}",
            tenants.namespace_of(item),
            framework=tenants.FRAMEWORK,
            spec=objects.pod_spec(tenants.demand_of(item)),
            annotations=objects.runs(RUN_SECONDS),
            **fields,
        )


def counted(ready: Field, name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels, as the operator counts."""
    return sum(
        float(value)
        for found, said, value in _SAMPLE.findall(ready.operator.text("/metrics"))
        if found == name and all(f'{key}="{wanted}"' in said for key, wanted in labels.items())
    )


def finished(ready: Field) -> int:
    """How many attempts have finished so far, by the operator's word."""
    return int(counted(ready, "entresol_attempts_ended_total", state="TASK_FINISHED"))


def pass_through(ready: Field, bodies: Iterator[Json], goal: int, rate: float) -> list[dict[str, float]]:
    """Let Tasks come at a rate until so many have finished; a reading after each tenth of them.

    Raises DevclusterError when they do not finish.
    """
    base, began, readings = finished(ready), time.monotonic(), list[dict[str, float]]()
    process, outcome = ready.sender([creation(body) for body in bodies], rate)
    process.launch()
    deadline = began + goal / rate + PATIENCE
    while len(readings) < TENTHS:
        time.sleep(0.5)
        done = finished(ready) - base
        if time.monotonic() > deadline or not ready.operator.running:
            raise DevclusterError(f"{done} of {goal} Tasks finished; the log is {ready.operator.log}")
        if done >= (len(readings) + 1) * goal // TENTHS:
            seconds = time.monotonic() - began
            readings.append(
                {
                    "finished": done,
                    "seconds": seconds,
                    "mib": Usage.of(ready.operator.pid).rss,
                    "backlog": max(0.0, min(goal, seconds * rate) - done),
                }
            )
    if (report := outcome(PATIENCE)).failures:
        raise DevclusterError(f"the load failed: {report.failures}")
    return readings


def slope(readings: Sequence[dict[str, float]]) -> float:
    """MiB per 10,000 Tasks, of the line that fits best through the readings after warm-up."""
    points = [(reading["finished"] / 10_000, reading["mib"]) for reading in readings[WARM:]]
    middle = [sum(values) / len(points) for values in zip(*points, strict=True)]
    above: float = sum((x - middle[0]) * (y - middle[1]) for x, y in points)
    below: float = sum((x - middle[0]) ** 2 for x, _ in points)
    return above / below


def per_task(asked: Requests, count: int) -> dict[str, float]:
    """Entresol's requests per Task, by kind, from the API server's count."""
    kinds = {
        "creates": asked.of("POST", "pods"),
        "task_statuses": asked.of("PATCH", "tasks", "status"),
        "figures": asked.of("PATCH", "frameworks", "status") + asked.of("PATCH", "frameworkroles", "status"),
        "events": asked.of("POST", "events"),
    }
    whole = sum(kinds.values()) / count
    each = {f"{name}_per_task": number / count for name, number in kinds.items()}
    return {"requests_per_task": whole, **each, "deletes_per_task": asked.of("DELETE", "tasks") / count}


def until_gone(ready: Field) -> None:
    """Wait until no Task is left. Raises TimeoutError when some stay although their time to live is over."""
    tasks = "/apis/entresol.dev/v1alpha1/tasks?limit=1"
    wait_until(lambda: not ready.cluster.api.get(tasks)["items"], "the end of all Tasks", PATIENCE, pause=0.5)


def come_and_go(ready: Field, plan: Plan) -> tuple[dict[str, float], list[dict[str, float]], list[str]]:
    """The first phase: Tasks with a time to live. Its figures, the readings, and everybody's requests."""
    asked = requests(ready.cluster)
    bodies = tasks(0, plan.tasks, ttlSecondsAfterFinished=TIME_TO_LIVE)
    parts = {"apiserver": "kube-apiserver", "etcd": "etcd", "kwok": "kwok", "collector": "kube-controller-manager"}
    pids = {"operator": ready.operator.pid, **{k: ready.cluster.component(v).pid for k, v in parts.items()}}
    with Meter(pids, period=1.0) as meter:
        readings = pass_through(ready, bodies, plan.tasks, plan.rate)
        until_gone(ready)
    ready.until_quiet(2.0)
    every = requests(ready.cluster) - asked
    found = per_task(every, plan.tasks)
    own = counted(ready, "entresol_deeds_total") - counted(ready, "entresol_deeds_total", verb="delete")
    return (
        {
            "tasks_per_second": plan.tasks / readings[-1]["seconds"],
            **found,
            "own_count_per_task": own / plan.tasks,
            "slope_mib_per_10000": slope(readings),
            "backlog": max(reading["backlog"] for reading in readings),
            "peak_mib": meter.peak("operator"),
            "operator_ms_per_task": 1000 * meter.cpu("operator") / plan.tasks,
            "apiserver_ms_per_task": 1000 * meter.cpu("apiserver") / plan.tasks,
            "all_requests_per_task": every.total / plan.tasks,
        },
        readings,
        every.lines(),
    )


def stay(ready: Field, plan: Plan) -> dict[str, float]:
    """The second phase: finished Tasks that stay, with their pods."""
    before = Usage.of(ready.operator.pid).rss
    pass_through(ready, tasks(plan.tasks, plan.retained), plan.retained, plan.rate)
    ready.until_quiet(2.0)
    grown = Usage.of(ready.operator.pid).rss - before
    return {"bytes_per_retained_task": grown * 1024 * 1024 / plan.retained}


def one_round(record: Record, plan: Plan) -> None:
    """Both phases on a control plane of their own."""
    with field("churn", NODES, (SHAPE,), OPTIONS) as ready:
        ready.create(tenants.tenants())
        for tenant in range(tenants.TENANTS):
            ready.cluster.wait_for_service_account(tenants.namespace_of(tenant))
        ready.create(tenants.rights())
        ready.operator.start()
        passing, readings, asked = come_and_go(ready, plan)
        record.round("entresol", passing | stay(ready, plan))
        record.extra("readings", readings)
        record.extra("requests", asked)
        ready.operator.stop()
        ready.judge()


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description="Memory and requests of Tasks that come and go.")
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=60.0, help="Tasks per second")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="3,000 Tasks, and 1,000 that stay")
    told = parser.parse_args()
    plan = Plan(3_000, 1_000, told.rate) if told.short else Plan(told.tasks, told.tasks // 10, told.rate)
    record = Record("churn")
    for _ in range(told.rounds):
        one_round(record, plan)
    record.note(
        f"{plan.tasks} Tasks at {plan.rate:g} per second through {NODES} nodes, {RUN_SECONDS} s each, gone "
        f"{TIME_TO_LIVE} s after their end; then {plan.retained} that stay, with their pods."
    )
    if told.short:
        record.note("The slope of a short run is warm-up: too few Tasks for memory to level out.")
    record.finish(
        [
            Aim("requests by Entresol per Task until it finished", _of(record, "requests_per_task"), at_most=3.2),
            Aim("MiB per 10,000 Tasks after warm-up", _of(record, "slope_mib_per_10000"), at_most=1.0),
        ]
    )


def _of(record: Record, value: str) -> float | None:
    return record.median("entresol", value)


if __name__ == "__main__":
    main()

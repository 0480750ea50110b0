"""How many pods per second get a node: Entresol, kube-scheduler, and clients that decide nothing, in one run.

    python -m tests.bench.bind [--sizes 200x1000,2000x10000] [--contenders a,b,c] [--rounds 3] [--short]

The work is there before its scheduler starts. Each round has a control plane of its own, contenders take turns, and one
independent watch judges them all: the rate counts between the moments at which 5 % and 95 % of the pods had a node, so
neither anybody's start nor a slow end counts.
"""

import argparse
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from devcluster.component import Component
from devcluster.errors import DevclusterError
from devcluster.operator_process import OperatorProcess
from tests.bench import tenants
from tests.bench.field import Field, field
from tests.bench.meters import Meter, Requests, requests
from tests.bench.record import Aim, Record
from tests.bench.watcher import BOUND, Binds, Watch

LOW, HIGH = 0.05, 0.95
MAIN = "2000x10000"
PATIENCE = 180.0
QUIET = 3.0
DISTURBED = 0.15
"""CPUs that something else used in the window, above which a round is said to be disturbed."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many nodes, and how many pods or Tasks for them."""

    nodes: int
    pods: int

    def __str__(self) -> str:
        return f"{self.nodes}x{self.pods}"

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Read `NODESxPODS`."""
        nodes, _, pods = text.partition("x")
        return cls(int(nodes), int(pods))


Prepare = Callable[[Field, int], Component | OperatorProcess]


@dataclass(frozen=True, slots=True)
class Contender:
    """Who binds. `prepare` lays out the work and returns what is to be launched; `deed` is what gives a pod its node."""

    name: str
    prepare: Prepare
    deed: tuple[str, str, str] = ("POST", "pods", "binding")


def bare_bindings(ready: Field, count: int) -> Component:
    """One aiohttp client that knows all pods and nodes beforehand, as the operator's ServiceAccount."""
    ready.create(tenants.pods(count, tenants.ENTRESOL))
    listed = ready.cluster.api.get("/api/v1/pods")["items"]
    return ready.sender(tenants.bindings(listed, ready.nodes), kubeconfig=ready.operator.kubeconfig)[0]


def bare_creates(ready: Field, count: int) -> Component:
    """The same client with pods that have their node from the beginning."""
    return ready.sender(tenants.launches(count, ready.nodes), kubeconfig=ready.operator.kubeconfig)[0]


def kube_scheduler(ready: Field, count: int) -> Component:
    """kube-scheduler."""
    ready.create(tenants.pods(count, tenants.KUBE_SCHEDULER))
    return ready.kube_scheduler()


def entresol_pods(ready: Field, count: int) -> OperatorProcess:
    """Entresol, plain pods."""
    ready.create(tenants.rights())
    ready.create(tenants.pods(count, tenants.ENTRESOL))
    return ready.operator


def entresol_tasks(ready: Field, count: int) -> OperatorProcess:
    """Entresol, Tasks."""
    ready.create(tenants.rights())
    ready.create(tenants.tasks(count))
    return ready.operator


CREATE = ("POST", "pods", "")
CONTENDERS = {
    "a": Contender("bare_bindings", bare_bindings),
    "b": Contender("kube_scheduler", kube_scheduler),
    "c": Contender("entresol_pods", entresol_pods),
    "d": Contender("entresol_tasks", entresol_tasks, CREATE),
    "e": Contender("bare_creates", bare_creates, CREATE),
}
PLAN = {"200x1000": "abc", MAIN: "abcde", "5000x20000": "bc"}
"""Who takes part at which size, unless told otherwise."""

RATIOS = {
    "entresol_pods_vs_kube_scheduler": ("entresol_pods", "kube_scheduler", {MAIN: 3.0, "5000x20000": 2.5}),
    "entresol_pods_vs_bare_bindings": ("entresol_pods", "bare_bindings", {MAIN: 0.7, "200x1000": 0.7}),
    "entresol_tasks_vs_bare_creates": ("entresol_tasks", "bare_creates", {MAIN: 0.6}),
}
"""Whose rate over whose, and the aim at each size that has one."""

BUDGETS = (
    ("scheduler_ms", "CPU of the operator per plain pod within the window, in ms", 0.45),
    ("requests", "API requests per plain pod within the window", 1.1),
    ("requests_in_all", "API requests per plain pod until quiet", 2.1),
)


@dataclass(frozen=True, slots=True)
class Course:
    """What was seen of one round, from before the start until nothing was written any more (`settled`, NaN for never)."""

    launched: float
    settled: float
    binds: Binds
    meter: Meter
    asked: Mapping[str, Requests]

    def values(self, deed: tuple[str, str, str]) -> dict[str, float]:
        """The round in figures; CPU in milliseconds per bound pod, memory in MiB."""
        window, pods = self.binds.window(LOW, HIGH), len(self.binds)
        inside = self.asked["high"] - self.asked["low"]
        whole = self.asked["end"] - self.asked["start"]
        found = {
            "rate": self.binds.rate(LOW, HIGH),
            "seconds": self.binds.moments[-1] - self.binds.moments[0],
            "first_bind_after": self.binds.moments[0] - self.launched,
        }
        if not math.isnan(self.settled):
            found["settled_after"] = self.settled - self.launched
        for name in ("scheduler", "apiserver", "etcd", "watch"):
            found[f"{name}_ms"] = 1000 * self.meter.cpu(name, *window) / self.binds.in_window(LOW, HIGH)
        for name in ("scheduler", "apiserver", "etcd"):
            found[f"{name}_ms_in_all"] = 1000 * self.meter.cpu(name) / pods
        return found | {
            "cpus_elsewhere": self.meter.elsewhere(*window) / (window[1] - window[0]),
            "scheduler_peak_mib": self.meter.peak("scheduler"),
            "apiserver_peak_mib": self.meter.peak("apiserver"),
            "requests": inside.total / inside.of(*deed),
            "requests_in_all": whole.total / pods,
            "refused": float(whole.refused),
        }


def follow(ready: Field, process: Component | OperatorProcess, watch: Watch, count: int) -> Course:
    """Launch a contender and look on until all is bound and said."""
    asked = {"start": requests(ready.cluster)}
    launched = time.monotonic()
    pid = launch(process)
    pids = {"scheduler": pid, "watch": watch.pid}
    pids |= {"apiserver": ready.cluster.apiserver.pid, "etcd": ready.cluster.etcd.pid}
    with Meter(pids) as meter:
        for mark, part in (("low", LOW), ("high", HIGH), ("all", 1.0)):
            until_bound(watch, int(part * count), process, launched + PATIENCE)
            if mark != "all":
                asked[mark] = requests(ready.cluster)
        settled = time.monotonic() - QUIET if ready.until_quiet(QUIET, PATIENCE) else math.nan
    asked["end"] = requests(ready.cluster)
    watch.stop()
    seen = watch.seen()
    return Course(launched, settled, Binds.of(seen), meter, asked)


def launch(process: Component | OperatorProcess) -> int:
    """Start a contender without waiting for it; returns its process."""
    if isinstance(process, OperatorProcess):
        process.start(wait=False)
    else:
        process.launch()
    return process.pid


def until_bound(watch: Watch, count: int, process: Component | OperatorProcess, deadline: float) -> None:
    """Wait until so many pods have a node. Raises DevclusterError when that is not in time."""
    while (bound := watch.live().bound) < count:
        late = time.monotonic() > deadline
        if late or not process.running:
            time.sleep(0.5)  # a client that is done ends before the watch has seen its last deed
            if late or watch.live().bound == bound:
                said = process.log.read_text(errors="replace")[-1500:]
                raise DevclusterError(f"{bound} of {count} pods are bound, and no more come; the log ends:\n{said}")
        time.sleep(0.02)


def one_round(contender: Contender, size: Size) -> tuple[dict[str, float], list[str]]:
    """One contender on a fresh control plane: its figures, and what it asked of the API server.

    Raises AssertionError when the independent auditor finds anything wrong with what Entresol did.
    """
    with field("bind", size.nodes) as ready:
        ready.create(tenants.tenants())
        process = contender.prepare(ready, size.pods)
        _ = ready.operator.kubeconfig  # its token is made before anything counts
        ready.until_quiet(1.0)
        with ready.watch(BOUND) as watch:
            course = follow(ready, process, watch, size.pods)
        if isinstance(process, OperatorProcess):
            assert process.running, f"the operator ended; its log is {process.log}"
            process.stop()
            ready.judge()
        return course.values(contender.deed), (course.asked["end"] - course.asked["start"]).lines()


def ratios(record: Record) -> dict[tuple[str, str], float]:
    """What was measured, by name of the ratio and size; kept in the record, the main size under the bare name."""
    found = {}
    for name, (above, below, _) in RATIOS.items():
        for size in sizes_of(record):
            value = record.quotient("rate", f"{above} {size}", f"{below} {size}")
            if value is not None:
                found[name, size] = value
                record.ratio(name if size == MAIN else f"{name}_at_{size}", value)
    return found


def aims(record: Record, measured: Mapping[tuple[str, str], float]) -> list[Aim]:
    """What is to be reached."""
    found = [
        Aim(f"{name} at {size}", measured.get((name, size)), at_least=bound)
        for name, (_, _, bounds) in RATIOS.items()
        for size, bound in bounds.items()
    ]
    for figure, text, bound in BUDGETS:
        found.append(Aim(f"{text}, at {MAIN}", record.median(f"entresol_pods {MAIN}", figure), at_most=bound))
    return found


def sizes_of(record: Record) -> list[str]:
    """The sizes that were measured, in order."""
    return list(dict.fromkeys(contender.rpartition(" ")[2] for contender in record.medians()))


def run(record: Record, sizes: Sequence[Size], letters: str | None, rounds: int) -> None:
    """All rounds; contenders take turns, so that a slow minute of the machine hits them all."""
    asked: dict[str, list[str]] = {}
    for size in sizes:
        for _ in range(rounds):
            for letter in letters or PLAN.get(str(size), "abc"):
                contender = CONTENDERS[letter]
                values, asked[f"{contender.name} {size}"] = one_round(contender, size)
                record.round(f"{contender.name} {size}", values)
                if (disturbed := values["cpus_elsewhere"]) > DISTURBED:
                    record.note(f"a round of {contender.name} {size} lost {disturbed:.2f} CPUs to something else")
    record.extra("requests", asked)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description="Pods per second that get a node.")
    parser.add_argument("--sizes", default=",".join(PLAN), help="NODESxPODS, with commas between them")
    parser.add_argument("--contenders", help=", ".join(f"{key} {each.name}" for key, each in CONTENDERS.items()))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="one round of all at 500x3000")
    told = parser.parse_args()
    record = Record("bind")
    if told.short:
        run(record, [Size(500, 3000)], "abcde", 1)
    else:
        sizes = [Size.parse(text) for text in told.sizes.split(",")]
        run(record, sizes, told.contenders and told.contenders.replace(",", ""), told.rounds)
    record.finish(aims(record, ratios(record)))


if __name__ == "__main__":
    main()

"""`make demo`: a real Kubernetes control plane on this machine, shared by two frameworks, fairly, to the task.

    python -m devcluster.demo [--keep] [--tasks N] [--name NAME]

Starts etcd, kube-apiserver, kube-controller-manager and twenty simulated nodes; applies Entresol's kinds and
`examples/two-frameworks` with kubectl; creates all Tasks, and only then starts the operator, so that nobody has a head
start. Then it looks twice a second at what each role holds and what is its due, and in the end at what became of every
Task. The exit code is 0 when all of it was as promised.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from devcluster import binaries, detached
from devcluster.access import Access
from devcluster.api import ApiError
from devcluster.cluster import Cluster
from devcluster.demo_judge import FINISHED, Judge, read
from devcluster.demo_view import View, view
from devcluster.errors import DevclusterError
from devcluster.operator_process import OperatorProcess, attended
from devcluster.options import Options
from devcluster.paths import SOURCES

NODES = 20
EXAMPLE = SOURCES.parent / "examples" / "two-frameworks"
ROLES = ("analytics", "training")
TASK = {"cpu": 1000, "memory": 2 * 1024**3, "pods": 1}
"""What one task of the example asks, in thousandths of a core, bytes and pieces."""

_TASKS = "/apis/entresol.dev/v1alpha1/tasks"
_FRAMEWORKS = "/apis/entresol.dev/v1alpha1/frameworks"
_SAMPLE_SECONDS = 0.5
_DEADLINE_SECONDS = 300.0


@dataclass(slots=True)
class Demonstration:
    """One run: the view it is shown in, the name of its cluster, and how long each phase took."""

    view: View
    name: str
    tasks_each: int
    phases: list[tuple[str, float]] = field(default_factory=list)
    judge: Judge = field(default_factory=Judge)

    @property
    def wanted(self) -> int:
        """How many Tasks there are in all."""
        return self.tasks_each * len(ROLES)

    @contextmanager
    def phase(self, label: str) -> Iterator[None]:
        """One phase, shown and timed."""
        started = time.monotonic()
        with self.view.phase(label):
            yield
        self.phases.append((label, time.monotonic() - started))

    def prepare(self, access: Access, operator: OperatorProcess) -> None:
        """Everything up to the operator's start."""
        with self.phase(f"{NODES} nodes of 8 CPU and 16Gi"):
            access.add_nodes(NODES)
        with self.phase("kubectl apply: Entresol's kinds, two frameworks 1:2"):
            operator.install()
            access.apply(EXAMPLE / "frameworks.yaml")
            for role in ROLES:
                access.wait_for_service_account(role)
        with self.phase(f"kubectl create: {self.wanted} Tasks, before the operator starts"):
            program = [sys.executable, str(EXAMPLE / "tasks.py"), "--tasks", str(self.tasks_each)]
            manifests = subprocess.run(program, capture_output=True, text=True, check=True).stdout
            access.kubectl("create", "--filename=-", stdin=manifests)

    def watch(self, access: Access, operator: OperatorProcess) -> None:
        """Look until all Tasks have finished, or for as long as anybody would."""
        started = time.monotonic()
        with self.view.table():
            while (seconds := time.monotonic() - started) < _DEADLINE_SECONDS:
                sample = read(operator.json("/state"), TASK, ROLES, _heads(access))
                self.judge.see(sample, seconds)
                self.view.show(sample, self.judge, self.wanted, seconds)
                if sample.finished >= self.wanted:
                    break
                time.sleep(max(0.0, _SAMPLE_SECONDS - (time.monotonic() - started - seconds)))
        self.phases.append(("shared until all was done", time.monotonic() - started))

    def conclude(self, access: Access) -> bool:
        """Look at every Task by a LIST of our own, and say what came out."""
        with self.phase("a LIST of all Tasks"):
            tasks = _settled(access, self.wanted)
        states = Counter(task.get("status", {}).get("state", "") for task in tasks)
        faults = self.judge.conclude(states, self.wanted)
        pods = sum(task.get("status", {}).get("attempt", 0) for task in tasks)
        sharing = dict(self.phases)["shared until all was done"]
        figures = [
            *((label, f"{seconds:5.1f} s") for label, seconds in self.phases),
            ("in all", f"{sum(seconds for _, seconds in self.phases):5.1f} s"),
            ("Tasks finished", f"{states[FINISHED]} of {self.wanted}"),
            ("pods bound", f"{pods}, {pods / sharing:.0f} a second"),
            ("samples", f"{self.judge.samples}"),
            ("of these after the first fill, with both roles waiting", f"{self.judge.judged}"),
            ("and taken while a cycle was due, so not judged", f"{self.judge.unsettled}"),
            ("largest |held - entitled| in those, must be below 1", f"{self.judge.largest:.2f} tasks"),
        ]
        self.view.verdict(figures, faults)
        return not faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devcluster.demo", description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the cluster and the operator running")
    parser.add_argument("--name", default="demo", help="of the cluster, where several are kept (default: %(default)s)")
    parser.add_argument("--tasks", type=int, default=320, help="Tasks of each framework (default: %(default)s)")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    demonstration = Demonstration(view(), given.name, given.tasks)
    try:
        return _run_kept(demonstration) if given.keep else _run(demonstration)
    except KeyboardInterrupt:
        demonstration.view.say("interrupted; nothing is left behind")
        return 130
    except (DevclusterError, OSError) as error:  # OSError: somebody who should answer does not, also in time
        print(f"the demonstration cannot go on: {error}", file=sys.stderr)
        return 1


def _run(demonstration: Demonstration) -> int:
    """With a cluster that ends with us, whatever happens."""
    _build(demonstration.view)
    cluster = Cluster(demonstration.name)
    operator = OperatorProcess(cluster)
    passed = False
    try:
        with demonstration.phase("etcd, kube-apiserver, controller-manager, kwok"):
            cluster.start()
        demonstration.prepare(cluster, operator)
        with demonstration.phase("the operator starts"):
            operator.start()
        demonstration.watch(cluster, operator)
        passed = demonstration.conclude(cluster)
    finally:
        operator.close()
        interrupted = isinstance(sys.exception(), KeyboardInterrupt)
        cluster.close(keep_logs=not passed and not interrupted)
    return 0 if passed else 1


def _run_kept(demonstration: Demonstration) -> int:
    """With a cluster that stays, unless we are interrupted before the end."""
    _build(demonstration.view)
    with demonstration.phase("etcd, kube-apiserver, controller-manager, kwok"):
        record = detached.start(demonstration.name, Options())
    access = record.access()
    operator = OperatorProcess(access)
    try:
        demonstration.prepare(access, operator)
        with demonstration.phase("the operator starts"):
            attended(operator, record)
        demonstration.watch(access, operator)
        passed = demonstration.conclude(access)
    except BaseException:
        detached.stop(record.name)
        raise
    say = demonstration.view.say
    say(f"\nIt goes on running. The operator: {operator.url}/state, its log: {operator.log}. Try:")
    say(f"  export KUBECONFIG={record.kubeconfig}")
    say(f"  {binaries.path('kubectl')} get frole,fw,etask --all-namespaces")
    say("Stop everything with:")
    say(f"  {sys.executable} -m devcluster down --name {record.name}")
    return 0 if passed else 1


def _build(shown: View) -> None:
    """Build what is not in the cache, which shows its own progress."""
    absent = binaries.missing()
    if absent:
        shown.say(f"Building {', '.join(absent)} from source, once; this takes about ten minutes on two cores.")
        binaries.ensure()


def _heads(access: Access) -> dict[str, str]:
    """Why the head of each role's queue waits, as the Frameworks' statuses say."""
    try:
        frameworks: list[dict[str, Any]] = access.api.get(_FRAMEWORKS)["items"]
    except (OSError, ApiError):
        return {}
    said = (framework.get("status", {}) for framework in frameworks)
    return {status["role"]: status.get("head", {}).get("message", "") for status in said if "role" in status}


def _settled(access: Access, wanted: int, seconds: float = 15.0) -> list[dict[str, Any]]:
    """All Tasks, once their statuses are written, or as they are when that takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        tasks: list[dict[str, Any]] = access.api.get(_TASKS)["items"]
        finished = sum(task.get("status", {}).get("state") == FINISHED for task in tasks)
        if finished == wanted or time.monotonic() > deadline:
            return tasks
        time.sleep(0.2)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

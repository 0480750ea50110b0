"""How each contender is started, with the identity it has in production, as a process of its own that can be metered.

kube-scheduler gets a client that is as fast as it can use, because its default of 50 requests per second would measure
that default. Entresol is `devcluster.operator_process`; the bare clients are `load` with another user.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import yaml

from devcluster import binaries
from devcluster.access import Access
from devcluster.component import Component
from devcluster.waiting import wait_until
from tests.bench.load import CONNECTIONS, Report
from tests.bench.watcher import SOURCES

QPS = 5000


def kube_scheduler(cluster: Access) -> Component:
    """kube-scheduler with its default profile, to be started; it serves nothing, so it is ready when it runs."""
    configuration = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {
            "kubeconfig": str(cluster.kubeconfig("system:kube-scheduler")),
            "qps": QPS,
            "burst": QPS,
        },
        "leaderElection": {"leaderElect": False},
    }
    file = cluster.run / "kube-scheduler.yaml"
    file.write_text(yaml.safe_dump(configuration))
    command = [str(binaries.path("kube-scheduler")), f"--config={file}", "--secure-port=0"]
    return Component("kube-scheduler", command, cluster.run / "logs" / "kube-scheduler.log", lambda: True)


def sender(
    cluster: Access, name: str, plan: Path, kubeconfig: Path, rate: float | None = None
) -> tuple[Component, Callable[[float], Report]]:
    """One aiohttp client that will send a plan, and a function that waits so many seconds for its report."""
    target = cluster.run / f"{name}.report"
    command = [sys.executable, "-m", "tests.bench.load", str(plan), f"--kubeconfig={kubeconfig}", f"--report={target}"]
    command += [f"--connections={CONNECTIONS}"] + ([] if rate is None else [f"--rate={rate}"])
    log = cluster.run / "logs" / f"{name}.log"
    process = Component(name, command, log, lambda: True, {"PYTHONPATH": str(SOURCES)})

    def outcome(seconds: float) -> Report:
        wait_until(lambda: target.exists() or not process.running, f"the end of {name}", seconds)
        if not target.exists():
            raise RuntimeError(f"{name} ended without a report: {log.read_text()[-2000:]}")
        return msgspec.json.decode(target.read_bytes(), type=Report)

    return process, outcome

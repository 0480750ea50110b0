"""`make install-demo`: Entresol installed by Helm on a real node, where the examples' containers run.

    python -m devcluster.install_demo

Builds the operator's image, starts a control plane with one real node (`devcluster.node`) in a sandbox, installs
helm/entresol, runs the chart's own test, applies two examples with kubectl, waits until all their work is done, and
shows what the containers wrote and what the kinds say. In the end Helm removes the release, and the sandbox everything
else. The exit code is 0 when all of it was as promised, and 77 where no real node can be.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from devcluster import binaries, helm
from devcluster.chart import CHART
from devcluster.demo_view import View, view
from devcluster.errors import DevclusterError
from devcluster.install_examples import on_small_nodes
from devcluster.node import prepare as nodes
from devcluster.node import sandbox
from devcluster.node.cluster import RealCluster
from devcluster.paths import BUILD, SOURCES
from devcluster.waiting import wait_until
from image.build import build

TAG = "install-demo"
HOME = "entresol-system"
RELEASE = "entresol"
EXAMPLES = SOURCES.parent / "examples"
TASKS_EACH = 20
"""Tasks of each of the two frameworks."""
ROLES = ("analytics", "training")
FINISHED = "TASK_FINISHED"

_TASKS = "/apis/entresol.dev/v1alpha1/tasks"
_PATIENCE = 180.0
_LINES = 9


def archive() -> Path:
    """Where the image lies."""
    return BUILD / "images" / f"{TAG}.tar"


def prepare() -> None:
    """Build and fetch what cannot be fetched inside the sandbox."""
    nodes.prepare()
    archive().parent.mkdir(parents=True, exist_ok=True)
    build(archive(), TAG)


@dataclass(slots=True)
class Installation:
    """One run: the cluster, where it is shown, how long each phase took, and what was wrong."""

    cluster: RealCluster
    view: View
    phases: list[tuple[str, float]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @contextmanager
    def phase(self, label: str) -> Iterator[None]:
        """One phase, shown and timed."""
        started = time.monotonic()
        with self.view.phase(label):
            yield
        self.phases.append((label, time.monotonic() - started))

    def install(self) -> None:
        """Start the cluster, and install the chart as a user would."""
        with self.phase("a control plane and one real node: containerd, kubelet"):
            self.cluster.start()
        with self.phase("the operator's image is given to the node"):
            self.cluster.import_image(archive())
        with self.phase("helm install --wait: two replicas"):
            settings = (f"--set=image.tag={TAG}", "--wait", "--timeout=120s")
            self._helm("install", RELEASE, str(CHART), "--create-namespace", *settings)
        with self.phase("helm test: a Task from beginning to end"):
            said = self._helm_test()
        self.show(said)

    def work(self) -> None:
        """Apply the examples, and wait until what can end has ended."""
        with self.phase(f"kubectl apply: a Job, a Deployment, a DaemonSet, {2 * TASKS_EACH} Tasks"):
            for name in ("two-frameworks/frameworks.yaml", "plain-workloads/workloads.yaml"):
                self._apply((EXAMPLES / name).read_text())
            program = [sys.executable, str(EXAMPLES / "two-frameworks" / "tasks.py"), "--tasks", str(TASKS_EACH)]
            self._apply(subprocess.run(program, capture_output=True, text=True, check=True).stdout)
        with self.phase("kubectl wait: the Job, the Deployment and the DaemonSet"):
            wait = f"--timeout={_PATIENCE:.0f}s"
            self.cluster.kubectl("wait", "--for=condition=Complete", "job/import", "--namespace=shop", wait)
            for workload in ("deployment/front", "daemonset/probe"):
                self.cluster.kubectl("rollout", "status", workload, "--namespace=shop", wait)
        self.show("\n\n".join(map(self._table, ("get frole", "get fw --all-namespaces"))))
        with self.phase("every Task is over"):
            wait_until(
                lambda: all(task.get("status", {}).get("finishTime") for task in self._tasks()), "end", _PATIENCE
            )

    def conclude(self) -> None:
        """Look at what became of everything, and remove the release."""
        self._look_at_tasks()
        self._look_at_logs()
        self._look_at_operators()
        self.show(self._table("get etask --all-namespaces"))
        with self.phase("helm uninstall"):
            self._helm("uninstall", RELEASE, "--wait")
            pods = f"/api/v1/namespaces/{HOME}/pods"
            wait_until(lambda: not self.cluster.api.get(pods)["items"], "end of the operators", _PATIENCE)
        still = len(self._running("shop"))
        if still != len(self._running("shop", "entresol.dev/framework=web")) or still == 0:
            self.faults.append("the pods of the example must go on when the release is removed")

    def verdict(self) -> bool:
        """Say how it went."""
        figures = [(label, f"{seconds:5.1f} s") for label, seconds in self.phases]
        figures.append(("in all", f"{sum(seconds for _, seconds in self.phases):5.1f} s"))
        self.view.verdict(figures, self.faults, "installed, tested, used and removed on a real node")
        return not self.faults

    def show(self, text: str) -> None:
        """What a command printed, a little to the right."""
        self.view.say("\n".join(("", *(f"    {line}" for line in text.splitlines()), "")))

    def _look_at_tasks(self) -> None:
        states = Counter(task["status"]["state"] for task in self._tasks() if task["metadata"]["namespace"] in ROLES)
        if states != {FINISHED: len(ROLES) * TASKS_EACH}:
            self.faults.append(f"{len(ROLES) * TASKS_EACH} Tasks must be {FINISHED}, but there are {dict(states)}")

    def _look_at_logs(self) -> None:
        """The containers have really run: each wrote where it is."""
        self.view.say(f"$ kubectl logs --namespace={ROLES[0]} …")
        for task in self._tasks():
            name, namespace = task["metadata"]["name"], task["metadata"]["namespace"]
            if namespace not in ROLES or not name.endswith("0"):
                continue
            said = self.cluster.kubectl("logs", task["status"]["podName"], f"--namespace={namespace}").strip()
            self.view.say(f"    {said}")
            if "works" not in said:
                self.faults.append(f"the container of {name} must have written a line, not {said!r}")

    def _look_at_operators(self) -> None:
        pods = self.cluster.api.get(f"/api/v1/namespaces/{HOME}/pods")["items"]
        restarts = {pod["metadata"]["name"]: _restarts(pod) for pod in pods}
        if any(restarts.values()):
            self.faults.append(f"no operator may restart, but {restarts}")

    def _tasks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cluster.api.get(_TASKS)["items"]
        return found

    def _running(self, namespace: str, selector: str = "") -> list[str]:
        chosen = ("--field-selector=status.phase=Running", f"--selector={selector}", "--output=name")
        return self.cluster.kubectl("get", "pods", f"--namespace={namespace}", *chosen).split()

    def _table(self, arguments: str) -> str:
        """What kubectl prints; of many lines the first few."""
        lines = self.cluster.kubectl(*arguments.split()).splitlines()
        more = [f"… {len(lines) - _LINES} more"] if len(lines) > _LINES else []
        return "\n".join([f"$ kubectl {arguments}", *lines[:_LINES], *more])

    def _apply(self, manifest: str) -> None:
        """Apply an example as it fits a small node, once its namespaces take pods."""
        objects = [item for item in yaml.safe_load_all(manifest) if item]
        spaces = [item for item in objects if item["kind"] == "Namespace"]
        if spaces:
            self.cluster.apply(yaml.safe_dump_all(spaces))
        for space in spaces:
            self.cluster.wait_for_service_account(space["metadata"]["name"])
        self.cluster.apply(yaml.safe_dump_all([on_small_nodes(item) for item in objects]))

    def _helm(self, *arguments: str) -> str:
        return self.cluster.helm(*arguments, f"--namespace={HOME}")

    def _helm_test(self) -> str:
        """The words of the test's pod, which Helm writes where it writes errors."""
        done = subprocess.run(
            [str(binaries.path("helm")), "test", RELEASE, f"--namespace={HOME}", "--timeout=150s"],
            env=helm.environment(self.cluster.run / "helm", self.cluster.kubeconfig()),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DevclusterError(f"helm test\n{done.stderr}{done.stdout}")
        return done.stderr.strip()


def _restarts(pod: dict[str, Any]) -> int:
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses", ()))


def main() -> int:
    """Run it, in a sandbox, and return the exit code."""
    if sandbox.NAME not in os.environ:
        return sandbox.enter([sys.executable, "-m", "devcluster.install_demo"], "devcluster.install_demo")
    installation = Installation(RealCluster("install-demo"), view())
    passed = False
    try:
        installation.install()
        installation.work()
        installation.conclude()
        passed = installation.verdict()
    finally:
        installation.cluster.close(keep_logs=not passed)
    return 0 if passed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (DevclusterError, OSError) as error:
        sys.exit(f"the demonstration cannot go on: {error}")

"""A control plane to measure on: the same for every contender, with nothing running that is not measured.

etcd and kube-apiserver alone, unless more is asked for; bare Ready nodes without kubelets, so that a bound pod stays as
it is; in-flight limits raised, so that two cores are the limit and not a default meant for small servers. The load and
the watch are users of their own: nobody whose work is measured is in `system:masters`, which flow control exempts.
"""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from itertools import count
from pathlib import Path
from typing import Any

import urllib3

from devcluster.cluster import Cluster
from devcluster.component import Component
from devcluster.kwok import NodeShape, node_body
from devcluster.operator_process import OperatorProcess
from devcluster.options import Options
from tests.bench import contenders, load
from tests.bench.load import Errand, Report, errand
from tests.bench.watcher import Watch
from tests.support import auditor

Json = dict[str, Any]

SHAPES = (NodeShape("16", "64Gi"), NodeShape("32", "128Gi"), NodeShape("64", "256Gi"))
"""What a cluster is made of that grew over the years; every node takes 110 pods."""

ALONE = Options(controller_manager=False, kwok=False)
"""etcd and kube-apiserver."""

IN_FLIGHT = ("--max-requests-inflight=3000", "--max-mutating-requests-inflight=1000")
LOADER = ("bench:load", ())
WATCHER = ("bench:watch", ())
_GROUP = "/apis/entresol.dev/v1alpha1"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_WATCHING = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}
_COLLECTIONS = {
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Task": _GROUP + "/namespaces/{}/tasks",
    "Framework": _GROUP + "/namespaces/{}/frameworks",
    "FrameworkRole": _GROUP + "/frameworkroles",
}


@dataclass(slots=True)
class Field:
    """One control plane and what stands ready on it.

    Attributes:
        cluster: the control plane itself.
        operator: Entresol, installed and not started.
        nodes: the names of the nodes.
    """

    cluster: Cluster
    operator: OperatorProcess
    nodes: list[str] = attribute(default_factory=list)
    _plans: "count[int]" = attribute(default_factory=count)
    _pool: urllib3.PoolManager = attribute(default_factory=urllib3.PoolManager)

    # --- things ---------------------------------------------------------------------------------

    def add_nodes(self, number: int, shapes: Sequence[NodeShape] = SHAPES, *, simulated: bool = False) -> None:
        """Make nodes, of each shape in turn; *simulated* ones belong to kwok."""
        first = len(self.nodes)
        names = [f"node-{index:05}" for index in range(first, first + number)]
        self.create(
            node_body(name, shapes[index % len(shapes)], first + index, simulated=simulated)
            for index, name in enumerate(names)
        )
        self.nodes += names
        if simulated:
            self.cluster.wait_for_nodes(names)

    def create(self, objects: Iterable[Json]) -> Report:
        """Create objects as fast as the API server takes them. Raises RuntimeError when it refused any."""
        return self.send(creation(one) for one in objects)

    def send(self, errands: Iterable[Errand], rate: float | None = None, seconds: float = 120.0) -> Report:
        """Send a plan and wait until it is done, *seconds* at most. Raises RuntimeError when anything failed."""
        load_process, outcome = self.sender(errands, rate)
        load_process.launch()
        report = outcome(seconds)
        if report.failures:
            raise RuntimeError(f"the load failed: {report.failures}")
        return report

    def sender(
        self, errands: Iterable[Errand], rate: float | None = None, kubeconfig: Path | None = None
    ) -> tuple[Component, Callable[[float], Report]]:
        """A process that will send a plan, to be launched, and a function that waits so many seconds for its report.

        Without a *kubeconfig* it is the load's own user who sends.
        """
        name = f"load-{next(self._plans)}"
        plan = load.write(self.cluster.run / f"{name}.plan", errands)
        return contenders.sender(self.cluster, name, plan, kubeconfig or self.cluster.kubeconfig(*LOADER), rate)

    # --- contenders -------------------------------------------------------------------------------

    def kube_scheduler(self) -> Component:
        """kube-scheduler as `system:kube-scheduler`, to be started."""
        return contenders.kube_scheduler(self.cluster)

    def watch(self, fields: str = "") -> Watch:
        """The independent watch, to be entered."""
        return Watch(self.cluster, WATCHER, fields)

    # --- looking ------------------------------------------------------------------------------------

    def revision(self) -> int:
        """How many changes the store has seen. etcd itself is asked: that costs the API server nothing."""
        url = next(part.partition("=")[2] for part in self.cluster.etcd.command if "listen-client-urls" in part)
        asked = json.dumps({"key": b64encode(b"-").decode()})
        answer = self._pool.request("POST", f"{url}/v3/kv/range", body=asked, timeout=10.0)
        return int(answer.json()["header"]["revision"])

    def until_quiet(self, quiet: float = 3.0, seconds: float = 60.0) -> bool:
        """Wait until nothing is written any more, but for the API server's own lease; whether that came in time."""
        deadline = time.monotonic() + seconds
        seen, since = self.revision(), time.monotonic()
        while time.monotonic() - since < quiet:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
            now = self.revision()
            if now > seen + 1:
                since = time.monotonic()
                seen = now
        return True

    def world(self) -> auditor.World:
        """A fresh LIST of everything that the auditor judges."""
        get = self.cluster.api.get
        pods, nodes = get("/api/v1/pods")["items"], get("/api/v1/nodes")["items"]
        tasks, frameworks, roles = (
            get(f"{_GROUP}/{kind}")["items"] for kind in ("tasks", "frameworks", "frameworkroles")
        )
        return auditor.World(
            nodes=tuple(nodes), pods=tuple(pods), tasks=tuple(tasks), frameworks=tuple(frameworks), roles=tuple(roles)
        )

    def judge(self) -> None:
        """Let the independent auditor look at everything. Raises AssertionError with what it found."""
        found = auditor.findings(self.world())
        if found:
            raise AssertionError(f"{len(found)} findings of the auditor, such as {found[:5]}")


def creation(wanted: Json) -> Errand:
    """The errand that creates an object."""
    return errand("POST", _COLLECTIONS[wanted["kind"]].format(wanted["metadata"].get("namespace", "")), wanted)


@contextmanager
def field(
    name: str, nodes: int = 0, shapes: Sequence[NodeShape] = SHAPES, options: Options | None = None
) -> Iterator[Field]:
    """A fresh control plane with so many nodes, Entresol installed, and nothing left of it afterwards.

    Args:
        name: of the benchmark, for the run directory.
        nodes: how many; with `options.kwok` they have simulated kubelets.
        shapes: of the nodes, in turn.
        options: what else runs; by default nothing. Its flags for the API server come after those that all have.
    """
    chosen = options or ALONE
    chosen = replace(chosen, apiserver_flags=(*IN_FLIGHT, *chosen.apiserver_flags))
    with Cluster(name, chosen) as cluster:
        operator = OperatorProcess(cluster)
        operator.install()
        cluster.api.create(f"{_RBAC}/clusterroles", {"metadata": {"name": WATCHER[0]}, "rules": [_WATCHING]})
        for user, role in ((WATCHER[0], WATCHER[0]), (LOADER[0], "cluster-admin")):
            cluster.api.create(f"{_RBAC}/clusterrolebindings", grant(user, role))
        ready = Field(cluster, operator)
        try:
            if nodes:
                ready.add_nodes(nodes, shapes, simulated=chosen.kwok)
            yield ready
        finally:
            operator.close()


def grant(user: str, role: str) -> Json:
    """A binding of a user to a cluster role."""
    return {
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }

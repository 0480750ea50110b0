"""A cluster that has every kind of trouble that an alert speaks of, with an operator, its standby, and a Prometheus.

* `hog` came first, with tasks that never end, and holds three quarters of the cluster: the others starve.
* `analytics` and `training` share the rest by their weights, with a stream of short tasks.
* `gold` has a guarantee, but its task needs a whole agent, and none is ever empty.
* `broke` has a ResourceQuota of no pods at all; `giant` asks for more than any agent has.
* Of the namespace `unseen` no watch tells, though lists do: see `lossy`.
"""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devcluster import prometheus
from devcluster.cluster import Cluster
from devcluster.kwok import NodeShape
from devcluster.operator_process import NAMESPACE, OperatorProcess
from devcluster.ports import Ports
from monitoring.draw import everything
from monitoring.prometheus import Prometheus
from tests.e2e.patience import eventually
from tests.monitoring.lossy import Lossy
from tests.support.objects import FOREVER, Json, pod_spec, requests_of, role, runs, task

AGENTS, CORES = 10, 4
ROLES: Mapping[str, Json] = {
    "hog": {"weight": 1, "limit": {"cpu": "30"}},
    "analytics": {"weight": 1},
    "training": {"weight": 2},
    "gold": {"weight": 1, "guarantee": {"cpu": "4"}},
    "broke": {},
    "giant": {},
}
UNSEEN = "unseen"
_LEASE = f"{NAMESPACE}/entresol"
_TASKS = "/apis/entresol.dev/v1alpha1/namespaces/{}/tasks"


class Scene:
    """All of it; a context manager that leaves nothing behind. `began` is when work came, in seconds since the epoch."""

    def __init__(self, rules: Path) -> None:
        self.cluster = Cluster("monitoring")
        self.replicas = (OperatorProcess(self.cluster), OperatorProcess(self.cluster, "standby"))
        self.began = 0.0
        self._ports = Ports()
        self._listens = [f"127.0.0.1:{self._ports.claim()}" for _ in self.replicas]
        self._lossy = Lossy(self.cluster.url, self.cluster.ca, self._ports.claim(), f'"name":"{UNSEEN}"')
        targets = [
            (address, {"namespace": NAMESPACE, "pod": f"entresol-{number}"})
            for number, address in enumerate(self._listens)
        ]
        self._server = prometheus.Prometheus({"entresol": targets}, [rules])
        self.prometheus = Prometheus(self._server.url)

    def __enter__(self) -> Self:
        try:
            self.cluster.start()
            self.cluster.add_nodes(AGENTS, NodeShape(cpu=str(CORES)))
            self.replicas[0].install()
            self._lossy.start()
            through = str(self._lossy.kubeconfig(self.replicas[0].kubeconfig))
            for replica, address in zip(self.replicas, self._listens, strict=True):
                replica.start(kubeconfig=through, listen=address, lease=_LEASE, audit_seconds="5")
            self._server.__enter__()
        except BaseException:
            self.close(failed=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=error is not None)

    def close(self, *, failed: bool = False) -> None:
        """End everything."""
        self.prometheus.close()
        self._server.close()
        for replica in self.replicas:
            replica.close()
        self._lossy.close()
        self._ports.close()
        self.cluster.close(keep_logs=failed)

    # --- trouble ----------------------------------------------------------------------------------

    def fill(self) -> None:
        """Give the hog its head start, and then everybody their work."""
        self.began = time.time()
        self.cluster.api.create("/api/v1/namespaces", {"metadata": {"name": UNSEEN}})
        for name, spec in ROLES.items():
            self.cluster.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
            self.cluster.api.create("/apis/entresol.dev/v1alpha1/frameworkroles", role(name, **spec))
        for name in ROLES:
            self.cluster.wait_for_service_account(name)
        self._tasks("hog", 32, annotations=FOREVER, spec=pod_spec(requests_of("1", "256Mi")))
        eventually("the hog holds what it may", lambda: self._held("hog"), lambda cores: cores == 30)
        quota = {"metadata": {"name": "nothing"}, "spec": {"hard": {"pods": "0"}}}
        self.cluster.api.create("/api/v1/namespaces/broke/resourcequotas", quota)
        self._tasks("giant", 2, spec=pod_spec(requests_of("400")))
        self._tasks("broke", 60, spec=pod_spec(requests_of(None, "64Mi")))
        for name in ("analytics", "training"):
            self._tasks(name, 40, annotations=runs(4))
        self._tasks("gold", 1, spec=pod_spec(requests_of(str(CORES))))
        for name in ("analytics", "training"):
            self._tasks(name, 160, prefix="later", annotations=runs(4))

    def ask_the_standby(self) -> None:
        """Have the replica that does not lead pass a question on."""
        for replica in self.replicas:
            replica.text("/state")

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {labels["alertname"] for labels in self.prometheus.alerts()}

    def choices(self) -> dict[str, str]:
        """What Grafana would put in for its variables when nothing was chosen."""
        return everything(self.prometheus)

    def _held(self, name: str) -> float:
        expr = f'max(entresol_role_allocated_resources{{role="{name}",resource="cpu"}})'
        return sum(series.newest for series in self.prometheus.instant(expr))

    def _tasks(self, namespace: str, number: int, *, prefix: str = "task", **fields: Any) -> None:
        path = _TASKS.format(namespace)
        items = [task(f"{prefix}-{index:03}", namespace, **fields) for index in range(number)]
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda item: self.cluster.api.create(path, item), items))

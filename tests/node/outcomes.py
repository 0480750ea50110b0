"""A release of the operator on real nodes, and Tasks on it, for tests of what becomes of them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from devcluster.api import ApiError
from devcluster.chart import CHART
from devcluster.node.cluster import RealCluster
from devcluster.node.images import BUSYBOX
from devcluster.waiting import wait_until
from tests.node.preparation import OURS, operator_archive

HOME = "entresol-system"
OPERATORS_NODE = "real-1"
OTHER_NODE = "real-2"
HOSTNAME = "kubernetes.io/hostname"
Json = dict[str, Any]


@contextmanager
def released(real: RealCluster) -> Iterator[None]:
    """One operator on `real-1`, so that `real-2` can be troubled without it; gone at the end with its definitions."""
    real.import_image(operator_archive())
    where = f"--set-string=nodeSelector.{HOSTNAME.replace('.', chr(92) + '.')}={OPERATORS_NODE}"
    told = (f"--set=image.tag={OURS}", "--set=replicas=1", where)
    namespace = f"--namespace={HOME}"
    real.helm("install", "entresol", str(CHART), "--create-namespace", "--wait", "--timeout=90s", namespace, *told)
    yield
    real.helm("uninstall", "entresol", namespace)
    pods = f"/api/v1/namespaces/{HOME}/pods"
    wait_until(lambda: not real.api.get(pods)["items"], "end of the operator", 60)
    kinds = ("tasks", "frameworks", "frameworkroles")
    real.kubectl("delete", "crd", *(f"{kind}.entresol.dev" for kind in kinds), "--ignore-not-found")
    real.kubectl("delete", "namespace", HOME, "--timeout=120s")


@dataclass(frozen=True)
class Container:
    """The one container of a Task: its command, and what is unusual about it and its pod."""

    command: tuple[str, ...]
    image: str = BUSYBOX
    cpu: str = "50m"
    limits: Mapping[str, str] = field(default_factory=dict)
    node: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    pod: Mapping[str, Any] = field(default_factory=dict)

    def pod_spec(self) -> Json:
        container = {
            "name": "main",
            "image": self.image,
            "command": list(self.command),
            "resources": {"requests": {"cpu": self.cpu, "memory": "8Mi"}, "limits": dict(self.limits)},
            **self.more,
        }
        # A shell that is the first process of a container does not hear SIGTERM.
        spec: Json = {"terminationGracePeriodSeconds": 1, "containers": [container], **self.pod}
        return {**spec, "nodeSelector": {HOSTNAME: self.node}} if self.node else spec


@dataclass(frozen=True)
class Room:
    """A namespace with Tasks in it."""

    real: RealCluster
    namespace: str

    def task(self, name: str, container: Container, **spec: Any) -> None:
        """Create a Task of the implicit framework."""
        told = {"frameworkRef": {"name": "default"}, "template": {"spec": container.pod_spec()}, **spec}
        metadata = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": "entresol.dev/v1alpha1", "kind": "Task", "metadata": metadata, "spec": told}
        self.real.api.create(self._tasks, body)

    def status(self, name: str) -> Json:
        found: Json = self.real.api.get(f"{self._tasks}/{name}").get("status", {})
        return found

    def wait(self, name: str, holds: Callable[[Json], bool], seconds: float = 60.0) -> Json:
        """Wait until the status of a Task is so, and return it; else fail with what it is."""
        try:
            wait_until(lambda: holds(self.status(name)), f"what is expected of {name}", seconds)
        except Exception as error:
            raise AssertionError(f"{name}: {self.status(name)}") from error
        return self.status(name)

    def wait_state(self, name: str, state: str, seconds: float = 60.0) -> Json:
        return self.wait(name, lambda status: status.get("state") == state, seconds)

    def delete_task(self, name: str) -> None:
        self.real.kubectl("delete", "etask", name, f"--namespace={self.namespace}", "--timeout=60s")

    def by_hand(self, name: str, container: Container, node: str) -> None:
        """Create a pod that is on a node from the beginning, past every scheduler."""
        spec = {**container.pod_spec(), "nodeName": node, "restartPolicy": "Never"}
        spec.pop("nodeSelector", None)
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        self.real.api.create(f"/api/v1/namespaces/{self.namespace}/pods", body)

    def pod(self, name: str) -> Json | None:
        try:
            found: Json = self.real.api.get(f"/api/v1/namespaces/{self.namespace}/pods/{name}")
        except ApiError as error:
            if error.status != 404:
                raise
            return None
        return found

    def phase(self, name: str) -> str:
        """The phase of a pod; empty when there is none."""
        pod = self.pod(name)
        return str(pod["status"]["phase"]) if pod else ""

    @property
    def _tasks(self) -> str:
        return f"/apis/entresol.dev/v1alpha1/namespaces/{self.namespace}/tasks"

"""Two replicas of the operator side by side, each on a wire of its own to the API server, and what can befall them."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

from devcluster.api import ApiError
from devcluster.cluster import Cluster
from devcluster.operator_process import NAMESPACE, OperatorProcess
from devcluster.waiting import wait_until
from tests.support.tcp_proxy import TcpProxy

LEASE = "entresol"
_PATH = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{LEASE}"


class Replica:
    """One of the two."""

    def __init__(self, cluster: Cluster, name: str, terms: Mapping[str, str]) -> None:
        self.name = name
        self.process = OperatorProcess(cluster, name)
        self._cluster = cluster
        self._terms: dict[str, Any] = dict(terms)
        address = urlsplit(cluster.url)
        self.wire = TcpProxy(address.hostname or "", address.port or 0)

    def start(self, *, wait: bool = True) -> None:
        """Start it, or start it again, as a Deployment would."""
        self.process.start(wait=wait, kubeconfig=str(self._kubeconfig()), identity=self.name, **self._terms)

    def _kubeconfig(self) -> Path:
        """The operator's own, but through the wire."""
        own: dict[str, Any] = yaml.safe_load(self.process.kubeconfig.read_text())
        own["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self.wire.port}"
        path = self._cluster.run / f"{self.name}.kubeconfig.yaml"
        path.write_text(yaml.safe_dump(own))
        return path


class Replicas:
    """Use as a context manager: both run while it lasts, and one of them leads."""

    def __init__(self, cluster: Cluster, terms: Mapping[str, str]) -> None:
        """Start both with these settings; `lease` is given."""
        self._cluster = cluster
        told = {"lease": f"{NAMESPACE}/{LEASE}", **terms}
        self.both = tuple(Replica(cluster, name, told) for name in ("replica-a", "replica-b"))

    def __enter__(self) -> Self:
        for each in self.both:
            each.wire.__enter__()
            each.start()
        wait_until(lambda: bool(self.holder()), "a leader", 30.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self.both:
            each.process.close()
            each.wire.__exit__(None, None, None)

    def holder(self) -> str:
        """The identity in the Lease; empty when nobody holds it."""
        try:
            return str(self._cluster.api.get(_PATH)["spec"].get("holderIdentity", ""))
        except ApiError as error:
            if error.status == 404:
                return ""
            raise

    def leader(self) -> Replica:
        """The replica that holds the Lease."""
        name = self.holder().rpartition("_")[0]
        return next(each for each in self.both if each.name == name)

    def other(self, one: Replica) -> Replica:
        """The one that is not this one."""
        return next(each for each in self.both if each is not one)

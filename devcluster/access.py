"""Everything one does with a cluster that runs: users, kubectl, nodes.

Made of a run directory alone, so it serves the process that owns the cluster and any other that may
read the directory. It starts and stops nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from devcluster import binaries, kubeconfig
from devcluster.api import Api, ApiError, Identity
from devcluster.certificates import Authority
from devcluster.errors import DevclusterError
from devcluster.kwok import KUBELET, NOT_READY, SIMULATED, NodeShape, node_body
from devcluster.waiting import wait_until

_NODES = "/api/v1/nodes"
_SICK = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class KubectlError(DevclusterError):
    """kubectl ended with another code than 0; the message is what it said."""


class Access:
    """The way into one cluster.

    Attributes:
        name: of the cluster, and of the contexts in its kubeconfig files.
        run: its run directory.
        url: of its API server.
        ca: the certificate of its authority, a file.
        api: plain calls as admin.
    """

    def __init__(self, name: str, run: Path, url: str) -> None:
        self.name = name
        self.run = run
        self.url = url
        self._authority = Authority(run / "pki")
        self.ca = self._authority.certificate
        self.api = Api(self.identity())
        self._highest: dict[str, int] = {}

    # --- users ------------------------------------------------------------------------------------

    def identity(self, user: str = "admin", groups: Sequence[str] = ()) -> Identity:
        """Address, authority and a client certificate for *user*, for any HTTP library.

        `admin` is in `system:masters`: it may do everything and is exempt from API priority and
        fairness, so measure and test as somebody else.
        """
        wanted = tuple(groups) or (("system:masters",) if user == "admin" else ())
        return Identity(self.url, self.ca, self._authority.client(user, wanted))

    def kubeconfig(self, user: str = "admin", groups: Sequence[str] = ()) -> Path:
        """A kubeconfig file for `identity` of the same arguments."""
        identity = self.identity(user, groups)
        target = self.run / "kubeconfig" / f"{identity.pair.key.stem}.yaml"
        return target if target.exists() else kubeconfig.for_certificate(identity, target, self.name)

    def kubeconfig_for_service_account(self, namespace: str, name: str, hours: int = 24) -> Path:
        """A kubeconfig file with a fresh token of a service account that exists."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {"spec": {"expirationSeconds": hours * 3600}}
        token: str = self.api.create(path, request)["status"]["token"]
        target = self.run / "kubeconfig" / f"service-account-{namespace}-{name}.yaml"
        return kubeconfig.for_token(self.identity(), token, target, self.name)

    def wait_for_service_account(self, namespace: str, name: str = "default", seconds: float = 30.0) -> None:
        """Wait until pods may be created in *namespace*: before, they are refused with 403."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        wait_until(lambda: self._exists(path), f"creation of the service account {namespace}/{name}", seconds)

    # --- kubectl ----------------------------------------------------------------------------------

    def kubectl(self, *arguments: str, stdin: str | None = None, config: Path | None = None) -> str:
        """What the cluster's own kubectl prints, called as admin or with the kubeconfig *config*.

        Raises:
            KubectlError: it ended with another code than 0.
        """
        done = subprocess.run(
            [str(binaries.path("kubectl")), *arguments],
            env=self.kubectl_environment(config),
            input="" if stdin is None else stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)}\n{done.stderr.strip()}")
        return done.stdout

    def kubectl_environment(self, config: Path | None = None) -> dict[str, str]:
        """The environment to call kubectl in: no trace of it stays in the home folder."""
        cache = self.run / "kubectl-cache"
        own = {"KUBECONFIG": str(config or self.kubeconfig()), "KUBECACHEDIR": str(cache), "KUBERC": "off"}
        return {**os.environ, **own}

    def apply(self, manifest: Path | str) -> str:
        """`kubectl apply` of a file, of a folder, or of the text of a manifest."""
        if isinstance(manifest, Path):
            return self.kubectl("apply", "--filename", str(manifest))
        return self.kubectl("apply", "--filename", "-", stdin=manifest)

    # --- nodes ------------------------------------------------------------------------------------

    def add_nodes(
        self, count: int, shape: NodeShape | None = None, prefix: str = "node", *, simulated: bool = True
    ) -> list[str]:
        """Add *count* nodes of one shape and return their names, once all are Ready.

        They are called `<prefix>-0`, `<prefix>-1`, … and the name of a deleted node is not used again.
        Without *simulated* they are bare objects that say they are Ready and have no kubelet: for
        measurements without kwok, and without a controller-manager that would miss their heartbeat.
        """
        there = [node["metadata"]["name"] for node in self.api.get(_NODES)["items"]]
        taken = [int(found[1]) for name in there if (found := re.fullmatch(rf"{re.escape(prefix)}-(\d+)", name))]
        first = max([self._highest.get(prefix, -1), *taken]) + 1
        self._highest[prefix] = first + count - 1
        names = [f"{prefix}-{number}" for number in range(first, first + count)]
        used = NodeShape() if shape is None else shape
        bodies = [node_body(name, used, len(there) + index, simulated=simulated) for index, name in enumerate(names)]
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda body: self.api.create(_NODES, body), bodies))
        self.wait_for_nodes(names)
        return names

    def wait_for_nodes(self, names: Sequence[str], *, ready: bool = True, seconds: float = 60.0) -> None:
        """Wait until each node is Ready and free of the taints that say otherwise, or until none is."""
        wanted = set(names)

        def settled() -> bool:
            usable = {node["metadata"]["name"] for node in self.api.get(_NODES)["items"] if _usable(node)}
            return wanted <= usable if ready else wanted.isdisjoint(usable)

        wait_until(settled, f"{'readiness' if ready else 'failure'} of {len(wanted)} nodes", seconds)

    def set_node_ready(self, name: str, *, ready: bool) -> None:
        """Let the kubelet of a node report that it is, or is not, ready."""
        self._change_node(name, {"annotations": {NOT_READY: None if ready else "true"}})

    def set_node_silent(self, name: str, *, silent: bool) -> None:
        """Let the kubelet of a node fall silent, as in a partition, or come back.

        A silent kubelet renews no lease and takes note of nothing. An end of a pod that it had
        foreseen before (`RUN_SECONDS`) is still reported.
        """
        self._change_node(name, {"labels": {KUBELET: "silent" if silent else SIMULATED}})

    def _change_node(self, name: str, metadata: dict[str, Any]) -> None:
        self.api.merge(f"{_NODES}/{name}", {"metadata": metadata})

    def _exists(self, path: str) -> bool:
        try:
            self.api.get(path)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True


def _usable(node: dict[str, Any]) -> bool:
    conditions = node["status"].get("conditions", ())
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    return ready and not any(taint["key"] in _SICK for taint in node["spec"].get("taints", ()))

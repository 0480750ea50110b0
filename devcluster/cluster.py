"""A whole cluster: composed, started, used and taken down again.

    with Cluster("demo") as cluster:
        cluster.add_nodes(20)
        cluster.apply(Path("examples/two-frameworks"))
        print(cluster.kubectl("get", "nodes"))

Everything listens on 127.0.0.1. All files lie in one run directory below the system's temporary
folder; it is removed at the end, but for the logs if the body of the `with` failed. If this process
dies, by whatever cause, the kernel ends the components and a janitor removes the directory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devcluster import binaries, control_plane, kubeconfig, kwok, spawn
from devcluster.api import Api, ApiError, Identity
from devcluster.certificates import Authority
from devcluster.component import Component
from devcluster.control_plane import Site
from devcluster.kwok import NodeShape
from devcluster.options import Options
from devcluster.paths import new_run_directory
from devcluster.ports import Ports
from devcluster.waiting import wait_until

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


class KubectlError(RuntimeError):
    """kubectl ended with another code than 0; the message is what it said."""


class Cluster:
    """One control plane with its simulated nodes.

    Args:
        name: part of the run directory's name and of the contexts in kubeconfig files.
        options: see `Options`.
    """

    def __init__(self, name: str = "test", options: Options | None = None) -> None:
        self.name = name
        self.options = Options() if options is None else options
        self._components: dict[str, Component] = {}
        self._ports = Ports()
        self._identities: dict[tuple[str, tuple[str, ...]], Identity] = {}
        self._nodes = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(keep_logs=error is not None)

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Build what is missing, start all components and wait until the cluster can be used.

        With a controller-manager that includes the service account `default` of the namespace
        `default`, without which pods are refused.
        """
        programs = binaries.ensure()
        self.run = new_run_directory(self.name)
        self._janitor = spawn.start_janitor(self.run)
        try:
            self._compose(programs)
            self._start_all()
        except BaseException:
            self.close(keep_logs=True)
            raise

    def close(self, *, keep_logs: bool = False) -> None:
        """Stop everything and remove the run directory; with *keep_logs* say where the logs are."""
        for component in reversed(self._components.values()):
            component.kill()
        if hasattr(self, "api"):
            self.api.close()
        self._ports.close()
        if keep_logs:
            for entry in self.run.iterdir():
                if entry.name != "logs":
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            print(f"logs of the cluster {self.name}: {self.run / 'logs'}", file=sys.stderr, flush=True)
        else:
            shutil.rmtree(self.run, ignore_errors=True)
        self._janitor.communicate(b"keep")

    def _compose(self, programs: dict[str, Path]) -> None:
        ports = {name: self._ports.claim() for name in ("etcd", "peer", "api", "manager", "scheduler", "kwok")}
        self.url = f"https://127.0.0.1:{ports['api']}"
        self._authority = Authority(self.run / "pki")
        self.ca = self._authority.certificate
        self.api = Api(self.identity())
        site = Site(
            run=self.run,
            programs=programs,
            ca=self.ca,
            serving=self._authority.server("serving"),
            token_key=self._authority.signing_key("service-accounts"),
            options=self.options,
        )
        site.logs.mkdir()
        parts = [
            control_plane.etcd(site, ports["etcd"], ports["peer"]),
            control_plane.apiserver(site, ports["api"], ports["etcd"], self.api),
        ]
        if self.options.controller_manager:
            user = self.kubeconfig("system:kube-controller-manager")
            parts.append(control_plane.controller_manager(site, ports["manager"], user))
        if self.options.scheduler:
            user = self.kubeconfig("system:kube-scheduler")
            parts.append(control_plane.scheduler(site, ports["scheduler"], user))
        if self.options.kwok:
            parts.append(kwok.kwok(site, ports["kwok"], self.kubeconfig("kwok", ["system:masters"])))
        self._components = {part.name: part for part in parts}
        self._programs = programs

    def _start_all(self) -> None:
        self.etcd.start()
        self.apiserver.start()
        for component in self._components.values():
            component.launch()
        for component in self._components.values():
            component.wait_ready()
        if self.options.controller_manager:
            self.wait_for_service_account("default")

    # --- components -------------------------------------------------------------------------------

    def component(self, name: str) -> Component:
        """The component called *name*; it must be part of this cluster."""
        if name not in self._components:
            raise LookupError(f"component must be one of {', '.join(self._components)}, not {name!r}")
        return self._components[name]

    @property
    def etcd(self) -> Component:
        """The store."""
        return self.component("etcd")

    @property
    def apiserver(self) -> Component:
        """kube-apiserver; a restart keeps its port and what it stored."""
        return self.component("kube-apiserver")

    @property
    def controller_manager(self) -> Component:
        """kube-controller-manager."""
        return self.component("kube-controller-manager")

    @property
    def scheduler(self) -> Component:
        """kube-scheduler."""
        return self.component("kube-scheduler")

    @property
    def kwok(self) -> Component:
        """The simulated kubelets; to restart them use `restart_kwok`."""
        return self.component("kwok")

    def restart_kwok(self) -> None:
        """Stop kwok if it runs and start it anew, at once in charge of its nodes again."""
        self.kwok.stop()
        # A new kwok is a new holder: it would wait until the leases of the old one run out.
        self.api.delete(_LEASES)
        self.kwok.start()

    # --- access -----------------------------------------------------------------------------------

    def identity(self, user: str = "admin", groups: Sequence[str] = ()) -> Identity:
        """Address, authority and a client certificate for *user*, for any HTTP library.

        `admin` is in `system:masters`: it may do everything and is exempt from API priority and
        fairness, so measure and test as somebody else.
        """
        wanted = tuple(groups) or (("system:masters",) if user == "admin" else ())
        if (user, wanted) not in self._identities:
            pair = self._authority.client(user, wanted, f"client-{len(self._identities)}")
            self._identities[user, wanted] = Identity(self.url, self.ca, pair)
        return self._identities[user, wanted]

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

    def kubectl(self, *arguments: str, stdin: str | None = None, config: Path | None = None) -> str:
        """What the cluster's own kubectl prints, called as admin or with the kubeconfig *config*.

        Raises:
            KubectlError: it ended with another code than 0.
        """
        command = [str(self._programs["kubectl"]), *arguments]
        done = subprocess.run(
            command, env=self.kubectl_environment(config), input=stdin, capture_output=True, text=True, check=False
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

    def wait_for_service_account(self, namespace: str, name: str = "default", seconds: float = 30.0) -> None:
        """Wait until pods may be created in *namespace*: before, they are refused with 403."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        wait_until(lambda: self._exists(path), f"creation of the service account {namespace}/{name}", seconds)

    # --- nodes ------------------------------------------------------------------------------------

    def add_nodes(self, count: int, shape: NodeShape | None = None, prefix: str = "node") -> list[str]:
        """Add *count* simulated nodes of one shape and return their names, once all are Ready.

        They are numbered through over the life of the cluster: `node-0`, `node-1`, …
        """
        shape = NodeShape() if shape is None else shape
        numbers = range(self._nodes, self._nodes + count)
        self._nodes += count
        bodies = [kwok.node_body(f"{prefix}-{number}", shape, number) for number in numbers]
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda body: self.api.create("/api/v1/nodes", body), bodies))
        names = [str(body["metadata"]["name"]) for body in bodies]
        if self.options.kwok:
            self.wait_for_nodes(names)
        return names

    def wait_for_nodes(self, names: Sequence[str], *, ready: bool = True, seconds: float = 60.0) -> None:
        """Wait until each node is Ready and free of the taints that say otherwise, or until none is."""
        wanted = set(names)

        def settled() -> bool:
            nodes = self.api.get("/api/v1/nodes")["items"]
            usable = {node["metadata"]["name"] for node in nodes if _usable(node)}
            return wanted <= usable if ready else wanted.isdisjoint(usable)

        wait_until(settled, f"{'readiness' if ready else 'failure'} of {len(wanted)} nodes", seconds)

    def set_node_ready(self, name: str, *, ready: bool) -> None:
        """Let the kubelet of a node report that it is, or is not, ready."""
        self._annotate_node(name, {"annotations": {kwok.NOT_READY: None if ready else "true"}})

    def set_node_silent(self, name: str, *, silent: bool) -> None:
        """Let the kubelet of a node fall silent, as in a partition, or come back.

        A silent kubelet renews no lease and takes note of nothing. An end of a pod that it had
        foreseen before (`RUN_SECONDS`) is still reported.
        """
        self._annotate_node(name, {"labels": {kwok.KUBELET: "silent" if silent else kwok.SIMULATED}})

    def _annotate_node(self, name: str, metadata: dict[str, Any]) -> None:
        self.api.merge(f"/api/v1/nodes/{name}", {"metadata": metadata})

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
    taints = node["spec"].get("taints", ())
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    sick = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    return ready and not any(taint["key"] in sick for taint in taints)

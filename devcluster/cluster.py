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

import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from devcluster import binaries, control_plane, kwok, spawn
from devcluster.access import Access
from devcluster.certificates import Authority
from devcluster.component import Component
from devcluster.control_plane import Site
from devcluster.options import LOOPBACK, Options
from devcluster.paths import new_run_directory
from devcluster.ports import Ports

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


class Cluster(Access):
    """One control plane with its simulated nodes; what one does with it is in `Access`.

    Programs that are missing in the cache are built first.

    Args:
        name: part of the run directory's name and of the contexts in kubeconfig files.
        options: see `Options`.
    """

    PROGRAMS: ClassVar[tuple[str, ...]] = binaries.CONTROL_PLANE

    def __init__(self, name: str = "test", options: Options | None = None) -> None:
        self.options = Options() if options is None else options
        self._programs = binaries.ensure(self.PROGRAMS)
        run = new_run_directory(name)
        self._janitor = spawn.start_janitor(run)
        self._ports = Ports()
        Authority.create(run / "pki")
        port = self._ports.claim()
        super().__init__(name, run, f"https://{self.options.address}:{port}")
        self._site = self._new_site()
        self._components = {part.name: part for part in self._compose(port)}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(keep_logs=error is not None)

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start all components and wait until the cluster can be used.

        With a controller-manager that includes the service account `default` of the namespace
        `default`, without which pods are refused. If it fails, everything is taken down again.
        """
        try:
            self.etcd.start()
            self.apiserver.start()
            for component in self._components.values():
                component.launch()
            for component in self._components.values():
                component.wait_ready()
            if self.options.controller_manager:
                self.wait_for_service_account("default")
        except BaseException:
            self.close(keep_logs=True)
            raise

    def close(self, *, keep_logs: bool = False) -> None:
        """Stop everything and remove the run directory; with *keep_logs* say where the logs are."""
        for component in reversed(self._components.values()):
            component.kill()  # their state is thrown away, so there is nothing to end in good order
        self.api.close()
        self._ports.close()
        if keep_logs and self.run.exists():
            _empty(self.run, but="logs")
            print(f"logs of the cluster {self.name}: {self.run / 'logs'}", file=sys.stderr, flush=True)
        else:
            shutil.rmtree(self.run, ignore_errors=True)
        if self._janitor.poll() is None:
            self._janitor.communicate(b"keep")

    def _new_site(self) -> Site:
        site = Site(
            run=self.run,
            programs=self._programs,
            ca=self.ca,
            serving=self._authority.server(
                "serving", (LOOPBACK, self.options.address, control_plane.KUBERNETES_SERVICE)
            ),
            kubelet_client=self._authority.client("kube-apiserver-kubelet-client", ["system:masters"]),
            token_key=self._authority.signing_key("service-accounts"),
            options=self.options,
        )
        site.logs.mkdir()
        return site

    def _compose(self, port: int) -> list[Component]:
        site = self._site
        etcd_port = self._ports.claim()
        parts = [
            control_plane.etcd(site, etcd_port, self._ports.claim()),
            control_plane.apiserver(site, port, etcd_port, self.identity()),
        ]
        if self.options.controller_manager:
            user = self.kubeconfig("system:kube-controller-manager")
            parts.append(control_plane.controller_manager(site, self._ports.claim(), user))
        if self.options.scheduler:
            user = self.kubeconfig("system:kube-scheduler")
            parts.append(control_plane.scheduler(site, self._ports.claim(), user))
        if self.options.kwok:
            user = self.kubeconfig("kwok", ["system:masters"])
            parts.append(kwok.kwok(site, self._ports.claim(), user))
        return parts

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


def _empty(directory: Path, but: str) -> None:
    for entry in directory.iterdir():
        if entry.name == but:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()

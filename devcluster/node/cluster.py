"""A cluster with real nodes, inside a sandbox.

    with RealCluster("demo", nodes=2) as cluster:
        cluster.import_image(Path("app.tar"))
        cluster.helm("install", "app", "chart", "--wait")
        cluster.node("real-1").stop_kubelet()

It is a `Cluster` in all else. Besides it has kube-scheduler, kube-proxy and CoreDNS: Services and their names work.
There is one at a time in a sandbox, since its addresses are fixed.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from devcluster import binaries
from devcluster.cluster import Cluster
from devcluster.component import Component
from devcluster.helm import helm
from devcluster.kwok import NodeShape
from devcluster.node import cgroups, network, services
from devcluster.node.containerd import Containerd
from devcluster.node.kubelet import LABEL, kubelet
from devcluster.node.place import CONTROL_PLANE, Place
from devcluster.node.real import RealNode
from devcluster.node.sandbox import LOGS
from devcluster.node.sandbox import name as sandbox_name
from devcluster.options import Options

FAKE_TAINT: Mapping[str, str] = {"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}
"""On fake nodes, so that kube-scheduler and DaemonSets leave them alone."""
_FAKE_ANNOTATIONS = {"kwok.x-k8s.io/node": "fake"}


class RealCluster(Cluster):
    """One control plane, one or two real nodes called `real-1` and `real-2`, and any number of fake ones.

    Args:
        name: as in `Cluster`.
        options: see `Options`; the scheduler is always there, the address is the sandbox's.
        nodes: how many real nodes.

    Raises:
        DevclusterError: this is no sandbox.
    """

    PROGRAMS: ClassVar[tuple[str, ...]] = binaries.CONTROL_PLANE + binaries.NODE

    def __init__(self, name: str = "real", options: Options | None = None, nodes: int = 1) -> None:
        if nodes < 1:
            raise ValueError(f"nodes must be at least 1, not {nodes}")
        self._places = [Place(number, sandbox_name()) for number in range(1, nodes + 1)]
        self._nodes: dict[str, RealNode] = {}
        chosen = dataclasses.replace(options or Options(), scheduler=True, address=CONTROL_PLANE)
        super().__init__(name, chosen)

    def start(self) -> None:
        """Start everything and wait until all nodes are Ready; if it fails, everything is taken down again."""
        try:
            network.up(self._places)
            for node in self._nodes.values():
                node.containerd.start()
            super().start()
            self.wait_for_nodes(list(self._nodes))
        except BaseException:
            self.close(keep_logs=True)
            raise

    def close(self, *, keep_logs: bool = False) -> None:
        """Stop everything and remove all files; with *keep_logs* copy the logs to the machine."""
        for node in self._nodes.values():
            node.destroy()
        self._nodes.clear()
        if keep_logs and self.run.exists():
            kept = Path(os.environ[LOGS], self.run.name)
            shutil.copytree(self.run / "logs", kept, dirs_exist_ok=True)
            print(f"logs of the cluster {self.name}: {kept}", file=sys.stderr, flush=True)
        super().close()
        network.down(self._places)

    def _compose(self, port: int) -> list[Component]:
        site, parts = self._site, super()._compose(port)
        for place in self._places:
            cgroups.make(place.cgroup)
            place.root.mkdir()
            user = self.kubeconfig(f"system:node:{place.name}", ["system:nodes"])
            serving = self._authority.server(f"kubelet-{place.name}", [place.address])
            containerd = Containerd(place, site.log(f"containerd-{place.name}"))
            agent = kubelet(site, place, self._ports.claim(), user, serving)
            self._nodes[place.name] = RealNode(place, containerd, agent)
            parts += [containerd.component, agent]
        ports = (self._ports.claim(), self._ports.claim())
        proxy = services.kube_proxy(site, self._places[0].name, ports, self.kubeconfig("system:kube-proxy"))
        names = services.coredns(site, self._ports.claim(), self.kubeconfig("coredns", ["system:masters"]))
        return [*parts, proxy, names]

    # --- use --------------------------------------------------------------------------------------

    def node(self, name: str) -> RealNode:
        """The real node called *name*."""
        if name not in self._nodes:
            raise LookupError(f"node must be one of {', '.join(self._nodes)}, not {name!r}")
        return self._nodes[name]

    @property
    def nodes(self) -> list[RealNode]:
        """All real nodes."""
        return list(self._nodes.values())

    def import_image(self, archive: Path) -> None:
        """Give an image to all real nodes; a pod that names it must not ask to pull it."""
        for node in self.nodes:
            node.import_image(archive)

    def add_fake_nodes(self, count: int, shape: NodeShape | None = None, prefix: str = "fake") -> list[str]:
        """`add_nodes`, with the label, the annotation and the taint that tell them from the real ones."""
        given = shape or NodeShape()
        marked = dataclasses.replace(
            given,
            labels={LABEL: "fake", **given.labels},
            annotations={**_FAKE_ANNOTATIONS, **given.annotations},
            taints=[*given.taints, FAKE_TAINT],
        )
        return self.add_nodes(count, marked, prefix)

    def helm(self, *arguments: str) -> str:
        """What Helm prints, called as admin.

        Raises:
            devcluster.helm.HelmError: it ended with another code than 0.
        """
        return helm(*arguments, home=self.run / "helm", kubeconfig=self.kubeconfig())

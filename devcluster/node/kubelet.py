"""The kubelet of one node: its configuration and command line. Pure composition, but for writing the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from devcluster.certificates import KeyPair
from devcluster.component import Component
from devcluster.control_plane import Site, http_ok
from devcluster.node import machine
from devcluster.node.place import CONTROL_PLANE, Place

LABEL = "node-type"
"""On every node: `real`, or `fake` for a simulated one."""


def kubelet(site: Site, place: Place, health_port: int, kubeconfig: Path, serving: KeyPair) -> Component:
    """The program that runs the pods of the node at *place*."""
    command = [
        str(site.programs["kubelet"]),
        f"--config={place.root / 'kubelet.yaml'}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={place.root / 'kubelet'}",
        f"--hostname-override={place.name}",
        f"--node-ip={place.address}",
        f"--node-labels={LABEL}=real",
    ]
    configuration = _configuration(site, place, health_port, serving)
    (place.root / "kubelet.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False))
    (place.root / "resolv.conf").write_text(f"nameserver {CONTROL_PLANE}\n")
    name = f"kubelet-{place.name}"
    ready = http_ok(f"http://127.0.0.1:{health_port}/healthz")
    return Component(name, command, site.log(name), ready, {"PATH": machine.PATH})


def _configuration(site: Site, place: Place, health_port: int, serving: KeyPair) -> dict[str, Any]:
    grace = site.options.node_grace_seconds
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": place.address,
        "readOnlyPort": 0,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": health_port,
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(site.ca)},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{place.socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.cgroup}",
        "enforceNodeAllocatable": ["pods"],
        # The machine also runs everything else; the rest of it is what the node offers.
        "systemReserved": {"cpu": "200m", "memory": "1Gi"},
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,  # kube-proxy's business
        "podLogsDir": str(place.root / "logs"),
        "volumePluginDir": str(place.root / "volume-plugins"),  # by default it makes one below /usr
        "resolvConf": str(place.root / "resolv.conf"),
        "clusterDNS": [CONTROL_PLANE],
        "clusterDomain": "cluster.local",
        # Nothing could be pulled again.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        # The lease is renewed four times in its duration: silence for the whole of it is what the
        # controller-manager waits for.
        "nodeLeaseDurationSeconds": grace,
        "nodeStatusUpdateFrequency": f"{min(5.0, grace / 4):g}s",
    }

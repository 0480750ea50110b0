"""Simulated kubelets: kwok with our own stages, and the nodes they stand for.

Which behaviour a pod or node shows is written on it, see the constants here and `stages/`.
Knows bodies and command lines; it makes no request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devcluster.component import Component
from devcluster.control_plane import Site, http_ok
from devcluster.paths import SOURCES

_DOMAIN = "devcluster.entresol.dev"

# Annotations of pods.
RUN_SECONDS = f"{_DOMAIN}/run-seconds"
"""How long the containers run: a decimal number, or `forever`."""
EXIT_CODE = f"{_DOMAIN}/exit-code"
"""What they exit with, 0 if absent."""
EXIT_REASON = f"{_DOMAIN}/exit-reason"
"""The reason of the terminated state, such as `OOMKilled`."""
REFUSE = f"{_DOMAIN}/refuse"
"""The kubelet refuses the pod with this `status.reason`, such as `OutOfcpu`."""
REFUSE_ON = f"{_DOMAIN}/refuse-on"
"""Limits REFUSE to these nodes: names with commas between them."""
STUCK_TERMINATING = f"{_DOMAIN}/stuck-terminating"
"""`true`: a deletion with grace comes to no end until the annotation is taken away."""
TERMINATION_SECONDS = f"{_DOMAIN}/termination-seconds"
"""How long the containers take to end after a deletion; the grace period cuts it short."""

# On nodes.
NOT_READY = f"{_DOMAIN}/not-ready"
"""Annotation, `true`: the kubelet says that its node is not ready."""
KUBELET = f"{_DOMAIN}/kubelet"
"""Label: `simulated` as long as the node has a kubelet; with any other value it falls silent."""
SIMULATED = "simulated"

_STAGES = ("configuration", "nodes", "pods")


@dataclass(frozen=True, slots=True)
class NodeShape:
    """What one simulated node has.

    Attributes:
        cpu: a Kubernetes quantity, as are all amounts here.
        memory: see cpu.
        pods: how many pods the kubelet takes.
        extended: extended resources by name.
        labels: beside the ones every node has (name, architecture, operating system).
        annotations: of the Node object.
        taints: as in `spec.taints`.
    """

    cpu: str = "8"
    memory: str = "16Gi"
    pods: str = "110"
    extended: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Mapping[str, str]] = ()


def node_body(name: str, shape: NodeShape, number: int, *, simulated: bool) -> dict[str, Any]:
    """A Node as its kubelet would register it; *number* tells its address from its neighbours'.

    Without a *simulated* kubelet nobody would ever say that it is Ready, so the body does.
    """
    conditions = [] if simulated else [{"type": "Ready", "status": "True", "reason": "Static"}]
    amounts = {"cpu": shape.cpu, "memory": shape.memory, "pods": shape.pods, **shape.extended}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    unknown = dict.fromkeys(("machineID", "systemUUID", "bootID", "kernelVersion", "osImage"), "")
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**labels, KUBELET: SIMULATED if simulated else "none", **shape.labels},
            "annotations": dict(shape.annotations),
        },
        "spec": {"taints": [dict(taint) for taint in shape.taints]},
        "status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": conditions,
            "addresses": [
                {"type": "InternalIP", "address": f"10.{128 + number // 65536}.{number // 256 % 256}.{number % 256}"},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": {
                **unknown,
                "containerRuntimeVersion": "kwok://0.7.0",
                "kubeletVersion": "kwok-0.7.0",
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }


def kwok(site: Site, port: int, kubeconfig: Path) -> Component:
    """The program that plays the kubelets of all nodes labelled as simulated."""
    address = f"127.0.0.1:{port}"
    command = [
        str(site.programs["kwok"]),
        *(f"--config={SOURCES / 'stages' / name}.yaml" for name in _STAGES),
        f"--kubeconfig={kubeconfig}",
        "--manage-all-nodes=false",
        f"--manage-nodes-with-label-selector={KUBELET}={SIMULATED}",
        # Renewed four times in it: silence for the whole duration is what the controller-manager waits for.
        f"--node-lease-duration-seconds={site.options.node_grace_seconds}",
        "--cidr=10.64.0.1/10",
        f"--server-address={address}",
        "--v=WARN",  # otherwise a line for every renewal of a lease
    ]
    # Its work directory would otherwise be in the home folder, with whatever configuration lies there.
    environment = {"KWOK_WORKDIR": str(site.run / "kwok")}
    return Component("kwok", command, site.log("kwok"), http_ok(f"http://{address}/healthz"), environment)

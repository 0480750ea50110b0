"""What makes Services work for pods: kube-proxy and CoreDNS, once for the whole sandbox. Both run beside the nodes."""

from __future__ import annotations

from pathlib import Path

import yaml

from devcluster.component import Component
from devcluster.control_plane import Site, http_ok
from devcluster.node import machine
from devcluster.node.place import CONTROL_PLANE, NETWORK

_ZONES = """\
cluster.local:53 in-addr.arpa:53 {{
    bind {address}
    errors
    ready 127.0.0.1:{port}
    cache 5
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig}
    }}
}}
"""


def kube_proxy(site: Site, node: str, ports: tuple[int, int], kubeconfig: Path) -> Component:
    """The program that turns Services into packet filter rules, as on *node*; *ports* are for health and metrics."""
    health, metrics = (f"127.0.0.1:{port}" for port in ports)
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "mode": "iptables",
        "bindAddress": "127.0.0.1",
        "healthzBindAddress": health,
        "metricsBindAddress": metrics,
        "hostnameOverride": node,
        "clusterCIDR": NETWORK,
        # A reply between two pods on one bridge need not pass the filter that would translate it back: it
        # depends on a kernel module that the sandbox cannot load. Coming from the bridge, it has to.
        "iptables": {"localhostNodePorts": False, "masqueradeAll": True},
        "nodePortAddresses": [NETWORK],
        # Zeros: leave the settings of the kernel alone.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
    }
    file = site.run / "kube-proxy.yaml"
    file.write_text(yaml.safe_dump(configuration, sort_keys=False))
    command = [str(site.programs["kube-proxy"]), f"--config={file}"]
    ready = http_ok(f"http://{health}/healthz")
    return Component("kube-proxy", command, site.log("kube-proxy"), ready, {"PATH": machine.PATH})


def coredns(site: Site, port: int, kubeconfig: Path) -> Component:
    """The name server of all pods, for names in the cluster and no others."""
    file = site.run / "Corefile"
    file.write_text(_ZONES.format(address=CONTROL_PLANE, port=port, kubeconfig=kubeconfig))
    command = [str(site.programs["coredns"]), "-conf", str(file)]
    return Component("coredns", command, site.log("coredns"), http_ok(f"http://127.0.0.1:{port}/ready"))

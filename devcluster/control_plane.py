"""The command lines of etcd and the Kubernetes components, and how one sees that they are ready.

Pure composition: nothing is started here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import urllib3

from devcluster.api import Identity
from devcluster.certificates import KeyPair
from devcluster.component import Component
from devcluster.options import LOOPBACK, Options

_ETCD_QUOTA_BYTES = 8 * 1024**3
SERVICES = "10.96.0.0/16"
"""The addresses of Services."""
KUBERNETES_SERVICE = "10.96.0.1"
"""The address of the Service `kubernetes`: the first of all, by Kubernetes' own rule."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the components of one cluster have in common: places and key material."""

    run: Path
    programs: dict[str, Path]
    ca: Path
    serving: KeyPair
    kubelet_client: KeyPair
    token_key: Path
    options: Options

    @property
    def logs(self) -> Path:
        """The folder of the logs, the only thing that is kept after a failure."""
        return self.run / "logs"

    def log(self, name: str) -> Path:
        """The log of the component *name*."""
        return self.logs / f"{name}.log"


def etcd(site: Site, port: int, peer_port: int) -> Component:
    """The store; it forgets all at the end, so it need not wait for the disk."""
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    command = [
        str(site.programs["etcd"]),
        f"--data-dir={site.run / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        f"--quota-backend-bytes={_ETCD_QUOTA_BYTES}",
        "--log-level=warn",
    ]
    return Component("etcd", command, site.log("etcd"), http_ok(f"{client}/health"))


def apiserver(site: Site, port: int, etcd_port: int, admin: Identity) -> Component:
    """kube-apiserver, with RBAC, the Node authorizer and the default admission plugins."""
    options = site.options
    command = [
        str(site.programs["kube-apiserver"]),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--bind-address={options.address}",
        f"--advertise-address={options.address}",
        f"--secure-port={port}",
        f"--tls-cert-file={site.serving.certificate}",
        f"--tls-private-key-file={site.serving.key}",
        f"--client-ca-file={site.ca}",
        f"--kubelet-client-certificate={site.kubelet_client.certificate}",
        f"--kubelet-client-key={site.kubelet_client.key}",
        f"--kubelet-certificate-authority={site.ca}",
        "--kubelet-preferred-address-types=InternalIP",  # nobody resolves the name of a node
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={site.token_key}",
        f"--service-account-signing-key-file={site.token_key}",
        f"--service-cluster-ip-range={SERVICES}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--default-not-ready-toleration-seconds={options.not_ready_toleration_seconds}",
        f"--default-unreachable-toleration-seconds={options.unreachable_toleration_seconds}",
        "--shutdown-delay-duration=0s",
    ]
    if options.address == LOOPBACK:
        command.append("--endpoint-reconciler-type=none")  # loopback is no valid endpoint
    if not options.controller_manager:
        # Nobody would take the taint off a new node or make a namespace's service account.
        command.append("--disable-admission-plugins=TaintNodesByCondition,ServiceAccount")
    command += options.apiserver_flags
    ready = http_ok(f"{admin.url}/readyz", site.ca, admin.pair)
    return Component("kube-apiserver", command, site.log("kube-apiserver"), ready)


def controller_manager(site: Site, port: int, kubeconfig: Path) -> Component:
    """kube-controller-manager alone: no leader election, and quick about sick nodes."""
    grace = site.options.node_grace_seconds
    command = [
        str(site.programs["kube-controller-manager"]),
        *_controller_flags(site, port, kubeconfig),
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={site.token_key}",
        f"--root-ca-file={site.ca}",
        f"--node-monitor-grace-period={grace}s",
        f"--node-monitor-period={min(5.0, grace / 8):g}s",
        "--node-eviction-rate=10",  # nodes a second; the default of one in ten seconds makes tests wait
        "--kube-api-qps=400",
        "--kube-api-burst=800",
        *site.options.controller_manager_flags,
    ]
    name = "kube-controller-manager"
    return Component(name, command, site.log(name), http_ok(f"https://127.0.0.1:{port}/healthz", site.ca))


def scheduler(site: Site, port: int, kubeconfig: Path) -> Component:
    """kube-scheduler with its default profile."""
    command = [str(site.programs["kube-scheduler"]), *_controller_flags(site, port, kubeconfig)]
    command += site.options.scheduler_flags
    name = "kube-scheduler"
    return Component(name, command, site.log(name), http_ok(f"https://127.0.0.1:{port}/readyz", site.ca))


def http_ok(url: str, ca: Path | None = None, client: KeyPair | None = None) -> Callable[[], bool]:
    """A question whether *url* answers soon and with status 200."""
    pool = urllib3.PoolManager(
        ca_certs=ca and str(ca),
        cert_file=client and str(client.certificate),
        key_file=client and str(client.key),
        retries=False,
    )

    def ask() -> bool:
        try:
            return pool.request("GET", url, timeout=2.0).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    return ask


def _controller_flags(site: Site, port: int, kubeconfig: Path) -> list[str]:
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={site.serving.certificate}",
        f"--tls-private-key-file={site.serving.key}",
        "--leader-elect=false",
    ]

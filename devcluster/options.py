"""What may differ between two clusters."""

from __future__ import annotations

from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Options:
    """How a cluster is composed and tuned.

    Attributes:
        controller_manager: garbage collection, namespaces, service accounts, Jobs, Deployments,
            taints, evictions. Without it the admission plugins that count on it are off too.
        scheduler: kube-scheduler, for pods that do not name another scheduler.
        kwok: simulated kubelets for the nodes of `Cluster.add_nodes`.
        node_grace_seconds: how long a silent node stays Ready. Kubelets renew their lease four
            times in it.
        not_ready_toleration_seconds: how long a pod without a toleration of its own stays on a
            node that says it is not ready.
        unreachable_toleration_seconds: the same for a node that is silent.
        address: of this machine, where the API server is. Pods can reach it, by the Service
            `kubernetes`, unless it is on loopback.
        apiserver_flags: more flags for kube-apiserver; they come last, so they overrule.
        controller_manager_flags: the same for kube-controller-manager.
        scheduler_flags: the same for kube-scheduler.
    """

    controller_manager: bool = True
    scheduler: bool = False
    kwok: bool = True
    node_grace_seconds: int = 40
    not_ready_toleration_seconds: int = 300
    unreachable_toleration_seconds: int = 300
    address: str = LOOPBACK
    apiserver_flags: tuple[str, ...] = ()
    controller_manager_flags: tuple[str, ...] = ()
    scheduler_flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.node_grace_seconds < 4:
            raise ValueError(f"node_grace_seconds must be at least 4, not {self.node_grace_seconds}")

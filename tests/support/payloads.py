"""Pod templates that ask for more than an ordinary workload does, one wish each, and where a Task may have it.

All stand on one pod that the strictest Pod Security Standard accepts, so that a refusal has one cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.objects import IMAGE

Json = dict[str, Any]

LEVELS = ("privileged", "baseline", "restricted")
"""The Pod Security Standards, each stricter than the one before."""

EVERYWHERE = frozenset(LEVELS)
UP_TO_BASELINE = frozenset({"privileged", "baseline"})
PRIVILEGED = frozenset({"privileged"})
NOWHERE: frozenset[str] = frozenset()

OTHER_ACCOUNT, USABLE_ACCOUNT = "deployer", "worker"
"""Service accounts that tenants may create pods with, as everybody may, and the one on which they have the verb use."""

HARDENED: Json = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""What "restricted" wants each container to say."""


@dataclass(frozen=True)
class Payload:
    """One template.

    Attributes:
        accepted: levels at which somebody who may create pods may have a Task with it.
        spec: fields of the pod, instead of the good ones.
        container: fields of its container.
        context: fields of the container's security context.
        metadata: of the template.
    """

    accepted: frozenset[str]
    spec: Json = field(default_factory=dict)
    container: Json = field(default_factory=dict)
    context: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)

    @property
    def template(self) -> Json:
        """The pod template; what is None in it is left out."""
        main = container("main", **{"securityContext": _filled(HARDENED | self.context), **self.container})
        good = {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}
        template: Json = {"spec": _filled({**good, "containers": [main], **self.spec})}
        return template | ({"metadata": self.metadata} if self.metadata else {})


def container(name: str, **fields: Any) -> Json:
    """A container that "restricted" accepts, unless its fields say otherwise."""
    resources = {"requests": {"cpu": "100m"}}
    return {"name": name, "image": IMAGE, "resources": resources, "securityContext": HARDENED, **fields}


def _filled(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _pod_context(**fields: Any) -> Json:
    good = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return {"securityContext": _filled(good | fields)}


def _volume(**source: Any) -> Json:
    return {"volumes": [{"name": "data", **source}]}


def _tolerates(**toleration: str) -> Json:
    return {"tolerations": [toleration]}


HARMLESS: Mapping[str, Payload] = {
    "a hardened pod": Payload(EVERYWHERE),
    "an empty directory": Payload(EVERYWHERE, _volume(emptyDir={})),
    "a ConfigMap": Payload(EVERYWHERE, _volume(configMap={"name": "settings", "optional": True})),
    "a capability that the standards leave": Payload(
        EVERYWHERE, context={"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}
    ),
    "a safe sysctl": Payload(
        EVERYWHERE, _pod_context(sysctls=[{"name": "net.ipv4.ip_unprivileged_port_start", "value": "80"}])
    ),
    "a toleration by name": Payload(EVERYWHERE, _tolerates(key="dedicated", operator="Exists")),
    "a toleration of every eviction": Payload(EVERYWHERE, _tolerates(operator="Exists", effect="NoExecute")),
    "the default account by name": Payload(EVERYWHERE, {"serviceAccountName": "default"}),
    "an account that one may use": Payload(EVERYWHERE, {"serviceAccountName": USABLE_ACCOUNT}),
    "thirty-two containers": Payload(EVERYWHERE, {"containers": [container(f"c{n}") for n in range(32)]}),
}

POD_SECURITY: Mapping[str, Payload] = {
    "a host path": Payload(PRIVILEGED, _volume(hostPath={"path": "/"})),
    "the node's network": Payload(PRIVILEGED, {"hostNetwork": True}),
    "the node's processes": Payload(PRIVILEGED, {"hostPID": True}),
    "the node's memory": Payload(PRIVILEGED, {"hostIPC": True}),
    "a privileged container": Payload(PRIVILEGED, container={"securityContext": {"privileged": True}}),
    "a privileged init container": Payload(
        PRIVILEGED, {"initContainers": [container("first", securityContext={"privileged": True})]}
    ),
    "a privileged second container": Payload(
        PRIVILEGED, {"containers": [container("main"), container("side", securityContext={"privileged": True})]}
    ),
    "a capability over the network": Payload(
        PRIVILEGED, context={"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}
    ),
    "a capability of ordinary containers": Payload(
        UP_TO_BASELINE, context={"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}
    ),
    "no capability dropped": Payload(UP_TO_BASELINE, context={"capabilities": None}),
    "a port of the node": Payload(PRIVILEGED, container={"ports": [{"containerPort": 80, "hostPort": 80}]}),
    "an unmasked /proc": Payload(PRIVILEGED, {"hostUsers": False}, context={"procMount": "Unmasked"}),
    "an unsafe sysctl": Payload(PRIVILEGED, _pod_context(sysctls=[{"name": "kernel.msgmax", "value": "65536"}])),
    "no seccomp": Payload(PRIVILEGED, _pod_context(seccompProfile={"type": "Unconfined"})),
    "no seccomp in one container": Payload(PRIVILEGED, context={"seccompProfile": {"type": "Unconfined"}}),
    "nothing said of seccomp": Payload(UP_TO_BASELINE, _pod_context(seccompProfile=None)),
    "no AppArmor": Payload(PRIVILEGED, _pod_context(appArmorProfile={"type": "Unconfined"})),
    "no AppArmor by annotation": Payload(
        PRIVILEGED, metadata={"annotations": {"container.apparmor.security.beta.kubernetes.io/main": "unconfined"}}
    ),
    "a type of SELinux": Payload(PRIVILEGED, context={"seLinuxOptions": {"type": "spc_t"}}),
    "a user of SELinux": Payload(PRIVILEGED, _pod_context(seLinuxOptions={"user": "system_u"})),
    "a role of SELinux": Payload(PRIVILEGED, context={"seLinuxOptions": {"role": "system_r"}}),
    "a probe of another host": Payload(
        PRIVILEGED, container={"livenessProbe": {"httpGet": {"host": "169.254.169.254", "port": 80}}}
    ),
    "a hook to another host": Payload(
        PRIVILEGED, container={"lifecycle": {"preStop": {"httpGet": {"host": "169.254.169.254", "port": 80}}}}
    ),
    "the user root": Payload(UP_TO_BASELINE, context={"runAsUser": 0}),
    "the user root of the pod": Payload(UP_TO_BASELINE, _pod_context(runAsUser=0)),
    "nothing said of the user": Payload(UP_TO_BASELINE, _pod_context(runAsNonRoot=None)),
    "a container that may be root": Payload(UP_TO_BASELINE, context={"runAsNonRoot": False}),
    "privilege escalation": Payload(UP_TO_BASELINE, context={"allowPrivilegeEscalation": True}),
    "nothing said of privilege escalation": Payload(UP_TO_BASELINE, context={"allowPrivilegeEscalation": None}),
    "a volume of the network": Payload(UP_TO_BASELINE, _volume(nfs={"server": "files", "path": "/"})),
    "a Windows process of the host": Payload(
        PRIVILEGED,
        {"hostNetwork": True, **_pod_context(windowsOptions={"hostProcess": True})},
    ),
}

ACCOUNTS: Mapping[str, Payload] = {
    "another account": Payload(NOWHERE, {"serviceAccountName": OTHER_ACCOUNT}),
    "another account by its old name": Payload(NOWHERE, {"serviceAccount": OTHER_ACCOUNT}),
    "another account behind an empty new name": Payload(
        NOWHERE, {"serviceAccountName": "", "serviceAccount": OTHER_ACCOUNT}
    ),
    "another account behind a usable one": Payload(
        EVERYWHERE, {"serviceAccountName": USABLE_ACCOUNT, "serviceAccount": OTHER_ACCOUNT}
    ),
}

DENIED: Mapping[str, Payload] = {
    "a node": Payload(NOWHERE, {"nodeName": "node-1"}),
    "another scheduler": Payload(NOWHERE, {"schedulerName": "default-scheduler"}),
    "an owner": Payload(
        NOWHERE,
        metadata={"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "1"}]},
    ),
    "a finalizer": Payload(NOWHERE, metadata={"finalizers": ["example.com/stay"]}),
    "a gate": Payload(NOWHERE, {"schedulingGates": [{"name": "wait"}]}),
    "a runtime class": Payload(NOWHERE, {"runtimeClassName": "gvisor"}),
    "the priority of the cluster": Payload(NOWHERE, {"priorityClassName": "system-cluster-critical"}),
    "the priority of nodes": Payload(NOWHERE, {"priorityClassName": "system-node-critical"}),
    "a place on the control plane": Payload(
        NOWHERE, _tolerates(key="node-role.kubernetes.io/control-plane", operator="Exists")
    ),
    "a place on the control plane by its old name": Payload(
        NOWHERE, _tolerates(key="node-role.kubernetes.io/master", operator="Equal", effect="NoSchedule")
    ),
    "a place anywhere": Payload(NOWHERE, _tolerates(operator="Exists")),
    "a place anywhere for a start": Payload(NOWHERE, _tolerates(operator="Exists", effect="NoSchedule")),
    "the look of a static pod": Payload(NOWHERE, metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}),
    "a container for debugging": Payload(NOWHERE, {"ephemeralContainers": [container("debug")]}),
}

PAYLOADS: Mapping[str, Payload] = {**HARMLESS, **POD_SECURITY, **ACCOUNTS, **DENIED}

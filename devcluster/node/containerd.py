"""Debian's containerd for one node: its configuration, its pod network, and what it says of its containers.

Knows Debian's paths and containerd's configuration format, version 2.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster.component import Component
from devcluster.errors import DevclusterError
from devcluster.node import images, machine
from devcluster.node.place import Place

_NAMESPACE = "k8s.io"  # of everything that a kubelet asks for
_PLUGINS = Path("/usr/lib/cni")
# Not there, or in need of a file system that is not there; each would only complain in the log.
_DISABLED = [
    *(f"io.containerd.snapshotter.v1.{name}" for name in ("aufs", "btrfs", "devmapper", "zfs")),
    "io.containerd.internal.v1.opt",
]
_CONFIGURATION = """\
version = 2
root = "{root}/containerd/root"
state = "{root}/containerd/state"
disabled_plugins = {disabled}

[grpc]
  address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # Root may lack CAP_SYS_RESOURCE; then no container would start.
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{root}/cni"
"""


class ContainerdError(DevclusterError):
    """containerd refused; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container whose process exists, as containerd sees it, whatever the API server believes.

    Attributes:
        id: containerd's.
        pid: the number of its first process, in the sandbox.
        status: `RUNNING`, `STOPPED`, `PAUSED`… .
        namespace: of its pod.
        pod: the name of its pod.
        pod_uid: tells one pod from a later one of the same name.
        name: as in the pod's spec.
    """

    id: str
    pid: int
    status: str
    namespace: str
    pod: str
    pod_uid: str
    name: str


class Containerd:
    """The container runtime of the node at *place*, with its log at *log*."""

    def __init__(self, place: Place, log: Path) -> None:
        self._place = place
        configuration = place.root / "containerd.toml"
        command = ["/usr/bin/containerd", "--config", str(configuration)]
        name = f"containerd-{place.name}"
        self.component = Component(name, command, log, self._answers, {"PATH": machine.PATH})

    def start(self) -> None:
        """Write its files, start it, and give it the images that every node has."""
        self._write()
        self.component.start()
        for archive in images.ensure().values():
            self.import_image(archive)

    def import_image(self, archive: Path) -> None:
        """Take the images of an OCI or Docker archive.

        Raises:
            ContainerdError: it is no such archive.
        """
        self._ctr("images", "import", str(archive))

    def containers(self) -> list[Container]:
        """All containers of pods that have a process, without the pods' own pause containers."""
        found = (self._container(*line.split()) for line in self._ctr("tasks", "list").splitlines()[1:])
        return [container for container in found if container is not None]

    def _container(self, identity: str, pid: str, status: str) -> Container | None:
        try:
            labels = json.loads(self._ctr("containers", "info", identity))["Labels"]
        except ContainerdError:
            return None  # removed since it was listed
        if labels.get("io.cri-containerd.kind") != "container":
            return None
        pod = {key: labels[f"io.kubernetes.pod.{key}"] for key in ("namespace", "name", "uid")}
        name = labels["io.kubernetes.container.name"]
        return Container(identity, int(pid), status, pod["namespace"], pod["name"], pod["uid"], name)

    def _write(self) -> None:
        place = self._place
        (place.root / "cni").mkdir(parents=True)
        text = _CONFIGURATION.format(
            root=place.root, socket=place.socket, disabled=json.dumps(_DISABLED), pause=images.PAUSE, plugins=_PLUGINS
        )
        (place.root / "containerd.toml").write_text(text)
        (place.root / "cni" / "10-pods.conflist").write_text(json.dumps(_pod_network(place)))

    def _answers(self) -> bool:
        try:
            return bool(self._ctr("version"))
        except ContainerdError:
            return False

    def _ctr(self, *arguments: str) -> str:
        command = ["/usr/bin/ctr", "--address", str(self._place.socket), "--namespace", _NAMESPACE, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ContainerdError(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}")
        return done.stdout


def _pod_network(place: Place) -> dict[str, Any]:
    """A bridge, and addresses from a list on this machine."""
    addresses = {
        "type": "host-local",
        "dataDir": str(place.root / "addresses"),
        "ranges": [[{"subnet": place.subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": place.bridge,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,  # a pod may reach itself by its Service
        "ipam": addresses,
    }
    return {"cniVersion": "0.4.0", "name": place.bridge, "plugins": [bridge]}

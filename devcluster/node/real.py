"""One real node: its containerd and its kubelet, and what a test does to them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from devcluster.component import Component
from devcluster.node import cgroups
from devcluster.node.containerd import Container, Containerd
from devcluster.node.place import Place
from devcluster.waiting import wait_until

_PATIENCE = 10.0


class RealNode:
    """The node at *place*. Its containers live on while its kubelet is stopped, paused or killed.

    Attributes:
        name: of the Node object.
        place: where its files are.
        containerd: its container runtime.
        kubelet: its kubelet; the methods below are short for those of it.
    """

    def __init__(self, place: Place, containerd: Containerd, kubelet: Component) -> None:
        self.name = place.name
        self.place = place
        self.containerd = containerd
        self.kubelet = kubelet

    def start_kubelet(self) -> None:
        """Start the kubelet after `stop_kubelet` and wait until it serves."""
        self.kubelet.start()

    def stop_kubelet(self) -> None:
        """End the kubelet: the node falls silent, its containers run on."""
        self.kubelet.stop()

    def pause(self) -> None:
        """Freeze the kubelet, as a partition of the network would."""
        self.kubelet.pause()

    def resume(self) -> None:
        """Let the kubelet go on after `pause`."""
        self.kubelet.resume()

    def restart(self) -> None:
        """Stop the kubelet if it runs, start it anew and wait until it serves."""
        self.kubelet.restart()

    def containers(self, pod_uid: str | None = None) -> list[Container]:
        """The containers that run here now, of one pod or of all, whatever the API server believes."""
        running = (each for each in self.containerd.containers() if each.status == "RUNNING")
        return [each for each in running if pod_uid in {None, each.pod_uid}]

    def import_image(self, archive: Path) -> None:
        """Give the node an image."""
        self.containerd.import_image(archive)

    def destroy(self) -> None:
        """End everything of the node at once and remove its files and its control group."""
        self.kubelet.kill()  # first, or it would start containers again
        wait_until(self._empty, f"end of the containers of {self.name}", _PATIENCE)
        self.containerd.component.kill()
        for pid in _mentioning(self.place.socket):
            _kill(pid)
        _unmount_below(self.place.root)
        # Nothing may be mounted there now: a volume could be a directory of the machine.
        shutil.rmtree(self.place.root, ignore_errors=not self.place.root.exists())
        cgroups.remove(self.place.cgroup)

    def _empty(self) -> bool:
        members = cgroups.members(self.place.cgroup)
        for pid in members:
            _kill(pid)
        return not members


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _mentioning(path: Path) -> list[int]:
    """Processes with *path* in their command line: the shims of a containerd name its socket."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if str(path).encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def _unmount_below(root: Path) -> None:
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    below = [point for point in points if point.startswith(f"{root}/")]
    if below:
        subprocess.run(["umount", "--lazy", *reversed(below)], check=True)

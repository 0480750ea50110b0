"""The links of a sandbox: one bridge for the control plane's address, and one for each node and its pods.

Bridges are made before anything starts, so that servers can listen on their addresses.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from devcluster.control_plane import SERVICES
from devcluster.node.place import CONTROL_PLANE, CONTROL_PLANE_BRIDGE, Place

_PODS = Path("/run/netns")  # where containerd keeps them


def up(places: Sequence[Place]) -> None:
    """Make all bridges, and let packets pass from one to another."""
    _bridge(CONTROL_PLANE_BRIDGE, f"{CONTROL_PLANE}/24")
    for place in places:
        _bridge(place.bridge, f"{place.address}/24")
    # Nobody lives there: the packet filter gives such a packet another address, but only if it could leave at all.
    _ip("route", "add", SERVICES, "dev", CONTROL_PLANE_BRIDGE)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def down(places: Sequence[Place]) -> None:
    """Take them away again, as far as they are there, and the networks of pods that were killed."""
    for pod in _PODS.glob("cni-*"):
        subprocess.run(["umount", "--lazy", str(pod)], check=False, stderr=subprocess.DEVNULL)
        pod.unlink()
    for bridge in (CONTROL_PLANE_BRIDGE, *(place.bridge for place in places)):
        if _listed(bridge):
            _ip("link", "delete", bridge)


def _bridge(name: str, address: str) -> None:
    _ip("link", "add", name, "type", "bridge")
    _ip("address", "add", address, "dev", name)
    _ip("link", "set", name, "up")


def _listed(link: str) -> bool:
    return subprocess.run(["ip", "link", "show", link], capture_output=True, check=False).returncode == 0


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)

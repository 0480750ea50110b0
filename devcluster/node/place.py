"""Where one real node lives: its directory, its network, its control group. Names and numbers only.

Addresses are fixed, because every sandbox has a network of its own: 10.32.0.1 is the control plane, 10.32.N.1 the
N-th node, and the rest of 10.32.N.0/24 are its pods. Simulated nodes and pods use other blocks (`devcluster.kwok`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NETWORK = "10.32.0.0/16"
CONTROL_PLANE = "10.32.0.1"
CONTROL_PLANE_BRIDGE = "rn0"
STATE = Path("/run/entresol")
"""Lies in memory, where kubelets can measure and limit what a pod writes (they cannot on every root disk)."""


@dataclass(frozen=True, slots=True)
class Place:
    """One node's.

    Attributes:
        number: 1 for the first node.
        sandbox: the control group of the sandbox, below which this node has its own.
    """

    number: int
    sandbox: str

    @property
    def name(self) -> str:
        """The node's name."""
        return f"real-{self.number}"

    @property
    def root(self) -> Path:
        """Holds all its files."""
        return STATE / self.name

    @property
    def socket(self) -> Path:
        """Where its containerd listens."""
        return self.root / "containerd.sock"

    @property
    def cgroup(self) -> str:
        """The control group that its pods are below, in every hierarchy."""
        return f"{self.sandbox}/{self.name}"

    @property
    def bridge(self) -> str:
        """The link that connects its pods."""
        return f"rn{self.number}"

    @property
    def subnet(self) -> str:
        """The addresses of its pods."""
        return f"10.32.{self.number}.0/24"

    @property
    def address(self) -> str:
        """The node's own, on the bridge."""
        return f"10.32.{self.number}.1"

"""Free ports on loopback that stay ours, also while the server behind one is down.

They lie below the range the kernel hands to outgoing connections: a client that keeps calling a
stopped API server on a port of that range may one day be answered by itself. A claim is an abstract
socket, seen by every process and lifted by the kernel when its owner dies.
"""

from __future__ import annotations

import random
import socket

_LOWEST, _HIGHEST = 20000, 29999  # node ports begin at 30000, outgoing connections at 32768


class Ports:
    """Claims of one cluster; `close` gives them all back."""

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []

    def claim(self) -> int:
        """A port on 127.0.0.1 that nobody listens on and no other cluster has claimed."""
        for port in random.sample(range(_LOWEST, _HIGHEST + 1), 2000):
            claim = _claim(port)
            if claim is not None:
                self._claims.append(claim)
                return port
        raise OSError(f"no free port on 127.0.0.1 between {_LOWEST} and {_HIGHEST}")

    def close(self) -> None:
        """Give all ports back."""
        while self._claims:
            self._claims.pop().close()


def _claim(port: int) -> socket.socket | None:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0entresol-devcluster-port-{port}")
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return None
    return claim

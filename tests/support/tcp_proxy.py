"""A wire that can be cut: connections to one server, passed through or swallowed.

Cut, it behaves as a network that loses everything: what is sent is acknowledged and goes nowhere, nobody is told that
the other side hung up, and new connections are taken and lead nowhere. When it is mended, connections that were open
meanwhile are closed, because their streams have holes.
"""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_PIECE = 256 * 1024


class TcpProxy:
    """Use as a context manager; `port` on the loopback interface leads to the server while it is not cut."""

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._cut = False
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self._hang_up()

    def cut(self) -> None:
        """Lose everything from now on."""
        with self._lock:
            self._cut = True

    def mend(self) -> None:
        """Let new connections through again."""
        with self._lock:
            self._cut = False
        self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
                each.close()
            self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._open.add(client)
            cut = self._cut
        if cut:
            self._pump(client, None)
            return
        try:
            server = socket.create_connection(self._server, timeout=5.0)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open.add(server)
        threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
        self._pump(client, server)

    def _pump(self, source: socket.socket, target: socket.socket | None) -> None:
        with suppress(OSError):  # one side is gone, or was hung up
            while piece := source.recv(_PIECE):
                if target is not None and not self._cut:
                    target.sendall(piece)
            if target is not None and not self._cut:
                target.shutdown(socket.SHUT_WR)

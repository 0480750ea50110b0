"""One program of the cluster as a thing to start, stop, kill, pause and restart.

Knows processes and logs; what the program is, and how one sees that it is ready, it is told.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devcluster import spawn
from devcluster.errors import DevclusterError
from devcluster.waiting import wait_until

_TAIL_LINES = 30


class ComponentError(DevclusterError):
    """A component died or did not get ready; the message ends with the end of its log."""


class Component:
    """A program with its log; started at most once at a time.

    Args:
        name: what people call it; its log is named after it.
        command: an absolute path and its arguments, the same at every start.
        log: file to which every start appends.
        ready: tells whether it serves; an `OSError` counts as no.
        environment: variables besides PATH. The environment of this process is not passed on.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self._ready = ready
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether its process exists, be it ready or not, paused or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The number of its process; it must be running."""
        if self._process is None or not self.running:
            raise ComponentError(f"{self.name} must be running")
        return self._process.pid

    def start(self, seconds: float = 60.0) -> None:
        """Start it and wait until it is ready."""
        self.launch()
        self.wait_ready(seconds)

    def launch(self) -> None:
        """Start it without waiting; nothing happens if it runs already."""
        if not self.running:
            self._process = spawn.start(self.command, self.log, self._environment)

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait until it serves.

        Raises:
            ComponentError: it ended, or was not ready in time.
        """
        try:
            wait_until(self._ready_or_dead, f"readiness of {self.name}", seconds)
        except TimeoutError as error:
            raise ComponentError(f"{error}{self._tail()}") from None

    def stop(self, seconds: float = 10.0) -> None:
        """End it with SIGTERM, and with SIGKILL if it is still there after *seconds*."""
        if self._process is None:
            return
        if self.running:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def restart(self, seconds: float = 60.0) -> None:
        """Stop it if it runs, start it on the same port and wait until it is ready."""
        self.stop()
        self.start(seconds)

    def pause(self) -> None:
        """Freeze it (SIGSTOP) and return once it stands still: connections stay open, nobody answers."""
        pid = self.pid
        self._signal(signal.SIGSTOP)
        # An end is left for Popen to collect; it only must not keep us waiting for a stop.
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        # Popen.send_signal looks first whether the process is gone, so the number is never a stranger's.
        if self._process is not None:
            self._process.send_signal(number)

    def _ready_or_dead(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            code = None if self._process is None else self._process.returncode
            raise ComponentError(f"{self.name} ended with code {code} before it was ready{self._tail()}")
        try:
            return self._ready()
        except OSError:
            return False

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return f"; the end of {self.log}:\n" + os.linesep.join(lines[-_TAIL_LINES:])

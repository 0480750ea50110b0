"""Starts processes that cannot outlive this one.

The kernel sends a child its death signal when the *thread* that started it ends, not the process.
So every child is started by one thread that lives as long as the process does: a test may start a
cluster in a worker thread that ends long before the cluster does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from devcluster.paths import SOURCES

_Order = tuple[list[str], "IO[bytes]", dict[str, str], "Future[subprocess.Popen[bytes]]"]

# Isolated and without site: a start costs 10 ms instead of 60.
PYTHON = (sys.executable, "-I", "-S")


class _Spawner:
    """The one thread; made on first use, and again in a process that was forked."""

    def __init__(self) -> None:
        self._orders: SimpleQueue[_Order] = SimpleQueue()
        self.process = os.getpid()
        threading.Thread(target=self._serve, name="devcluster-spawner", daemon=True).start()

    def start(self, command: list[str], out: IO[bytes], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        reply: Future[subprocess.Popen[bytes]] = Future()
        self._orders.put((command, out, environment, reply))
        return reply.result()

    def _serve(self) -> None:
        while True:
            command, out, environment, reply = self._orders.get()
            try:
                reply.set_result(
                    subprocess.Popen(  # a session of its own: the keyboard's ^C is for us, not for it
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=subprocess.STDOUT,
                        env=environment,
                        start_new_session=True,
                    )
                )
            except OSError as error:
                reply.set_exception(error)


_lock = threading.Lock()
_spawner: _Spawner | None = None


def start(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start *command* (an absolute path first) with its output appended to *log*."""
    global _spawner  # noqa: PLW0603 (one per process by nature)
    with _lock:
        if _spawner is None or _spawner.process != os.getpid():
            _spawner = _Spawner()
        spawner = _spawner
    launcher = [*PYTHON, str(SOURCES / "launch.py"), str(os.getpid()), *command]
    with log.open("ab") as out:
        return spawner.start(launcher, out, {"PATH": os.defpath, **environment})


def start_janitor(*directories: Path) -> subprocess.Popen[bytes]:
    """Start what removes *directories* should this process die; write `keep` to it to call it off."""
    command = [*PYTHON, str(SOURCES / "janitor.py"), *map(str, directories)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, cwd="/")

"""Clusters that outlive the command that started them, found again by name.

A detached cluster is owned by a process of its own in the background. A record in the cache names
that process; a record whose process is gone counts for nothing.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from devcluster import binaries
from devcluster.access import Access
from devcluster.cluster import Cluster
from devcluster.errors import DevclusterError
from devcluster.filelock import held
from devcluster.options import Options
from devcluster.paths import SOURCES, cache_directory, write_private
from devcluster.waiting import wait_until


class DetachedError(DevclusterError):
    """A detached cluster is not there, is there already, or did not start."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a running detached cluster.

    Attributes:
        name: given when it was started.
        pid: of the process that owns it.
        born: when that process started, in clock ticks since boot: numbers of processes are used again.
        run: its run directory.
        url: of its API server.
        kubeconfig: of its admin.
    """

    name: str
    pid: int
    born: int
    run: str
    url: str
    kubeconfig: str

    @property
    def alive(self) -> bool:
        """Whether the owner still runs."""
        return _born(self.pid) == self.born

    def access(self) -> Access:
        """The way into the cluster."""
        return Access(self.name, Path(self.run), self.url)


def start(name: str, options: Options, seconds: float = 120.0) -> Record:
    """Start a detached cluster and return once it can be used; missing programs are built first.

    Raises:
        DetachedError: there is one of this name, or it did not start.
    """
    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise DetachedError(f"the name must be made of small letters, digits and hyphens, not {name!r}")
    with held(_folder() / f"{name}.lock", lambda: None):
        if (there := find(name)) is not None:
            raise DetachedError(f"the name must be free; {name} runs at {there.url}")
        binaries.ensure()  # here, where somebody sees the progress
        log = _folder() / f"{name}.log"
        command = [sys.executable, "-m", "devcluster.detached", name, msgspec.json.encode(options).decode()]
        with log.open("wb") as out:
            owner = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=SOURCES.parent
            )
        wait_until(lambda: find(name) is not None or owner.poll() is not None, f"start of {name}", seconds)
        record = find(name)
        said = log.read_text(errors="replace").strip()
        log.unlink()
        if record is None:
            raise DetachedError(f"{name} did not start:\n{said}")
    owner.returncode = 0  # it is meant to outlive us, so Popen shall not complain that nobody waited for it
    return record


def stop(name: str, seconds: float = 30.0) -> None:
    """Take a detached cluster down and wait until it is gone.

    Raises:
        DetachedError: there is none of this name.
    """
    record = get(name)
    os.kill(record.pid, signal.SIGTERM)
    wait_until(lambda: not record.alive, f"end of {name}", seconds)
    _file(name).unlink(missing_ok=True)


def get(name: str) -> Record:
    """The record of a cluster that runs.

    Raises:
        DetachedError: there is none of this name.
    """
    record = find(name)
    if record is None:
        names = ", ".join(one.name for one in running()) or "none runs"
        raise DetachedError(f"the name must be one of a running cluster ({names}), not {name}")
    return record


def find(name: str) -> Record | None:
    """The record of a cluster, or None if none of this name runs."""
    try:
        record = msgspec.json.decode(_file(name).read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    return record if record.alive else None


def running() -> list[Record]:
    """All detached clusters that run, by name."""
    records = (find(file.stem) for file in sorted(_folder().glob("*.json")))
    return [record for record in records if record is not None]


def _serve(name: str, options: Options) -> None:
    """Own a cluster until SIGTERM."""
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with Cluster(name, options) as cluster:
        pid = os.getpid()
        born = _born(pid)
        assert born is not None
        record = Record(name, pid, born, str(cluster.run), cluster.url, str(cluster.kubeconfig()))
        write_private(_file(name), msgspec.json.encode(record))
        try:
            signal.sigwait(ends)
        finally:
            _file(name).unlink(missing_ok=True)


def _born(pid: int) -> int | None:
    """The start time of a process, or None if it is gone; a zombie is gone."""
    try:
        # The second field, the name, may hold blanks and parentheses; the rest is counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def _folder() -> Path:
    folder = cache_directory() / "clusters"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _file(name: str) -> Path:
    return _folder() / f"{name}.json"


if __name__ == "__main__":
    _serve(sys.argv[1], msgspec.json.decode(sys.argv[2], type=Options))

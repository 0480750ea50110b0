"""Control groups of one sandbox: a directory of its own name in every hierarchy of this machine.

Nodes put their pods below it, so that sandboxes do not meet, and so that everything that is left is found by name.
Control groups are the one thing of a node that does not end with its namespaces.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from devcluster.waiting import wait_until

# A child without them can hold no process: only this hierarchy does not pass its settings on.
_INHERITED = ("cpuset.cpus", "cpuset.mems")


def hierarchies() -> list[Path]:
    """The root of every hierarchy that is mounted, of either version of control groups."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [Path(fields[1]) for fields in map(str.split, lines) if fields[2] in {"cgroup", "cgroup2"}]


def directories(name: str) -> list[Path]:
    """Where the group *name*, a path, is in each hierarchy."""
    return [root / name for root in hierarchies()]


def make(name: str) -> None:
    """Make the group *name*, whose parent must be there, in every hierarchy."""
    for directory in directories(name):
        directory.mkdir(exist_ok=True)
        for setting in _INHERITED:
            if (directory / setting).exists():
                (directory / setting).write_text((directory.parent / setting).read_text())


def members(name: str) -> set[int]:
    """The processes in the group *name* and in those below it, by their numbers in this namespace."""
    found: set[int] = set()
    for directory in directories(name):
        for group, _, _ in os.walk(directory):
            # Pods that end take their groups away meanwhile; `os.walk` passes over those by itself.
            with suppress(OSError):
                found.update(map(int, Path(group, "cgroup.procs").read_text().split()))
    return found


def remove(name: str, seconds: float = 10.0) -> None:
    """Remove the group *name* and all below it, as soon as their processes are gone."""
    wait_until(lambda: not [each for each in directories(name) if _stays(each)], f"removal of cgroup {name}", seconds)


def _stays(directory: Path) -> bool:
    # The files of a group cannot be unlinked and do not hinder its removal; hence the errors do not matter.
    shutil.rmtree(directory, ignore_errors=True)
    return directory.exists()

"""What a node could leave on a machine, as it is now: to be compared with what it was before."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from devcluster.node import cgroups, machine

# They count or draw, and change by themselves.
_RESTLESS = ("random", "ns_last_pid", "pty/nr", "_count", "loadavg", "neigh/default/gc_stale")
_FOLDERS = ("/", "/etc", "/opt", "/run", "/run/netns", "/usr/libexec", "/var/lib", "/var/lib/cni", "/var/log")


def state() -> dict[str, frozenset[str]]:
    """Links, packet filter rules, mounts, kernel settings, and names in the folders that nodes like to write to."""
    return {
        # Not /sys, which shows the network of whoever mounted it.
        "links": frozenset(line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]),
        "rules": frozenset(_rules()),
        "mounts": frozenset(Path("/proc/self/mounts").read_text().splitlines()),
        "settings": frozenset(_settings()),
        "files": frozenset(str(path) for folder in _FOLDERS for path in Path(folder).glob("*")),
    }


def control_groups(name: str) -> list[Path]:
    """What there is of the control group *name*, in all hierarchies."""
    return [directory for directory in cgroups.directories(name) if directory.exists()]


def added(before: dict[str, frozenset[str]]) -> dict[str, list[str]]:
    """What is there now and was not before, changes of a setting included."""
    now = state()
    return {what: sorted(now[what] - before[what]) for what in now if now[what] - before[what]}


def _rules() -> Iterator[str]:
    for program in ("iptables-save", "ip6tables-save"):
        saved = subprocess.run(
            [program], capture_output=True, text=True, check=False, env={"PATH": machine.PATH}
        ).stdout.splitlines()
        # Comments hold the time, chains their counters.
        yield from (f"{program}: {line.partition(' [')[0]}" for line in saved if not line.startswith("#"))


def _settings() -> Iterator[str]:
    for family in ("kernel", "net", "vm"):
        for path in Path("/proc/sys", family).rglob("*"):
            if path.is_file() and not any(word in str(path) for word in _RESTLESS):
                try:
                    yield f"{path}={path.read_text().strip()}"
                except (OSError, UnicodeDecodeError):
                    continue  # to be written only, or without a value

"""Judges whether this machine can run real nodes, and installs what is missing.

What a node needs of the kernel is tried, not guessed from versions. What it needs of Debian is installed without a
service being started: the installation sees no systemd.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from devcluster.errors import DevclusterError
from devcluster.filelock import held
from devcluster.node import cgroups
from devcluster.paths import cache_directory
from devcluster.progress import step

PACKAGES = ("containerd", "containernetworking-plugins", "iproute2", "iptables", "runc")
NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where a node's programs are. `ip`, `runc` and `iptables` are not on the path of every user."""

_TRIAL = """
mount -t tmpfs tmpfs /run
mkdir /run/lower /run/upper /run/work /run/merged
mount -t overlay -o lowerdir=/run/lower,upperdir=/run/upper,workdir=/run/work overlay /run/merged
ip link add trial0 type bridge
ip link add trial1 type veth peer name trial2
iptables --table nat --new-chain TRIAL
iptables --table nat --append TRIAL --match comment --comment trial --jump MASQUERADE
iptables --table filter --append INPUT --match conntrack --ctstate INVALID --jump DROP
"""
_APT = """
if [ -d /run/systemd ]; then mount -t tmpfs tmpfs /run/systemd; fi
install() { apt-get install --quiet --quiet --yes --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"; }
install "$@" || { apt-get update --quiet --quiet && install "$@"; }
"""


class MachineError(DevclusterError):
    """What a node needs could not be installed."""


def required() -> bool:
    """Whether a machine that cannot run nodes is a failure: `REQUIRE_NODE=1`."""
    return os.environ.get("REQUIRE_NODE", "") == "1"


def obstacle() -> str | None:
    """Why this machine cannot run real nodes, or None if it can; packages are installed on the way.

    Raises:
        MachineError: a package could not be installed.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it needs Linux and root"
    if any(shutil.which(program) is None for program in ("unshare", "mount", "dpkg-query", "apt-get")):
        return "it needs Debian's tools: unshare, mount, dpkg-query and apt-get"
    if (refused := _cgroups_refuse()) is not None:
        return refused
    install()
    trial = subprocess.run(
        [*NAMESPACES, "sh", "-ec", _TRIAL], capture_output=True, text=True, check=False, env={"PATH": PATH}
    )
    if trial.returncode != 0:
        return f"the kernel must allow namespaces, overlayfs, bridges and iptables here: {_last_line(trial.stderr)}"
    return None


def install(packages: Sequence[str] = PACKAGES) -> None:
    """Install those of the packages that are missing, as root.

    Raises:
        MachineError: apt failed.
    """
    if not _missing(packages):
        return
    with held(cache_directory() / "apt.lock", lambda: None):
        missing = _missing(packages)
        if not missing:
            return
        with step(f"installing {', '.join(missing)}"):
            done = subprocess.run(
                ["unshare", "--mount", "sh", "-ec", _APT, "apt", *missing],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"},
            )
        if done.returncode != 0:
            raise MachineError(f"apt must be able to install {', '.join(missing)}; it said:\n{done.stderr.strip()}")


def _missing(packages: Sequence[str]) -> list[str]:
    command = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *packages]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [package for package in packages if f"{package} installed" not in listed.splitlines()]


def _cgroups_refuse() -> str | None:
    trial = f"entresol-trial-{os.getpid()}"
    if not cgroups.hierarchies():
        return "no control groups are mounted"
    try:
        cgroups.make(trial)
    except OSError as error:
        return f"control groups cannot be made in {error.filename}"
    finally:
        cgroups.remove(trial)
    return None


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]

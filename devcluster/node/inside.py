"""The first process of a sandbox: `inside.py COMMAND…`, started in namespaces of its own.

It makes the place fit for nodes, starts the command, buries every orphan (the shims of containers end as orphans), and
ends with the command's exit code. When it ends, the kernel kills whatever is left, and mounts, links and rules of the
packet filter vanish with their namespaces. A script of its own that imports nothing of the package.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

# Written to by nodes on any machine, whatever they are told. /run holds the nodes themselves.
_EMPTY = ("/run", "/var/log")
_LAYERED = "/var/lib"
_STATE = Path("/run/entresol")
# A kubelet sets them at its start, and no namespace has its own: it is given files to write to.
_TUNABLES = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
_NOT_FOUND = 127


def main() -> int:
    """Prepare, run the command, and return its exit code."""
    _prepare()
    command = sys.argv[1:]
    environment = {**os.environ, "TMPDIR": str(_STATE / "tmp")}
    try:
        child = os.posix_spawnp(command[0], command, environment)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return _NOT_FOUND
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the keyboard's reaches the command as well, and it decides
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _prepare() -> None:
    # Containers and CNI pass mounts on to each other; nothing of it reaches the machine, whose tree ours is a copy of.
    _run("mount", "--make-rshared", "/")
    for directory in _EMPTY:
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", directory)
    for directory in ("tmp", "upper", "work", "tunables"):
        (_STATE / directory).mkdir(parents=True)
    layers = f"lowerdir={_LAYERED},upperdir={_STATE / 'upper'},workdir={_STATE / 'work'}"
    _run("mount", "-t", "overlay", "-o", layers, "overlay", _LAYERED)
    for name in _TUNABLES:
        real, stand_in = Path("/proc/sys", name), _STATE / "tunables" / name.replace("/", ".")
        if real.exists():
            stand_in.write_text(real.read_text())
            _run("mount", "--bind", str(stand_in), str(real))
    _run("ip", "link", "set", "lo", "up")


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())

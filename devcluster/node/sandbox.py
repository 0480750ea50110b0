"""Runs a command in network, mount and process namespaces of its own: `python -m devcluster.node.sandbox -- COMMAND…`.

Inside, real nodes can be started (`devcluster.node.cluster`). Nothing of them can stay: the kernel takes processes,
mounts, links, rules and settings of the network away with the namespaces, however the command ends, also when this
process is killed. What no namespace holds, the control groups, is removed here, or by a janitor.

There is no network inside. What must be fetched is fetched before (`devcluster.node.prepare`).
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from devcluster import spawn
from devcluster.errors import DevclusterError
from devcluster.node import cgroups, machine, prepare
from devcluster.paths import SOURCES

NAME = "ENTRESOL_SANDBOX"
"""Set inside: the name of the sandbox's control group."""
LOGS = "ENTRESOL_SANDBOX_LOGS"
"""Set inside: a directory on the machine, for the logs that a failure keeps."""

SKIPPED = 77
"""The exit code on a machine that cannot run real nodes and need not: automake's word for a skipped test."""


def name() -> str:
    """The name of the sandbox that this process runs in.

    Raises:
        DevclusterError: it runs in none.
    """
    found = os.environ.get(NAME)
    if not found:
        raise DevclusterError("a real node must be started inside `python -m devcluster.node.sandbox -- COMMAND…`")
    return found


def enter(command: Sequence[str], module: str = "devcluster.node.prepare") -> int:
    """Judge the machine, prepare by *module*, and `run` the command; its exit code, SKIPPED, or 1 if that is failure."""
    obstacle = machine.obstacle()
    if obstacle is not None:
        verdict = "failed (REQUIRE_NODE=1)" if machine.required() else "skipped"
        print(f"real node: {verdict}, because {obstacle}", file=sys.stderr)
        return 1 if machine.required() else SKIPPED
    prepare.by_name(module)
    return run(command)


def run(command: Sequence[str]) -> int:
    """Run *command* in a sandbox of its own on a machine that can have one, and return its exit code."""
    group = f"entresol-{os.getpid()}-{secrets.token_hex(2)}"
    logs = Path(tempfile.mkdtemp(prefix="devcluster-node-logs-"))
    janitor = spawn.start_janitor(logs, *cgroups.directories(group))
    try:
        cgroups.make(group)
        return _run(command, {NAME: group, LOGS: str(logs)})
    finally:
        cgroups.remove(group)
        if any(logs.iterdir()):
            print(f"logs of real nodes: {logs}", file=sys.stderr, flush=True)
        else:
            logs.rmdir()
        janitor.communicate(b"keep")


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    first = [*spawn.PYTHON, str(SOURCES / "node" / "inside.py"), *command]
    launcher = [*spawn.PYTHON, str(SOURCES / "launch.py"), str(os.getpid())]
    unshare = ["/usr/bin/unshare", *machine.NAMESPACES[1:]]
    path = f"{os.environ.get('PATH', os.defpath)}:{machine.PATH}"
    child = subprocess.Popen([*launcher, *unshare, *first], env={**os.environ, "PATH": path, **environment})
    # The keyboard's ^C reaches the command too, and the command decides.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = child.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code


@click.command(context_settings={"help_option_names": ["-h", "--help"], "ignore_unknown_options": True})
@click.option(
    "--prepare", "module", default="devcluster.node.prepare", show_default=True, help="fetches what is needed"
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def main(*, module: str, command: tuple[str, ...]) -> None:
    """Run COMMAND where real nodes can be started, if this machine can have them."""
    sys.exit(enter(command, module))


if __name__ == "__main__":
    try:
        main(prog_name="python -m devcluster.node.sandbox")
    except DevclusterError as error:
        sys.exit(str(error))

"""`make demo` as a newcomer runs it, but without a terminal: it passes, it can be kept, and it can be interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from devcluster import detached
from devcluster.waiting import wait_until

COMMAND = [sys.executable, "-m", "devcluster.demo"]


def _environment(folder: Path) -> dict[str, str]:
    """Everything temporary goes where the test sees what is left of it."""
    return {**os.environ, "TMPDIR": str(folder)}


def test_it_passes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [*COMMAND, "--tasks", "160"]
    done = subprocess.run(command, env=_environment(tmp_path), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "320 of 320" in done.stdout
    assert done.stdout.rstrip().endswith("PASSED: shared fairly, to the task")
    assert "\x1b" not in done.stdout, "nothing that only a terminal understands"
    assert list(tmp_path.iterdir()) == []


def test_kept_it_goes_on_until_it_is_taken_down(tmp_path: Path) -> None:
    name = f"demo-{os.getpid()}"
    command = [*COMMAND, "--keep", "--name", name, "--tasks", "120"]
    environment = _environment(tmp_path)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        access = detached.get(name).access()
        assert len(access.api.get("/apis/entresol.dev/v1alpha1/tasks")["items"]) == 240
        lines = [line.strip() for line in done.stdout.splitlines()]
        (kubectl,) = [line for line in lines if "get frole" in line]
        export = next(line for line in lines if line.startswith("export KUBECONFIG="))
        listed = subprocess.run(f"{export}; {kubectl}", shell=True, capture_output=True, text=True, check=True)
        assert "frameworkrole.entresol.dev/training" in listed.stdout
        (down,) = [line for line in lines if " down " in line]
    finally:
        ended = subprocess.run(
            [sys.executable, "-m", "devcluster", "down", "--name", name], capture_output=True, text=True, check=False
        )
    assert ended.returncode == 0, ended.stderr
    assert f"devcluster down --name {name}" in down
    wait_until(lambda: not list(tmp_path.iterdir()), "end of everything that was kept", 30)


def test_interrupted_it_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(COMMAND, env=_environment(tmp_path), stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "the operator starts" in line:
                break
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
    assert demo.returncode == 130
    assert "nothing is left behind" in rest
    assert list(tmp_path.iterdir()) == []

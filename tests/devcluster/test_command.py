"""`python -m devcluster`: a cluster that outlives the command, by name."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import binaries, detached
from devcluster.options import Options
from devcluster.paths import SOURCES
from devcluster.waiting import wait_until
from tests.devcluster.processes import alive, mentioning

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def own_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Records of our own beside the programs everybody shares; what was forgotten is taken down."""
    binaries.ensure()
    programs = binaries.path("kubectl").parent.parent
    (tmp_path / "programs").symlink_to(programs)
    monkeypatch.setenv("ENTRESOL_CACHE", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # for the logs that a failure keeps
    yield
    for record in detached.running():
        detached.stop(record.name)


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "devcluster", *arguments]
    return subprocess.run(command, cwd=SOURCES.parent, capture_output=True, text=True, check=False, timeout=120)


def test_from_up_to_down() -> None:
    up = call("up", "--nodes", "3", "--cpu", "2")
    assert up.returncode == 0, up.stderr
    assert "python -m devcluster kubectl get nodes" in up.stdout
    record = detached.get("dev")
    nodes = call("kubectl", "get", "nodes", "-o", "jsonpath={.items[*].status.allocatable.cpu}")
    assert nodes.stdout == "2 2 2"
    status = call("status").stdout
    assert "3 nodes" in status
    assert "all programs are built" in status
    down = call("down")
    assert down.returncode == 0, down.stderr
    assert not alive(record.pid)
    assert mentioning(record.run) == []
    assert not Path(record.run).exists()
    assert "dev" not in call("status").stdout


def test_kubectl_passes_its_exit_code_on() -> None:
    detached.start("codes", Options(controller_manager=False, kwok=False))
    failed = call("kubectl", "--name", "codes", "get", "pods", "absent", "--namespace", "default")
    assert failed.returncode == 1
    assert "not found" in failed.stderr


def test_a_name_is_taken_once_and_must_be_plain() -> None:
    detached.start("twice", Options(controller_manager=False, kwok=False))
    again = call("up", "--name", "twice")
    assert again.returncode == 1
    assert "the name must be free; twice runs at" in again.stderr
    odd = call("up", "--name", "../odd")
    assert "must be made of small letters, digits and hyphens" in odd.stderr


@pytest.mark.parametrize("command", ["down", "kubectl"])
def test_a_cluster_that_is_not_there_is_named(command: str) -> None:
    answer = call(command, "--name", "absent")
    assert answer.returncode == 1
    assert answer.stderr.strip() == "the name must be one of a running cluster (none runs), not absent"


def test_a_killed_owner_takes_its_cluster_along() -> None:
    record = detached.start("owner", Options(controller_manager=False, kwok=False))
    os.kill(record.pid, signal.SIGKILL)
    wait_until(lambda: mentioning(record.run) == [], "end of all processes", 10)
    wait_until(lambda: not Path(record.run).exists(), "removal of the run directory", 10)
    assert detached.running() == []


def test_a_cluster_that_cannot_start_says_why() -> None:
    with pytest.raises(detached.DetachedError, match=r"(?s)broken did not start.*unknown flag: --no-such-flag"):
        detached.start("broken", Options(controller_manager=False, kwok=False, apiserver_flags=("--no-such-flag",)))

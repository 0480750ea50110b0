"""What of real nodes can be judged without one."""

import subprocess
import sys
from pathlib import Path

import pytest

from devcluster.errors import DevclusterError
from devcluster.helm import environment
from devcluster.node import prepare, sandbox
from devcluster.node.cluster import RealCluster
from devcluster.node.place import Place
from devcluster.paths import SOURCES


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sandbox, wherever the test runs."""
    monkeypatch.delenv(sandbox.NAME, raising=False)


@pytest.mark.usefixtures("outside")
def test_a_real_node_outside_of_a_sandbox_is_refused() -> None:
    with pytest.raises(DevclusterError, match=r"must be started inside `python -m devcluster\.node\.sandbox"):
        RealCluster()


def test_there_must_be_a_node() -> None:
    with pytest.raises(ValueError, match="nodes must be at least 1, not 0"):
        RealCluster(nodes=0)


@pytest.mark.parametrize("module", ["no_such_module", "json"])
def test_a_module_that_cannot_prepare_is_named(module: str) -> None:
    with pytest.raises(DevclusterError, match=f"{module} must be a module with a function `prepare`"):
        prepare.by_name(module)


def test_nodes_share_no_place() -> None:
    one, other = Place(1, "sandbox"), Place(2, "sandbox")
    for what in ("name", "root", "socket", "cgroup", "bridge", "subnet", "address"):
        assert getattr(one, what) != getattr(other, what)


def test_helm_keeps_nothing_in_the_home_folder(tmp_path: Path) -> None:
    ours = {key: value for key, value in environment(tmp_path).items() if key.startswith("HELM_")}
    assert len(ours) == 3
    assert all(Path(value).is_relative_to(tmp_path) for value in ours.values())
    assert environment(tmp_path)["KUBECONFIG"] == "/dev/null", "no cluster by accident"


JANITOR = SOURCES / "janitor.py"


@pytest.mark.parametrize(("word", "want_left"), [(b"", 0), (b"keep", 2)])
def test_a_janitor_removes_all_that_it_was_told_unless_called_off(tmp_path: Path, word: bytes, want_left: int) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").touch()
    subprocess.run([sys.executable, str(JANITOR), *map(str, folders)], input=word, check=True, timeout=20)
    assert sum(folder.exists() for folder in folders) == want_left

"""A cluster starts, stands beside others, and leaves nothing behind however it ends."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from devcluster.component import ComponentError
from devcluster.options import Options
from devcluster.paths import SOURCES
from devcluster.pytest_plugin import ClusterFactory
from devcluster.waiting import wait_until
from tests.devcluster.processes import alive, mentioning, state_of

pytestmark = pytest.mark.e2e

BARE = Options(controller_manager=False, kwok=False)

RUNNER = """
import sys, threading
from devcluster.cluster import Cluster
from devcluster.options import Options

cluster = Cluster("victim", Options(controller_manager=False))
# A thread that is long gone when the runner dies: the death signal must not hang on it.
starter = threading.Thread(target=cluster.start)
starter.start()
starter.join()
assert all(cluster.component(name).running for name in ("etcd", "kube-apiserver", "kwok"))
print(cluster.run, flush=True)
sys.stdin.read()
"""


def test_everything_runs_and_then_nothing_is_left() -> None:
    with Cluster("life", Options(scheduler=True)) as cluster:
        parts = [cluster.etcd, cluster.apiserver, cluster.controller_manager, cluster.scheduler, cluster.kwok]
        pids = [part.pid for part in parts]
        assert all(alive(pid) for pid in pids)
        assert "v1.34.4" in cluster.kubectl("version")
        assert cluster.kubectl("get", "--raw", "/readyz") == "ok"
    assert not any(alive(pid) for pid in pids)
    assert not cluster.run.exists()
    assert mentioning(str(cluster.run)) == []


def test_two_clusters_stand_side_by_side(new_cluster: ClusterFactory) -> None:
    one, other = new_cluster("one", BARE), new_cluster("other", BARE)
    one.kubectl("create", "namespace", "only-in-one")
    other.kubectl("create", "namespace", "only-in-other")
    assert "only-in-other" not in one.kubectl("get", "namespaces")
    assert "only-in-one" not in other.kubectl("get", "namespaces")
    one.apiserver.kill()
    assert other.kubectl("get", "--raw", "/readyz") == "ok"


def test_a_cluster_does_not_need_the_thread_that_started_it() -> None:
    cluster = Cluster("thread", BARE)
    starter = threading.Thread(target=cluster.start)
    starter.start()
    starter.join()
    try:
        assert cluster.kubectl("get", "--raw", "/readyz") == "ok"
    finally:
        cluster.close()


def test_sigkill_of_the_runner_leaves_nothing() -> None:
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER], cwd=SOURCES.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert runner.stdin is not None
    assert runner.stdout is not None
    run = Path(runner.stdout.readline().strip())
    left = mentioning(str(run))
    assert len(left) == 4, "etcd, kube-apiserver, kwok and the janitor"
    os.kill(runner.pid, signal.SIGKILL)
    runner.communicate()
    wait_until(lambda: not any(alive(pid) for pid in left), "death of all components", 10)
    wait_until(lambda: not run.exists(), "removal of the run directory", 10)
    assert mentioning(str(run)) == []


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run directories below the test's own folder, for what a failure keeps."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.usefixtures("own_folder")
def test_a_failure_keeps_the_logs_alone_and_says_where(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), Cluster("failing", BARE) as cluster:
        raise ZeroDivisionError
    logs = cluster.run / "logs"
    assert str(logs) in capfd.readouterr().err
    assert sorted(path.name for path in logs.iterdir()) == ["etcd.log", "kube-apiserver.log"]
    assert list(cluster.run.iterdir()) == [logs]
    assert mentioning(str(cluster.run)) == []


@pytest.mark.usefixtures("own_folder")
def test_a_component_that_does_not_start_shows_the_end_of_its_log() -> None:
    cluster = Cluster("broken", Options(controller_manager=False, kwok=False, apiserver_flags=("--no-such-flag",)))
    with pytest.raises(ComponentError, match=r"(?s)kube-apiserver ended with code 1 .*unknown flag: --no-such-flag"):
        cluster.start()
    assert mentioning(str(cluster.run)) == []


def test_a_component_that_hangs_is_reported_in_time(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster("hanging", BARE)
    cluster.apiserver.pause()
    assert state_of(cluster.apiserver.pid) == "T"
    with pytest.raises(ComponentError, match=r"readiness of kube-apiserver did not happen within 0\.2 s"):
        cluster.apiserver.wait_ready(0.2)
    cluster.apiserver.resume()
    cluster.apiserver.wait_ready()
    cluster.apiserver.pause()
    assert state_of(cluster.apiserver.pid) == "T", "the second time as well"


def test_a_component_the_cluster_has_not_is_named(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster("bare", BARE)
    with pytest.raises(LookupError, match="component must be one of etcd, kube-apiserver, not 'kube-scheduler'"):
        _ = cluster.scheduler

"""An operator in a pod resolves no name, so it starts and works where DNS does not, or not yet."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from entresol.app import connect
from entresol.kube.resources import FRAMEWORKS, PODS
from entresol.settings import Settings
from tests.shell.test_lifecycle import kubeconfig
from tests.support import objects
from tests.support.certificates import self_signed
from tests.support.fake_cluster import FakeCluster
from tests.support.recorder import until

# Names are refused and told; addresses are no names.
PROGRAM = """
import ipaddress, sys

def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"):
        host = arguments[0][0] if isinstance(arguments[0], tuple) else arguments[0]
        try:
            ipaddress.ip_address(host)
        except ValueError:
            print("RESOLVED", event, host, file=sys.stderr, flush=True)
            raise OSError("there is no DNS here")

sys.addaudithook(watch)
sys.argv = ["entresol", *sys.argv[1:]]
from entresol.cli.main import main
main()
"""


def started(*arguments: str, **told: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ENTRESOL_", "KUBE"))}
    environment |= {f"ENTRESOL_{name.upper()}": value for name, value in told.items()}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], env=environment, stderr=subprocess.PIPE, text=True
    )


def test_in_a_pod_the_server_is_the_address_that_was_injected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kopf by itself would ask for `kubernetes.default.svc`."""
    (tmp_path / "token").write_text("sesame")
    (tmp_path / "ca.crt").write_bytes(self_signed())
    monkeypatch.setattr("entresol.kube.connection.Connection.in_cluster.__func__.__defaults__", (tmp_path,))
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert connect(Settings(pod=pod)).base_url == "https://10.0.0.1:443"


@pytest.mark.slow
async def test_no_name_is_resolved_while_work_is_done(cluster: FakeCluster, tmp_path: Path) -> None:
    """Ours and kopf's connections both: kopf is the one that reads this Framework's change."""
    await cluster.node("n1")
    process = started("operator", kubeconfig=kubeconfig(tmp_path, cluster.url), listen="127.0.0.1:0")
    try:
        await until(lambda: sum("watch" in s.query and s.path == FRAMEWORKS.path() for s in cluster.seen) == 2, 30)
        await cluster.make(objects.pod("web", "team"))
        await until(lambda: bool(cluster.objects(PODS)[0]["spec"].get("nodeName")), 30)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    finally:
        process.kill()
    assert "RESOLVED" not in log
    assert process.returncode == 0, log


@pytest.mark.slow
async def test_a_name_that_is_resolved_would_be_seen(cluster: FakeCluster, tmp_path: Path) -> None:
    port = cluster.url.rpartition(":")[2]
    config = kubeconfig(tmp_path, f"http://api.entresol.invalid:{port}")
    process = started("operator", kubeconfig=config, listen="127.0.0.1:0")
    assert process.stderr is not None
    try:
        assert any("RESOLVED socket.getaddrinfo api.entresol.invalid" in line for line in process.stderr)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_without_a_cluster_it_ends_in_words(tmp_path: Path) -> None:
    process = started("operator", listen="127.0.0.1:0", kubeconfig=kubeconfig(tmp_path, "http://one"), context="other")
    try:
        _, log = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "kubeconfig must be usable" in log
    assert "Traceback" not in log

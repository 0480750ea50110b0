"""The small parts: ports, waiting, progress, certificates, node bodies, options."""

import io
import socket
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from devcluster.certificates import Authority
from devcluster.kwok import NodeShape, node_body
from devcluster.options import Options
from devcluster.ports import Ports
from devcluster.progress import step
from devcluster.waiting import wait_until


def test_ports_are_claimed_once_and_lie_below_those_of_outgoing_connections() -> None:
    ours, theirs = Ports(), Ports()
    try:
        claimed = [ports.claim() for _ in range(40) for ports in (ours, theirs)]
        assert len(set(claimed)) == 80
        lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        assert max(claimed) < min(30000, lowest_outgoing)
    finally:
        ours.close()
        theirs.close()


def test_a_port_somebody_listens_on_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = Ports()
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr("devcluster.ports.random.sample", lambda _range, _count: [taken])
        with pytest.raises(OSError, match="no free port"):
            ports.claim()


def test_a_claim_ends_with_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Ports()
    port = first.claim()
    monkeypatch.setattr("devcluster.ports.random.sample", lambda _range, _count: [port])
    second = Ports()
    with pytest.raises(OSError, match="no free port"):
        second.claim()
    first.close()
    assert second.claim() == port
    second.close()


def test_waiting_says_what_did_not_happen() -> None:
    with pytest.raises(TimeoutError, match=r"the rain did not happen within 0\.05 s"):
        wait_until(lambda: False, "the rain", 0.05, pause=0.01)


def test_progress_without_a_terminal_is_plain_lines() -> None:
    out = io.StringIO()
    with step("building etcd v3", out):
        pass
    first, last = out.getvalue().splitlines()
    assert first.split() == ["building", "etcd", "v3", "0", "s"]
    assert last.split() == ["building", "etcd", "v3", "done", "in", "0", "s"]


def test_progress_tells_a_failure_from_success() -> None:
    out = io.StringIO()
    with pytest.raises(ValueError, match="broken"), step("building", out):
        raise ValueError("broken")
    assert "failed in" in out.getvalue()


def test_a_certificate_names_user_and_groups_and_is_made_once(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    pair = authority.client("alice", ["team-a", "team-b"])
    subject = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).subject.rfc4514_string()
    assert "CN=alice" in subject
    assert "O=team-a" in subject
    assert "O=team-b" in subject
    assert authority.client("alice", ["team-a", "team-b"]) == pair
    assert authority.client("alice", ["team-c"]) != pair
    assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600


def test_a_strict_client_trusts_the_serving_certificate(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    pair = Authority(tmp_path).server("serving")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pair.certificate, pair.key)
    client = ssl.create_default_context(cafile=authority.certificate)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    far = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (near, far, near, far, near):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert near.getpeercert() is not None


def test_a_node_has_its_amounts_labels_and_taints() -> None:
    taint = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
    shape = NodeShape(cpu="4", extended={"nvidia.com/gpu": "2"}, labels={"zone": "a"}, taints=[taint])
    body = node_body("gpu-1", shape, 300, simulated=True)
    assert body["status"]["allocatable"] == {"cpu": "4", "memory": "16Gi", "pods": "110", "nvidia.com/gpu": "2"}
    assert body["metadata"]["labels"]["zone"] == "a"
    assert body["metadata"]["labels"]["kubernetes.io/hostname"] == "gpu-1"
    assert body["spec"]["taints"] == [taint]
    assert body["status"]["addresses"][0]["address"] == "10.128.1.44"
    assert body["status"]["conditions"] == []


def test_a_grace_that_leaves_no_time_for_heartbeats_is_refused() -> None:
    with pytest.raises(ValueError, match="node_grace_seconds must be at least 4, not 3"):
        Options(node_grace_seconds=3)

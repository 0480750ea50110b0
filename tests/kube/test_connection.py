"""Connection: where the server is, and tokens that wear out."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from entresol.kube.connection import Bearer, Connection, tls_context
from tests.support.certificates import self_signed


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_token_is_read_again_after_a_while() -> None:
    """A rotated token is in use within the period, and the file is not read for every request."""
    tokens, clock = iter(["one", "two", "three"]), Clock()
    bearer = Bearer(lambda: next(tokens), period=100.0, clock=clock)
    for at, want_token in [(0, "one"), (99, "one"), (100, "two"), (199, "two")]:
        clock.now = at
        assert await bearer.headers() == {"Authorization": f"Bearer {want_token}"}


async def test_a_token_that_cannot_be_read_again_stays() -> None:
    """The one before may be good still; the next period tries again."""
    clock = Clock()
    answers: list[str | Exception] = ["one", OSError("gone"), "two"]

    def source() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    bearer = Bearer(source, period=10.0, clock=clock)
    for at, want_token in [(0, "one"), (10, "one"), (20, "two")]:
        clock.now = at
        assert await bearer.headers() == {"Authorization": f"Bearer {want_token}"}


async def test_without_a_source_there_is_no_token() -> None:
    bearer = Bearer()
    bearer.expire()
    assert await bearer.headers() == {}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """The files of a service account in a pod."""
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "ca.crt").write_bytes(self_signed())
    return tmp_path


@pytest.mark.parametrize(
    ("host", "want_url"),
    {
        "name": ("kubernetes.default", "https://kubernetes.default:443"),
        "six": ("fd00::1", "https://[fd00::1]:443"),
    }.values(),
    ids=["a name", "an address with colons"],
)
async def test_in_a_pod(account: Path, host: str, want_url: str) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    connection = Connection.in_cluster(environ, account)
    assert connection.base_url == want_url
    assert connection.tls is not None
    assert await connection.bearer.headers() == {"Authorization": "Bearer secret"}
    (account / "token").write_text("rotated\n")
    connection.bearer.expire()
    assert await connection.bearer.headers() == {"Authorization": "Bearer rotated"}


def test_outside_a_pod(account: Path) -> None:
    with pytest.raises(ValueError, match="must be set, as they are in a pod"):
        Connection.in_cluster({"KUBERNETES_SERVICE_HOST": "h"}, account)


@pytest.mark.parametrize("file", ["token", "ca.crt"])
def test_a_pod_without_its_account(account: Path, file: str) -> None:
    (account / file).unlink()
    environ = {"KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "1"}
    with pytest.raises(ValueError, match=f"{file} must exist"):
        Connection.in_cluster(environ, account)


def kubeconfig(folder: Path, user: Mapping[str, object], **cluster: object) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return str(file)


async def test_a_kubeconfig_with_a_token(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_bytes(self_signed())
    file = kubeconfig(
        tmp_path,
        {"token": "secret"},
        **{"server": "https://127.0.0.1:6443/", "certificate-authority": str(authority), "tls-server-name": "kube"},
    )
    connection = Connection.from_kubeconfig(file)
    assert connection.base_url == "https://127.0.0.1:6443"
    assert connection.tls is not None
    assert connection.tls.check_hostname
    assert connection.server_name == "kube"
    assert await connection.bearer.headers() == {"Authorization": "Bearer secret"}


async def test_a_kubeconfig_without_tls(tmp_path: Path) -> None:
    connection = Connection.from_kubeconfig(kubeconfig(tmp_path, {}, server="http://127.0.0.1:8080"))
    assert (connection.base_url, connection.tls) == ("http://127.0.0.1:8080", None)
    assert await connection.bearer.headers() == {}


async def test_a_kubeconfig_with_a_plugin(tmp_path: Path) -> None:
    """A plug-in's token is used, and the plug-in is asked in a thread, not on the loop."""
    script = tmp_path / "plugin"
    script.write_text(
        "#!/bin/sh\n"
        """echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"minted"}}'\n"""
    )
    script.chmod(0o755)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(script), "interactiveMode": "Never"}
    file = kubeconfig(tmp_path, {"exec": plugin}, server="http://127.0.0.1:8080")
    connection = Connection.from_kubeconfig(file)
    assert await connection.bearer.headers() == {"Authorization": "Bearer minted"}


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="kubeconfig must be usable"):
        Connection.from_kubeconfig(str(tmp_path / "none"))


def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, {}, server="http://127.0.0.1:8080")
    with pytest.raises(ValueError, match="kubeconfig must be usable"):
        Connection.from_kubeconfig(file, "other")


def test_verification_can_be_waived() -> None:
    """As `insecure-skip-tls-verify` asks; never by default."""
    assert tls_context(None).check_hostname
    assert not tls_context(None, verify=False).check_hostname


def test_a_client_certificate_must_be_usable(tmp_path: Path) -> None:
    """A certificate of the kubeconfig is loaded at once, so that a broken one shows at the start."""
    authority = tmp_path / "ca.crt"
    authority.write_bytes(self_signed())
    files = {"client-certificate": str(authority), "client-key": str(authority)}
    file = kubeconfig(tmp_path, files, **{"server": "https://127.0.0.1:6443", "certificate-authority": str(authority)})
    with pytest.raises(ValueError, match="kubeconfig must be usable"):
        Connection.from_kubeconfig(file)

"""The server that loses news: it loses what it is told to, in watches alone, and passes everything else on."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from devcluster.certificates import Authority
from devcluster.ports import Ports
from tests.monitoring.lossy import Lossy


class Upstream(BaseHTTPRequestHandler):
    """Answers with what it was asked and two lines."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(201)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers['Content-Type']}\n".encode() + body + b"\nlost\nkept\n")

    do_GET = do_POST  # noqa: N815 - the library looks for this name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def lossy(tmp_path: Path) -> Iterator[Lossy]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Authority.create(tmp_path / "pki")
    ports = Ports()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    between = Lossy(url, Authority(tmp_path / "pki").certificate, ports.claim(), "lost")
    between.start()
    yield between
    between.close()
    server.shutdown()
    server.server_close()
    ports.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "want"),
    [
        pytest.param("GET", "/a?x=b%3Dc", None, "/a?x=b%3Dc None\n\nlost\nkept\n", id="a list is true"),
        pytest.param("GET", "/a?watch=true", None, "/a?watch=true None\n\nkept\n", id="a watch loses the word's lines"),
        pytest.param("POST", "/a", "data", "/a text/x\ndata\nlost\nkept\n", id="a write arrives as it was"),
    ],
)
def test_what_is_lost(lossy: Lossy, method: str, path: str, body: str | None, want: str) -> None:
    connection = http.client.HTTPConnection(lossy.url.removeprefix("http://"), timeout=10)
    connection.request(method, path, body, {"Content-Type": "text/x"} if body else {})
    answer = connection.getresponse()
    assert (answer.status, answer.read().decode()) == (201, want)
    connection.close()

"""One independent watch on pods: when each was first seen, first seen with a node, and gone.

    python -m tests.bench.watcher --url URL --ca FILE --certificate FILE --key FILE --times FILE --live FILE

Every contender is judged by this watch and by nothing it says of itself. It must cost little, because it shares the
machine with what it judges: a blocking socket, HTTP/1.0 (no chunks to take apart), and of each pod four members. On
SIGTERM it writes the times; how many were bound so far stands in a few shared bytes, so that the runner may look often.
Moments are of the monotonic clock, taken when the bytes arrived.
"""

import argparse
import mmap
import signal
import socket
import ssl
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Self
from urllib.parse import quote, urlsplit

import msgspec

from devcluster.access import Access
from devcluster.component import Component
from devcluster.errors import DevclusterError

SOURCES = Path(__file__).resolve().parents[2]
BOUND = "spec.nodeName!="
"""Field selector: pods with a node alone, half of the news; when pods were made is then not seen."""

_LIVE = struct.Struct("<?qqq")
_PIECE = 1 << 18


class Seen(msgspec.Struct, array_like=True):
    """One pod's moments; None for what was not seen. `name` is `namespace/name`; `node` is the first one."""

    name: str
    created: float | None = None
    bound: float | None = None
    gone: float | None = None
    node: str = ""


class _Metadata(msgspec.Struct):
    uid: str = ""
    name: str = ""
    namespace: str = ""
    resource_version: str = msgspec.field(name="resourceVersion", default="")
    annotations: dict[str, str] = {}


class _Spec(msgspec.Struct):
    node: str = msgspec.field(name="nodeName", default="")


class _Object(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    code: int = 0


class _News(msgspec.Struct):
    type: str
    object: _Object


class RefusedError(Exception):
    """The server will not let us watch, or no longer knows the version that the watch would go on from."""


class Follower:
    """What is seen, from news on; knows no connection."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self.version = ""
        self.synced = False
        self.bound = 0
        self.gone = 0
        self._decode = msgspec.json.Decoder(_News).decode

    def hear(self, line: bytes, now: float) -> None:
        """Take note of one line of a watch, which arrived `now`. Raises RefusedError."""
        news = self._decode(line)
        metadata = news.object.metadata
        if news.type == "ERROR":
            raise RefusedError(line[:300].decode(errors="replace"))
        self.version = metadata.resource_version
        if news.type == "BOOKMARK":
            self.synced = self.synced or metadata.annotations.get("k8s.io/initial-events-end") == "true"
            return
        seen = self.seen.get(metadata.uid)
        if seen is None:
            seen = self.seen[metadata.uid] = Seen(f"{metadata.namespace}/{metadata.name}", now)
        if seen.bound is None and news.object.spec.node:
            seen.bound, seen.node = now, news.object.spec.node
            self.bound += 1
        if news.type == "DELETED" and seen.gone is None:
            seen.gone = now
            self.gone += 1


class _Connection:
    """Watches, one after another, each on its own connection."""

    def __init__(self, told: argparse.Namespace) -> None:
        self._address = urlsplit(told.url)
        self._tls = ssl.create_default_context(cafile=told.ca)
        self._tls.load_cert_chain(told.certificate, told.key)
        self._selector = told.fields

    def pieces(self, version: str, *, initial: bool) -> Iterator[bytes]:
        """The bytes of one watch as they come. Raises OSError when it cannot be opened now, or breaks."""
        query = f"watch=true&allowWatchBookmarks=true&resourceVersion={version}&fieldSelector={quote(self._selector)}"
        if initial:
            query += "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        host, port = self._address.hostname or "", self._address.port or 443
        request = f"GET /api/v1/pods?{query} HTTP/1.0\r\nHost: {host}:{port}\r\nAccept: application/json\r\n\r\n"
        with (
            socket.create_connection((host, port)) as plain,
            self._tls.wrap_socket(plain, server_hostname=host) as wire,
        ):
            wire.sendall(request.encode())
            rest = b""
            while b"\r\n\r\n" not in rest:
                if not (piece := wire.recv(_PIECE)):
                    raise OSError(f"the API server hung up: {rest!r}")
                rest += piece
            head, _, rest = rest.partition(b"\r\n\r\n")
            status = int(head.split(maxsplit=2)[1])
            if status != 200:
                passing = status == 429 or status >= 500
                raise (OSError if passing else RefusedError)(f"{status} {rest.decode(errors='replace')}")
            yield rest
            while piece := wire.recv(_PIECE):
                yield piece


def follow(told: argparse.Namespace, follower: Follower) -> NoReturn:
    """Watch for ever; a watch that ends is resumed where it ended, and one that never synced begins anew."""
    connection = _Connection(told)
    with told.live.open("r+b") as file, mmap.mmap(file.fileno(), _LIVE.size) as shared:
        while True:
            rest = b""
            try:
                version = follower.version if follower.synced else ""
                for piece in connection.pieces(version, initial=not follower.synced):
                    now = time.monotonic()
                    *lines, rest = (rest + piece).split(b"\n") if rest else piece.split(b"\n")
                    for line in lines:
                        follower.hear(line, now)
                    _LIVE.pack_into(shared, 0, follower.synced, len(follower.seen), follower.bound, follower.gone)
            except OSError as error:
                print(f"the watch broke: {error}", flush=True)  # noqa: T201 - its output is a log
                time.sleep(0.05)
            print(f"the watch ended at {follower.version}", flush=True)  # noqa: T201 - its output is a log


# --- the runner's side ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Live:
    """What the watch has seen so far, in numbers of pods."""

    synced: bool
    seen: int
    bound: int
    gone: int


class Watch:
    """The watch as a process; use as a context manager, and within it `stop` and then ask `seen`.

    Args:
        cluster: whose pods.
        identity: user and groups to watch as; it must have the right to.
        fields: field selector, such as `BOUND`.
    """

    def __init__(self, cluster: Access, identity: tuple[str, Sequence[str]], fields: str = "") -> None:
        who = cluster.identity(*identity)
        self._times = cluster.run / "watch.times"
        self._live = cluster.run / "watch.live"
        self._live.write_bytes(bytes(_LIVE.size))
        command = [sys.executable, "-m", "tests.bench.watcher", f"--url={who.url}", f"--ca={who.ca}"]
        command += [f"--certificate={who.pair.certificate}", f"--key={who.pair.key}", f"--fields={fields}"]
        command += [f"--times={self._times}", f"--live={self._live}"]
        log = cluster.run / "logs" / "watcher.log"
        environment = {"PYTHONPATH": str(SOURCES)}
        self._process = Component("watcher", command, log, lambda: self.live().synced, environment)

    def __enter__(self) -> Self:
        """Start it, and return when it knows all pods that are there."""
        self._times.unlink(missing_ok=True)
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()

    @property
    def pid(self) -> int:
        """The number of its process, for a meter."""
        return self._process.pid

    def live(self) -> Live:
        """What it has seen so far. Costs microseconds."""
        return Live(*_LIVE.unpack(self._live.read_bytes()))

    def stop(self) -> None:
        """End it; it writes its times. Raises DevclusterError when it ended by itself before, and so missed something."""
        if not self._process.running:
            raise DevclusterError(f"the watch ended too early: {self._process.log.read_text()[-500:]}")
        self._process.stop()

    def seen(self) -> list[Seen]:
        """Every pod it ever saw; it must have been stopped."""
        return msgspec.json.decode(self._times.read_bytes(), type=list[Seen])


class Binds:
    """Moments at which pods were first seen with a node, in order. At least two are needed for a rate."""

    def __init__(self, moments: Sequence[float]) -> None:
        self.moments = sorted(moments)

    @classmethod
    def of(cls, seen: Sequence[Seen]) -> Self:
        """Of everything that a watch saw."""
        return cls([pod.bound for pod in seen if pod.bound is not None])

    def __len__(self) -> int:
        return len(self.moments)

    def window(self, low: float = 0.05, high: float = 0.95) -> tuple[float, float]:
        """The moments between which these parts of the pods were bound."""
        return self.moments[self._index(low)], self.moments[self._index(high)]

    def in_window(self, low: float = 0.05, high: float = 0.95) -> int:
        """How many were bound after its first moment's pod, until its last's."""
        return self._index(high) - self._index(low)

    def rate(self, low: float = 0.05, high: float = 0.95) -> float:
        """Binds per second between these parts; infinite when all were seen at one moment."""
        first, last = self.window(low, high)
        return self.in_window(low, high) / (last - first) if last > first else float("inf")

    def _index(self, part: float) -> int:
        if not self.moments:
            raise ValueError("no pod was bound")
        return min(int(part * len(self.moments)), len(self.moments) - 1)


def main() -> None:
    """Watch until SIGTERM, then write what was seen."""
    parser = argparse.ArgumentParser(description="Watch pods and write when each was bound.")
    for name in ("url", "ca", "certificate", "key"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--fields", default="")
    parser.add_argument("--times", type=Path, required=True)
    parser.add_argument("--live", type=Path, required=True)
    told = parser.parse_args()
    follower = Follower()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        follow(told, follower)
    finally:
        told.times.write_bytes(msgspec.json.encode(list(follower.seen.values())))


if __name__ == "__main__":
    main()

"""An independent witness: a thread per kind that watches the API server from before the test on and tells a `History`.

It goes on through restarts of the API server: it resumes where it was, and lists again when the server has forgotten.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import urllib3

from devcluster.api import Identity
from tests.support.arithmetic import Amounts, quantity
from tests.support.history import Binding, History

PODS = "/api/v1/pods"
TASKS = "/apis/entresol.dev/v1alpha1/tasks"
_GONE = 410


class _ExpiredError(Exception):
    """The server no longer has the events since the version we hold."""


class Witness:
    """Watches pods and Tasks of the whole cluster while its `with` block lasts."""

    def __init__(self, identity: Identity) -> None:
        self.history = History()
        self._url = identity.url
        self._pool = urllib3.PoolManager(
            ca_certs=str(identity.ca),
            cert_file=str(identity.pair.certificate),
            key_file=str(identity.pair.key),
            retries=False,
            maxsize=4,
            timeout=urllib3.Timeout(connect=2.0, read=5.0),
        )
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._listed = {path: threading.Event() for path in (PODS, TASKS)}
        self._versions: dict[str, str] = {}
        self._threads = [threading.Thread(target=self._run, args=(path,), daemon=True) for path in self._listed]

    def __enter__(self) -> Self:
        """Start, and return once both kinds have been listed."""
        for thread in self._threads:
            thread.start()
        for path, event in self._listed.items():
            if not event.wait(30):
                raise TimeoutError(f"the witness could not list {path} in 30 s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching; what was seen stays. The threads notice within seconds, and nobody needs to wait for them."""
        self._stopping.set()

    def room(self, node: str, amounts: Amounts) -> None:
        """Judge from now on what is placed on a node against what it has."""
        with self._lock:
            self.history.rooms[node] = amounts

    def limit(self, role: str, **amounts: str) -> None:
        """Judge from now on what a role holds against what it may hold at most."""
        with self._lock:
            self.history.limits[role] = {name: quantity(amount) for name, amount in amounts.items()}

    def bindings(self) -> list[Binding]:
        """Pods in the order in which they got their node."""
        with self._lock:
            return list(self.history.bindings)

    def violations(self) -> list[str]:
        """What must not have happened and did."""
        with self._lock:
            return list(self.history.violations)

    def catch_up(self, seconds: float = 20.0) -> None:
        """Wait until everything that is in the cluster now has been seen."""
        for path in self._listed:
            target = max((int(item["metadata"]["resourceVersion"]) for item in self._get(path)["items"]), default=0)
            deadline = time.monotonic() + seconds
            while int(self._versions.get(path, 0)) < target:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the witness of {path} did not see version {target} in {seconds:g} s")
                time.sleep(0.05)

    def _run(self, path: str) -> None:
        version = ""
        while not self._stopping.is_set():
            try:
                version = version or self._list(path)
                for event in self._watch(path, version):
                    version = event["object"]["metadata"]["resourceVersion"]
                    self._tell(path, event)
                    self._versions[path] = version
            except _ExpiredError:
                version = ""
            except (urllib3.exceptions.HTTPError, ValueError, OSError):
                self._stopping.wait(0.2)

    def _list(self, path: str) -> str:
        answer = self._get(path)
        with self._lock:
            if path == PODS:
                self.history.pods_listed(answer["items"])
            else:
                for task in answer["items"]:
                    self.history.task_seen(task)
        version = str(answer["metadata"]["resourceVersion"])
        self._versions[path] = version
        self._listed[path].set()
        return version

    def _watch(self, path: str, version: str) -> Iterator[dict[str, Any]]:
        query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "240"}
        answer = self._pool.request("GET", f"{self._url}{path}?{urlencode(query)}", preload_content=False)
        try:
            if answer.status == _GONE:
                raise _ExpiredError
            if answer.status != 200:
                raise OSError(f"{path}: {answer.status}")
            yield from self._events(answer)
        finally:
            answer.close()

    def _events(self, answer: urllib3.BaseHTTPResponse) -> Iterator[dict[str, Any]]:
        buffer = b""
        while not self._stopping.is_set():
            try:
                chunk = answer.read1(1 << 20)
            except urllib3.exceptions.ReadTimeoutError:
                return  # quiet for five seconds: resume, and see whether to stop
            if not chunk:
                return
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise _ExpiredError
                yield event

    def _tell(self, path: str, event: Mapping[str, Any]) -> None:
        kind, thing = event["type"], event["object"]
        with self._lock:
            if kind == "BOOKMARK":
                return
            if path == TASKS:
                if kind != "DELETED":
                    self.history.task_seen(thing)
            elif kind == "DELETED":
                self.history.pod_gone(thing["metadata"]["uid"])
            else:
                self.history.pod_seen(thing)

    def _get(self, path: str, **query: str) -> Any:
        answer = self._pool.request("GET", f"{self._url}{path}?{urlencode(query)}", timeout=30.0)
        if answer.status != 200:
            raise OSError(f"{path}: {answer.status}")
        return answer.json()

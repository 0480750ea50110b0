"""The operator as one more process beside the cluster: started, stopped, killed, paused, asked.

It runs as it would in a pod: as the ServiceAccount of the chart with the rights that the chart grants it (nobody of
`system:masters`, who would be exempt from the API server's flow control), on a free port of the loopback interface.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import urllib3

from devcluster import chart, detached
from devcluster.access import Access
from devcluster.component import Component
from devcluster.errors import DevclusterError
from devcluster.paths import SOURCES
from devcluster.waiting import wait_until

NAMESPACE = chart.NAMESPACE
ACCOUNT = chart.RELEASE
DEFINITIONS = chart.CHART / "files" / "crds"


class OperatorProcess:
    """One operator at a time for one cluster; every start is a new process with the same log.

    A second one beside it, for another part of the cluster say, has another name.

    Attributes:
        log: what it writes.
        settings: what it was told at its last start beyond what it must be told.
    """

    def __init__(self, cluster: Access, name: str = "operator") -> None:
        self._name = name
        self._cluster = cluster
        self._component: Component | None = None
        self._address_file = cluster.run / f"{name}.address"
        self._pool = urllib3.PoolManager(retries=False)
        self.log: Path = cluster.run / "logs" / f"{name}.log"
        self.settings: dict[str, str] = {}
        self._kubeconfig: Path | None = None

    def install(self, values: chart.Json | None = None) -> None:
        """Apply the kinds, rights and policies of the chart with these values, and wait until the kinds are served."""
        self._cluster.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": chart.groundwork(values)}))
        self._cluster.kubectl("wait", "--for=condition=Established", f"--filename={DEFINITIONS}", "--timeout=30s")

    @property
    def kubeconfig(self) -> Path:
        """Its own kubeconfig; everything must be installed."""
        if self._kubeconfig is None:
            self._kubeconfig = self._cluster.kubeconfig_for_service_account(NAMESPACE, ACCOUNT)
        return self._kubeconfig

    def start(self, *, wait: bool = True, seconds: float = 60.0, **settings: str) -> None:
        """Start it and, unless told otherwise, wait until it is ready.

        Args:
            wait: whether to return only when it has listed everything once.
            seconds: how long to wait for that.
            settings: of the operator, by name.

        Raises:
            ComponentError: it ended, or was not ready in time.
        """
        self.stop()
        self._address_file.unlink(missing_ok=True)
        self.settings = settings
        told = {
            "kubeconfig": str(self.kubeconfig),
            "listen": "127.0.0.1:0",
            "address_file": str(self._address_file),
            **settings,
        }
        environment = {f"ENTRESOL_{name.upper()}": value for name, value in told.items()}
        command = [sys.executable, "-m", "entresol", "operator"]
        self._component = Component(self._name, command, self.log, self.answers, environment)
        self._component.launch()
        if wait:
            self._component.wait_ready(seconds)

    def stop(self) -> None:
        """End it with SIGTERM, and wait."""
        if self._component is not None:
            self._component.stop()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._running_component.kill()

    def pause(self) -> None:
        """Freeze it: it hears and says nothing, and time goes on."""
        self._running_component.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._running_component.resume()

    def close(self) -> None:
        """Stop it, and forget the connections to it."""
        self.stop()
        self._pool.clear()

    @property
    def running(self) -> bool:
        """Whether its process exists."""
        return self._component is not None and self._component.running

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._running_component.pid

    @property
    def url(self) -> str:
        """Where its health, metrics and state are; it must have been ready once."""
        address = self._address_file.read_text().strip()
        return address if "://" in address else f"http://{address}"

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait until it has listed everything once."""
        self._running_component.wait_ready(seconds)

    def wait_ended(self, seconds: float = 60.0) -> None:
        """Wait until its process has ended by itself."""
        wait_until(lambda: not self.running, "end of the operator", seconds)

    def text(self, path: str) -> str:
        """What it answers at *path*, such as `/metrics`.

        Raises:
            OSError: it does not answer, or not with 200.
        """
        try:
            answer = self._pool.request("GET", self.url + path, timeout=10.0)
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"{path}: {error}") from error
        if answer.status != 200:
            raise OSError(f"{path}: {answer.status} {answer.data.decode(errors='replace')[:500]}")
        return answer.data.decode()

    def json(self, path: str) -> Any:
        """What it answers at *path*, decoded: `/state`, `/debug/state`."""
        return json.loads(self.text(path))

    @property
    def _running_component(self) -> Component:
        if self._component is None:
            raise RuntimeError("the operator must have been started")
        return self._component

    def answers(self) -> bool:
        """Whether it says that it is ready."""
        try:
            return bool(self.text("/readyz"))
        except OSError:
            return False


def attended(operator: OperatorProcess, record: detached.Record, seconds: float = 60.0) -> None:
    """Start the operator in the background, for as long as the detached cluster of *record* runs.

    Raises:
        DevclusterError: it ended instead.
        TimeoutError: it was not ready in time.
    """
    command = [sys.executable, "-m", "devcluster.operator_process", record.name]
    with (operator.log.parent / "attendant.log").open("wb") as out:
        attendant = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=SOURCES.parent
        )
    wait_until(lambda: operator.answers() or attendant.poll() is not None, "readiness of the operator", seconds)
    if attendant.poll() is not None:
        raise DevclusterError(f"the operator ended before it was ready; its log is {operator.log}")
    attendant.returncode = 0  # it is meant to outlive us: nobody will wait for it


def _attend(name: str) -> None:
    """Keep an operator for a detached cluster until that is gone, or SIGTERM comes."""
    record = detached.get(name)
    operator = OperatorProcess(record.access())
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    operator.start()
    try:
        while record.alive and signal.sigtimedwait(ends, 0.5) is None:
            pass
    finally:
        operator.close()


if __name__ == "__main__":
    _attend(sys.argv[1])

"""A Prometheus beside the cluster: Debian's, unpacked and not installed, on loopback, with data that end with it.

with Prometheus({"entresol": [("127.0.0.1:8080", {})]}, rules=[Path("alerts.yaml")]) as prometheus:
    ... prometheus.url ...
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import urllib3

from devcluster import binaries, spawn
from devcluster.component import Component
from devcluster.paths import new_run_directory
from devcluster.ports import Ports

Target = tuple[str, Mapping[str, str]]
"""HOST:PORT, and the labels that its series get beside `job`."""


class Prometheus:
    """One Prometheus that scrapes every second and judges its rules as often.

    Args:
        targets: what to scrape, by job.
        rules: rule files.
    """

    def __init__(self, targets: Mapping[str, Sequence[Target]], rules: Sequence[Path] = ()) -> None:
        program = binaries.prometheus()
        self._run = new_run_directory("prometheus")
        self._janitor = spawn.start_janitor(self._run)
        self._ports = Ports()
        address = f"127.0.0.1:{self._ports.claim()}"
        self.url = f"http://{address}"
        self._pool = urllib3.PoolManager(retries=False)
        configuration = self._run / "prometheus.json"  # JSON is YAML too
        configuration.write_text(json.dumps(_configuration(targets, rules)))
        command = [
            str(program),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={self._run / 'data'}",
            f"--web.listen-address={address}",
            "--log.level=warn",
        ]
        self._component = Component("prometheus", command, self._run / "prometheus.log", self._answers)

    def __enter__(self) -> Self:
        try:
            self._component.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it, and remove what it stored."""
        self._component.kill()
        self._pool.clear()
        self._ports.close()
        shutil.rmtree(self._run, ignore_errors=True)
        if self._janitor.poll() is None:
            self._janitor.communicate(b"keep")

    def _answers(self) -> bool:
        try:
            return self._pool.request("GET", f"{self.url}/-/ready", timeout=5.0).status == 200
        except urllib3.exceptions.HTTPError:
            return False


def _configuration(targets: Mapping[str, Sequence[Target]], rules: Sequence[Path]) -> dict[str, object]:
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rule.resolve()) for rule in rules],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [{"targets": [address], "labels": dict(labels)} for address, labels in found],
            }
            for job, found in targets.items()
        ],
    }

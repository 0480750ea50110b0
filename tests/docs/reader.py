"""A reader of the guide who does what it says, in a folder and a terminal of their own, and sees what it shows.

Commands that only look (`kubectl get`, `helm status`…) are repeated until they show what the page shows: on a page
as in life, some seconds pass between a change and its effects. All other commands are called once.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from devcluster import binaries
from tests.support.transcript import File, Step, agrees, lines_of, steps

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"
PATIENCE = 60.0
"""Seconds within which a page's words come true."""

_LOOKS = re.compile(r"(kubectl (get|describe|logs|events|auth)|helm (list|status|history|get)|entresol shares)\b")
_SHOWN = ("helm", "examples", "image")
_LONGEST = 300.0


class Reader:
    """One reader of one page; `environment` leads their kubectl to a cluster."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder / "checkout"
        self._folder.mkdir()
        for name in _SHOWN:
            (self._folder / name).symlink_to(ROOT / name)
        tools = folder / "bin"
        tools.mkdir()
        for name, program in _programs().items():
            (tools / name).symlink_to(program)
        home = {"HOME": str(folder), "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        self._environment = {**os.environ, **environment, **home}

    def follow(self, page: Path) -> None:
        """Do everything the page says; fails at the first line that is not true."""
        for item in steps(page.read_text()):
            if isinstance(item, File):
                (self._folder / item.name).write_text(item.text)
            else:
                self._do(page, item)

    def call(self, command: str) -> tuple[int, list[str]]:
        """The exit code and what is printed, both streams together."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
        return done.returncode, lines_of(done.stdout)

    def _do(self, page: Path, step: Step) -> None:
        deadline = time.monotonic() + (PATIENCE if _LOOKS.match(step.command) else 0.0)
        while True:
            code, got = self.call(step.command)
            if (code != 0) is step.fails and agrees(step.want, got):
                return
            if time.monotonic() > deadline:
                break
            time.sleep(0.5)
        shown = "\n".join(got)
        wanted = "\n".join(step.want)
        pytest.fail(
            f"{page.name}:{step.line}: $ {step.command}\nends with {code} and prints\n{shown}\nthe page says\n{wanted}",
            pytrace=False,
        )


def _programs() -> dict[str, Path]:
    built = binaries.ensure(["kubectl", "helm"])
    own = Path(sys.executable).parent
    return {**built, "entresol": own / "entresol", "python": Path(sys.executable)}

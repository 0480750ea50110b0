"""The cache of programs: what is there is never built again, what is missing is built once, whole or not at all.

A stand-in for `go` on the PATH shows when it is called and does what the case says.
"""

import multiprocessing
import os
import re
import subprocess
from pathlib import Path

import pytest

from devcluster import binaries, catalog, toolchain
from devcluster.errors import DevclusterError
from devcluster.paths import cache_directory

BUILDS = """#!/bin/sh
echo "$*" >> "$CALLS"
if [ "$1" = env ]; then echo go1.26.0; exit 0; fi
while [ "$1" != -o ]; do shift; done
sleep 0.1; echo built > "$2"
"""
FAILS = """#!/bin/sh
echo "$*" >> "$CALLS"
if [ "$1" = env ]; then echo go1.26.0; exit 0; fi
while [ "$1" != -o ]; do shift; done
echo half > "$2"; echo 'no such package' >&2; exit 1
"""


class FakeGo:
    """The stand-in, with the calls it has seen."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._calls = folder / "calls"
        folder.mkdir()
        monkeypatch.setenv("CALLS", str(self._calls))
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def does(self, script: str) -> None:
        program = self._folder / "go"
        program.write_text(script)
        program.chmod(0o755)

    def builds(self) -> list[str]:
        if not self._calls.exists():
            return []
        return [line for line in self._calls.read_text().splitlines() if line.startswith("build")]

    def untouched(self) -> bool:
        return not self._calls.exists()


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGo:
    monkeypatch.setenv("ENTRESOL_CACHE", str(tmp_path / "cache"))
    return FakeGo(tmp_path / "bin", monkeypatch)


def put_in_cache(*programs: str) -> None:
    for program in programs:
        binaries.path(program).parent.mkdir(parents=True, exist_ok=True)
        binaries.path(program).write_text("from before")


def test_a_warm_start_never_calls_go(go: FakeGo) -> None:
    go.does(FAILS)
    put_in_cache(*binaries.CONTROL_PLANE)
    found = binaries.ensure()
    assert set(found) == set(binaries.CONTROL_PLANE)
    assert all(path.exists() for path in found.values())
    assert go.untouched()


def test_only_what_is_missing_is_built(go: FakeGo) -> None:
    go.does(BUILDS)
    put_in_cache(*(name for name in binaries.CONTROL_PLANE if name not in {"etcd", "kubectl"}))
    binaries.ensure()
    assert len(go.builds()) == 2
    assert binaries.path("etcd").read_text() == "built\n"
    assert binaries.path("kwok").read_text() == "from before"


def test_the_build_cache_is_dropped_after_success(go: FakeGo) -> None:
    go.does(BUILDS)
    binaries.ensure(["etcd"])
    assert sorted(entry.name for entry in cache_directory().iterdir()) == ["build.lock", "programs"]


def test_a_failed_build_says_why_and_leaves_no_program(go: FakeGo) -> None:
    go.does(FAILS)
    with pytest.raises(binaries.BuildError, match=r"(?s)etcd could not be built by .*no such package") as failure:
        binaries.ensure(["etcd"])
    assert isinstance(failure.value, DevclusterError)
    assert list(binaries.path("etcd").parent.iterdir()) == []


def test_two_builders_at_once_build_once(go: FakeGo) -> None:
    go.does(BUILDS)
    context = multiprocessing.get_context("spawn")
    builders = [context.Process(target=binaries.ensure, args=(["etcd", "kwok"],)) for _ in range(3)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(30)
    assert [builder.exitcode for builder in builders] == [0, 0, 0]
    assert len(go.builds()) == 2


def test_the_version_is_stamped_into_kubernetes(go: FakeGo) -> None:
    go.does(BUILDS)
    binaries.ensure(["kubectl"])
    assert "gitVersion=v1.34.4" in go.builds()[0]
    assert "gitMinor=34" in go.builds()[0]


def test_an_unknown_program_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="program must be one of coredns, etcd, helm, helm-unittest, kube-apiserver"):
        binaries.path("kubelt")


@pytest.mark.parametrize("module", catalog.MODULES, ids=lambda module: module.name)
def test_the_key_follows_every_pin(module: catalog.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = module.key
    copy = tmp_path / "go" / module.name
    copy.mkdir(parents=True)
    for source in module.directory.iterdir():
        (copy / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(catalog, "SOURCES", tmp_path)
    assert module.key == before
    for source in copy.iterdir():
        original = source.read_bytes()
        source.write_bytes(original + b"\n")
        assert module.key != before, source.name
        source.write_bytes(original)


@pytest.mark.parametrize("module", catalog.MODULES, ids=lambda module: module.name)
def test_every_program_is_kept_by_its_module(module: catalog.Module) -> None:
    """A package that no source imports would lose its lines in go.sum at the next `go mod tidy`."""
    sources = "".join(source.read_text() for source in module.directory.glob("*.go"))
    assert [package for package in module.programs.values() if package != "." and f'"{package}"' not in sources] == []


def test_all_staging_modules_are_of_the_same_release() -> None:
    text = (catalog.module_of("kubectl").directory / "go.mod").read_text()
    replaced = re.findall(r"^\t?(?:replace )?k8s\.io/\S+ => k8s\.io/\S+ (\S+)$", text, re.MULTILINE)
    assert len(replaced) > 25
    assert set(replaced) == {"v0." + catalog.module_of("kubectl").version.removeprefix("v1.")}


def test_without_go_on_the_path_the_installed_package_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "site" / "go" / "bin" / "go"
    program.parent.mkdir(parents=True)
    (tmp_path / "site" / "go" / "__init__.py").touch()
    program.write_text(BUILDS)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert toolchain.find(tmp_path / "cache") == program


@pytest.mark.parametrize(
    ("version", "want"),
    [
        pytest.param("go1.26.8", "local", id="a new Go builds by itself"),
        pytest.param("go1.24", "local", id="the oldest that can"),
        pytest.param("go1.19.8", "auto", id="an old Go fetches a new one"),
    ],
)
def test_the_tool_chain(version: str, want: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\necho {version}\n")
    go.chmod(0o755)
    monkeypatch.setenv("GOTOOLCHAIN", "whatever")
    found = toolchain.environment(go, tmp_path / "build")
    assert found["GOTOOLCHAIN"] == want
    assert found["GOFLAGS"] == "-mod=readonly"


@pytest.mark.e2e
def test_promtool_is_fetched_once_and_checks_metrics() -> None:
    program = binaries.promtool()
    before = program.stat().st_mtime_ns
    assert binaries.promtool().stat().st_mtime_ns == before
    metrics = "# HELP a_total Things.\n# TYPE a_total counter\na_total 1\n"
    good = subprocess.run([program, "check", "metrics"], input=metrics, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    bad = subprocess.run(
        [program, "check", "metrics"], input="a_total{ 1\n", capture_output=True, text=True, check=False
    )
    assert bad.returncode != 0

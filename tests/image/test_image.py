"""The operator's image: what runs in it, what is not in it, and that it is the same every time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from entresol.settings import options
from image.build import NAME, Built
from image.parts import ROOT
from tests.image.archives import Archive
from tests.image.running import Root

pytestmark = pytest.mark.node

IMPORTS = """
import importlib, pathlib, sys, sysconfig
for path in pathlib.Path(sysconfig.get_path("stdlib"), "lib-dynload").glob("*.so"):
    importlib.import_module(path.name.partition(".")[0])
import entresol.app, numpy, ssl
print(len(ssl.create_default_context().get_ca_certs()) > 50)
"""


@pytest.mark.slow
def test_two_builds_have_one_digest(built: Built, tmp_path: Path) -> None:
    """The second from nothing: another process, an empty cache, other paths, another seed of Python's hashes."""
    environment = os.environ | {"ENTRESOL_CACHE": str(tmp_path / "cache"), "PYTHONHASHSEED": "4711"}
    command = [sys.executable, "-m", "image.build", "--output", str(tmp_path / "again.tar"), "--tag", "test"]
    said = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"digest   {built.image.digest}\n" in said
    assert (tmp_path / "again.tar").read_bytes() == built.image.file.read_bytes()
    assert (tmp_path / "again.cdx.json").read_text() == built.sbom.read_text()


def test_it_is_described_for_who_runs_it(archive: Archive, built: Built) -> None:
    assert archive.entry["annotations"]["io.containerd.image.name"] == f"{NAME}:test"
    assert archive.run["Entrypoint"] == ["entresol", "operator"]
    assert archive.run["User"] == "65532:65532"
    assert archive.run["ExposedPorts"] == {"8080/tcp": {}}
    assert archive.run["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert built.image.size < 60e6


def test_the_command_says_its_version(root: Root) -> None:
    assert root.run("entresol", "--version") == (0, "entresol, version 0.1.0.dev0\n")


def test_without_a_cluster_the_operator_ends_in_words(root: Root) -> None:
    code, said = root.run("entresol", "operator", ENTRESOL_LISTEN="127.0.0.1:0")
    assert code == 1
    assert "kubeconfig must be usable" in said
    assert "Traceback" not in said


def test_every_setting_is_offered(root: Root) -> None:
    code, said = root.run("entresol", "operator", "--help")
    assert code == 0
    assert [option.flag for option in options() if not option.hidden and option.flag not in said] == []


def test_every_module_that_is_there_can_be_loaded(root: Root) -> None:
    assert root.run("python3", "-c", IMPORTS) == (0, "True\n")


def test_nothing_is_compiled_at_the_start(root: Root) -> None:
    """The modules that a running operator loads have bytecode in the image, all but a few of a generated client."""
    program = """
import entresol.app, sys
for module in list(sys.modules.values()):
    cached = getattr(module, "__cached__", None)
    if cached and not __import__("os").path.exists(cached) and "kubernetes.client" not in module.__name__:
        print(module.__name__)
"""
    assert root.run("python3", "-c", program) == (0, "")


def test_there_is_no_program_but_python_and_ours(root: Root) -> None:
    """No shell, no pip, no package manager: every file that can be run is on this list."""
    found = {
        path.relative_to(root.path).as_posix()
        for folder in ("usr/bin", "usr/local", "app/bin", "usr/sbin")
        for path in (root.path / folder).rglob("*")
        if path.is_file() or path.is_symlink()
    }
    found = {name.replace("3.11", "3") if name.startswith("usr/bin/python3.") else name for name in found}
    assert found == {"usr/bin/python3", "usr/local/bin/python3", "app/bin/entresol"}
    names = {path.name for path in root.path.rglob("*")}
    assert not names & {"sh", "bash", "dash", "busybox", "apt", "dpkg", "pip", "ensurepip", "setuptools"}


def test_nothing_in_it_raises_rights_or_can_be_changed(archive: Archive) -> None:
    """No set-uid bits; everything is root's, and only /tmp is for everybody."""
    odd = [m.name for m in archive.members() if m.mode & 0o6000 or m.uid or m.gid or (m.mode & 0o022 and not m.issym())]
    assert odd == ["tmp"]


def test_nothing_in_it_names_the_machine_that_built_it(root: Root) -> None:
    """Paths of this work tree or of its interpreter; in bytecode too."""
    betraying = (str(ROOT).encode(), sys.prefix.encode(), b"entresol-image-")
    files = [path for path in (root.path / "app").rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if any(word in path.read_bytes() for word in betraying)] == []

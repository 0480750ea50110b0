"""Both ways to build the image give the same program: image/Dockerfile, really built, against our own builder."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.image import dockerfile
from tests.image.archives import Archive, read
from tests.image.running import Root

pytestmark = [pytest.mark.node, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, unless: Callable[[bool, str], None]) -> Iterator[Root]:
    """What the Dockerfile gives, unpacked."""
    obstacle = dockerfile.obstacle()
    unless(obstacle is None, str(obstacle))
    folder = tmp_path_factory.mktemp("dockerfile")
    dockerfile.build(folder / "image.tar")
    archive = read(folder / "image.tar")
    archive.unpack(folder / "root")
    yield Root(folder / "root", archive)
    shutil.rmtree(folder)


def hashes(root: Path) -> dict[str, str]:
    """Every file of the program but bytecode, which depends on the interpreter's patch release."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (root / "app").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def compiled(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in (root / "app").rglob("*.pyc")}


def test_its_files_are_those_of_ours(root: Root, other: Root) -> None:
    assert hashes(other.path) == hashes(root.path)


def test_the_same_modules_are_compiled(root: Root, other: Root) -> None:
    assert compiled(other.path) == compiled(root.path)


def test_it_runs_as_ours(archive: Archive, other: Root) -> None:
    theirs = other.archive.run
    ours = archive.run
    assert {key: theirs[key] for key in ("Entrypoint", "User", "ExposedPorts", "WorkingDir")} == {
        key: ours[key] for key in ("Entrypoint", "User", "ExposedPorts", "WorkingDir")
    }
    assert other.archive.environment == archive.environment
    # The version is a label of the builder's, who knows it.
    labels = {key: value for key, value in ours["Labels"].items() if not key.endswith(".version")}
    assert {key: value for key, value in theirs["Labels"].items() if "opencontainers" in key} == labels


def test_the_command_says_its_version(other: Root) -> None:
    assert other.run("entresol", "--version") == (0, "entresol, version 0.1.0.dev0\n")

"""The image, built once for the run, and its root unpacked. What only a machine with root and apt can do is `node`."""

import shutil
from collections.abc import Callable, Iterator

import pytest

from devcluster.node import machine
from image.build import Built, build
from image.oci import ImageError
from tests.image.archives import Archive, read
from tests.image.running import Root


@pytest.fixture(scope="session")
def unless() -> Callable[[bool, str], None]:
    """Skips the test with this reason unless the condition holds; with `REQUIRE_NODE=1` it fails instead."""

    def judge(condition: bool, reason: str) -> None:
        if not condition:
            (pytest.fail if machine.required() else pytest.skip)(f"image: skipped, because {reason}")

    return judge


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, unless: Callable[[bool, str], None]) -> Built:
    """The operator's image."""
    unless(shutil.which("dpkg-deb") is not None, "it is built from Debian's packages")
    try:
        return build(tmp_path_factory.mktemp("image") / "entresol.tar", "test")
    except ImageError as error:
        unless(False, str(error))
        raise


@pytest.fixture(scope="session")
def archive(built: Built) -> Archive:
    return read(built.image.file)


@pytest.fixture(scope="session")
def root(
    archive: Archive, tmp_path_factory: pytest.TempPathFactory, unless: Callable[[bool, str], None]
) -> Iterator[Root]:
    """The image's file system, in which its programs can be run; they run as a user who may not change it."""
    unless(Root.possible(), "it needs root, to run something in another root")
    folder = tmp_path_factory.mktemp("root")
    folder.chmod(0o755)
    archive.unpack(folder)
    yield Root(folder, archive)
    shutil.rmtree(folder)

"""Builds image/Dockerfile with Buildah on a stand-in for its base, since no registry can be reached.

The stand-in is our own lowest layer with what `python:3.11-slim` has beside Python: a shell, pip, and the certificates
that this machine trusts. The Dockerfile itself is built as it is.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devcluster.node import images, machine
from image import base
from image.oci import Layer, Settings, write
from image.parts import ROOT
from tests.image.archives import read

BASE = "localhost/python:3.11-slim"
NAME = "localhost/entresol:dockerfile"
_CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")


def obstacle() -> str | None:
    """Why it cannot be built here, or None; Buildah is installed on the way."""
    if os.geteuid() != 0:
        return "Buildah needs root here"
    if shutil.which("buildah") is None:
        try:
            machine.install(["buildah"])
        except machine.MachineError as error:
            return str(error)
    return None


def build(target: Path) -> None:
    """Build it into the archive *target*; nothing else stays."""
    with _storage() as storage, tempfile.TemporaryDirectory() as scratch:
        tool = ["buildah", *storage]
        stand_in = Path(scratch) / "base.tar"
        _write_base(stand_in, Path(scratch) / "tree")
        _run(*tool, "pull", "--quiet", f"oci-archive:{stand_in}")
        isolation = ("--isolation", "chroot", "--network", "host", "--pull-never")
        arguments = ("--build-arg", f"BASE={BASE}", "--file", "image/Dockerfile", "--tag", NAME)
        _run(*tool, "bud", *isolation, *arguments, str(ROOT))
        _run(*tool, "push", "--quiet", NAME, f"oci-archive:{target}:{NAME}")


def _write_base(archive: Path, tree: Path) -> None:
    lowest = base.build()
    read(images.ensure()[images.BUSYBOX]).unpack(tree)
    (tree / "usr").mkdir()
    (tree / "bin").rename(tree / "usr" / "bin")  # /bin is a link in the layer below
    library = tree / f"usr/local/lib/python{lowest.python}/dist-packages"
    _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(library), "pip")
    if (Path("/") / _CERTIFICATES).exists():
        (tree / _CERTIFICATES).parent.mkdir(parents=True)
        shutil.copy(Path("/") / _CERTIFICATES, tree / _CERTIFICATES)
    write(archive, BASE, [lowest.part.layer, Layer.of(tree)], Settings(environment={"PATH": "/usr/local/bin:/bin"}))


@contextmanager
def _storage() -> Iterator[list[str]]:
    """A place of its own for Buildah's layers; its mounts end with it."""
    with tempfile.TemporaryDirectory(prefix="entresol-buildah-") as name:
        driver = os.environ.get("STORAGE_DRIVER", "overlay")
        storage = ["--root", f"{name}/root", "--runroot", f"{name}/run", "--storage-driver", driver]
        try:
            yield storage
        finally:
            _run("buildah", *storage, "rm", "--all")
            _run("buildah", *storage, "rmi", "--all", "--force")
            subprocess.run(["umount", f"{name}/root/overlay"], capture_output=True, check=False)


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"

"""Compiles Python beforehand: a root that is read-only keeps no bytecode, so every start would compile all of it.

The interpreter of the image does it, not ours, which may be of another version. It runs where it lies, by way of its
own loader, so neither root nor a chroot is needed. One process takes the files in order, with hashing fixed, because
bytecode depends on the order of sets and on which strings the process has met before. The files are not checked
against their sources at run time: nothing in an image changes.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from image.command import run
from image.oci import ImageError, Layer
from image.trees import unpack

# Generated clients for every kind of Kubernetes, loaded one by one and hardly ever: 60 MB that would not be read.
_UNUSED = ("kubernetes/aio/", "kubernetes/client/api/", "kubernetes/client/models/")

_PROGRAM = """
import pathlib, py_compile, sys
tree = pathlib.Path(sys.argv[1])
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for name in sys.stdin.read().splitlines():
    py_compile.compile(str(tree / name), dfile="/" + name, doraise=True, invalidation_mode=mode)
"""


@contextmanager
def interpreter(base: Layer) -> Iterator[Path]:
    """The tree of the base layer, for as long as the body runs."""
    with tempfile.TemporaryDirectory(prefix="entresol-image-") as scratch:
        with tarfile.open(fileobj=BytesIO(base.blob), mode="r:gz") as tar:
            unpack(tar, Path(scratch))
        yield Path(scratch)


def compile_below(base: Path, tree: Path, folders: Sequence[str], python: str) -> None:
    """Compile what lies in these *folders* of *tree* with the interpreter of version *python* in the tree *base*.

    Raises ImageError when a file does not compile.
    """
    names = sorted(path.relative_to(tree).as_posix() for folder in folders for path in (tree / folder).rglob("*.py"))
    wanted = [name for name in names if not any(part in name for part in _UNUSED)]
    loader = next(base.glob("usr/lib/*-linux-gnu*/ld-linux-*.so.*"), None)
    if loader is None:
        raise ImageError("the base layer must hold the loader of the C library")
    command = [str(loader), "--library-path", str(loader.parent), str(base / f"usr/bin/python{python}")]
    run(
        [*command, "-s", "-S", "-B", "-c", _PROGRAM, str(tree)],
        environment={"PYTHONHOME": str(base / "usr"), "PYTHONPATH": "", "PYTHONHASHSEED": "0"},
        said="\n".join(wanted),
    )

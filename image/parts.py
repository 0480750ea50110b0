"""What an image is put together from: layers, each with the list of what is in it, and each kept for the next build.

A part is kept under a hash of all that goes into it, the builder's own sources included. So a part is made anew
exactly when it would differ, and who changes one line of the operator waits for the smallest layer only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from devcluster.filelock import held
from devcluster.paths import SOURCES, cache_directory
from devcluster.progress import step
from image.oci import Layer

ROOT = SOURCES.parent
_KEPT = 4  # of each kind: enough for two checkouts and the version before


@dataclass(frozen=True, slots=True)
class Component:
    """Something with a version and licences of its own; *ecosystem* is `deb` or `pypi`, as in a package URL.

    Licences are in the words of who made it: SPDX expressions from Python, short names from Debian.
    """

    ecosystem: str
    name: str
    version: str
    licences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One layer and what is in it."""

    layer: Layer
    components: tuple[Component, ...]


def store(*names: str) -> Path:
    """A folder of the cache for what images are built from; it exists."""
    folder = cache_directory().joinpath("image", *names)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest_of(files: Iterable[Path], base: Path) -> str:
    """One hash of the names (relative to *base*) and contents of *files*."""
    total = hashlib.sha256()
    for file in sorted(files):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(base)} {content}\n".encode())
    return total.hexdigest()


def kept(kind: str, ingredients: Iterable[str], make: Callable[[Path], tuple[Component, ...]]) -> Part:
    """The part made of these *ingredients*: from the cache, or by having *make* fill an empty tree.

    *make* returns the components it put there. Two builds at once make a part once.
    """
    recipe = digest_of(Path(__file__).parent.glob("*.py"), ROOT)
    key = hashlib.sha256("\n".join((recipe, *ingredients)).encode()).hexdigest()[:20]
    folder = store("parts")
    # The list is written last: a part is whole when it is there.
    blob, listing = folder / f"{kind}-{key}.tar.gz", folder / f"{kind}-{key}.json"
    with held(folder / f"{kind}.lock", lambda: print("waiting for another build", file=sys.stderr)):
        if not listing.exists():
            with step(f"packing {kind}"), tempfile.TemporaryDirectory(prefix="entresol-image-") as scratch:
                components = make(Path(scratch))
                _save(blob, Layer.of(Path(scratch)).blob)
                _save(listing, json.dumps([asdict(component) for component in components]).encode())
        os.utime(listing)
        part = Part(Layer.read(blob.read_bytes()), _components(listing))
        _forget(folder, kind)
        return part


def _components(listing: Path) -> tuple[Component, ...]:
    entries = json.loads(listing.read_text())
    return tuple(Component(**{**entry, "licences": tuple(entry["licences"])}) for entry in entries)


def _save(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _forget(folder: Path, kind: str) -> None:
    listings = sorted(folder.glob(f"{kind}-*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for listing in listings[_KEPT:]:
        with contextlib.suppress(FileNotFoundError):
            listing.unlink()
            listing.with_suffix(".tar.gz").unlink()

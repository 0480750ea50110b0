"""Where the devcluster keeps things outside the work tree.

Two places: the cache survives (programs, records of detached clusters), the run directory of a
cluster lives and dies with it. Neither may lie in the repository, so that a clone stays clean.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

SOURCES = Path(__file__).resolve().parent


BUILD = SOURCES.parent / "build"
"""What is made from this very work tree lies in it: another checkout must not find it."""


def cache_directory() -> Path:
    """Where programs are kept: `$ENTRESOL_CACHE`, else `entresol` in the XDG cache folder."""
    chosen = os.environ.get("ENTRESOL_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache") / "entresol"


def write_private(path: Path, content: bytes) -> None:
    """Put *content* at *path* for the owner's eyes only, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
    Path(unfinished).replace(path)


def new_run_directory(name: str) -> Path:
    """Make an empty directory for one cluster, readable by its owner only (it holds keys)."""
    return Path(tempfile.mkdtemp(prefix=f"devcluster-{name}-"))

"""Unpacks tar files into directory trees that will become layers.

Written here, because nothing of `tarfile`'s own unpacking fits: the tree stands for another machine's root, so links
in it are absolute and must be kept; parts of an archive are left out and others moved; nobody is root.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

from image.oci import ImageError


def unpack(tar: tarfile.TarFile, root: Path, place: Callable[[str], str | None] = str) -> None:
    """Write *tar* below *root*; *place* gives the name that a member has there, or None to leave it out.

    What is there already is replaced, as layers do with those below them. Directories appear with what lies in them,
    except that those of mode 1777 appear by themselves. Raises ImageError for a name that leads out of *root*, and for
    devices.
    """
    for member in tar:
        name = place(member.name.removeprefix("./"))
        if name is None or (member.isdir() and not _sticky(member)):
            continue
        target = root / name
        if not target.parent.resolve().is_relative_to(root.resolve()):
            raise ImageError(f"{name} must lie inside the tree")
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(tar, member, target)


def _sticky(member: tarfile.TarInfo) -> bool:
    return member.isdir() and bool(member.mode & 0o1000)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if _sticky(member):
        target.mkdir(exist_ok=True)
        target.chmod(0o1777)
        return
    target.unlink(missing_ok=True)
    if member.issym():
        target.symlink_to(member.linkname)
    elif content := tar.extractfile(member):  # a hard link gives the content of its target
        with content, target.open("wb") as file:
            shutil.copyfileobj(content, file)
        target.chmod(0o755 if member.mode & 0o100 else 0o644)
    else:
        raise ImageError(f"{member.name} must be a file or a link")

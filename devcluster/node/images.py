"""The two images that every real node has, made without a registry: `pause` and `busybox`.

Both are Debian's static busybox. A pause container only has to live until it is killed, which `sleep` does.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from devcluster.debian import unpack
from devcluster.filelock import held
from devcluster.paths import cache_directory
from image import oci

PAUSE = "localhost/pause:1"
"""Holds the namespaces of a pod."""
BUSYBOX = "localhost/busybox:1"
"""A shell and the usual commands, for pods of tests; without a command of its own it is `sh`."""

_ENTRY_POINTS = {PAUSE: ("/bin/sleep", "2147483647"), BUSYBOX: ()}


def ensure() -> dict[str, Path]:
    """The archive of each image by name; those that are missing in the cache are made."""
    folder = cache_directory() / "images"
    archives = {name: folder / f"{name.partition('/')[2].replace(':', '-')}.tar" for name in _ENTRY_POINTS}
    if not all(archive.exists() for archive in archives.values()):
        with held(folder / "build.lock", lambda: None), tempfile.TemporaryDirectory(prefix="devcluster-image-") as tree:
            _fill(Path(tree))
            layer = oci.Layer.of(Path(tree))
            for name, archive in archives.items():
                oci.write(archive, name, [layer], oci.Settings(entrypoint=_ENTRY_POINTS[name]))
    return archives


def _fill(tree: Path) -> None:
    busybox = tree / "bin" / "busybox"
    unpack("busybox-static", {"bin/busybox": busybox})
    for folder in ("dev", "etc", "proc", "sys", "tmp", "root"):
        (tree / folder).mkdir()
    (tree / "tmp").chmod(0o1777)
    (tree / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    (tree / "etc" / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    applets = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (tree / "bin" / applet).symlink_to("busybox")

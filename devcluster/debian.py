"""Takes files out of a Debian package, without installing the package or starting its services."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from devcluster.errors import DevclusterError


class PackageError(DevclusterError):
    """The package could not be fetched or does not hold the file."""


def unpack(package: str, targets: Mapping[str, Path]) -> None:
    """Download *package* with apt and put each of its files named in *targets* at its place, ready to be run."""
    with tempfile.TemporaryDirectory(prefix="devcluster-debian-") as name:
        folder = Path(name)
        # apt drops its rights for a download and complains when it may not write here.
        folder.chmod(0o755)
        fetch = ["apt-get", "download", "-o", "APT::Sandbox::User=root", package]
        try:
            _run(fetch, folder)
        except PackageError:
            # The usual reason: the package lists are missing, or older than the archive.
            _run(["apt-get", "update", "--quiet"], folder)
            _run(fetch, folder)
        archive = next(folder.glob("*.deb"))
        _run(["dpkg-deb", "--extract", str(archive), "content"], folder)
        for member, target in targets.items():
            found = folder / "content" / member
            if not found.is_file():
                raise PackageError(f"{archive.name} must hold {member}")
            _place(found, target)


def _place(found: Path, target: Path) -> None:
    """Put a file where it belongs, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.write_bytes(found.read_bytes())
    unfinished.chmod(0o755)
    unfinished.replace(target)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise PackageError(f"{command[0]} must be installed (Debian or Ubuntu)") from error
    if done.returncode != 0:
        raise PackageError(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}")

"""The version before this one, for tests of upgrades: an earlier commit, rebuilt, with one field less in its definitions.

Nothing has been released yet, so the commit is chosen by hand: one whose chart installs by itself. The field is taken
out because two versions whose definitions are equal would prove little about definitions.
"""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devcluster.errors import DevclusterError
from devcluster.filelock import held
from devcluster.paths import SOURCES, cache_directory
from image.build import build

COMMIT = "dce52a5ab60cbbde1b9f1c81e823f2ccd719dc6b"
TAG = "previous"
FIELD = ("frameworkroles", "ledger")
"""Of which kind, and which field of its status, the version before knew nothing."""

_ROOT = SOURCES.parent


@dataclass(frozen=True, slots=True)
class Previous:
    """Where the version before lies: its chart, and the archive of its image `localhost/entresol:previous`."""

    chart: Path
    archive: Path


def previous() -> Previous:
    """Build it, or find it in the cache."""
    home = cache_directory() / "previous" / COMMIT
    archive = home / "image.tar"
    home.mkdir(parents=True, exist_ok=True)
    with held(home / "lock", lambda: None):
        _ensure(home, archive)
    return Previous(home / "tree" / "helm" / "entresol", archive)


def _ensure(home: Path, archive: Path) -> None:
    if not archive.exists():
        tree = home / "tree"
        _check_out(tree)
        _forget_field(tree / "helm" / "entresol" / "files" / "crds" / f"{FIELD[0]}.yaml")
        unfinished = home / "unfinished.tar"
        build(unfinished, TAG, source=tree)
        unfinished.replace(archive)


def _check_out(target: Path) -> None:
    parts = ("operator", "helm", "pyproject.toml", "README.md", "LICENSE", "requirements.lock")
    done = subprocess.run(["git", "archive", COMMIT, *parts], cwd=_ROOT, check=False, capture_output=True)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise DevclusterError(f"the history of the repository must hold {COMMIT}, the version before: {said}")
    packed = done.stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(target, filter="data")


def _forget_field(file: Path) -> None:
    definition: Any = yaml.safe_load(file.read_text())
    (version,) = definition["spec"]["versions"]
    del version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"][FIELD[1]]
    file.write_text(yaml.safe_dump(definition, sort_keys=False, width=120))

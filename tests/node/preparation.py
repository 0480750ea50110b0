"""All that the tests of this folder need and cannot fetch inside the sandbox, where there is no network.

Whoever adds such a thing adds it here; a second call finds everything in its cache.
"""

from pathlib import Path

from devcluster.node import prepare as nodes
from devcluster.paths import cache_directory
from image.build import build
from tests.node.previous import previous

OURS = "under-test"
"""The tag of the operator's image in these tests."""


def operator_archive() -> Path:
    """Where the archive of the operator's image lies."""
    return cache_directory() / "images" / f"{OURS}.tar"


def prepare() -> None:
    """Build and fetch."""
    nodes.prepare()
    operator_archive().parent.mkdir(parents=True, exist_ok=True)
    build(operator_archive(), OURS)
    previous()

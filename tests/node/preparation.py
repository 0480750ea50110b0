"""All that the tests of this folder need and cannot fetch inside the sandbox, where there is no network.

Whoever adds such a thing adds it here; a second call finds everything in its cache.
"""

from pathlib import Path

import yaml

from devcluster.chart import CHART
from devcluster.node import prepare as nodes
from devcluster.paths import BUILD
from image.build import build
from tests.node.previous import previous

OURS = "under-test"
"""The tag of the operator's image in these tests."""


def operator_archive() -> Path:
    """Where the archive of the operator's image lies."""
    return BUILD / "images" / f"{OURS}.tar"


def released_archive() -> Path:
    """The same image under the tag that the chart names when nobody says otherwise."""
    return BUILD / "images" / "released.tar"


def prepare() -> None:
    """Build and fetch."""
    nodes.prepare()
    operator_archive().parent.mkdir(parents=True, exist_ok=True)
    build(operator_archive(), OURS)
    build(released_archive(), str(yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]))
    previous()

"""Whoever does what a page of the guide says sees what it shows, on a control plane of their own with simulated nodes.

The pages about installing are read on real nodes (`tests/node`).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from devcluster.kwok import NodeShape
from devcluster.operator_process import OperatorProcess
from devcluster.options import Options
from tests.docs.reader import GUIDE, Reader
from tests.support.transcript import Step, steps

ON_REAL_NODES = frozenset({"install", "upgrade", "uninstall"})
SHAPE = NodeShape(cpu="4", memory="16Gi")

PAGES = sorted(
    page
    for page in GUIDE.glob("*.md")
    if page.stem not in ON_REAL_NODES and any(isinstance(one, Step) for one in steps(page.read_text()))
)


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The cluster that the pages speak of: three nodes of 4 CPUs, and Entresol."""
    before = request.session.testsfailed
    cluster = Cluster("guide", Options(node_grace_seconds=20))
    with cluster:
        operator = OperatorProcess(cluster)
        operator.install()
        cluster.add_nodes(3, SHAPE)
        operator.start()
        yield cluster.kubectl_environment()
        operator.close()
        cluster.close(keep_logs=request.session.testsfailed > before)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_true(page: Path, environment: dict[str, str], tmp_path: Path) -> None:
    Reader(tmp_path, environment).follow(page)

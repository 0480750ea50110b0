"""The pages of the guide about installing, read one after the other on real nodes: each goes on where the last ended."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.chart import NAMESPACE
from devcluster.node.cluster import RealCluster
from tests.docs.reader import GUIDE, Reader
from tests.node.preparation import released_archive

PAGES = ("install", "upgrade", "uninstall")
LEFT = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings,crds"


@pytest.fixture
def empty(real: RealCluster) -> Iterator[RealCluster]:
    """The cluster, with the image that the chart names on every node; whatever the pages leave behind is removed."""
    real.import_image(released_archive())
    yield real
    for release in json.loads(real.helm("list", "--all", "--output=json", f"--namespace={NAMESPACE}")):
        real.helm("uninstall", release["name"], f"--namespace={NAMESPACE}", "--wait")
    kinds = ("tasks", "frameworks", "frameworkroles")
    real.kubectl("delete", "crd", *(f"{kind}.entresol.dev" for kind in kinds), "--ignore-not-found")
    real.kubectl("delete", "namespace", NAMESPACE, "lab", "--ignore-not-found")


def test_the_pages_about_installing_are_true(empty: RealCluster, tmp_path: Path) -> None:
    reader = Reader(tmp_path, empty.kubectl_environment())
    for page in PAGES:
        reader.follow(GUIDE / f"{page}.md")
    left = empty.kubectl("get", LEFT, "--output=name").splitlines()
    assert [name for name in left if "entresol" in name] == []

"""Fixtures: `cluster` (one for the whole session) and `new_cluster` (makes others for one test).

Switch them on in a conftest with `pytest_plugins = ["devcluster.pytest_plugin"]`. Nothing is skipped:
where the control plane cannot be built or started, the tests that need it fail and say why.
Logs are kept when a test failed that could have used the cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from devcluster.cluster import Cluster
from devcluster.options import Options

ClusterFactory = Callable[..., Cluster]
"""`new_cluster(name="test", options=None)`: a started cluster that ends with the test."""


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A control plane with kwok and no nodes, shared by all tests of the session.

    Use a namespace and node names of your own, and take away what you added.
    """
    yield from _until_end(Cluster("session"), request)


@pytest.fixture
def new_cluster(request: pytest.FixtureRequest) -> Iterator[ClusterFactory]:
    """Makes started clusters for one test: to be killed, paused, or set up differently."""
    made: list[Iterator[Cluster]] = []

    def make(name: str = "test", options: Options | None = None) -> Cluster:
        life = _until_end(Cluster(name, options), request)
        started = next(life)
        made.append(life)
        return started

    yield make
    for life in reversed(made):
        next(life, None)


def _until_end(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    before = request.session.testsfailed
    cluster.start()
    yield cluster
    cluster.close(keep_logs=request.session.testsfailed > before)

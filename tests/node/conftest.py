"""What tests of real nodes stand on: one cluster with two of them for the whole run, and a namespace for each test.

They run inside a sandbox: `python -m devcluster.node.sandbox --prepare tests.node.preparation -- pytest tests/node`.
"""

import itertools
import os
import re
from collections.abc import Iterator

import pytest

from devcluster.node import machine, sandbox
from devcluster.node.cluster import RealCluster
from devcluster.node.containerd import Container
from devcluster.options import Options
from devcluster.waiting import wait_until

# Short, so that tests of a silent kubelet need not wait minutes; long enough for a busy machine.
OPTIONS = Options(node_grace_seconds=12, not_ready_toleration_seconds=3, unreachable_toleration_seconds=3)

_number = itertools.count(1)


@pytest.fixture(scope="session")
def real(request: pytest.FixtureRequest) -> Iterator[RealCluster]:
    """A control plane, kube-scheduler, the real nodes `real-1` and `real-2`, kube-proxy, CoreDNS; no fake nodes.

    Where it cannot be, the test is skipped, or fails if `REQUIRE_NODE=1`.
    """
    if sandbox.NAME not in os.environ:
        refuse = pytest.fail if machine.required() else pytest.skip
        refuse("real node: skipped, because this is no sandbox (`make test-node`)")
    before = request.session.testsfailed
    cluster = RealCluster("node", OPTIONS, nodes=2)
    cluster.start()
    yield cluster
    cluster.close(keep_logs=request.session.testsfailed > before)


@pytest.fixture
def namespace(real: RealCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace in which pods may be created; its containers have ended before the next test begins."""
    name = f"{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower())[:50].strip('-')}-{next(_number)}"
    real.kubectl("create", "namespace", name)
    real.wait_for_service_account(name)
    yield name
    real.kubectl("delete", "namespace", name, "--wait=false")
    real.kubectl("delete", "pods", "--all", f"--namespace={name}", "--grace-period=1", "--timeout=60s")
    wait_until(lambda: not _left(real, name), f"end of the containers of {name}", 60)


def _left(real: RealCluster, namespace: str) -> list[Container]:
    return [each for node in real.nodes for each in node.containers() if each.namespace == namespace]

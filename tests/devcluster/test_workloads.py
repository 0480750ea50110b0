"""With kube-scheduler the cluster runs the usual workloads to their usual ends."""

from collections.abc import Iterator

import pytest

from devcluster.cluster import Cluster
from devcluster.options import Options
from devcluster.pytest_plugin import ClusterFactory

pytestmark = pytest.mark.e2e

WORKLOADS = """
apiVersion: batch/v1
kind: Job
metadata: {name: job}
spec:
  completions: 6
  parallelism: 3
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: none}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: failing}
spec:
  backoffLimit: 0
  template:
    metadata: {annotations: {devcluster.entresol.dev/exit-code: "3"}}
    spec: {restartPolicy: Never, containers: [{name: main, image: none}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: deployment}
spec:
  replicas: 4
  selector: {matchLabels: {app: deployment}}
  template:
    metadata: {labels: {app: deployment}}
    spec: {containers: [{name: main, image: none}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: daemons}
spec:
  selector: {matchLabels: {app: daemons}}
  template:
    metadata: {labels: {app: daemons}}
    spec: {containers: [{name: main, image: none}]}
"""


@pytest.fixture(scope="module")
def busy() -> Iterator[Cluster]:
    with Cluster("workloads", Options(scheduler=True)) as cluster:
        cluster.add_nodes(3)
        cluster.apply(WORKLOADS)
        yield cluster


@pytest.mark.parametrize(
    "want",
    [
        pytest.param(("job/job", "condition=Complete"), id="a Job completes"),
        pytest.param(("job/failing", "condition=Failed"), id="a Job whose pod fails is Failed"),
        pytest.param(
            ("deployment/deployment", "jsonpath={.status.availableReplicas}=4"), id="a Deployment is available"
        ),
        pytest.param(("daemonset/daemons", "jsonpath={.status.numberAvailable}=3"), id="a DaemonSet is on every node"),
    ],
)
def test_a_workload_comes_to_its_end(busy: Cluster, want: tuple[str, str]) -> None:
    what, condition = want
    assert "met" in busy.kubectl("wait", what, f"--for={condition}", "--timeout=60s")


def test_a_namespace_with_pods_goes_away(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster("namespace", Options(scheduler=True))
    cluster.add_nodes(2)
    cluster.kubectl("create", "namespace", "full")
    cluster.wait_for_service_account("full")
    cluster.kubectl("create", "deployment", "many", "--image=none", "--replicas=50", "--namespace=full")
    ready = "jsonpath={.status.availableReplicas}=50"
    cluster.kubectl("wait", "deployment/many", f"--for={ready}", "--timeout=60s", "--namespace=full")
    cluster.kubectl("delete", "namespace", "full", "--timeout=60s")
    assert "full" not in cluster.kubectl("get", "namespaces")

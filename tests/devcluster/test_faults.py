"""Components are killed, paused and restarted; nodes fail; the cluster remembers and recovers."""

import pytest

from devcluster.access import KubectlError
from devcluster.cluster import Cluster
from devcluster.options import Options
from devcluster.pytest_plugin import ClusterFactory
from devcluster.waiting import wait_until

pytestmark = pytest.mark.e2e

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 0
  containers: [{{name: main, image: none}}]
"""


def phase(cluster: Cluster, pod: str) -> str:
    return cluster.kubectl("get", "pod", pod, "--ignore-not-found", "--output=jsonpath={.status.phase}")


def ready_condition(cluster: Cluster, node: str) -> str:
    return cluster.kubectl("get", "node", node, "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}")


def test_a_killed_apiserver_comes_back_with_its_data(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster("killed", Options(kwok=False))
    cluster.kubectl("create", "namespace", "remembered")
    before = cluster.url, cluster.apiserver.pid
    cluster.apiserver.kill()
    assert not cluster.apiserver.running
    with pytest.raises(KubectlError, match="refused"):
        cluster.kubectl("get", "namespaces")
    cluster.apiserver.start()
    assert cluster.url == before[0]
    assert cluster.apiserver.pid != before[1]
    assert "remembered" in cluster.kubectl("get", "namespaces")
    cluster.kubectl("create", "namespace", "later")
    cluster.wait_for_service_account("later")


def test_a_restarted_store_keeps_its_data(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster("store", Options(controller_manager=False, kwok=False))
    cluster.kubectl("create", "namespace", "remembered")
    cluster.etcd.kill()
    cluster.etcd.start()
    cluster.apiserver.wait_ready()
    assert "remembered" in cluster.kubectl("get", "namespaces")


def test_a_paused_apiserver_does_not_answer_until_it_goes_on(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster("paused", Options(controller_manager=False, kwok=False))
    cluster.apiserver.pause()
    with pytest.raises(KubectlError, match=r"(?i)timeout|deadline"):
        cluster.kubectl("get", "namespaces", "--request-timeout=1s")
    cluster.apiserver.resume()
    assert "default" in cluster.kubectl("get", "namespaces")


def test_without_a_controller_manager_nobody_makes_service_accounts(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster("absent")
    cluster.controller_manager.stop()
    cluster.kubectl("create", "namespace", "waiting")
    with pytest.raises(TimeoutError, match="creation of the service account waiting/default"):
        cluster.wait_for_service_account("waiting", seconds=1)
    cluster.controller_manager.start()
    cluster.wait_for_service_account("waiting")


def test_a_node_that_says_it_is_not_ready_loses_its_pods_and_recovers(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster("sick", Options(not_ready_toleration_seconds=1))
    node, *_ = cluster.add_nodes(3)  # where most nodes are sick the controller-manager evicts nothing
    cluster.apply(POD.format(name="doomed", node=node))
    wait_until(lambda: phase(cluster, "doomed") == "Running", "start of the pod", 20)
    cluster.set_node_ready(node, ready=False)
    cluster.wait_for_nodes([node], ready=False)
    assert ready_condition(cluster, node) == "False"
    wait_until(lambda: phase(cluster, "doomed") == "", "eviction of the pod", 30)
    cluster.set_node_ready(node, ready=True)
    cluster.wait_for_nodes([node])


def test_a_silent_node_becomes_unknown_and_comes_back(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster("silent", Options(node_grace_seconds=8))
    lost, kept = cluster.add_nodes(2)
    cluster.set_node_silent(lost, silent=True)
    cluster.wait_for_nodes([lost], ready=False)
    assert ready_condition(cluster, lost) == "Unknown"
    assert ready_condition(cluster, kept) == "True"
    cluster.apply(POD.format(name="unheard", node=lost))
    cluster.set_node_silent(lost, silent=False)
    cluster.wait_for_nodes([lost])
    wait_until(lambda: phase(cluster, "unheard") == "Running", "start of the pod", 20)


def test_nodes_do_not_flap(new_cluster: ClusterFactory) -> None:
    """The kubelets renew their leases well within the grace, for longer than a lease lasts."""
    cluster = new_cluster("steady", Options(node_grace_seconds=8))
    cluster.add_nodes(20)
    with pytest.raises(TimeoutError):
        wait_until(
            lambda: "NodeNotReady" in cluster.kubectl("get", "events", "--all-namespaces"), "a flap", 12, pause=1
        )


def test_a_restarted_kwok_takes_its_nodes_up_at_once(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster("kwok")
    (node,) = cluster.add_nodes(1)
    cluster.kwok.kill()
    cluster.apply(POD.format(name="patient", node=node))
    cluster.restart_kwok()
    wait_until(lambda: phase(cluster, "patient") == "Running", "start of the pod", 20)  # the lease alone lasts 40 s


def test_names_of_nodes_are_not_used_again(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster("names")
    assert cluster.add_nodes(2) == ["node-0", "node-1"]
    assert cluster.add_nodes(1, prefix="gpu") == ["gpu-0"]
    cluster.kubectl("delete", "node", "node-1")
    assert cluster.add_nodes(1) == ["node-2"]

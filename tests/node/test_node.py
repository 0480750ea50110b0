"""Real nodes do what kubelets do, and leave the simulated ones beside them alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from devcluster.access import KubectlError
from devcluster.node.cluster import RealCluster
from devcluster.node.images import BUSYBOX
from devcluster.waiting import wait_until


def pod_body(name: str, *command: str, **spec: Any) -> dict[str, Any]:
    """A pod of one busybox container that ends at once when told to."""
    container = {"name": "main", "image": BUSYBOX, "command": list(command)}
    settings = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": settings | spec}


@pytest.fixture
def run(real: RealCluster, namespace: str) -> Callable[..., str]:
    """`run(name, *command, **spec)` creates a pod and returns its path."""

    def create(name: str, *command: str, **spec: Any) -> str:
        pods = f"/api/v1/namespaces/{namespace}/pods"
        real.api.create(pods, pod_body(name, *command, **spec))
        return f"{pods}/{name}"

    return create


def wait_phase(real: RealCluster, path: str, want: str, seconds: float = 30.0) -> dict[str, Any]:
    """Wait for a pod's phase and return the pod."""
    wait_until(lambda: real.api.get(path)["status"].get("phase") == want, f"phase {want} of {path}", seconds)
    pod: dict[str, Any] = real.api.get(path)
    return pod


def test_every_node_is_a_kubelet_of_the_pinned_version(real: RealCluster) -> None:
    nodes = {node["metadata"]["name"]: node for node in real.api.get("/api/v1/nodes")["items"]}
    assert set(nodes) >= {"real-1", "real-2"}
    for name in ("real-1", "real-2"):
        assert nodes[name]["metadata"]["labels"]["node-type"] == "real"
        assert nodes[name]["status"]["nodeInfo"]["kubeletVersion"] == "v1.34.4"
        assert "taints" not in nodes[name]["spec"]


def test_a_pod_runs_and_logs_and_exec_reach_it(real: RealCluster, namespace: str, run: Callable[..., str]) -> None:
    path = run("talker", "sh", "-c", "echo hello from $(hostname); sleep 1000")
    pod = wait_phase(real, path, "Running")
    assert pod["spec"]["nodeName"] in {"real-1", "real-2"}, "kube-scheduler chose"
    wait_until(lambda: "hello" in real.kubectl("logs", f"--namespace={namespace}", "talker"), "a line of the log", 10)
    assert real.kubectl("logs", f"--namespace={namespace}", "talker") == "hello from talker\n"
    assert real.kubectl("exec", f"--namespace={namespace}", "talker", "--", "id", "-u") == "0\n"
    with pytest.raises(KubectlError, match="exit code 7"):
        real.kubectl("exec", f"--namespace={namespace}", "talker", "--", "sh", "-c", "exit 7")


def test_an_exit_code_ends_in_the_status(real: RealCluster, run: Callable[..., str]) -> None:
    pod = wait_phase(real, run("failing", "sh", "-c", "exit 3"), "Failed")
    (status,) = pod["status"]["containerStatuses"]
    assert status["state"]["terminated"]["exitCode"] == 3


def test_a_pod_bound_by_hand_runs_without_the_scheduler(real: RealCluster, run: Callable[..., str]) -> None:
    path = run("bound", "true", schedulerName="nobody")
    real.api.create(f"{path}/binding", {"metadata": {"name": "bound"}, "target": {"kind": "Node", "name": "real-2"}})
    pod = wait_phase(real, path, "Succeeded")
    assert pod["spec"]["nodeName"] == "real-2"


def test_a_kubelet_refuses_what_does_not_fit(real: RealCluster, run: Callable[..., str]) -> None:
    container = {"name": "main", "image": BUSYBOX, "resources": {"requests": {"cpu": "64"}}}
    path = run("huge", schedulerName="nobody", containers=[container])
    real.api.create(f"{path}/binding", {"metadata": {"name": "huge"}, "target": {"kind": "Node", "name": "real-1"}})
    pod = wait_phase(real, path, "Failed")
    assert pod["status"]["reason"] == "OutOfcpu"
    assert "containerStatuses" not in pod["status"]


SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: greeter}
spec:
  selector: {app: greeter}
  ports: [{port: 80, targetPort: 8080}]
"""
GREETER = "mkdir /www && echo welcome > /www/index.html && exec httpd -f -p 8080 -h /www"


def test_a_service_answers_by_its_name_across_nodes(real: RealCluster, namespace: str, run: Callable[..., str]) -> None:
    real.kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=SERVICE)
    server = run("greeter", "sh", "-c", GREETER, nodeName="real-1")
    real.api.merge(server, {"metadata": {"labels": {"app": "greeter"}}})
    wait_phase(real, server, "Running")
    # The rules follow a moment after the endpoints.
    ask = f"until wget -q -O - http://greeter.{namespace}.svc.cluster.local; do sleep 0.2; done"
    for node in ("real-1", "real-2"):
        wait_phase(real, run(f"asks-from-{node}", "sh", "-c", ask, nodeName=node), "Succeeded")
        assert "welcome\n" in real.kubectl("logs", f"--namespace={namespace}", f"asks-from-{node}")
    # The test itself is on the same network.
    service = real.api.get(f"/api/v1/namespaces/{namespace}/services/greeter")["spec"]["clusterIP"]
    for address in (f"{service}:80", f"{real.api.get(server)['status']['podIP']}:8080"):
        assert urllib3.request("GET", f"http://{address}/", timeout=10.0).data == b"welcome\n"


def test_a_pod_reaches_the_api_server_with_its_own_token(
    real: RealCluster, namespace: str, run: Callable[..., str]
) -> None:
    ask = (
        'token=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token); wget -q -O - --header "Authorization: Bearer'
        ' $token" --no-check-certificate https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/version'
    )
    wait_phase(real, run("asks", "sh", "-c", ask), "Succeeded")
    answer = json.loads(real.kubectl("logs", f"--namespace={namespace}", "asks"))
    assert answer["gitVersion"] == "v1.34.4"


def test_fake_nodes_stand_beside_the_real_ones(real: RealCluster, run: Callable[..., str]) -> None:
    names = real.add_fake_nodes(5)
    try:
        images = {node: real.api.get(f"/api/v1/nodes/{node}")["status"]["nodeInfo"] for node in (*names, "real-1")}
        assert {images[name]["kubeletVersion"] for name in names} == {"kwok-0.7.0"}
        assert images["real-1"]["kubeletVersion"] == "v1.34.4"
        path = run("simulated", "sh", "-c", "exit 9", nodeName=names[0])
        wait_phase(real, path, "Succeeded")  # nothing ran that could have failed
        assert [each for node in real.nodes for each in node.containers() if each.pod == "simulated"] == []
        assert wait_phase(real, run("chosen", "true"), "Succeeded")["spec"]["nodeName"] not in names
    finally:
        for name in names:
            real.api.delete(f"/api/v1/nodes/{name}")


def test_a_restart_of_the_kubelet_keeps_the_pods(real: RealCluster, run: Callable[..., str]) -> None:
    path = run("steady", "sleep", "1000", nodeName="real-1")
    uid = wait_phase(real, path, "Running")["metadata"]["uid"]
    node = real.node("real-1")
    before = node.containers(uid)
    assert [each.name for each in before] == ["main"]
    node.restart()
    real.wait_for_nodes(["real-1"])
    assert node.containers(uid) == before
    (status,) = real.api.get(path)["status"]["containerStatuses"]
    assert (status["restartCount"], "running" in status["state"]) == (0, True)


DEPLOYMENT = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: one}}
spec:
  selector: {{matchLabels: {{app: one}}}}
  template:
    metadata: {{labels: {{app: one}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: main, image: {BUSYBOX}, command: [sleep, "1000"]}}]
"""


def test_a_silent_kubelet_leads_to_a_doubled_run_until_it_comes_back(real: RealCluster, namespace: str) -> None:
    real.kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=DEPLOYMENT)
    real.kubectl("rollout", "status", f"--namespace={namespace}", "deployment/one", "--timeout=30s")

    def running() -> dict[str, list[str]]:
        return {
            node.name: [each.pod_uid for each in node.containers() if each.namespace == namespace]
            for node in real.nodes
        }

    (silent,) = [name for name, pods in running().items() if pods]
    (other,) = {"real-1", "real-2"} - {silent}
    (old,) = running()[silent]
    real.node(silent).pause()
    try:
        real.wait_for_nodes([silent], ready=False)
        wait_until(lambda: bool(running()[other]), "a second run", 60)
        assert running()[silent] == [old], "the first one goes on"
    finally:
        real.node(silent).resume()
    real.wait_for_nodes([silent])
    wait_until(lambda: not running()[silent], "the end of the first run", 60)
    assert len(running()[other]) == 1

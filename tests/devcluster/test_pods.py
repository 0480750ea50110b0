"""Each stage of a simulated pod shows what a kubelet would show."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from devcluster import kwok
from devcluster.cluster import Cluster
from devcluster.waiting import wait_until

pytestmark = pytest.mark.e2e

NAMESPACE = "pods"
NODE, OTHER = "stage-0", "stage-1"
PATH = f"/api/v1/namespaces/{NAMESPACE}/pods"


@pytest.fixture(scope="module")
def staged(cluster: Cluster) -> Iterator[Cluster]:
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.wait_for_service_account(NAMESPACE)
    cluster.add_nodes(2, prefix="stage")
    yield cluster
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    cluster.kubectl("delete", "node", NODE, OTHER)


def run(cluster: Cluster, name: str, annotations: dict[str, str], **spec: Any) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "nodeName": NODE,
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": "none"}, {"name": "side", "image": "none"}],
            **spec,
        },
    }
    cluster.api.create(PATH, body)


def status(cluster: Cluster, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.api.get(f"{PATH}/{name}")["status"]
    return found


def wait_for_phase(cluster: Cluster, name: str, want: str, seconds: float = 20) -> dict[str, Any]:
    wait_until(lambda: status(cluster, name)["phase"] == want, f"phase {want} of {name}", seconds)
    return status(cluster, name)


def stays(cluster: Cluster, name: str, phase: str, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        wait_until(lambda: status(cluster, name)["phase"] != phase, "a change", seconds, pause=0.2)


def conditions(found: dict[str, Any]) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in found["conditions"]}


def does(*command: str) -> list[dict[str, Any]]:
    return [{"name": "main", "image": "none", "command": command}, {"name": "side", "image": "none"}]


@dataclass(frozen=True)
class Case:
    annotations: dict[str, str]
    want_phase: str
    want_reason: str | None = None
    want_terminated: tuple[int, str] | None = None
    spec: dict[str, Any] = field(default_factory=dict)


CASES = {
    "a pod without annotations completes": Case({}, "Succeeded", want_terminated=(0, "Completed")),
    "a run time is kept": Case({kwok.RUN_SECONDS: "0.2"}, "Succeeded", want_terminated=(0, "Completed")),
    "a code other than zero is a failure": Case(
        {kwok.RUN_SECONDS: "0", kwok.EXIT_CODE: "3"}, "Failed", want_terminated=(3, "Error")
    ),
    "an exit may have a reason of its own": Case(
        {kwok.EXIT_CODE: "137", kwok.EXIT_REASON: "OOMKilled"}, "Failed", want_terminated=(137, "OOMKilled")
    ),
    "OnFailure completes as Never does": Case(
        {}, "Succeeded", want_terminated=(0, "Completed"), spec={"restartPolicy": "OnFailure"}
    ),
    "a pod that restarts always runs on": Case({}, "Running", spec={"restartPolicy": "Always"}),
    "a pod may run for ever": Case({kwok.RUN_SECONDS: "forever"}, "Running"),
    "a container that sleeps runs so long": Case(
        {}, "Succeeded", want_terminated=(0, "Completed"), spec={"containers": does("sleep", "0.2")}
    ),
    "a container may sleep for ever": Case({}, "Running", spec={"containers": does("sleep", "infinity")}),
    "a container that sleeps and restarts always runs on": Case(
        {}, "Running", spec={"containers": does("sleep", "0.2"), "restartPolicy": "Always"}
    ),
    "an annotation rules over what a container does": Case(
        {kwok.RUN_SECONDS: "0.2"},
        "Succeeded",
        want_terminated=(0, "Completed"),
        spec={"containers": does("sleep", "99")},
    ),
    "a container that is false fails": Case(
        {}, "Failed", want_terminated=(1, "Error"), spec={"containers": does("false")}
    ),
    "the kubelet refuses": Case({kwok.REFUSE: "OutOfcpu"}, "Failed", want_reason="OutOfcpu"),
    "the kubelet of this node refuses": Case(
        {kwok.REFUSE: "NodeAffinity", kwok.REFUSE_ON: f"{OTHER},{NODE}"}, "Failed", want_reason="NodeAffinity"
    ),
    "the kubelet of another node would refuse": Case(
        {kwok.REFUSE: "OutOfcpu", kwok.REFUSE_ON: OTHER}, "Succeeded", want_terminated=(0, "Completed")
    ),
}


@pytest.mark.parametrize("sentence", CASES)
def test_a_pod_ends_as_it_was_told(staged: Cluster, sentence: str) -> None:
    case = CASES[sentence]
    name = sentence.replace(" ", "-").lower()
    run(staged, name, case.annotations, **case.spec)
    found = wait_for_phase(staged, name, case.want_phase)
    assert found.get("reason") == case.want_reason
    states = [container["state"] for container in found.get("containerStatuses", [])]
    if case.want_phase == "Running":
        stays(staged, name, "Running", 2.5)
    elif case.want_terminated is None:
        assert states == []
        assert found["startTime"]
    else:
        ended = [(state["terminated"]["exitCode"], state["terminated"]["reason"]) for state in states]
        assert ended == [case.want_terminated] * 2
        assert {kind: conditions(found)[kind] for kind in ("Ready", "Initialized")} == {
            "Ready": "False",
            "Initialized": "True",
        }


def test_a_running_pod_looks_as_a_kubelet_leaves_it(staged: Cluster) -> None:
    sidecar = {"name": "proxy", "image": "none", "restartPolicy": "Always"}
    setup = {"name": "setup", "image": "none"}
    run(staged, "running", {kwok.RUN_SECONDS: "forever"}, initContainers=[setup, sidecar])
    found = wait_for_phase(staged, "running", "Running")
    assert conditions(found) == dict.fromkeys(
        ("PodScheduled", "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"), "True"
    )
    assert found["podIP"]
    assert found["hostIP"].startswith("10.128.")
    assert found["startTime"]
    assert [container["ready"] for container in found["containerStatuses"]] == [True, True]
    assert all(container["state"]["running"]["startedAt"] for container in found["containerStatuses"])
    first, second = found["initContainerStatuses"]
    assert first["state"]["terminated"]["reason"] == "Completed"
    assert second["state"]["running"]["startedAt"]


def test_a_pod_bound_by_binding_runs(staged: Cluster) -> None:
    run(staged, "bound", {}, nodeName=None, schedulerName="nobody")
    assert status(staged, "bound")["phase"] == "Pending"
    target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
    staged.api.create(f"{PATH}/bound/binding", {"metadata": {"name": "bound"}, "target": target})
    wait_for_phase(staged, "bound", "Succeeded")


def test_an_update_does_not_prolong_a_pod(staged: Cluster) -> None:
    run(staged, "touched", {kwok.RUN_SECONDS: "3"})
    wait_for_phase(staged, "touched", "Running")

    def touched_to_the_end() -> bool:
        staged.api.merge(f"{PATH}/touched", {"metadata": {"labels": {"touch": str(next(numbers))}}})
        return bool(status(staged, "touched")["phase"] == "Succeeded")

    numbers = iter(range(1000))
    wait_until(touched_to_the_end, "end of a pod that is touched all the time", 20, pause=0.3)


def test_a_deleted_pod_fails_and_is_gone(staged: Cluster) -> None:
    run(staged, "deleted", {kwok.RUN_SECONDS: "forever"}, terminationGracePeriodSeconds=30)
    wait_for_phase(staged, "deleted", "Running")
    watch = f"{PATH}?fieldSelector=metadata.name=deleted&watch=true&timeoutSeconds=10"
    version = staged.api.get(f"{PATH}/deleted")["metadata"]["resourceVersion"]
    staged.api.delete(f"{PATH}/deleted")
    wait_until(lambda: _gone(staged, "deleted"), "removal of the pod", 20)
    events = [
        yaml.safe_load(line)
        for line in staged.kubectl(
            "get", "--raw", f"{watch}&resourceVersion={version}".replace("timeoutSeconds=10", "timeoutSeconds=1")
        ).splitlines()
    ]
    assert [event["type"] for event in events][-1] == "DELETED"
    last = events[-1]["object"]["status"]
    assert last["phase"] == "Failed"
    assert {container["state"]["terminated"]["exitCode"] for container in last["containerStatuses"]} == {143}


def test_containers_may_take_their_time_to_end(staged: Cluster) -> None:
    run(staged, "slow", {kwok.RUN_SECONDS: "forever", kwok.TERMINATION_SECONDS: "4"})
    wait_for_phase(staged, "slow", "Running")
    staged.api.delete(f"{PATH}/slow")
    stays(staged, "slow", "Running", 1.5)
    wait_until(lambda: _gone(staged, "slow"), "removal of the pod", 20)


def test_a_stuck_pod_goes_when_it_is_let_go(staged: Cluster) -> None:
    run(staged, "stuck", {kwok.RUN_SECONDS: "forever", kwok.STUCK_TERMINATING: "true"}, terminationGracePeriodSeconds=1)
    wait_for_phase(staged, "stuck", "Running")
    staged.api.delete(f"{PATH}/stuck")
    stays(staged, "stuck", "Running", 2.5)
    staged.api.merge(f"{PATH}/stuck", {"metadata": {"annotations": {kwok.STUCK_TERMINATING: None}}})
    wait_until(lambda: _gone(staged, "stuck"), "removal of the pod", 20)


def test_a_stuck_pod_can_be_forced(staged: Cluster) -> None:
    run(staged, "forced", {kwok.RUN_SECONDS: "forever", kwok.STUCK_TERMINATING: "true"})
    wait_for_phase(staged, "forced", "Running")
    staged.kubectl("delete", "pod", "forced", "-n", NAMESPACE, "--grace-period=0", "--force")
    wait_until(lambda: _gone(staged, "forced"), "removal of the pod", 20)


def test_finalizers_are_not_the_kubelets_to_take(staged: Cluster) -> None:
    run(staged, "held", {kwok.RUN_SECONDS: "forever"})
    wait_for_phase(staged, "held", "Running")
    staged.api.merge(f"{PATH}/held", {"metadata": {"finalizers": ["example.org/hold"]}})
    staged.api.delete(f"{PATH}/held")
    wait_for_phase(staged, "held", "Failed")
    with pytest.raises(TimeoutError):
        wait_until(lambda: _gone(staged, "held"), "removal of the pod", 1)
    staged.api.merge(f"{PATH}/held", {"metadata": {"finalizers": None}})
    wait_until(lambda: _gone(staged, "held"), "removal of the pod", 20)


def _gone(cluster: Cluster, name: str) -> bool:
    return cluster.kubectl("get", "pod", name, "-n", NAMESPACE, "--ignore-not-found", "--output=name") == ""

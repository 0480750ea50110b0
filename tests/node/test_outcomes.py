"""What becomes of a Task on a real kubelet: how it ends, why it does not begin, where it may not go, who is cut off.

The operator is installed by Helm, and everything is read from the Task alone, as its author would.
"""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from devcluster.node.cluster import RealCluster
from devcluster.node.images import BUSYBOX
from devcluster.waiting import wait_until
from tests.node.outcomes import OPERATORS_NODE, OTHER_NODE, Container, Json, Room, released

WRITES = "dd if=/dev/zero of={} bs=1M count=8 && sleep 600"
LITTLE_MEMORY = {"memory": "24Mi"}
_log = logging.getLogger(__name__)


@pytest.fixture(scope="module", autouse=True)
def release(real: RealCluster) -> Iterator[None]:
    """One operator for all tests of this file."""
    with released(real):
        yield


@pytest.fixture
def room(real: RealCluster, namespace: str) -> Iterator[Room]:
    """A namespace for one test; its Tasks go before it does."""
    yield Room(real, namespace)
    real.kubectl("delete", "etask", "--all", f"--namespace={namespace}", "--timeout=60s")


# --- how an attempt ends --------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A Task, the state it comes to, and what `lastAttempt` says when it is there."""

    container: Container
    want_state: str
    want: Json
    spec: dict[str, Any] = field(default_factory=dict)


def sh(script: str, **fields: Any) -> Container:
    return Container(("sh", "-c", script), **fields)


def failed(reason: str, **more: Any) -> Json:
    return {"state": "TASK_FAILED", "reason": reason, "charged": True, **more}


def volume(**source: Any) -> dict[str, Any]:
    return {
        "more": {"volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]},
        "pod": {"volumes": [{"name": "scratch", "emptyDir": source}]},
    }


CASES = {
    "that ends well": Case(Container(("true",)), "TASK_FINISHED", {"reason": "Completed", "charged": None}),
    "that exits with 3": Case(sh("exit 3"), "TASK_FAILED", failed("Error", exitCode=3)),
    "whose main process needs too much memory": Case(
        sh("exec tail /dev/zero", limits=LITTLE_MEMORY), "TASK_FAILED", failed("OOMKilled", exitCode=137)
    ),
    # containerd calls the container OOMKilled, with exit code 0: the phase has the last word.
    "whose child needs too much memory, and which ends well": Case(
        sh("tail /dev/zero; sleep 1; exit 0", limits=LITTLE_MEMORY),
        "TASK_FINISHED",
        {"reason": "Completed", "charged": None, "exitCode": None},
    ),
    "whose command does not exist": Case(
        Container(("/no/such/command",)), "TASK_FAILED", failed("StartError", exitCode=128)
    ),
    "that runs longer than the Task may": Case(
        Container(("sleep", "600")),
        "TASK_FAILED",
        {"state": "TASK_KILLED", "reason": "DeadlineExceeded", "charged": None},
        {"activeDeadlineSeconds": 2, "maxAttempts": 3},
    ),
    "that runs longer than its pod may": Case(
        Container(("sleep", "600"), pod={"activeDeadlineSeconds": 2}),
        "TASK_FAILED",
        failed("DeadlineExceeded"),
        {"maxAttempts": 3},
    ),
    # The kubelet may or may not have noted an exit code when it reports an eviction.
    "that fills its volume": Case(
        sh(WRITES.format("/scratch/x"), **volume(sizeLimit="1Mi")), "TASK_FAILED", failed("Evicted")
    ),
    "that fills its file system": Case(
        sh(WRITES.format("/x"), limits={"ephemeral-storage": "1Mi"}), "TASK_FAILED", failed("Evicted")
    ),
}


@pytest.fixture(scope="module")
def endings(real: RealCluster, release: None) -> Iterator[Room]:
    """All Tasks of the table, begun at once, because some take half a minute to end."""
    real.kubectl("create", "namespace", "endings")
    real.wait_for_service_account("endings")
    room = Room(real, "endings")
    for number, case in enumerate(CASES.values()):
        room.task(f"case-{number}", case.container, **case.spec)
    yield room
    real.kubectl("delete", "etask", "--all", "--namespace=endings", "--timeout=60s")
    real.kubectl("delete", "namespace", "endings", "--timeout=60s")


@pytest.mark.parametrize("name", CASES)
def test_a_task(endings: Room, name: str) -> None:
    case, task = CASES[name], f"case-{list(CASES).index(name)}"
    endings.wait(task, lambda status: bool(status.get("lastAttempt")), 120)
    status = endings.wait_state(task, case.want_state)
    assert status["attempt"] == 1
    last = status["lastAttempt"]
    assert {key: last.get(key) for key in case.want} == case.want, status
    assert status.get("failures", 0) == (1 if case.want.get("charged") else 0)


# --- why it does not begin ------------------------------------------------------------------------

NEVER = {"imagePullPolicy": "Never"}
HINDERED = {
    "an image that is nowhere": (Container(("true",), image="localhost/absent:1"), "ImagePullBackOff"),
    "an image that may not be fetched": (
        Container(("true",), image="localhost/absent:1", more=NEVER),
        "ErrImageNeverPull",
    ),
    "an image whose name is none": (Container(("true",), image="NO NAME"), "InvalidImageName"),
    "a secret that is not there": (
        Container(("true",), more={"envFrom": [{"secretRef": {"name": "absent"}}]}),
        "CreateContainerConfigError",
    ),
}


@pytest.mark.parametrize(("container", "want_reason"), HINDERED.values(), ids=HINDERED)
def test_a_task_says_that_it_cannot_start_because_of(room: Room, container: Container, want_reason: str) -> None:
    room.task("hindered", container)
    status = room.wait("hindered", lambda status: status.get("reason") == want_reason)
    assert status["state"] == "TASK_STARTING"
    assert status["message"]
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", want_reason)
    assert status.get("failures", 0) == 0


# --- what the kubelet refuses ---------------------------------------------------------------------


def test_a_pod_that_the_kubelet_has_no_room_for_is_tried_again_uncharged(real: RealCluster, room: Room) -> None:
    """The operator believes what the node says of itself, and is told more than there is while the kubelet is away."""
    node, path = real.node(OTHER_NODE), f"/api/v1/nodes/{OTHER_NODE}/status"
    room.by_hand("hidden", Container(("sleep", "600"), cpu="1200m"), OTHER_NODE)
    wait_until(lambda: room.phase("hidden") == "Running", "the pod made by hand", 30)
    node.stop_kubelet()
    patch = json.dumps({"status": {"allocatable": {"cpu": "8"}, "capacity": {"cpu": "8"}}})
    real.kubectl("patch", "node", OTHER_NODE, "--subresource=status", f"--patch={patch}")
    assert real.api.get(path)["status"]["allocatable"]["cpu"] == "8"
    room.task("refused", Container(("true",), cpu="1500m", node=OTHER_NODE))
    wait_until(lambda: bool(room.status("refused").get("podName")), "a pod for the Task", 20)
    node.start_kubelet()

    status = room.wait("refused", lambda status: bool(status.get("lastAttempt")))
    last = status["lastAttempt"]
    assert (last["state"], last["reason"], last.get("charged")) == ("TASK_DROPPED", "OutOfcpu", None), status
    assert status.get("failures", 0) == 0
    waits = room.wait("refused", lambda status: status.get("pending", {}).get("reason") == "NoRoomNow")
    assert waits["state"] == "TASK_PENDING"
    real.kubectl("delete", "pod", "hidden", f"--namespace={room.namespace}")
    done = room.wait_state("refused", "TASK_FINISHED")
    assert (done["attempt"], done.get("failures", 0)) == (2, 0)


def test_a_pod_whose_node_has_changed_under_it_is_tried_again_uncharged(real: RealCluster, room: Room) -> None:
    """The label was there when the Task was placed, and is not when the kubelet reads the pod."""
    label, node = "example.entresol.dev/lane", real.node(OTHER_NODE)
    real.kubectl("label", "node", OTHER_NODE, f"{label}=fast")
    node.stop_kubelet()
    room.task("moved", Container(("true",), pod={"nodeSelector": {label: "fast"}}))
    wait_until(lambda: bool(room.status("moved").get("podName")), "a pod for the Task", 20)
    real.kubectl("label", "node", OTHER_NODE, f"{label}-")
    node.start_kubelet()

    status = room.wait("moved", lambda status: bool(status.get("lastAttempt")))
    last = status["lastAttempt"]
    assert (last["state"], last["reason"], last.get("charged")) == ("TASK_DROPPED", "NodeAffinity", None), status
    room.wait("moved", lambda status: status.get("pending", {}).get("reason") == "NeverFits")
    real.kubectl("label", "node", OTHER_NODE, f"{label}=fast")
    done = room.wait_state("moved", "TASK_FINISHED")
    real.kubectl("label", "node", OTHER_NODE, f"{label}-")
    assert (done["attempt"], done.get("failures", 0)) == (2, 0)


# --- what the kubelet would not refuse ------------------------------------------------------------

CLOSED = {
    "a cordon": (("cordon", OTHER_NODE), ("uncordon", OTHER_NODE)),
    "a taint NoSchedule": (
        ("taint", "node", OTHER_NODE, "example.entresol.dev/kept=yes:NoSchedule"),
        ("taint", "node", OTHER_NODE, "example.entresol.dev/kept-"),
    ),
}


@pytest.mark.parametrize(("close", "reopen"), CLOSED.values(), ids=CLOSED)
def test_a_task_respects_what_a_kubelet_ignores(
    real: RealCluster, room: Room, close: tuple[str, ...], reopen: tuple[str, ...]
) -> None:
    real.kubectl(*close)
    try:
        room.task("patient", Container(("true",), node=OTHER_NODE))
        status = room.wait("patient", lambda status: bool(status.get("pending")))
        assert status["state"] == "TASK_PENDING"
        room.by_hand("impatient", Container(("true",)), OTHER_NODE)
        wait_until(lambda: room.phase("impatient") == "Succeeded", "the pod made by hand", 30)
        assert room.status("patient").get("attempt", 0) == 0
    finally:
        real.kubectl(*reopen)
    assert room.wait_state("patient", "TASK_FINISHED")["nodeName"] == OTHER_NODE


def test_a_task_that_tolerates_the_taint_goes_there(real: RealCluster, room: Room) -> None:
    (close, reopen) = CLOSED["a taint NoSchedule"]
    tolerates = {"tolerations": [{"key": "example.entresol.dev/kept", "operator": "Exists"}]}
    real.kubectl(*close)
    try:
        room.task("tolerant", Container(("true",), node=OTHER_NODE, pod=tolerates))
        assert room.wait_state("tolerant", "TASK_FINISHED")["nodeName"] == OTHER_NODE
    finally:
        real.kubectl(*reopen)


# --- a node that is cut off -----------------------------------------------------------------------


def deployment(namespace: str) -> Json:
    labels = {"app": "web"}
    resources = {"requests": {"cpu": "50m", "memory": "8Mi"}}
    container = {"name": "main", "image": BUSYBOX, "command": ["sleep", "36000"], "resources": resources}
    pod = {"schedulerName": "entresol", "terminationGracePeriodSeconds": 1, "containers": [container]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace}} | {
        "spec": spec
    }


def running(real: RealCluster, node: str, room: Room, prefix: str) -> list[str]:
    """The containers that really run on a node, whatever the API server believes: UIDs of their pods."""
    there = real.node(node).containers()
    return [c.pod_uid for c in there if c.namespace == room.namespace and c.pod.startswith(prefix)]


def test_a_node_that_falls_silent_doubles_a_deployments_pod_and_never_a_task(real: RealCluster, room: Room) -> None:
    """A ReplicaSet replaces a pod that is only marked for deletion; its old container runs on as long as the node is cut off.

    A Task is one piece of work: while its pod may still run, it is unreachable, and there is no other attempt.
    """
    real.kubectl("cordon", OPERATORS_NODE)
    try:
        room.task("single", Container(("sleep", "36000")))
        real.apply(json.dumps(deployment(room.namespace)))
        wait_until(lambda: bool(running(real, OTHER_NODE, room, "web")), "the Deployment's pod", 30)
        room.wait_state("single", "TASK_RUNNING")
    finally:
        real.kubectl("uncordon", OPERATORS_NODE)
    before = {name: running(real, OTHER_NODE, room, name) for name in ("web", "single")}

    real.node(OTHER_NODE).pause()
    try:
        wait_until(lambda: bool(running(real, OPERATORS_NODE, room, "web")), "a replacement", 90)
        doubled = time.monotonic()
        assert running(real, OTHER_NODE, room, "web") == before["web"]
        status = room.wait_state("single", "TASK_UNREACHABLE")
        wait_until(lambda: bool((room.pod(status["podName"]) or {})["metadata"].get("deletionTimestamp")), "a mark", 30)
        assert room.status("single")["attempt"] == 1
        assert running(real, OPERATORS_NODE, room, "single") == []
        assert running(real, OTHER_NODE, room, "single") == before["single"]
        assert running(real, OTHER_NODE, room, "web") == before["web"]
    finally:
        real.node(OTHER_NODE).resume()
    wait_until(lambda: not set(running(real, OTHER_NODE, room, "web")) & set(before["web"]), "end of the old pod", 60)
    _log.info("doubled: %d pods, for %.1f s", len(before["web"]), time.monotonic() - doubled)

    again = room.wait("single", lambda status: status.get("state") == "TASK_RUNNING" and status["attempt"] == 2)
    last = again["lastAttempt"]
    assert (last["state"], last["reason"], last.get("charged")) == ("TASK_LOST", "DeletionByTaintManager", None), again
    wait_until(lambda: not set(before["single"]) & set(running(real, OTHER_NODE, room, "single")), "its end", 30)
    assert again.get("failures", 0) == 0

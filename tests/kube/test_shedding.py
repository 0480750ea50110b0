"""What is shed of an object is what nobody asks for later: everything made from it afterwards stays the same."""

from typing import Any

import msgspec
import pytest

from entresol.engine.status import TaskStatus
from entresol.kube.announcements import subject_pod, subject_task
from entresol.kube.bodies_task import task_of
from entresol.kube.deeds import pod_body
from entresol.kube.names import FRAMEWORK
from entresol.kube.patches import task_patch, waiting_pod_patch
from entresol.kube.shedding import shed_node, shed_pod, shed_task
from entresol.kube.wire import Node
from entresol.kube.wire_kinds import Task
from entresol.kube.wire_pod import Pod, PodStatus
from entresol.model.identifiers import AgentId, FrameworkId, RoleId, TaskId
from entresol.model.reasons import Reason, Waiting
from entresol.model.resources import Resources
from entresol.model.tasks import Charge, Record
from tests.support import objects
from tests.support.fake_cluster import TIME

AT = 1_700_000_000.0
SAID = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "LimitReached",
    "message": "others are due first",
    "lastTransitionTime": "2023-11-01T10:00:00Z",
}
READY = {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}


def read(kind: type[Any], body: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(body), type=kind)


def a_pod(node: str = "", *conditions: Any) -> Any:
    spec = objects.pod_spec(tolerations=[{"key": "a", "operator": "Exists"}])
    if node:
        spec["nodeName"] = node
    body = objects.pod("web", "team", spec=spec, labels={FRAMEWORK: "batch", "app": "web"}, annotations={"note": "x"})
    body["metadata"] |= {"uid": "uid-1", "resourceVersion": "7", "generation": 3, "creationTimestamp": TIME}
    return {**body, "status": {"phase": "Pending", "conditions": list(conditions)}}


def a_task(**status: Any) -> Any:
    body = objects.task("one", "team", framework="batch")
    body["metadata"] |= {
        "labels": {"app": "web"},
        "annotations": {"note": "x"},
        "uid": "uid-1",
        "resourceVersion": "7",
        "generation": 3,
        "creationTimestamp": TIME,
    }
    return {**body, "status": status}


def waiting(reason: Reason) -> TaskStatus:
    return TaskStatus(
        id=TaskId("uid-1"),
        name="team/web",
        plain=True,
        record=Record(),
        generation=3,
        demand=Resources.of(pods=1),
        waiting=Waiting(reason=reason),
    )


@pytest.mark.parametrize("reason", [Reason.NO_ROOM, Reason.LIMIT_REACHED])
@pytest.mark.parametrize("conditions", [(), (READY,), (SAID,), (READY, SAID)], ids=["none", "other", "said", "both"])
@pytest.mark.parametrize("node", ["", "n1"])
def test_what_is_said_of_a_waiting_pod_stays_the_same(node: str, conditions: tuple[Any, ...], reason: Reason) -> None:
    body = a_pod(node, *conditions)
    whole, shed = read(Pod, body), read(Pod, body)
    shed_pod(shed)
    assert waiting_pod_patch(waiting(reason), shed, AT) == waiting_pod_patch(waiting(reason), whole, AT)
    assert subject_pod(shed.metadata) == subject_pod(whole.metadata)
    assert shed.metadata.labels.get(FRAMEWORK) == "batch"
    assert (shed.metadata.uid, shed.metadata.resource_version) == ("uid-1", "7")
    assert shed.spec.node_name == node


def test_the_bulk_of_a_pod_is_gone_and_the_rest_is_shared() -> None:
    one, two = (read(Pod, a_pod("n1", READY)) for _ in range(2))
    for pod in (one, two):
        shed_pod(pod)
    assert (one.spec.tolerations, one.spec.containers, one.metadata.annotations) == ((), (), {})
    assert one.status == PodStatus()
    assert one.spec is two.spec
    assert one.metadata.labels is two.metadata.labels
    assert one.metadata.namespace is two.metadata.namespace


def test_a_pod_that_names_no_framework_names_none() -> None:
    body = a_pod()
    del body["metadata"]["labels"]
    pod = read(Pod, body)
    shed_pod(pod)
    assert pod.metadata.labels == {}


def test_a_node_keeps_its_name_and_version() -> None:
    metadata = {"name": "n1", "uid": "uid-2", "resourceVersion": "9", "labels": {"zone": "a"}}
    node = read(Node, {"metadata": metadata, "spec": {"unschedulable": True}, "status": {"allocatable": {"cpu": "4"}}})
    labels = node.metadata.labels
    shed_node(node)
    assert (node.metadata.name, node.metadata.uid, node.metadata.resource_version) == ("n1", "uid-2", "9")
    assert (node.spec.unschedulable, node.status.allocatable, node.metadata.labels) == (False, {}, {})
    assert labels == {"zone": "a"}, "whoever read it holds it on"


STATUSES: dict[str, dict[str, Any]] = {
    "nothing was said yet": {},
    "it waits": {"state": "TASK_PENDING", "conditions": [{**SAID, "type": "Scheduled"}]},
    "it runs": {"state": "TASK_RUNNING", "attempt": 1, "nodeName": "n1", "requests": {"cpu": "1"}},
}


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES)
def test_all_that_is_made_of_a_task_stays_the_same(status: dict[str, Any]) -> None:
    body = a_task(**status)
    whole, shed = read(Task, body), read(Task, body)
    shed_task(shed)
    charge = Charge(RoleId("team"), FrameworkId("team/batch"))
    said = waiting(Reason.NO_ROOM)
    assert task_of(shed) == task_of(whole)
    assert pod_body(shed, 1, AgentId("n1"), charge) == pod_body(whole, 1, AgentId("n1"), charge)
    assert task_patch(said, shed, AT) == task_patch(said, whole, AT)
    assert subject_task(shed.metadata) == subject_task(whole.metadata)


@pytest.mark.parametrize(("size", "want_shared"), [(10, True), (5000, False)])
def test_equal_templates_are_held_once_unless_they_are_large(size: int, want_shared: bool) -> None:
    template = {"metadata": {"annotations": {"note": "x" * size}}, "spec": objects.pod_spec()}
    body = a_task()
    body["spec"] = {"frameworkRef": {"name": "batch"}, "template": template}
    one, two = (read(Task, body) for _ in range(2))
    for task in (one, two):
        shed_task(task)
    assert (one.spec.template is two.spec.template) is want_shared
    assert msgspec.json.decode(one.spec.template) == template

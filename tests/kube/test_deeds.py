"""Bodies of deeds: a pod is what its author wrote, except for what only Entresol may say."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.kube.bodies_pod import pod_of
from entresol.kube.deeds import binding_body, delete_body, pod_body
from entresol.kube.names import pod_name
from entresol.kube.wire_kinds import Task
from entresol.kube.wire_pod import Pod as WirePod
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.tasks import Charge, Pod
from tests.support.reading import read

Json = dict[str, Any]
CHARGE = Charge(RoleId("gold"), FrameworkId("ns/etl"))
AGENT = AgentId("n1")


def task(**spec: Any) -> Task:
    return read(Task, {"metadata": {"name": "t", "namespace": "ns", "uid": "u1"}, "spec": spec})


def body_of(task: Task, attempt: int = 2) -> Json:
    body: Json = msgspec.json.decode(pod_body(task, attempt, AGENT, CHARGE))
    return body


def test_the_pod_of_a_template() -> None:
    template = {
        "metadata": {"labels": {"app": "x"}, "annotations": {"note": "y"}},
        "spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "OnFailure", "hostNetwork": True},
    }
    assert body_of(task(template=template)) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name("t", "u1", 2),
            "namespace": "ns",
            "labels": {"app": "x", "entresol.dev/framework": "etl", "entresol.dev/task": "t"},
            "annotations": {
                "note": "y",
                "entresol.dev/role": "gold",
                "entresol.dev/framework": "etl",
                "entresol.dev/attempt": "2",
            },
            "ownerReferences": [
                {
                    "apiVersion": "entresol.dev/v1alpha1",
                    "kind": "Task",
                    "name": "t",
                    "uid": "u1",
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": {
            "containers": [{"name": "c", "image": "i"}],
            "restartPolicy": "OnFailure",
            "hostNetwork": True,
            "nodeName": "n1",
            "schedulerName": "entresol",
        },
    }


def test_the_pod_of_the_short_form() -> None:
    short = task(
        image="busybox",
        command=["sh", "-c"],
        args=["true"],
        env=[{"name": "A", "value": "b"}],
        resources={"requests": {"cpu": 1}, "limits": {"memory": "1Gi"}},
    )
    assert body_of(short)["spec"] == {
        "containers": [
            {
                "name": "task",
                "image": "busybox",
                "command": ["sh", "-c"],
                "args": ["true"],
                "env": [{"name": "A", "value": "b"}],
                "resources": {"requests": {"cpu": 1}, "limits": {"memory": "1Gi"}},
            }
        ],
        "restartPolicy": "Never",
        "nodeName": "n1",
        "schedulerName": "entresol",
    }


def test_the_short_form_writes_nothing_that_was_not_said() -> None:
    assert body_of(task(image="busybox"))["spec"]["containers"] == [{"name": "task", "image": "busybox"}]


def test_a_template_is_passed_on_byte_for_byte() -> None:
    """Fields that are not known yet, the order of members and the form of numbers all stay."""
    containers = b'[{"z": 1.50, "name": "c", "future": {"b": 1e3, "a": 123456789012345678901234567890}}]'
    head = b'{"metadata":{"name":"t","namespace":"ns","uid":"u"},"spec":{"template":{"spec":{"containers":'
    found = msgspec.json.decode(head + containers + b"}}}}", type=Task)
    assert b'"containers":' + containers in pod_body(found, 1, AGENT, CHARGE)


def test_what_is_null_is_absent() -> None:
    template: Json = {"metadata": None, "spec": {"containers": [], "restartPolicy": None}}
    assert body_of(task(template=template))["spec"]["restartPolicy"] == "Never"
    assert body_of(task(template={"metadata": {"labels": None}, "spec": {}}))["metadata"]["labels"]


def test_a_template_that_is_no_object_is_an_error() -> None:
    with pytest.raises(ValueError, match="object"):
        pod_body(task(template=[1]), 1, AGENT, CHARGE)


OWNED_METADATA = ("name", "namespace", "ownerReferences")
OWNED_LABELS = ("entresol.dev/framework", "entresol.dev/task")
OWNED_ANNOTATIONS = ("entresol.dev/role", "entresol.dev/framework", "entresol.dev/attempt")
OWNED_SPEC = ("nodeName", "schedulerName")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def members(*owned: str) -> st.SearchStrategy[Json]:
    return st.dictionaries(st.sampled_from(owned) | st.text(max_size=4), JSON, max_size=4)


@st.composite
def templates(draw: st.DrawFn) -> Json:
    metadata = draw(members(*OWNED_METADATA, "generateName"))
    metadata |= {"labels": draw(members(*OWNED_LABELS)), "annotations": draw(members(*OWNED_ANNOTATIONS))}
    return {"metadata": metadata, "spec": draw(members(*OWNED_SPEC, "containers"))}


@given(templates(), st.integers(1, 99))
def test_no_template_says_what_only_entresol_may_say(template: Json, attempt: int) -> None:
    plain = body_of(task(template={"spec": {}}), attempt)
    body = body_of(task(template=template), attempt)
    for owned, path in (
        (OWNED_METADATA, ("metadata",)),
        (OWNED_LABELS, ("metadata", "labels")),
        (OWNED_ANNOTATIONS, ("metadata", "annotations")),
        (OWNED_SPEC, ("spec",)),
    ):
        want, found, wrote = plain, body, template
        for step in path:
            want, found, wrote = want[step], found[step], wrote[step]
        assert {name: found[name] for name in owned} == {name: want[name] for name in owned}
        kept = {
            k: v for k, v in wrote.items() if v is not None and k not in owned and k not in ("labels", "annotations")
        }
        assert kept.items() <= found.items()


def test_what_is_launched_is_recognised() -> None:
    """The stamp that is written is the one that is read."""
    body = body_of(task(template={"spec": {"containers": [{"name": "c"}]}}), attempt=7)
    body["metadata"]["uid"] = "p1"
    found = pod_of(read(WirePod, body))
    assert isinstance(found, Pod)
    assert (found.owner, found.attempt, found.agent, found.charge) == (TaskId("u1"), 7, AGENT, CHARGE)


def test_a_binding_is_for_one_pod_and_carries_the_stamp() -> None:
    assert msgspec.json.decode(binding_body("ns/p", PodId("u"), AGENT, CHARGE)) == {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {
            "name": "p",
            "namespace": "ns",
            "uid": "u",
            "annotations": {"entresol.dev/role": "gold", "entresol.dev/framework": "etl"},
        },
        "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"},
    }


@pytest.mark.parametrize(
    ("grace", "want"), [(None, {}), (0, {"gracePeriodSeconds": 0})], ids=["its own grace", "at once"]
)
def test_a_delete_is_for_one_object(grace: int | None, want: Json) -> None:
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "u"}}
    assert msgspec.json.decode(delete_body("u", grace)) == {**options, **want}

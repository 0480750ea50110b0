"""Task objects as values of the model: demand, urgency, the past, and what is refused before anything is created."""

from typing import Any

import msgspec
import pytest

from entresol.kube.bodies_task import task_of
from entresol.kube.wire_kinds import Task as WireTask
from entresol.model.constraints import Constraints
from entresol.model.identifiers import AgentId, FrameworkId, TaskId
from entresol.model.policy import Urgency
from entresol.model.resources import Resources
from entresol.model.tasks import Attempt, Record, Task
from tests.support.reading import read

Json = dict[str, Any]
ONE_CPU = {"name": "c", "resources": {"requests": {"cpu": "1"}}}


def task(spec: Json, status: Json | None = None, **metadata: Any) -> Task:
    body = {
        "metadata": {"name": "t", "namespace": "ns", "uid": "u1", **metadata},
        "spec": {"frameworkRef": {"name": "f"}, **spec},
        "status": status or {},
    }
    found = task_of(read(WireTask, body), {"high": 1000, "": 5})
    assert isinstance(found, Task)
    return found


def templated(**spec: Any) -> Json:
    return {"template": {"spec": {"containers": [ONE_CPU], **spec}}}


def test_a_task_with_everything() -> None:
    spec = {
        **templated(nodeSelector={"zone": "a"}),
        "priority": -3,
        "maxAttempts": 4,
        "expectedRuntimeSeconds": 60,
        "activeDeadlineSeconds": 600,
        "ttlSecondsAfterFinished": 0,
        "suspend": True,
    }
    found = task(spec, creationTimestamp="1970-01-01T00:00:09Z", deletionTimestamp="1970-01-01T00:01:00Z", generation=2)
    assert found == Task(
        id=TaskId("u1"),
        name="ns/t",
        framework=FrameworkId("ns/f"),
        demand=Resources.of(cpu=1000, pods=1),
        constraints=Constraints(selector=(("zone", "a"),)),
        urgency=Urgency(-3, 60.0),
        created=9.0,
        max_attempts=4,
        deadline=600.0,
        ttl=0.0,
        suspended=True,
        deleting=True,
        generation=2,
    )


def test_the_short_form_is_one_container() -> None:
    found = task({"image": "busybox", "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}})
    assert (found.demand, found.invalid) == (Resources.of(cpu=1000, memory=2**30, pods=1), "")


def test_limits_count_where_requests_are_absent() -> None:
    containers = [{"name": "c", "resources": {"limits": {"cpu": "2"}}}]
    assert task(templated(containers=containers)).demand == Resources.of(cpu=2000, pods=1)


def test_a_null_in_a_template_means_absent() -> None:
    found = task(templated(tolerations=None, affinity={"nodeAffinity": None}))
    assert (found.invalid, found.demand.get("cpu")) == ("", 1000)


PRIORITIES: dict[str, tuple[Json, int]] = {
    "the Task's own": ({**templated(priorityClassName="high"), "priority": 3}, 3),
    "the Task's own zero": ({**templated(priorityClassName="high"), "priority": 0}, 0),
    "the template's number": (templated(priority=9, priorityClassName="high"), 9),
    "the value of the template's class": (templated(priorityClassName="high"), 1000),
    "a class that does not exist counts as zero": (templated(priorityClassName="odd"), 0),
    "the global default": (templated(), 5),
}


@pytest.mark.parametrize(("spec", "want"), PRIORITIES.values(), ids=PRIORITIES.keys())
def test_priority(spec: Json, want: int) -> None:
    assert task(spec).urgency.priority == want


INVALID: dict[str, tuple[Json, str]] = {
    "neither template nor image": ({}, "exactly one of `spec.template`"),
    "both": ({**templated(), "image": "a"}, "exactly one of `spec.template`"),
    "no framework named": ({**templated(), "frameworkRef": {}}, "`spec.frameworkRef.name` must name a Framework"),
    "a template that is no object": ({"template": [1]}, "`spec.template`: template must be a pod template"),
    "a template with text for a list": (
        templated(tolerations="all"),
        "`spec.template`: template must be a pod template",
    ),
    "no containers": (templated(containers=[]), "`spec.template.spec.containers` must hold at least one container"),
    "a node of its own choice": (templated(nodeName="n"), "`spec.template.spec.nodeName` must be absent"),
    "scheduling gates": (
        templated(schedulingGates=[{"name": "g"}]),
        "`spec.template.spec.schedulingGates` must be absent",
    ),
    "another scheduler": (
        templated(schedulerName="default-scheduler"),
        "`spec.template.spec.schedulerName` must be absent or entresol, not 'default-scheduler'",
    ),
    "a pod that never ends": (
        templated(restartPolicy="Always"),
        "`spec.template.spec.restartPolicy` must be Never or OnFailure",
    ),
    "a quantity that is none": (
        templated(containers=[{"name": "c", "resources": {"requests": {"cpu": "lots"}}}]),
        "`cpu`: quantity must be a number",
    ),
    "a quantity below zero": (templated(overhead={"cpu": "-1"}), "`cpu`: quantity must be zero or more"),
    "an affinity without sense": (
        templated(
            affinity={
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Like"}]}]
                    }
                }
            }
        ),
        "`operator` must be one of In, NotIn, Exists, DoesNotExist, Gt, Lt, not 'Like'",
    ),
}


@pytest.mark.parametrize(("spec", "want"), INVALID.values(), ids=INVALID.keys())
def test_what_can_never_run_is_said_in_words(spec: Json, want: str) -> None:
    found = task(spec)
    assert want in found.invalid
    assert found.demand == Resources.of(pods=1)


def test_a_template_nested_without_end_stops_nobody() -> None:
    deep = b"[" * 700 + b"]" * 700
    head = b'{"metadata":{"name":"t","namespace":"ns","uid":"u"},"spec":{"frameworkRef":{"name":"f"},"template":'
    body = head + b'{"spec":{"tolerations":null,"x":' + deep + b"}}}}"
    found = task_of(msgspec.json.decode(body, type=WireTask))
    assert isinstance(found, Task)
    assert found.invalid.startswith("`spec.template`")


UNSUPPORTED: dict[str, tuple[Json, tuple[str, ...]]] = {
    "nothing unusual": (templated(schedulerName="entresol", restartPolicy="OnFailure"), ()),
    "a runtime class": (templated(runtimeClassName="gvisor"), ("spec.template.spec.runtimeClassName",)),
    "a volume claim": (
        templated(volumes=[{"name": "v", "persistentVolumeClaim": {}}]),
        ("spec.template.spec.volumes[].persistentVolumeClaim",),
    ),
}


@pytest.mark.parametrize(("spec", "want"), UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
def test_what_is_not_honoured_yet_is_named(spec: Json, want: tuple[str, ...]) -> None:
    found = task(spec)
    assert (found.unsupported, found.invalid) == (want, "")


def test_the_past_is_read_from_the_status() -> None:
    status = {
        "state": "TASK_RUNNING",
        "attempt": 3,
        "failures": 1,
        "startTime": "1970-01-01T00:00:10Z",
        "finishTime": "1970-01-01T00:00:20Z",
        "lastAttempt": {
            "attempt": 2,
            "state": "TASK_FAILED",
            "reason": "Error",
            "message": "boom",
            "exitCode": 0,
            "nodeName": "n",
            "podName": "p",
            "charged": True,
            "finishTime": "1970-01-01T00:00:15Z",
        },
    }
    last = Attempt(
        number=2,
        state="TASK_FAILED",
        reason="Error",
        message="boom",
        exit_code=0,
        agent=AgentId("n"),
        pod="ns/p",
        charged=True,
        finished=15.0,
    )
    want = Record(state="TASK_RUNNING", attempt=3, failures=1, last=last, started=10.0, finished=20.0)
    assert task(templated(), status).record == want


def test_a_past_that_cannot_be_read_counts_as_unknown() -> None:
    record = task(templated(), {"startTime": "once", "lastAttempt": {"attempt": 1}}).record
    assert record == Record(last=Attempt(number=1, state="", reason=""))

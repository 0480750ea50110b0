"""Pods as values of the model: whose attempt, who pays, how it ended, and a plain pod as the task it is."""

from typing import Any

import pytest

from entresol.kube.bodies_pod import foreign_pod_of, pod_of
from entresol.kube.names import pod_name
from entresol.kube.wire_pod import Pod as WirePod
from entresol.model.constraints import Constraints, HostPort
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.policy import Urgency
from entresol.model.resources import Resources
from entresol.model.tasks import Charge, Ending, ForeignPod, Hindrance, Phase, Pod, Task
from tests.support.reading import read

Json = dict[str, Any]
TASK_UID = "7d1c"
OWNER = {"apiVersion": "entresol.dev/v1alpha1", "kind": "Task", "name": "t", "uid": TASK_UID, "controller": True}
STAMP = {"entresol.dev/role": "gold", "entresol.dev/framework": "etl"}


def pod(metadata: Json | None = None, spec: Json | None = None, status: Json | None = None) -> Pod:
    body = {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u1", **(metadata or {})},
        "spec": {"schedulerName": "entresol", "containers": [{"name": "c"}], **(spec or {})},
        "status": status or {},
    }
    found = pod_of(read(WirePod, body))
    assert isinstance(found, Pod)
    return found


def test_a_plain_pod_is_a_task_by_itself() -> None:
    metadata = {
        "labels": {"entresol.dev/framework": "etl"},
        "annotations": {"entresol.dev/expected-runtime": "5m"},
        "creationTimestamp": "1970-01-01T00:01:00Z",
        "generation": 3,
    }
    spec = {
        "priority": 7,
        "schedulingGates": [{"name": "g"}],
        "nodeSelector": {"zone": "a"},
        "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}, "ports": [{"hostPort": 80}]}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "p"}}],
    }
    demand, ports = Resources.of(cpu=1000, pods=1), (HostPort(80),)
    assert pod(metadata, spec) == Pod(
        id=PodId("u1"),
        name="ns/p",
        demand=demand,
        ports=ports,
        task=Task(
            id=TaskId("u1"),
            name="ns/p",
            framework=FrameworkId("ns/etl"),
            demand=demand,
            constraints=Constraints(selector=(("zone", "a"),), ports=ports),
            urgency=Urgency(7, 300.0),
            created=60.0,
            plain=True,
            gated=True,
            unsupported=("spec.volumes[].persistentVolumeClaim",),
            generation=3,
        ),
    )


def test_a_tasks_pod_is_an_attempt() -> None:
    name = pod_name("t", TASK_UID, 2)
    found = pod(
        {"name": name, "ownerReferences": [OWNER], "annotations": STAMP, "deletionTimestamp": "2026-01-01T00:00:00Z"},
        {"nodeName": "n1"},
        {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    )
    assert found == Pod(
        id=PodId("u1"),
        name=f"ns/{name}",
        demand=Resources.of(pods=1),
        owner=TaskId(TASK_UID),
        claims="ns/t",
        attempt=2,
        agent=AgentId("n1"),
        phase=Phase.RUNNING,
        ready=True,
        deleting=True,
        charge=Charge(RoleId("gold"), FrameworkId("ns/etl")),
    )


OWNERS: dict[str, tuple[Json, TaskId | None]] = {
    "a Task that controls it": (OWNER, TaskId(TASK_UID)),
    "a Task of a later version": ({**OWNER, "apiVersion": "entresol.dev/v1"}, TaskId(TASK_UID)),
    "a Task by another name than its own": ({**OWNER, "name": "other"}, None),
    "a Task that does not control it": ({**OWNER, "controller": False}, None),
    "somebody else's Task": ({**OWNER, "apiVersion": "tekton.dev/v1"}, None),
    "a Job": ({**OWNER, "apiVersion": "batch/v1", "kind": "Job"}, None),
}


@pytest.mark.parametrize(("reference", "want"), OWNERS.values(), ids=OWNERS.keys())
def test_only_a_controlling_task_owns_a_pod(reference: Json, want: TaskId | None) -> None:
    references = [{"kind": "Node", "name": "n", "uid": "x"}, reference]
    found = pod({"name": pod_name("t", TASK_UID, 1), "ownerReferences": references})
    assert found.owner == want
    assert (found.task is None) == (want is not None)


def test_an_attempt_that_nobody_bound_is_read_as_what_it_claims_to_be() -> None:
    """Attempts are created on their agent, so the engine knows a pod like this for a forgery, and ignores it."""
    found = pod({"name": pod_name("t", TASK_UID, 1), "ownerReferences": [OWNER], "annotations": STAMP})
    assert (found.owner, found.attempt, found.agent, found.charge, found.task) == (TASK_UID, 1, None, None, None)


ATTEMPTS: dict[str, tuple[str, Json, int]] = {
    "by its name": (pod_name("t", TASK_UID, 3), {}, 3),
    "by its name, whatever the annotation was changed to": (
        pod_name("t", TASK_UID, 3),
        {"entresol.dev/attempt": "9"},
        3,
    ),
    "not by an annotation, which anybody may write": ("odd", {"entresol.dev/attempt": "4"}, 0),
    "not at all": ("odd", {}, 0),
}


@pytest.mark.parametrize(("name", "annotations", "want"), ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_which_attempt_it_is(name: str, annotations: Json, want: int) -> None:
    """A pod whose name is none of the Task's attempts is a plain pod, whatever its owner reference claims."""
    found = pod({"name": name, "ownerReferences": [OWNER], "annotations": annotations})
    assert found.attempt == want
    assert (found.owner is None) == (want == 0)


CHARGES: dict[str, tuple[Json, Json, Charge | None]] = {
    "the stamp of a bound pod": (STAMP, {"nodeName": "n"}, Charge(RoleId("gold"), FrameworkId("ns/etl"))),
    "not the stamp of a pod that waits: its author wrote it": (STAMP, {}, None),
    "not half a stamp": ({"entresol.dev/role": "gold"}, {"nodeName": "n"}, None),
}


@pytest.mark.parametrize(("annotations", "spec", "want"), CHARGES.values(), ids=CHARGES.keys())
def test_who_pays(annotations: Json, spec: Json, want: Charge | None) -> None:
    assert pod({"annotations": annotations}, spec).charge == want


RUNTIMES: dict[str, tuple[str, float | None, tuple[str, ...]]] = {
    "seconds": ("90", 90.0, ()),
    "a duration": ("1h30m", 5400.0, ()),
    "what cannot be read is unknown, and named": (
        "soon",
        None,
        ("metadata.annotations[entresol.dev/expected-runtime]",),
    ),
    "an empty one too": ("", None, ("metadata.annotations[entresol.dev/expected-runtime]",)),
}


@pytest.mark.parametrize(("text", "runtime", "unsupported"), RUNTIMES.values(), ids=RUNTIMES.keys())
def test_the_run_time_that_a_plain_pod_states(text: str, runtime: float | None, unsupported: tuple[str, ...]) -> None:
    task = pod({"annotations": {"entresol.dev/expected-runtime": text}}).task
    assert task is not None
    assert (task.urgency.runtime, task.unsupported) == (runtime, unsupported)


def test_a_pod_that_names_no_framework_belongs_to_the_default_one() -> None:
    task = pod({"labels": {"entresol.dev/framework": ""}}).task
    assert task is not None
    assert (task.framework, task.urgency) == ("ns/default", Urgency(0, None))


PHASES = {
    "": Phase.PENDING,
    "Pending": Phase.PENDING,
    "Running": Phase.RUNNING,
    "Succeeded": Phase.SUCCEEDED,
    "Failed": Phase.FAILED,
    "Unknown": Phase.RUNNING,
}


@pytest.mark.parametrize(("phase", "want"), PHASES.items())
def test_a_phase_that_is_not_known_keeps_its_room(phase: str, want: Phase) -> None:
    found = pod(status={"phase": phase})
    assert found.phase is want
    assert found.over == (phase in ("Succeeded", "Failed"))


def terminated(name: str, code: int, reason: str = "", message: str = "") -> Json:
    return {"name": name, "state": {"terminated": {"exitCode": code, "reason": reason, "message": message}}}


EVICTED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drained"}
ENDINGS: dict[str, tuple[Json, Ending]] = {
    "a live pod has not ended": ({"phase": "Running", "containerStatuses": [terminated("c", 1)]}, Ending()),
    "success says nothing": ({"phase": "Succeeded", "containerStatuses": [terminated("c", 0, "Completed")]}, Ending()),
    "success with a child killed is success": (
        {"phase": "Succeeded", "containerStatuses": [terminated("c", 0, "OOMKilled")]},
        Ending(),
    ),
    "a container failed": (
        {"phase": "Failed", "containerStatuses": [terminated("c", 3, "Error", "boom")]},
        Ending(exit_code=3, container_reason="Error", message="boom"),
    ),
    "the first that failed counts": (
        {"phase": "Failed", "containerStatuses": [terminated("c", 0), terminated("d", 2), terminated("e", 4)]},
        Ending(exit_code=2),
    ),
    "an init container fails before the others": (
        {
            "phase": "Failed",
            "initContainerStatuses": [terminated("i", 5, "Error")],
            "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "PodInitializing"}}}],
        },
        Ending(exit_code=5, container_reason="Error"),
    ),
    "a sidecar that is killed at the end does not hide what failed": (
        {
            "phase": "Failed",
            "initContainerStatuses": [terminated("side", 143, "Error")],
            "containerStatuses": [terminated("c", 1, "OOMKilled")],
        },
        Ending(exit_code=1, container_reason="OOMKilled"),
    ),
    "a kubelet's refusal has no container": (
        {"phase": "Failed", "reason": "OutOfcpu", "message": "Pod was rejected"},
        Ending(reason="OutOfcpu", message="Pod was rejected"),
    ),
    "after a kubelet's restart the refusal keeps its own words": (
        {
            "phase": "Failed",
            "reason": "OutOfcpu",
            "message": "Pod was rejected",
            "containerStatuses": [terminated("c", 137, "ContainerStatusUnknown", "gone")],
        },
        Ending(reason="OutOfcpu", exit_code=137, container_reason="ContainerStatusUnknown", message="Pod was rejected"),
    ),
    "a disruption goes before": (
        {"phase": "Failed", "reason": "Evicted", "message": "low on memory", "conditions": [EVICTED]},
        Ending(disruption="EvictionByEvictionAPI", reason="Evicted", message="drained"),
    ),
    "a disruption is seen before the end": (
        {"phase": "Running", "conditions": [EVICTED]},
        Ending(disruption="EvictionByEvictionAPI", message="drained"),
    ),
    "a disruption without a reason still is one": (
        {"phase": "Failed", "conditions": [{"type": "DisruptionTarget", "status": "True"}]},
        Ending(disruption="DisruptionTarget"),
    ),
    "a disruption that was called off is none": (
        {"phase": "Failed", "conditions": [{**EVICTED, "status": "False"}]},
        Ending(),
    ),
}


def waiting(reason: str, message: str = "") -> Json:
    return {"name": "c", "state": {"waiting": {"reason": reason, "message": message}}}


PULL = Hindrance("ImagePullBackOff", "no such image")
HINDRANCES: dict[str, tuple[Json, Hindrance]] = {
    "a container that is being made is not hindered": (
        {"phase": "Pending", "containerStatuses": [waiting("ContainerCreating"), waiting("")]},
        Hindrance(),
    ),
    "one that waits for the init containers neither": (
        {"phase": "Pending", "containerStatuses": [waiting("PodInitializing")]},
        Hindrance(),
    ),
    "an image that cannot be had": (
        {"phase": "Pending", "containerStatuses": [waiting("ImagePullBackOff", "no such image")]},
        PULL,
    ),
    "the same in the other word": (
        {"phase": "Pending", "containerStatuses": [waiting("ErrImagePull", "no such image")]},
        PULL,
    ),
    "the first in the order in which they start": (
        {
            "phase": "Pending",
            "initContainerStatuses": [waiting("InvalidImageName")],
            "containerStatuses": [waiting("ErrImagePull")],
        },
        Hindrance("InvalidImageName"),
    ),
    "what runs beside it": (
        {
            "phase": "Pending",
            "containerStatuses": [{"name": "a", "state": {"running": {}}}, waiting("CreateContainerConfigError")],
        },
        Hindrance("CreateContainerConfigError"),
    ),
    "a pod that is over waits for nothing": (
        {"phase": "Failed", "containerStatuses": [waiting("ImagePullBackOff")]},
        Hindrance(),
    ),
}


@pytest.mark.parametrize(("status", "want"), HINDRANCES.values(), ids=HINDRANCES.keys())
def test_what_hinders_a_pod(status: Json, want: Hindrance) -> None:
    assert pod(status=status).hindrance == want


@pytest.mark.parametrize(("status", "want"), ENDINGS.values(), ids=ENDINGS.keys())
def test_how_a_pod_ended(status: Json, want: Ending) -> None:
    assert pod(spec={"initContainers": [{"name": "side", "restartPolicy": "Always"}]}, status=status).ending == want


def test_a_foreign_pod_takes_room_and_ports() -> None:
    spec = {
        "nodeName": "n1",
        "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}, "ports": [{"hostPort": 80}]}],
    }
    found = foreign_pod_of(read(WirePod, {"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": spec}))
    assert found == ForeignPod(
        id=PodId("u"), agent=AgentId("n1"), demand=Resources.of(cpu=1000, pods=1), ports=(HostPort(80),)
    )

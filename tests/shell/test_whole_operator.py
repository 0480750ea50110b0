"""A whole operator among what it did not make: idle objects, forged pods, Tasks it cannot read, words to be taken back."""

from pathlib import Path

import pytest

from entresol.kube.names import pod_name
from entresol.kube.resources import FOREIGN_PODS, FRAMEWORK_ROLES, FRAMEWORKS, PODS, TASKS
from tests.shell.operating import ready, running
from tests.support import objects
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_faults import Refuse
from tests.support.recorder import until

STAMP = {"entresol.dev/role": "team", "entresol.dev/framework": "default"}


def agent_of(cluster: FakeCluster, name: str) -> str | None:
    """The node that a pod is bound to."""
    found: str | None = cluster.object(PODS, "team", name)["spec"].get("nodeName")
    return found


def scheduled(cluster: FakeCluster, name: str) -> str | None:
    """The reason in a pod's condition `PodScheduled`."""
    conditions = cluster.status(PODS, "team", name).get("conditions", [])
    return next((one.get("reason") for one in conditions if one["type"] == "PodScheduled"), None)


def owner(uid: str) -> objects.Json:
    """What makes a pod look like an attempt of the Task `one`."""
    return {"apiVersion": objects.API_VERSION, "kind": "Task", "name": "one", "uid": uid, "controller": True}


async def test_a_finished_task_whose_time_ran_out_is_deleted_though_time_passed_while_pods_were_listed(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    await cluster.node("n1")
    done = {"state": "TASK_FINISHED", "attempt": 1, "finishTime": "2020-01-01T00:00:00Z"}
    await cluster.make(objects.task("one", "team", ttlSecondsAfterFinished=1) | {"status": done})
    cluster.hold = FOREIGN_PODS.field_selector
    async with running(cluster, tmp_path) as operator:
        await until(lambda: operator.driver.world.streams()["pods"].lists == 1)
        cluster.let_go()
        await until(lambda: cluster.objects(TASKS) == [])


async def test_statuses_that_cannot_be_written_keep_no_other_work_waiting(cluster: FakeCluster, tmp_path: Path) -> None:
    """Three attempts that must be recorded first, all that may be worked on at a time, and a webhook that is down."""
    await cluster.node("n1")
    for name in ("one", "two", "three"):
        await cluster.make(objects.task(name, "team") | {"status": {"state": "TASK_STAGING", "attempt": 1}})
    cluster.trouble("status", *(Refuse(500),) * 1000)
    async with ready(cluster, tmp_path, connections=4):
        await until(lambda: cluster.count("status") >= 3)
        await cluster.make(objects.pod("web", "team"))
        await until(lambda: agent_of(cluster, "web") == "n1")


async def test_an_idle_framework_and_role_that_were_there_before_get_a_status(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    await cluster.node("n1")
    await cluster.make(objects.role("gold", namespaces={"names": ["team"]}))
    await cluster.make(objects.framework("batch", "team", role="gold"))
    async with ready(cluster, tmp_path):
        await until(lambda: bool(cluster.status(FRAMEWORKS, "team", "batch")))
        await until(lambda: bool(cluster.status(FRAMEWORK_ROLES, "", "gold")))


async def test_a_pod_that_claims_to_be_an_attempt_harms_nobody(cluster: FakeCluster, tmp_path: Path) -> None:
    """Any tenant can write one: a Task's pod by name and owner, which nobody bound."""
    await cluster.node("n1", cpu="1")
    await cluster.make(objects.task("one", "team", suspend=True))
    uid = cluster.object(TASKS, "team", "one")["metadata"]["uid"]
    async with ready(cluster, tmp_path) as operator:
        await cluster.make(objects.pod(pod_name("one", uid, 1), "team", ownerReferences=[owner(uid)]))
        await until(lambda: operator.driver.world.streams()["pods"].objects == 1)
        await cluster.make(objects.pod("web", "team"))
        await until(lambda: agent_of(cluster, "web") == "n1")


@pytest.mark.slow
async def test_a_running_pod_of_a_task_that_cannot_be_read_is_left_alone(cluster: FakeCluster, tmp_path: Path) -> None:
    """After a downgrade, say: a field has another type than this version knows.

    Another pod waits meanwhile; when it is told so, what would have been done about the first one is done.
    """
    await cluster.node("n1", cpu="1")
    await cluster.make(objects.task("one", "team", expectedRuntimeSeconds="1h"))
    uid = cluster.object(TASKS, "team", "one")["metadata"]["uid"]
    name, spec = pod_name("one", uid, 1), objects.pod_spec(nodeName="n1")
    await cluster.make(objects.pod(name, "team", spec=spec, annotations=STAMP, ownerReferences=[owner(uid)]))
    await cluster.pod_status("team", name, phase="Running")
    async with ready(cluster, tmp_path) as operator:
        assert operator.driver.rooms()["n1"].ours.get("cpu") == 1000
        await cluster.make(objects.pod("web", "team"))
        await until(lambda: scheduled(cluster, "web") == "Unschedulable", 20.0)
        assert cluster.count("delete") == 0


@pytest.mark.slow
async def test_a_gated_pod_is_unschedulable_when_its_gates_are_lifted_and_there_is_no_room(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    """Autoscalers act on that word alone."""
    await cluster.node("n1", cpu="1")
    await cluster.make(objects.pod("full", "team"))
    async with ready(cluster, tmp_path):
        await until(lambda: agent_of(cluster, "full") == "n1")
        spec = objects.pod_spec(schedulingGates=[{"name": "wait"}])
        await cluster.make(objects.pod("web", "team", spec=spec))
        await until(lambda: scheduled(cluster, "web") == "SchedulingGated", 20.0)
        await cluster.amend(PODS, "team", "web", schedulingGates=[])
        await until(lambda: scheduled(cluster, "web") == "Unschedulable", 20.0)


@pytest.mark.slow
async def test_unschedulable_is_taken_back_from_the_pods_of_a_framework_that_is_suspended(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    await cluster.node("n1", cpu="1")
    await cluster.make(objects.framework("batch", "team"))
    await cluster.make(objects.pod("full", "team"))
    async with ready(cluster, tmp_path):
        await until(lambda: agent_of(cluster, "full") == "n1")
        await cluster.make(objects.pod("web", "team", labels={"entresol.dev/framework": "batch"}))
        await until(lambda: scheduled(cluster, "web") == "Unschedulable", 20.0)
        await cluster.amend(FRAMEWORKS, "team", "batch", suspend=True)
        await until(lambda: scheduled(cluster, "web") == "FrameworkSuspended", 20.0)

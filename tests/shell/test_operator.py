"""A whole operator on a fake cluster: from what is there to what it writes."""

from pathlib import Path

import pytest

from entresol.kube.resources import (
    EVENTS,
    FOREIGN_PODS,
    FRAMEWORK_ROLES,
    FRAMEWORKS,
    NODES,
    PODS,
    PRIORITY_CLASSES,
    TASKS,
)
from entresol.runtime import world
from tests.shell.operating import ready, running
from tests.support import objects
from tests.support.fake_cluster import FakeCluster
from tests.support.recorder import until


def state(cluster: FakeCluster, name: str) -> str:
    return str(cluster.status(TASKS, "team", name).get("state", ""))


async def test_a_task_is_launched_published_and_finished(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1")
    await cluster.make(objects.framework("batch", "team"))
    await cluster.make(objects.task("one", "team", framework="batch"))
    async with ready(cluster, tmp_path) as operator:
        await until(lambda: len(cluster.objects(PODS)) == 1)
        pod = cluster.objects(PODS)[0]
        assert pod["spec"]["nodeName"] == "n1"
        assert pod["spec"]["schedulerName"] == "entresol"
        assert pod["metadata"]["ownerReferences"][0]["uid"] == cluster.object(TASKS, "team", "one")["metadata"]["uid"]
        await cluster.pod_status("team", pod["metadata"]["name"], phase="Running")
        await until(lambda: state(cluster, "one") == "TASK_RUNNING")
        await cluster.pod_status("team", pod["metadata"]["name"], phase="Succeeded")
        await until(lambda: state(cluster, "one") == "TASK_FINISHED")
        await until(lambda: cluster.status(FRAMEWORKS, "team", "batch").get("tasks", {}).get("finished") == 1)
        await until(lambda: {event["reason"] for event in cluster.objects(EVENTS)} == {"Scheduled", "AttemptFinished"})
        assert await operator.counted("entresol_launched_total") == 1
        assert cluster.count("create") == 1


async def test_a_plain_pod_is_bound_and_stamped(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1")
    async with ready(cluster, tmp_path):
        await cluster.make(objects.pod("web", "team"))
        await until(lambda: cluster.object(PODS, "team", "web")["spec"].get("nodeName") == "n1")
        annotations = cluster.object(PODS, "team", "web")["metadata"]["annotations"]
        assert annotations == {"entresol.dev/role": "team", "entresol.dev/framework": "default"}


async def test_an_empty_cluster_is_whole_too(cluster: FakeCluster, tmp_path: Path) -> None:
    async with ready(cluster, tmp_path) as operator:
        assert (await operator.get("/readyz"))[0] == 200
        assert (await operator.json("/state"))["roles"] == []


async def test_nothing_is_granted_on_half_a_world(cluster: FakeCluster, tmp_path: Path) -> None:
    """Pods of others are listed last; until then the node looks empty, and it is full."""
    await cluster.node("n1", cpu="1")
    await cluster.make(objects.framework("batch", "team"))
    await cluster.make(objects.task("one", "team", framework="batch"))
    spec = objects.pod_spec(nodeName="n1") | {"schedulerName": "default-scheduler"}
    await cluster.make(objects.pod("other", "team", spec=spec))
    cluster.hold = FOREIGN_PODS.field_selector
    async with running(cluster, tmp_path) as operator:
        await until(lambda: operator.driver.world.streams()["pods"].lists == 1)
        status, words = await operator.get("/readyz")
        assert (status, words) == (503, "the cluster is still being listed\n")
        assert cluster.count("create") == 0
        assert await operator.counted("entresol_recovering") == 1
        cluster.let_go()
        await until(lambda: dict(operator.driver.summary().reasons) == {("team/batch", "NoRoomNow"): 1})
        assert cluster.count("create") == 0


async def test_what_is_in_memory_is_what_is_there(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1")
    await cluster.make(objects.framework("batch", "team"))
    await cluster.make(objects.role("team", weight=2))
    for number in range(3):
        await cluster.make(objects.task(f"t{number}", "team", framework="batch"))
    async with ready(cluster, tmp_path) as operator:
        await until(lambda: len(cluster.objects(PODS)) == 3)
        await cluster.remove(TASKS, "t0", "team")
        await until(lambda: len(operator.driver.world.versions()["tasks"]) == 2)
        kinds = {"tasks": TASKS, "nodes": NODES, "frameworkroles": FRAMEWORK_ROLES, "frameworks": FRAMEWORKS}
        await until(lambda: all(operator.driver.world.versions()[k] == cluster.versions(r) for k, r in kinds.items()))
        debug = await operator.json("/debug/state")
        assert debug["agents"]["n1"]["ours"]["pods"] == 3
        assert debug["lists"]["pods"] == 1


async def test_a_role_gets_its_figures(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1", cpu="4")
    await cluster.make(objects.role("team", weight=3))
    await cluster.make(objects.framework("batch", "team"))
    await cluster.make(objects.task("one", "team", framework="batch"))
    async with ready(cluster, tmp_path):
        await until(lambda: cluster.status(FRAMEWORK_ROLES, "", "team").get("dominantShare") == "0.2500")


async def test_the_pod_of_a_suspended_task_is_deleted(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1")
    await cluster.make(objects.framework("batch", "team"))
    await cluster.make(objects.task("one", "team", framework="batch", suspend=False))
    async with ready(cluster, tmp_path):
        await until(lambda: len(cluster.objects(PODS)) == 1)
        held = cluster.object(TASKS, "team", "one")
        await cluster.make(objects.task("one", "team", framework="batch", suspend=True), held["metadata"]["uid"])
        await until(lambda: cluster.objects(PODS) == [])


async def test_a_finished_task_is_deleted_after_its_time(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1")
    await cluster.make(objects.framework("batch", "team"))
    await cluster.make(objects.task("one", "team", framework="batch", ttlSecondsAfterFinished=0))
    async with ready(cluster, tmp_path):
        await until(lambda: len(cluster.objects(PODS)) == 1)
        await cluster.pod_status("team", cluster.objects(PODS)[0]["metadata"]["name"], phase="Succeeded")
        await until(lambda: cluster.objects(TASKS) == [])


async def test_a_malformed_object_is_counted_and_stops_nobody(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("bad", cpu="many")
    await cluster.node("n1")
    await cluster.make(objects.pod("web", "team"))
    async with ready(cluster, tmp_path) as operator:
        await until(lambda: cluster.object(PODS, "team", "web")["spec"].get("nodeName") == "n1")
        assert await operator.counted("entresol_malformed_objects_total", kind="nodes") == 1


async def test_the_value_of_a_priority_class_reaches_tasks_that_name_it(cluster: FakeCluster, tmp_path: Path) -> None:
    """Also when the class comes after the task: the task is read again."""
    await cluster.node("n1", cpu="1")
    await cluster.make(objects.framework("batch", "team", scheduler={"type": "BuiltIn", "order": "Priority"}))
    await cluster.make(objects.pod("busy", "team"))
    async with ready(cluster, tmp_path) as operator:
        await until(lambda: cluster.object(PODS, "team", "busy")["spec"].get("nodeName") == "n1")
        await cluster.make(objects.task("first", "team", framework="batch"))
        spec = objects.pod_spec(priorityClassName="urgent")
        await cluster.make(objects.task("second", "team", framework="batch", spec=spec))
        await until(lambda: operator.driver.world.streams()["tasks"].objects == 2)
        await cluster.put(PRIORITY_CLASSES, "urgent", value=1000)
        await until(lambda: operator.driver.world.streams()["priorityclasses"].objects == 1)
        await cluster.pod_status("team", "busy", phase="Succeeded")
        await until(lambda: len(cluster.objects(PODS)) == 2)
        names = [pod["metadata"]["name"] for pod in cluster.objects(PODS)]
        assert [name.split("-")[0] for name in names] == ["busy", "second"]


async def test_tasks_are_read_again_in_portions_and_what_is_outdated_or_gone_meanwhile_is_left(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "PORTION", 1)
    await cluster.make(objects.framework("batch", "team", suspended=True))
    for name in ("one", "two", "three"):
        await cluster.make(objects.task(name, "team", framework="batch"))
    async with ready(cluster, tmp_path) as operator:
        feed = operator.driver.world._by_name["tasks"]
        await until(lambda: len(list(feed.records)) == 3)
        first, second, third = feed.records
        looks: list[bool] = []

        def outdated() -> bool:
            feed.records.drop(third)
            looks.append(len(looks) > 3)
            return looks[-1]

        await feed.tell_again(outdated)
        assert looks == [False] * 3, "between any two portions, and after the last"
        assert list(feed.records) == [first, second], "what is gone does not come back"
        looks.extend([False, False])
        await feed.tell_again(outdated)
        assert looks[5:] == [True], "it is not gone on with"

"""Two whole operators on one fake cluster: one works, one knows everything and does nothing, until it is its turn."""

import asyncio
from pathlib import Path

import pytest

from entresol.app import identity_of
from entresol.handlers.lifecycle import _words
from entresol.kube.announcements import Notice, Subject
from entresol.kube.resources import EVENTS, FRAMEWORK_ROLES, LEASES, PODS, TASKS
from entresol.settings import Settings
from tests.shell.operating import Operator, ready, running
from tests.support import objects
from tests.support.fake_cluster import FakeCluster
from tests.support.recorder import until

QUICK = {"lease": ("system", "entresol"), "lease_seconds": 10, "lease_renew_seconds": 6.0, "lease_retry_seconds": 0.1}


def folder(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.mkdir()
    return path


def told(name: str) -> dict[str, object]:
    return {**QUICK, "identity": name}


def holder(cluster: FakeCluster) -> str:
    name: str = cluster.object(LEASES, "system", "entresol")["spec"]["holderIdentity"]
    return name


async def step_down(operator: Operator) -> None:
    """End an operator as SIGTERM does; what looks at its run later finds nothing wrong."""
    operator.run.cancel()
    await asyncio.wait((operator.run,))
    operator.run = asyncio.create_task(asyncio.sleep(60))


def launched(cluster: FakeCluster) -> int:
    return len(cluster.objects(PODS))


async def some_room(cluster: FakeCluster) -> None:
    await cluster.node("n1", cpu="8")
    await cluster.make(objects.framework("batch", "team"))


async def some_work(cluster: FakeCluster) -> None:
    for each in range(3):
        await cluster.make(objects.task(f"t{each}", "team", framework="batch"))


async def test_the_leader_works_and_the_standby_is_ready_and_does_nothing(cluster: FakeCluster, tmp_path: Path) -> None:
    async with ready(cluster, folder(tmp_path, "one"), **told("one")) as one:
        await until(lambda: one.driver.leads)
        assert holder(cluster).startswith("one_")
        await some_room(cluster)
        await some_work(cluster)
        await until(lambda: launched(cluster) == 3)
        async with ready(cluster, folder(tmp_path, "two"), **told("two")) as two:
            assert (await two.get("/readyz"))[0] == 200
            assert not two.driver.leads
            await until(lambda: two.driver.leader is not None)
            assert one.url == f"http://{two.driver.leader}"
            await cluster.make(objects.task("late", "team", framework="batch"))
            await until(lambda: launched(cluster) == 4)
            await until(lambda: two.driver.world.versions() == one.driver.world.versions())

            subject = Subject("entresol.dev/v1alpha1", "Framework", "team", "batch", "u")
            two.driver.tell(subject, Notice("RoleNotFound", "said by the leader alone"))
            assert await two.counted("entresol_leader") == 0
            assert await two.counted("entresol_writes_fenced_total") == 0
            _, own = await two.get("/metrics")
            assert "entresol_role_" not in own
            assert 'entresol_watch_age_seconds{kind="pods"}' in own
            assert await one.counted("entresol_leader") == 1
            assert "said by the leader alone" not in str(cluster.objects(EVENTS))

            state = await two.json("/state")
            assert state == await one.json("/state")
            assert [role["name"] for role in state["roles"]] == ["team"]
            assert await two.counted("entresol_passed_on_total", code="200") == 1


async def test_the_standby_takes_over_what_was_there_and_what_comes(cluster: FakeCluster, tmp_path: Path) -> None:
    await some_room(cluster)
    await some_work(cluster)
    async with running(cluster, folder(tmp_path, "two"), **told("two")) as two:
        await until(lambda: two.driver.leads)
        await until(lambda: launched(cluster) == 3)
        async with ready(cluster, folder(tmp_path, "three"), **told("three")) as three:
            await cluster.make(objects.task("late", "team", framework="batch"))
            await cluster.remove(TASKS, "t0", "team")
            await cluster.node("n2")
            await until(lambda: launched(cluster) == 4)
            await step_down(two)
            await until(lambda: three.driver.leads)
            assert holder(cluster).startswith("three_")
            assert cluster.object(LEASES, "system", "entresol")["spec"]["leaseTransitions"] == 1
            await cluster.make(objects.task("later", "team", framework="batch"))
            await until(lambda: launched(cluster) == 5)
            assert cluster.count("create") == 5
            lists = {kind: stream.lists for kind, stream in three.driver.world.streams().items()}
            assert lists == dict.fromkeys(lists, 1) | {"tasks": 2, "frameworkroles": 2, "pods": 2}
            rooms = three.driver.rooms()
            assert sum(dict(room.ours).get("pods", 0) for room in rooms.values()) == 5
            assert set(rooms) == {"n1", "n2"}
            assert await three.counted("entresol_leader") == 1
            assert 'entresol_role_dominant_share_ratio{role="team"}' in (await three.get("/metrics"))[1]


async def test_a_standby_whose_watches_lag_creates_no_pod_twice(cluster: FakeCluster, tmp_path: Path) -> None:
    """All the leader did since the standby's lists is news to it: only lists begun after the Lease was won tell."""
    await some_room(cluster)
    async with ready(cluster, folder(tmp_path, "one"), **told("one")) as one:
        await until(lambda: one.driver.leads and not one.driver._engine.recovering)
        cluster.lagging = True
        async with ready(cluster, folder(tmp_path, "two"), **told("two")) as two:
            cluster.lagging = False
            await some_work(cluster)
            await until(lambda: launched(cluster) == 3)
            await cluster.pod_status("team", cluster.objects(PODS)[0]["metadata"]["name"], phase="Succeeded")
            assert two.driver.world.streams()["tasks"].objects == 0
            await step_down(one)
            await until(lambda: two.driver.leads and not two.driver._engine.recovering)
            await until(lambda: cluster.status(TASKS, "team", "t0").get("state") == "TASK_FINISHED")
            assert cluster.count("create") == 3, "not even an attempt that a 409 would have stopped"


async def test_a_leader_whose_time_is_over_ends_and_says_why(cluster: FakeCluster, tmp_path: Path) -> None:
    async def deposed() -> None:
        async with ready(cluster, tmp_path, **told("one")) as one:
            await until(lambda: one.driver.leads)
            await cluster.remove(LEASES, "entresol", "system")
            await until(one.run.done)
            assert "DeposedError: the Lease was deleted" in _words(one.run.exception() or ValueError())

    with pytest.raises(AssertionError, match="unhandled errors in a TaskGroup"):
        await deposed()


async def test_without_a_lease_nobody_is_asked(cluster: FakeCluster, tmp_path: Path) -> None:
    await some_room(cluster)
    await some_work(cluster)
    async with ready(cluster, tmp_path) as operator:
        await until(lambda: launched(cluster) == 3)
        assert cluster.objects(LEASES) == []
        assert await operator.counted("entresol_leader") == 1
        assert "\nentresol_lease_age_seconds" not in (await operator.get("/metrics"))[1]
        assert {stream.lists for stream in operator.driver.world.streams().values()} == {1}


async def test_a_role_is_told_to_who_takes_over(cluster: FakeCluster, tmp_path: Path) -> None:
    async with ready(cluster, folder(tmp_path, "one"), **told("one")) as one:
        await until(lambda: one.driver.leads)
        async with ready(cluster, folder(tmp_path, "two"), **told("two")) as two:
            await cluster.make(objects.role("gone", weight=9))
            await cluster.make(objects.role("team", weight=3))
            await until(lambda: two.driver.world.streams()["frameworkroles"].objects == 2)
            await cluster.remove(FRAMEWORK_ROLES, "gone")
            await until(lambda: two.driver.world.streams()["frameworkroles"].objects == 1)
            await step_down(one)
            await until(lambda: two.driver.leads and not two.driver._engine.recovering)
            assert [(role.id, role.weight) for role in two.driver.summary().roles] == [("team", 3)]


def test_no_two_processes_have_one_name() -> None:
    named = Settings(identity="pod-a")
    first, second = identity_of(named), identity_of(named)
    assert first != second
    assert first.startswith("pod-a_")
    assert len(first) == len("pod-a_") + 6

"""Statuses: as few writes as will do, the last one right, records before deeds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from entresol.engine.effects import PublishFramework, PublishRole, PublishTask
from entresol.engine.events import Refusal
from entresol.engine.status import FrameworkStatus, RoleStatus, TaskStatus
from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.pace import Pace
from entresol.kube.resources import FRAMEWORKS, PODS, TASKS
from entresol.kube.wire_kinds import Framework, FrameworkRole, Task
from entresol.kube.wire_pod import Pod
from entresol.metrics import Metrics
from entresol.model.identifiers import FrameworkId, RoleId, TaskId
from entresol.model.reasons import Reason, Waiting
from entresol.model.resources import Resources
from entresol.model.tasks import FINISHED, PENDING, RUNNING, STAGING, STARTING, Record
from entresol.runtime import agenda, publisher
from entresol.runtime.agenda import Agenda, Rates
from entresol.runtime.budget import TokenBucket
from entresol.runtime.courier import Courier
from entresol.runtime.kinds import name_of, uid_of
from entresol.runtime.pages import Pages
from entresol.runtime.publisher import Press, Publisher
from entresol.runtime.records import Records
from entresol.runtime.throttle import Throttle
from tests.shell.operating import empty_picture, ready
from tests.support import objects
from tests.support.decoded import decoded
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_faults import Drop, Fault, Refuse
from tests.support.recorder import until

CONFLICT = Refuse(409, "Conflict")


@dataclass
class Library:
    """What there is to say about tasks, and the newest records of them: the engine's and the world's part."""

    said: dict[str, TaskStatus] = field(default_factory=dict)
    tasks: Records[Task] = field(default_factory=lambda: Records(uid_of))
    pods: Records[Pod] = field(default_factory=lambda: Records(uid_of))
    frameworks: Records[Framework] = field(default_factory=lambda: Records(name_of))
    roles: Records[FrameworkRole] = field(default_factory=lambda: Records(name_of))

    def task(self, task: TaskId, _at: float) -> TaskStatus | None:
        return self.said.get(task)

    def state_of(self, task: TaskId) -> str | None:
        status = self.said.get(task)
        return status.record.state or PENDING if status is not None else None

    def framework(self, framework: FrameworkId, _at: float) -> FrameworkStatus | None:
        raise AssertionError(f"nobody asks for {framework}")

    def role(self, role: RoleId, _at: float) -> RoleStatus | None:
        raise AssertionError(f"nobody asks for {role}")


@dataclass
class Desk:
    """A publisher, what it publishes, and where."""

    cluster: FakeCluster
    library: Library
    publisher: Publisher
    places: list[str]
    launching: bool = False  # whether launches are under way, to which other writes give way

    async def make(self, name: str, **record: object) -> TaskId:
        made = await self.cluster.make(objects.task(name, "team", framework="batch"))
        task = TaskId(made["metadata"]["uid"])
        self.library.tasks.put(decoded(Task, made))
        self.say(task, name, **record)
        return task

    def say(self, task: TaskId, name: str, **record: object) -> None:
        self.library.said[task] = TaskStatus(
            id=task,
            name=f"team/{name}",
            plain=False,
            record=replace(Record(), **record),  # type: ignore[arg-type]
            generation=1,
            demand=Resources.of(pods=1),
        )

    async def reaches(self, name: str, state: str) -> None:
        await until(lambda: self.state(name) == state)

    def state(self, name: str) -> object:
        return self.cluster.status(TASKS, "team", name).get("state")


@asynccontextmanager
async def publishing(cluster: FakeCluster, news: float = 1000.0, trickle: float = 1000.0) -> AsyncIterator[Desk]:
    loop = asyncio.get_running_loop()
    library, places, metrics = Library(), list[str](), Metrics(empty_picture)
    async with KubeClient(Connection(cluster.url)) as client:
        courier = Courier(Throttle(8, loop.time), metrics)
        press = Press(Pages(client, library, library), courier, metrics, places.append, loop.time, 4, Pace(first=0.01))
        budgets = TokenBucket(news, 1.0, loop.time), TokenBucket(trickle, 1.0, loop.time)
        publisher = Publisher(Agenda(Rates(*budgets, calm=lambda: not desk.launching), loop.time), press)
        desk = Desk(cluster, library, publisher, places)
        run: asyncio.Task[None] = asyncio.create_task(publisher.run())
        try:
            yield desk
            assert not run.done(), run.exception()
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)


async def test_a_thousand_changes_cost_one_write_of_the_last(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        task = await desk.make("one")
        for number in range(1000):
            desk.say(task, "one", state=f"TASK_{number}")
            desk.publisher.mark(PublishTask(task))
        await until(lambda: desk.state("one") == "TASK_999")
        assert cluster.count("status") == 1
        assert desk.places == ["before-status"]


async def test_a_task_that_runs_at_once_is_written_once(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        task = await desk.make("one")
        for state in (STAGING, STARTING):
            desk.say(task, "one", state=state)
            desk.publisher.mark(PublishTask(task))
        await asyncio.sleep(0.05)
        assert cluster.count("status") == 0
        desk.say(task, "one", state=RUNNING)
        desk.publisher.mark(PublishTask(task))
        await desk.reaches("one", RUNNING)
        await asyncio.sleep(publisher.HOLD_SECONDS)
        assert cluster.count("status") == 1


async def test_a_task_that_goes_on_starting_says_so(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "HOLD_SECONDS", 0.05)
    async with publishing(cluster) as desk:
        task = await desk.make("one", state=STARTING)
        desk.publisher.mark(PublishTask(task))
        await desk.reaches("one", STARTING)


async def test_while_launches_are_under_way_only_ends_are_written(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        desk.launching = True
        running, ended = await desk.make("one", state=RUNNING), await desk.make("two", state=FINISHED)
        desk.publisher.mark(PublishTask(running))
        desk.publisher.mark(PublishTask(ended))
        await desk.reaches("two", FINISHED)
        assert cluster.count("status", "one") == 0
        desk.say(running, "one", state=FINISHED)
        desk.publisher.mark(PublishTask(running))
        await desk.reaches("one", FINISHED)
        assert cluster.count("status", "one") == 1


async def test_what_gave_way_is_written_when_launches_are_over(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        desk.launching = True
        tasks = [await desk.make(f"t{number}", state=RUNNING) for number in range(20)]
        for task in tasks:
            desk.publisher.mark(PublishTask(task))
        await asyncio.sleep(0.1)
        assert cluster.count("status") == 0
        desk.launching = False
        await until(lambda: all(desk.state(f"t{number}") == RUNNING for number in range(20)))


async def test_launches_without_end_do_not_silence_states(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agenda, "PATIENCE", 0.05)
    async with publishing(cluster, trickle=20.0) as desk:
        desk.launching = True
        for number in range(3):
            desk.publisher.mark(PublishTask(await desk.make(f"t{number}", state=RUNNING)))
        await until(lambda: all(desk.state(f"t{number}") == RUNNING for number in range(3)))


async def test_a_state_that_shows_on_the_pod_alone_is_nobodys_status(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        desk.publisher.mark(PublishTask(TaskId("a plain pod that runs")))
        task = await desk.make("one", state=RUNNING)
        desk.publisher.mark(PublishTask(task))
        await desk.reaches("one", RUNNING)
        assert cluster.count("status") == 1


async def test_what_is_published_already_is_not_written(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        task = await desk.make("one", state="TASK_RUNNING")
        desk.publisher.mark(PublishTask(task))
        await until(lambda: desk.state("one") == "TASK_RUNNING")
        desk.publisher.mark(PublishTask(task))
        desk.publisher.mark(PublishTask(await desk.make("two", state="TASK_RUNNING")))
        await until(lambda: desk.state("two") == "TASK_RUNNING")
        assert cluster.count("status", "one") == 1


async def test_a_status_that_changes_there_and_back_is_right_in_the_end(cluster: FakeCluster) -> None:
    """The watch may not have shown the first write when the second is due: its answer is compared with instead."""
    async with publishing(cluster) as desk:
        task = await desk.make("one")
        for state in ("TASK_RUNNING", "TASK_UNREACHABLE", "TASK_RUNNING"):
            desk.say(task, "one", state=state)
            desk.publisher.mark(PublishTask(task))
            await desk.reaches("one", state)
        assert cluster.count("status", "one") == 3


async def test_what_changes_during_a_write_is_written_after_it(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        task = await desk.make("one", state="TASK_STAGING")
        cluster.trouble("status", Refuse(429, retry_after=0))
        desk.publisher.mark(PublishTask(task))
        await until(lambda: cluster.count("status") > 0)
        desk.say(task, "one", state="TASK_RUNNING")
        desk.publisher.mark(PublishTask(task))
        await until(lambda: desk.state("one") == "TASK_RUNNING")


async def test_a_failed_write_is_repeated_with_what_is_true_by_then(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        no_right = Refuse(403, "Forbidden", 'tasks "one" is forbidden: User "system:x" cannot patch resource "tasks"')
        cluster.trouble("status", Refuse(500), Drop(), no_right)
        task = await desk.make("one", state="TASK_RUNNING")
        desk.publisher.mark(PublishTask(task))
        await until(lambda: cluster.count("status") > 0)
        desk.say(task, "one", state="TASK_FINISHED")
        await until(lambda: desk.state("one") == "TASK_FINISHED")
        assert cluster.count("status") == 4


async def test_an_object_that_changed_meanwhile_is_read_and_written_again(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        task = await desk.make("one", state="TASK_RUNNING")
        await cluster.make(objects.task("one", "team", framework="batch", priority=5), task)
        desk.publisher.mark(PublishTask(task))
        await until(lambda: desk.state("one") == "TASK_RUNNING")
        assert [deed for deed, _ in cluster.deeds] == ["status", "get", "status"]


async def test_conflicts_without_end_are_given_up_for_now(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        cluster.trouble("status", *(CONFLICT,) * 5)
        task = await desk.make("one", state="TASK_RUNNING")
        refused = await desk.publisher.record(task)
        assert refused is not None
        assert refused.refusal is Refusal.CONFLICT


@pytest.mark.parametrize(
    ("on_status", "on_get"),
    [
        pytest.param((CONFLICT,), (Refuse(500),), id="the server was in trouble after a conflict"),
        pytest.param((CONFLICT,) * 7, (), id="somebody else was quicker time and again"),
    ],
)
async def test_a_conflict_does_not_cost_an_end_its_write(
    cluster: FakeCluster, on_status: tuple[Fault, ...], on_get: tuple[Fault, ...]
) -> None:
    async with publishing(cluster) as desk:
        cluster.trouble("status", *on_status)
        cluster.trouble("get", *on_get)
        desk.publisher.mark(PublishTask(await desk.make("one", state=FINISHED)))
        await desk.reaches("one", FINISHED)


async def test_a_record_outlives_a_read_that_failed_after_a_conflict(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        cluster.trouble("status", CONFLICT)
        cluster.trouble("get", Refuse(500))
        task = await desk.make("one", state=FINISHED)
        assert await desk.publisher.record(task) is None
        assert desk.state("one") == FINISHED


@pytest.mark.parametrize("fault", [Refuse(404, "NotFound"), Refuse(422, "Invalid", "status.state: too long")])
async def test_a_write_that_can_never_succeed_is_left(
    cluster: FakeCluster, fault: Refuse, caplog: pytest.LogCaptureFixture
) -> None:
    async with publishing(cluster) as desk:
        cluster.trouble("status", fault)
        desk.publisher.mark(PublishTask(await desk.make("one", state="TASK_RUNNING")))
        await until(lambda: cluster.count("status", "one") == 1)  # the fault must not meet the other one
        desk.publisher.mark(PublishTask(await desk.make("two", state="TASK_RUNNING")))
        want_log = [] if fault.code == 404 else ["ERROR"]
        await until(lambda: desk.state("two") == "TASK_RUNNING" and len(caplog.records) == len(want_log))
        assert cluster.count("status", "one") == 1
        assert [record.levelname for record in caplog.records] == want_log


async def test_an_object_that_cannot_be_rendered_stops_nobody(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    async with publishing(cluster) as desk:
        await cluster.make(objects.framework("batch", "team"))
        desk.library.frameworks.put(decoded(Framework, cluster.objects(FRAMEWORKS)[0]))
        desk.publisher.mark(PublishFramework(FrameworkId("team/batch")))  # the library raises when asked for it
        desk.publisher.mark(PublishFramework(FrameworkId("team/none")))
        desk.publisher.mark(PublishRole(RoleId("none")))
        desk.publisher.mark(PublishTask(TaskId("none")))
        desk.publisher.mark(PublishTask(await desk.make("two", state="TASK_RUNNING")))
        await until(lambda: desk.state("two") == "TASK_RUNNING" and bool(caplog.records))
        assert "the status of framework team/batch cannot be written" in caplog.text


async def test_news_about_waiting_keep_to_their_budget(cluster: FakeCluster) -> None:
    async with publishing(cluster, news=0.001) as desk:
        tasks = [await desk.make(f"t{number}", state=PENDING) for number in range(5)]
        for task in tasks:
            desk.publisher.mark(PublishTask(task, urgent=False))
        desk.publisher.mark(PublishTask(tasks[4]))
        await until(lambda: desk.state("t4") == PENDING and desk.state("t0") == PENDING)
        assert cluster.count("status") == 2


async def test_a_waiting_pod_is_told_by_its_condition(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        made = await cluster.make(objects.pod("web", "team"))
        desk.library.pods.put(decoded(Pod, made))
        pod = TaskId(made["metadata"]["uid"])
        desk.say(pod, "web")
        waiting = Waiting(reason=Reason.NO_ROOM)
        desk.library.said[pod] = replace(desk.library.said[pod], plain=True, waiting=waiting, more_agents_help=True)
        desk.publisher.mark(PublishTask(pod, urgent=False))
        desk.publisher.mark(PublishTask(TaskId("none"), urgent=False))
        await until(lambda: bool(cluster.status(PODS, "team", "web").get("conditions")))
        (condition,) = cluster.status(PODS, "team", "web")["conditions"]
        assert (condition["type"], condition["status"], condition["reason"]) == (
            "PodScheduled",
            "False",
            "Unschedulable",
        )


async def test_a_record_is_in_the_cluster_when_its_wait_is_over(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        task = await desk.make("one", state="TASK_STAGING", attempt=2)
        cluster.trouble("status", Drop(), Refuse(500))
        assert await desk.publisher.record(task) is None
        assert cluster.status(TASKS, "team", "one")["attempt"] == 2
        assert await desk.publisher.record(task) is None, "there already"
        assert cluster.count("status") == 3


async def test_a_record_waits_for_a_write_under_way(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        task = await desk.make("one", state="TASK_STAGING")
        cluster.trouble("status", Refuse(429, retry_after=0))
        desk.publisher.mark(PublishTask(task))
        await until(lambda: cluster.count("status") > 0)
        desk.say(task, "one", state="TASK_STAGING", attempt=2)
        assert await desk.publisher.record(task) is None
        assert cluster.status(TASKS, "team", "one")["attempt"] == 2


async def test_a_record_of_a_task_that_is_gone_is_refused(cluster: FakeCluster) -> None:
    async with publishing(cluster) as desk:
        task = await desk.make("one", state="TASK_STAGING")
        await cluster.remove(TASKS, "one", "team")
        refused = await desk.publisher.record(task)
        assert refused is not None
        assert refused.refusal is Refusal.GONE


async def test_figures_of_frameworks_are_written_once_a_second(cluster: FakeCluster, tmp_path: Path) -> None:
    """Twenty tasks, each with several changes of state: the framework is written at the start and once a second."""
    await cluster.node("n1", cpu="64")
    await cluster.make(objects.framework("batch", "team"))
    for number in range(20):
        await cluster.make(objects.task(f"t{number}", "team", framework="batch"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with ready(cluster, tmp_path):
        await until(lambda: len(cluster.objects(PODS)) == 20)
        for pod in cluster.objects(PODS):
            await cluster.pod_status("team", pod["metadata"]["name"], phase="Running")
        await until(lambda: cluster.status(FRAMEWORKS, "team", "batch").get("tasks", {}).get("running") == 20)
        assert cluster.count("status", "batch") <= 2 + (loop.time() - began)

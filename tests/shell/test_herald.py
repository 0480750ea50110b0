"""Events: courtesy, within bounds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from entresol.engine.effects import Announce, AttemptEnded, Scheduled, Unscheduled
from entresol.kube.announcements import Notice, Subject
from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.resources import EVENTS
from entresol.kube.wire_kinds import Task
from entresol.kube.wire_pod import Pod
from entresol.metrics import Metrics
from entresol.model.identifiers import AgentId, TaskId
from entresol.model.reasons import Reason, Waiting
from entresol.model.tasks import Attempt
from entresol.runtime import herald
from entresol.runtime.budget import TokenBucket
from entresol.runtime.courier import Courier
from entresol.runtime.herald import Herald, Voice
from entresol.runtime.kinds import uid_of
from entresol.runtime.records import Records
from entresol.runtime.throttle import Throttle
from tests.shell.operating import empty_picture
from tests.support import objects
from tests.support.decoded import decoded
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_faults import Refuse
from tests.support.recorder import until

N1 = AgentId("n1")
NO_ROOM = Unscheduled(Waiting(reason=Reason.NO_ROOM, detail="cpu"))
NEVER = Unscheduled(Waiting(reason=Reason.NEVER_FITS))


@dataclass
class Stage:
    cluster: FakeCluster
    herald: Herald
    voice: Voice
    launching: bool = False  # whether launches are under way, to which Events give way

    def reasons(self) -> list[str]:
        return [event["reason"] for event in self.cluster.objects(EVENTS)]

    async def task(self, name: str) -> TaskId:
        made = await self.cluster.make(objects.task(name, "team"))
        self.voice.tasks.put(decoded(Task, made))
        return TaskId(made["metadata"]["uid"])

    def dropped(self) -> str:
        lines = self.voice.metrics.render().decode().splitlines()
        return next(line for line in lines if line.startswith("entresol_events_dropped_total ")).split()[1]


@asynccontextmanager
async def speaking(cluster: FakeCluster, burst: float = 100.0) -> AsyncIterator[Stage]:
    loop = asyncio.get_running_loop()
    async with KubeClient(Connection(cluster.url)) as client:
        metrics = Metrics(empty_picture)
        courier = Courier(Throttle(2, loop.time), metrics)
        tick = iter(range(1, 1_000_000))
        voice = Voice(
            client, courier, metrics, Records[Task](uid_of), Records[Pod](uid_of), lambda: float(next(tick)), "host-1"
        )
        speaker = Herald(voice, TokenBucket(0.001, burst, loop.time), lambda: not stage.launching)
        stage = Stage(cluster, speaker, voice)
        run: asyncio.Task[None] = asyncio.create_task(speaker.run())
        try:
            yield stage
            assert not run.done(), run.exception()
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)


async def test_news_become_events_about_their_object(cluster: FakeCluster) -> None:
    async with speaking(cluster) as stage:
        task = await stage.task("one")
        stage.herald.announce(Announce(task, Scheduled(N1)))
        pod = await cluster.make(objects.pod("web", "team"))
        stage.voice.pods.put(decoded(Pod, pod))
        ended = AttemptEnded(Attempt(number=1, state="TASK_FAILED", reason="Error"))
        stage.herald.announce(Announce(TaskId(pod["metadata"]["uid"]), ended))
        stage.herald.announce(Announce(TaskId("unknown"), Scheduled(N1)))
        await until(lambda: len(cluster.objects(EVENTS)) == 2)
        about = {event["regarding"]["kind"]: event for event in cluster.objects(EVENTS)}
        assert about["Task"]["note"] == "Successfully assigned team/one to n1"
        assert about["Pod"]["regarding"]["name"] == "web"
        assert {event["reportingInstance"] for event in about.values()} == {"host-1"}


async def test_waiting_for_the_same_reason_is_told_once(cluster: FakeCluster) -> None:
    async with speaking(cluster) as stage:
        one, two = await stage.task("one"), await stage.task("two")
        for task, news in ((one, NO_ROOM), (one, NO_ROOM), (two, NO_ROOM), (one, NEVER), (one, NEVER), (one, NO_ROOM)):
            stage.herald.announce(Announce(task, news))
        stage.herald.announce(Announce(one, Scheduled(N1)))
        stage.herald.announce(Announce(one, NO_ROOM))
        await until(lambda: len(cluster.objects(EVENTS)) == 6)
        assert sorted(stage.reasons()) == ["FailedScheduling"] * 5 + ["Scheduled"]


async def test_in_a_burst_the_rest_is_dropped_and_counted(cluster: FakeCluster) -> None:
    async with speaking(cluster, burst=3.0) as stage:
        task = await stage.task("one")
        for _ in range(10):
            stage.herald.announce(Announce(task, Scheduled(N1)))
        await until(lambda: len(cluster.objects(EVENTS)) == 3)
        assert stage.dropped() == "7.0"


async def test_events_give_way_to_launches(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(herald, "PATIENCE", 1000.0)
    monkeypatch.setattr(herald, "POLL", 0.001)
    async with speaking(cluster) as stage:
        stage.launching = True
        stage.herald.announce(Announce(await stage.task("one"), Scheduled(N1)))
        await asyncio.sleep(0.05)
        assert cluster.objects(EVENTS) == []
        stage.launching = False
        await until(lambda: len(cluster.objects(EVENTS)) == 1)


async def test_launches_without_end_do_not_silence_events(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(herald, "POLL", 0.001)  # and the clock of the stage goes on by a second with every look
    async with speaking(cluster) as stage:
        stage.launching = True
        stage.herald.announce(Announce(await stage.task("one"), Scheduled(N1)))
        await until(lambda: len(cluster.objects(EVENTS)) == 1)


async def test_what_a_slow_server_does_not_take_is_dropped(cluster: FakeCluster) -> None:
    async with speaking(cluster, burst=5000.0) as stage:
        task = await stage.task("one")
        for _ in range(1500):
            stage.herald.announce(Announce(task, Scheduled(N1)))
        assert stage.dropped() == "500.0"


async def test_an_event_that_is_refused_is_not_repeated(cluster: FakeCluster) -> None:
    async with speaking(cluster) as stage:
        cluster.trouble("event", Refuse(403, "Forbidden", "the namespace is being terminated"))
        task = await stage.task("one")
        stage.herald.announce(Announce(task, Scheduled(N1)))
        stage.herald.announce(Announce(task, Scheduled(N1)))
        # The answers may come in another order than the requests went.
        await until(lambda: len(cluster.objects(EVENTS)) == 1 and stage.dropped() == "1.0")
        assert cluster.count("event") == 2


async def test_a_notice_about_a_role_goes_where_events_without_a_namespace_go(cluster: FakeCluster) -> None:
    async with speaking(cluster) as stage:
        about = Subject("entresol.dev/v1alpha1", "FrameworkRole", "", "gold", "uid-1")
        stage.herald.notice(about, Notice("GuaranteesExceedCapacity", "too much"))
        await until(lambda: len(cluster.objects(EVENTS)) == 1)
        (event,) = cluster.objects(EVENTS)
        assert (event["metadata"]["namespace"], event["note"], event["type"]) == ("default", "too much", "Warning")


async def test_what_is_remembered_of_waiting_is_bounded(cluster: FakeCluster) -> None:
    async with speaking(cluster, burst=1.0) as stage:
        for number in range(herald.REMEMBERED + 10):
            stage.herald.announce(Announce(TaskId(f"t{number}"), NO_ROOM))
        assert len(stage.herald._waits) == herald.REMEMBERED

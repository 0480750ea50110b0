"""The reflector on a server that behaves: lists, events, resumption, and what it asks for."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest
import pytest_asyncio

from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.pace import Backoff, Pace
from entresol.kube.reflector import Reflector
from entresol.kube.resources import ALL_TASKS, OUR_PODS, TASKS
from entresol.kube.transport import Timeouts
from entresol.kube.wire_kinds import Task
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Cut, Refuse
from tests.support.followed import follow
from tests.support.recorder import Recorder, until


@pytest_asyncio.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    """A server with the Tasks a, b and c."""
    async with FakeApiServer() as server:
        for name in "abc":
            await server.put(TASKS, name, "ns")
        yield server


async def test_a_list_comes_as_a_stream(server: FakeApiServer) -> None:
    """Everything is told once, then that this was all; no page is asked for."""
    async with follow(server) as followed:
        await followed.told("synced")
        assert followed.recorder.told == ["+a", "+b", "+c", "synced"]
        assert followed.reflector.synced
        assert server.requests(limit="500") == []


async def test_an_empty_kind_is_complete_too() -> None:
    """Readiness must not wait for a first object."""
    async with FakeApiServer() as server, follow(server) as followed:
        await followed.told("synced")
        assert followed.recorder.told == ["synced"]


async def test_nothing_is_complete_before_the_server_says_so(server: FakeApiServer) -> None:
    """Three objects have come, but not the bookmark that says these were all."""
    server.script("watch", Cut(3))
    async with follow(server) as followed:
        await until(lambda: len(followed.gate.pauses) == 1)
        assert followed.recorder.told == ["+a", "+b", "+c"]
        assert not followed.reflector.synced


async def test_changes_are_told_as_they_come(server: FakeApiServer) -> None:
    async with follow(server) as followed:
        await followed.told("synced")
        await server.put(TASKS, "a", "ns", spec={"priority": 7})
        await server.put(TASKS, "d", "ns")
        await server.remove(TASKS, "b", "ns")
        await followed.told("-b")
        assert followed.recorder.told[4:] == ["~a", "+d", "-b"]
        assert followed.recorder.present["a"].spec.priority == 7
        assert {task.metadata.name for task in followed.reflector.records.values()} == {"a", "c", "d"}


async def test_a_name_passes_to_a_new_object(server: FakeApiServer) -> None:
    async with follow(server) as followed:
        await followed.told("synced")
        await server.put(TASKS, "a", "ns", uid="another")
        await followed.agrees()
        assert followed.recorder.told[4:] == ["-a", "+a"]


async def test_a_watch_that_ends_is_resumed_where_it_was(server: FakeApiServer) -> None:
    """An ordinary end costs neither a pause nor a list."""
    server.script("watch", Cut(4), Cut(1))
    async with follow(server) as followed:
        await followed.told("synced")
        for _ in range(3):
            await server.put(TASKS, "a", "ns", spec={"priority": 1})
        await followed.agrees()
        assert followed.gate.pauses == []
        assert followed.reflector.counts.lists == 1
        assert [seen.query.get("resourceVersion") for seen in server.seen] == [None, "103", "104"]


async def test_a_bookmark_moves_the_point_of_resumption(server: FakeApiServer) -> None:
    """A quiet kind's version would expire, because versions grow by changes of other kinds; bookmarks prevent it."""
    server.script("watch", Cut(5))  # three objects, the end of the list, a bookmark
    async with follow(server) as followed:
        await followed.told("synced")
        server.compact()
        await server.bookmark()
        await until(lambda: followed.reflector.counts.watches == 2)
        assert [seen.query.get("resourceVersion") for seen in server.seen] == [None, "104"]
        assert followed.reflector.counts.lists == 1


async def test_a_server_that_does_not_stream_lists_is_asked_for_pages(server: FakeApiServer) -> None:
    """It is tried once; the pages are one list, and the watch goes on from its version."""
    server.streams_lists = False
    for i in range(1_200):
        await server.put(TASKS, f"t{i}", "ns")
    async with follow(server) as followed:
        await followed.told("synced")
        await server.remove(TASKS, "t7", "ns")
        await followed.agrees()
        assert [seen.query.get("continue") for seen in server.requests(limit="500")] == [None, "1303:500", "1303:1000"]
        assert len(server.requests(sendInitialEvents="true")) == 1
        assert server.seen[-1].query["resourceVersion"] == "1303"
        assert followed.gate.pauses == []


async def test_what_it_asks_for(server: FakeApiServer) -> None:
    """Bookmarks, a bounded life of the watch, and the selection."""
    async with follow(server, selection=OUR_PODS) as followed:
        await followed.told("synced")
    query = server.seen[0].query
    assert query["sendInitialEvents"] == query["allowWatchBookmarks"] == query["watch"] == "true"
    assert query["resourceVersionMatch"] == "NotOlderThan"
    assert query["fieldSelector"] == "spec.schedulerName=entresol"
    assert 300 <= int(query["timeoutSeconds"]) <= 600


async def test_an_unreadable_object_hides_no_other(server: FakeApiServer) -> None:
    """It is counted; what was held of it stays until it is seen to be gone."""
    await server.put(TASKS, "bad", "ns", spec={"priority": "high"})
    async with follow(server) as followed:
        await followed.told("synced")
        assert followed.recorder.told == ["+a", "+b", "+c", "synced"]
        await server.put(TASKS, "a", "ns", spec=["not", "a", "spec"])
        await server.put(TASKS, "b", "ns", spec={"priority": 3})
        await followed.told("~b")
        assert "a" in followed.recorder.present
        assert followed.reflector.counts.unreadable == 2
        await server.remove(TASKS, "a", "ns")
        await followed.told("-a")


async def test_a_null_counts_as_absent(server: FakeApiServer) -> None:
    """The API server writes null for a time that is not set."""
    await server.put(TASKS, "d", "ns", status={"startTime": None, "state": "TASK_STAGING"})
    async with follow(server) as followed:
        await followed.told("synced")
        status = followed.recorder.present["d"].status
        assert (status.start_time, status.state) == ("", "TASK_STAGING")
        assert followed.reflector.counts.unreadable == 0


async def test_an_unreadable_object_survives_a_list(server: FakeApiServer) -> None:
    """A new list that contains it does not count it as gone."""
    server.script("watch", Cut(5, Refuse(410, "Expired")))
    async with follow(server) as followed:
        followed.gate.open()
        await followed.told("synced")
        await server.put(TASKS, "a", "ns", spec=["not", "a", "spec"])
        await followed.told("synced", times=2)
        assert followed.reflector.counts.unreadable == 2
        assert sorted(followed.recorder.present) == ["a", "b", "c"]


async def test_age_is_the_time_since_the_last_sign_of_life(server: FakeApiServer) -> None:
    now = 1000.0
    recorder = Recorder[Task]()
    async with KubeClient(Connection(server.url)) as client:
        reflector = Reflector(client, ALL_TASKS, Task, recorder, Pace(clock=lambda: now))
        now = 1005.0
        assert reflector.age() == 5.0
        run = asyncio.create_task(reflector.run())
        await until(lambda: reflector.synced)
        assert reflector.age() == 0.0
        now = 1095.0
        assert reflector.age() == 90.0
        await server.bookmark()
        await until(lambda: reflector.age() == 0.0)
        run.cancel()


async def test_it_ends_by_cancellation(server: FakeApiServer) -> None:
    """A cancelled reflector ends, and leaves no open watch behind."""
    async with follow(server) as followed:
        await followed.told("synced")
        assert server.open_watches == 1
        followed.run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await followed.run
    await until(lambda: server.open_watches == 0)


class Broken(Recorder[Task]):
    def upsert(self, record: Task) -> None:
        raise ZeroDivisionError(record.metadata.name)


async def test_a_listener_that_fails_ends_it(server: FakeApiServer) -> None:
    """A broken invariant must not be retried away."""
    async with KubeClient(Connection(server.url)) as client:
        with pytest.raises(ZeroDivisionError):
            await Reflector(client, ALL_TASKS, Task, Broken()).run()


def test_pauses_grow_and_vary() -> None:
    """Each pause lies in the upper half of a span that doubles up to a bound; a success starts again."""
    backoff = Backoff(Pace(first=1.0, most=8.0, generator=Random(7)))
    spans = [1, 2, 4, 8, 8]
    pauses = [backoff.next() for _ in spans]
    assert all(span / 2 <= pause <= span for span, pause in zip(spans, pauses, strict=True))
    assert len(set(pauses)) == len(pauses)
    backoff.reset()
    assert backoff.next() <= 1.0


def test_a_server_may_ask_for_a_longer_pause() -> None:
    backoff = Backoff(Pace(first=1.0, generator=Random(7)))
    assert backoff.next(at_least=30.0) == 30.0
    assert backoff.next(at_least=0.001) >= 1.0


async def test_a_watch_that_could_be_opened_is_a_sign_of_life(
    server: FakeApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing ever happens the server may send no bookmark for minutes; then only reopening tells.

    A quiet kind is no trouble, so nothing is said or counted as one.
    """
    now = [0.0]
    async with KubeClient(Connection(server.url), timeouts=Timeouts(silence=0.05)) as client:
        reflector = Reflector(client, ALL_TASKS, Task, Recorder[Task](), Pace(first=0.01, clock=lambda: now[0]))
        run: asyncio.Task[None] = asyncio.create_task(reflector.run())
        await until(lambda: reflector.synced)
        now[0] = 75.0
        assert reflector.age() == 75.0
        await until(lambda: reflector.age() == 0.0)
        assert (reflector.counts.lists, reflector.counts.failures, reflector.problem) == (1, 0, "")
        assert caplog.messages == []
        run.cancel()
        await asyncio.wait([run])

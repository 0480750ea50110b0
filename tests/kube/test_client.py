"""The client: what it sends, and that every way to fail comes back as data."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
import pytest_asyncio

from entresol.kube.answers import Answer, Lost, Outcome, status_of
from entresol.kube.calls import CALLS, RIGHTS
from entresol.kube.client import KubeClient
from entresol.kube.connection import Bearer, Connection
from entresol.kube.resources import FOREIGN_PODS, FRAMEWORK_ROLES, NODES, PODS, TASKS, Selection
from entresol.kube.transport import StreamCutError, Timeouts
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Cut, Drop, Ending, Refuse

Ask = Callable[[KubeClient], Awaitable[Outcome]]

QUICK = Timeouts(connect=5.0, deed=0.3, page=0.3, silence=0.3)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer() as server:
        yield server


@pytest_asyncio.fixture
async def client(server: FakeApiServer) -> AsyncIterator[KubeClient]:
    async with KubeClient(Connection(server.url), timeouts=QUICK) as client:
        yield client


EVENTS_OF_B = "/apis/events.k8s.io/v1/namespaces/b/events"
POD_A = "/api/v1/namespaces/b/pods/a"
TASK_A = "/apis/entresol.dev/v1alpha1/namespaces/b/tasks/a"
JSON = "application/json"
DELETE = {"apiVersion": "v1", "kind": "DeleteOptions"}

SENT: dict[str, tuple[Ask, str, str, str, object]] = {
    "a pod is created": (lambda c: c.create_pod("b", b"{}"), "POST", "/api/v1/namespaces/b/pods", JSON, {}),
    "a pod is bound": (lambda c: c.bind_pod("b", "a", b'{"x":1}'), "POST", f"{POD_A}/binding", JSON, {"x": 1}),
    "a pod is read": (lambda c: c.get_pod("b", "a"), "GET", POD_A, "", None),
    "a pod is deleted by its UID": (
        lambda c: c.delete_pod("b", "a", "u"),
        "DELETE",
        POD_A,
        JSON,
        {**DELETE, "preconditions": {"uid": "u"}},
    ),
    "a pod of a dead node is deleted without grace": (
        lambda c: c.delete_pod("b", "a", "u", grace_seconds=0),
        "DELETE",
        POD_A,
        JSON,
        {**DELETE, "preconditions": {"uid": "u"}, "gracePeriodSeconds": 0},
    ),
    "conditions of a pod are merged by type": (
        lambda c: c.patch_pod_status("b", "a", b'{"status":{}}'),
        "PATCH",
        f"{POD_A}/status",
        "application/strategic-merge-patch+json",
        {"status": {}},
    ),
    "a status is merged": (
        lambda c: c.patch_status(TASKS, ("b", "a"), b'{"status":{"state":"X"}}'),
        "PATCH",
        f"{TASK_A}/status",
        "application/merge-patch+json",
        {"status": {"state": "X"}},
    ),
    "a role has no namespace": (
        lambda c: c.patch_status(FRAMEWORK_ROLES, ("", "a"), b"{}"),
        "PATCH",
        "/apis/entresol.dev/v1alpha1/frameworkroles/a/status",
        "application/merge-patch+json",
        {},
    ),
    "a Task is read": (lambda c: c.get_task("b", "a"), "GET", TASK_A, "", None),
    "a Task is deleted by its UID": (
        lambda c: c.delete_task("b", "a", "u"),
        "DELETE",
        TASK_A,
        JSON,
        {**DELETE, "preconditions": {"uid": "u"}},
    ),
    "an Event is created": (lambda c: c.create_event("b", b"{}"), "POST", EVENTS_OF_B, JSON, {}),
    "a name cannot leave its place in the path": (
        lambda c: c.get_pod("b", "a?x=%2F#y"),
        "GET",
        "/api/v1/namespaces/b/pods/a?x=%2F#y",
        "",
        None,
    ),
}


@pytest.mark.parametrize("row", SENT.values(), ids=SENT)
async def test_sends(server: FakeApiServer, client: KubeClient, row: tuple[Ask, str, str, str, object]) -> None:
    """Each request goes to the place, and has the form, that the API server documents."""
    ask, want_method, want_path, want_type, want_body = row
    server.script("deed", Refuse(404))
    assert isinstance(await ask(client), Answer)
    seen = server.seen[0]
    assert (seen.method, seen.path, seen.body) == (want_method, want_path, want_body)
    assert seen.headers.get("Content-Type", "") == want_type
    assert seen.headers["Accept-Encoding"] == "identity"


async def test_selectors_arrive_as_they_are_written(server: FakeApiServer, client: KubeClient) -> None:
    """Signs that mean something in a query are encoded."""
    server.script("continue", Refuse(500))
    await client.list_page(FOREIGN_PODS, limit=5, token="a/b+c=")
    assert server.seen[0].query == {
        "fieldSelector": "spec.schedulerName!=entresol,spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed",
        "limit": "5",
        "continue": "a/b+c=",
    }


ANSWERS = {
    "done": (None, 200, None),
    "conflict": (Refuse(409, "AlreadyExists"), 409, None),
    "quota": (Refuse(403, "Forbidden"), 403, None),
    "throttled, with a pause": (Refuse(429, "TooManyRequests", retry_after=3), 429, 3.0),
    "server error": (Refuse(500, "InternalError"), 500, None),
}


@pytest.mark.parametrize(("fault", "want_status", "want_retry_after"), ANSWERS.values(), ids=ANSWERS)
async def test_every_status_is_an_answer(
    server: FakeApiServer, client: KubeClient, fault: Refuse | None, want_status: int, want_retry_after: float | None
) -> None:
    """No HTTP status raises; a pause that the server asks for is passed on."""
    await server.put(PODS, "a", "b")
    server.script("deed", fault)
    answer = await client.get_pod("b", "a")
    assert isinstance(answer, Answer)
    assert (answer.status, answer.ok, answer.retry_after) == (want_status, want_status == 200, want_retry_after)


async def test_a_refusal_has_words(server: FakeApiServer, client: KubeClient) -> None:
    server.script("deed", Refuse(422, "Invalid", "spec.nodeName: must not be empty"))
    answer = await client.create_pod("b", b"{}")
    assert isinstance(answer, Answer)
    status = status_of(answer)
    assert (status.code, status.reason, status.message) == (422, "Invalid", "spec.nodeName: must not be empty")


def test_a_body_that_is_no_status_is_shown_as_it_is() -> None:
    """Proxies answer in their own words."""
    status = status_of(Answer(502, b"<html>bad gateway \xff"))
    assert status.code == 502
    assert status.message.startswith("<html>bad gateway")


@pytest.mark.parametrize("ending", [Ending.RESET, Ending.SILENCE], ids=["reset", "hang"])
@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
async def test_no_answer_is_an_unknown_outcome(
    server: FakeApiServer, client: KubeClient, ending: Ending, *, done: bool
) -> None:
    """Whether the deed was done cannot be told from a broken or silent connection, only by reading back."""
    server.script("deed", Drop(ending, after_doing=done))
    outcome = await client.create_pod("b", b'{"metadata":{"name":"a"}}')
    assert isinstance(outcome, Lost)
    assert outcome.sent
    assert outcome.reason
    read = await client.get_pod("b", "a")
    assert isinstance(read, Answer)
    assert read.status == (200 if done else 404)


async def test_a_create_is_never_repeated_by_itself(server: FakeApiServer, client: KubeClient) -> None:
    """A second try is the caller's decision: also on a connection that was used before."""
    await client.get_pod("b", "a")
    server.script("deed", Drop(Ending.RESET))
    assert isinstance(await client.create_pod("b", b'{"metadata":{"name":"a"}}'), Lost)
    assert [seen.method for seen in server.seen] == ["GET", "POST"]


async def test_no_server_means_not_sent(server: FakeApiServer) -> None:
    """Without a connection nothing can have been done."""
    url = server.url
    await server.__aexit__()
    async with KubeClient(Connection(url), timeouts=QUICK) as client:
        outcome = await client.create_pod("b", b"{}")
    assert isinstance(outcome, Lost)
    assert not outcome.sent


async def test_a_refused_token_is_read_again(server: FakeApiServer) -> None:
    """After 401 the next request carries what the source says now."""
    tokens = iter(["old", "new"])
    connection = Connection(server.url, bearer=Bearer(lambda: next(tokens)))
    server.script("deed", None, Refuse(401, "Unauthorized"))
    async with KubeClient(connection) as client:
        for _ in range(3):
            await client.get_pod("b", "a")
    assert [seen.headers["Authorization"] for seen in server.seen] == ["Bearer old", "Bearer old", "Bearer new"]


async def test_a_watch_comes_in_pieces(server: FakeApiServer, client: KubeClient) -> None:
    await server.put(NODES, "n1")
    server.script("watch", Cut(2))
    async with client.watch(Selection(NODES), {"sendInitialEvents": "true"}) as opened:
        assert isinstance(opened, AsyncIterator)
        lines = b"".join([piece async for piece in opened]).splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["ADDED", "BOOKMARK"]


async def test_a_watch_that_is_refused_is_an_answer(server: FakeApiServer, client: KubeClient) -> None:
    server.script("watch", Refuse(410, "Expired"))
    async with client.watch(Selection(NODES), {"resourceVersion": "1"}) as opened:
        assert isinstance(opened, Answer)
        assert opened.status == 410


async def collect(stream: AsyncIterator[bytes], pieces: list[bytes]) -> None:
    async for piece in stream:
        pieces.append(piece)  # noqa: PERF401 - a comprehension would lose what came before a cut


@pytest.mark.parametrize("ending", [Ending.RESET, Ending.SILENCE], ids=["reset", "silence"])
async def test_a_watch_that_breaks_says_so(server: FakeApiServer, client: KubeClient, ending: Ending) -> None:
    """A cut is told apart from a proper end, and silence is a cut."""
    await server.put(NODES, "n1")
    server.script("watch", Cut(1, ending))
    pieces: list[bytes] = []
    async with client.watch(Selection(NODES), {"sendInitialEvents": "true"}) as opened:
        assert isinstance(opened, AsyncIterator)
        with pytest.raises(StreamCutError):
            await collect(opened, pieces)
    assert b"ADDED" in b"".join(pieces)


async def test_deeds_do_not_wait_for_watches(server: FakeApiServer) -> None:
    """With a single connection for deeds, many open watches leave it free."""
    async with KubeClient(Connection(server.url), connections=1) as client:
        watches = [client.watch(Selection(NODES), {"resourceVersion": "100"}) for _ in range(5)]
        for watch in watches:
            assert isinstance(await watch.__aenter__(), AsyncIterator)
        answers = await asyncio.gather(*(client.get_pod("b", str(i)) for i in range(5)))
        assert [isinstance(answer, Answer) for answer in answers] == [True] * 5
        for watch in watches:
            await watch.__aexit__(None, None, None)


def test_every_call_names_its_right() -> None:
    """The rights are exactly those of the calls, none of them a wildcard; only the two sets of pods share theirs."""
    assert len(set(CALLS)) == len(RIGHTS) == len(CALLS) - 2
    assert ("", "pods/binding", "create") in RIGHTS
    assert ("entresol.dev", "tasks/status", "patch") in RIGHTS
    assert not any("*" in part for right in RIGHTS for part in right)


def test_a_successful_binding_is_a_status_without_code() -> None:
    status = status_of(Answer(201, msgspec.json.encode({"kind": "Status", "status": "Success"})))
    assert (status.status, status.code) == ("Success", 201)

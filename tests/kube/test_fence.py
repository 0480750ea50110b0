"""The fence in the client: no write passes it when it is shut, whatever asks for one and however long that has waited."""

import asyncio
import inspect
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from entresol.kube.answers import Answer, Lost, Outcome
from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.resources import PODS, TASKS, Selection
from entresol.kube.transport import Timeouts, _impatient
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Drop, Ending
from tests.support.recorder import until

WRITES: dict[str, Callable[[KubeClient], Awaitable[Outcome]]] = {
    "create_pod": lambda c: c.create_pod("b", b"{}"),
    "bind_pod": lambda c: c.bind_pod("b", "a", b"{}"),
    "delete_pod": lambda c: c.delete_pod("b", "a", "u"),
    "patch_pod_status": lambda c: c.patch_pod_status("b", "a", b"{}"),
    "patch_status": lambda c: c.patch_status(TASKS, ("b", "a"), b"{}"),
    "delete_task": lambda c: c.delete_task("b", "a", "u"),
    "create_event": lambda c: c.create_event("b", b"{}"),
    "create_lease": lambda c: c.create_lease("b", b"{}"),
    "patch_lease": lambda c: c.patch_lease("b", "a", b"{}"),
    "review_token": lambda c: c.review_token(b"{}"),
    "review_access": lambda c: c.review_access(b"{}"),
}
READS = {"get_pod", "get_task", "get_lease", "list_page", "watch"}


class Gate:
    """A fence that a test opens and shuts."""

    def __init__(self) -> None:
        self.open = False
        self.asked = 0

    def passes(self) -> bool:
        self.asked += 1
        return self.open


@pytest_asyncio.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer() as server:
        yield server


@pytest_asyncio.fixture
async def gate() -> Gate:
    return Gate()


@pytest_asyncio.fixture
async def client(server: FakeApiServer, gate: Gate) -> AsyncIterator[KubeClient]:
    async with KubeClient(Connection(server.url), fence=gate, connections=1) as client:
        yield client


def test_every_method_of_the_client_is_known_to_read_or_to_write() -> None:
    methods = {name for name, _ in inspect.getmembers(KubeClient, inspect.isfunction) if not name.startswith("_")}
    assert methods - {"close"} == READS | WRITES.keys()


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_no_write_leaves_when_the_fence_is_shut(
    server: FakeApiServer, client: KubeClient, write: Callable[[KubeClient], Awaitable[Outcome]]
) -> None:
    outcome = await write(client)
    assert outcome == Lost("FencedError: this replica may not write", sent=False)
    assert server.seen == []


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_every_write_leaves_when_it_is_open(
    server: FakeApiServer, gate: Gate, client: KubeClient, write: Callable[[KubeClient], Awaitable[Outcome]]
) -> None:
    gate.open = True
    server.script("deed", Drop(Ending.CLOSE))
    assert isinstance(await write(client), Answer)
    assert len(server.seen) == 1
    assert gate.asked == 2, "once with a connection, and once more where the bytes leave"


async def test_reading_asks_nobody(server: FakeApiServer, gate: Gate, client: KubeClient) -> None:
    await server.put(PODS, "a", "b")
    assert isinstance(await client.get_pod("b", "a"), Answer)
    assert isinstance(await client.list_page(Selection(PODS), limit=1), Answer)
    assert gate.asked == 0


async def test_a_write_that_waited_for_a_connection_is_held_back_when_its_turn_comes(
    server: FakeApiServer, gate: Gate, client: KubeClient
) -> None:
    gate.open = True
    server.script("deed", Drop(Ending.SILENCE))
    first = asyncio.create_task(client.create_pod("b", b"{}"))
    await until(lambda: len(server.seen) == 1)
    second = asyncio.create_task(client.create_pod("b", b"{}"))
    await asyncio.sleep(0)
    gate.open = False
    first.cancel()
    assert await second == Lost("FencedError: this replica may not write", sent=False)
    assert len(server.seen) == 1


async def test_the_fence_is_asked_again_where_the_bytes_leave(server: FakeApiServer, client: KubeClient) -> None:
    """Between the turn on a connection and the write the process may stand still for as long as it likes."""

    class Closing(Gate):
        def passes(self) -> bool:
            return super().passes() and self.asked == 1

    closing = Closing()
    closing.open = True
    async with KubeClient(Connection(server.url), fence=closing) as hesitant:
        assert await hesitant.create_pod("b", b"{}") == Lost("FencedError: this replica may not write", sent=False)
    assert server.seen == []


async def test_the_client_goes_on_after_a_write_was_held_back(
    server: FakeApiServer, gate: Gate, client: KubeClient
) -> None:
    await client.create_pod("b", b"{}")
    gate.open = True
    server.script("deed", Drop(Ending.CLOSE))
    assert isinstance(await client.create_pod("b", b"{}"), Answer)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux only")
def test_the_kernel_is_told_when_to_give_up_on_what_nobody_hears() -> None:
    made = _impatient(4.0)((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1)))
    with made:
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 4000


async def test_a_client_with_such_sockets_works(server: FakeApiServer) -> None:
    await server.put(PODS, "a", "b")
    async with KubeClient(Connection(server.url), timeouts=Timeouts(unheard=4.0)) as client:
        assert isinstance(await client.get_pod("b", "a"), Answer)

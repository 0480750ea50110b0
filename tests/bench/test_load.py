"""The load sends each errand once, again only after a 429, and tells what failed."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from entresol.kube.connection import Connection
from tests.bench.load import NOTHING, Errand, Sender, errand, read, write


class Server:
    """Answers 201, but for paths that name another status; `busy` once with 429."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.refusals = 0

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/busy" and not self.refusals:
            self.refusals += 1
            return web.Response(status=429, headers={"Retry-After": "0"})
        self.bodies.append(await request.text())
        return web.Response(status=int(request.path.removeprefix("/").replace("busy", "201") or "201"))


@pytest.fixture
async def running() -> AsyncIterator[tuple[Server, Connection]]:
    server = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    async with TestServer(application) as served:
        yield server, Connection(str(served.make_url("")).rstrip("/"))


async def test_each_errand_is_sent_once_in_order(running: tuple[Server, Connection]) -> None:
    server, connection = running
    report = await Sender(connection, 1, None).send([errand("POST", "/201", {"n": n}) for n in range(5)])
    assert server.bodies == [f'{{"n":{n}}}' for n in range(5)]
    assert (report.sent, report.refused, report.failures) == (5, 0, {})
    assert report.rate > 0


async def test_what_is_refused_as_too_many_is_sent_again(running: tuple[Server, Connection]) -> None:
    server, connection = running
    report = await Sender(connection, 4, None).send([errand("POST", "/busy", {})])
    assert (report.sent, report.refused, report.failures) == (1, 1, {})
    assert server.bodies == ["{}"]


async def test_a_failure_is_told_and_not_repeated(running: tuple[Server, Connection]) -> None:
    server, connection = running
    report = await Sender(connection, 4, None).send([Errand("DELETE", "/409"), errand("POST", "/201", {})])
    assert (report.sent, report.failures) == (2, {"409 ": 1})
    assert sorted(server.bodies) == ["", "{}"]


async def test_a_server_that_is_not_there_is_a_failure() -> None:
    report = await Sender(Connection("http://127.0.0.1:1"), 1, None).send([Errand("GET", "/")])
    assert report.sent == 0
    assert sum(report.failures.values()) == 1


async def test_with_a_rate_no_errand_leaves_before_its_moment(running: tuple[Server, Connection]) -> None:
    _, connection = running
    began = time.monotonic()
    await Sender(connection, 4, 100.0).send([errand("POST", "/201", {})] * 21)
    assert time.monotonic() - began >= 20 / 100


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    plan = [errand("POST", "/a", {"text": "line\nbreak"}), Errand("DELETE", "/b", media_type="x/y")]
    found = read(write(tmp_path / "plan", plan))
    assert [(each.method, each.path, each.media_type) for each in found] == [
        ("POST", "/a", "application/json"),
        ("DELETE", "/b", "x/y"),
    ]
    assert found[1].body == NOTHING
    assert bytes(found[0].body) == b'{"text":"line\\nbreak"}'

"""A standby passes on what the leader must answer: any request, piece by piece, and nothing that was never asked."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest
from aiohttp import ClientError, ClientSession, web

from entresol.api.relay import MARK, relaying
from entresol.metrics import Metrics
from entresol.runtime.driver import Driver
from tests.shell.operating import empty_picture
from tests.support.recorder import until


@dataclass
class Standby:
    """As much of a driver as the relay asks."""

    leads: bool = False
    leader: str | None = None


@dataclass
class Leader:
    """A server that says what it was asked, and streams."""

    seen: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    broken: bool = False
    closed: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        self.bodies.append(await request.read())
        if request.path == "/stream":
            return await self._stream(request)
        if request.path == "/chatter":
            return await self._chatter(request)
        headers = {"X-Own": "yes", "Connection": "X-Private", "X-Private": "1"}
        return web.Response(status=418, text="short and stout", headers=headers)

    async def _chatter(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"word\n")
            await asyncio.sleep(0.01)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            await response.write(b"first\n")
            await self.more.wait()
            if self.broken:
                assert request.transport is not None
                request.transport.abort()
            await response.write(b"second\n")
        except asyncio.CancelledError:
            self.closed += 1
            raise
        return response


@dataclass
class Pair:
    """A standby's server before a leader's."""

    url: str
    driver: Standby
    leader: Leader
    metrics: Metrics
    session: ClientSession

    def counted(self, code: str) -> float:
        found = [
            line for line in self.metrics.render().decode().splitlines() if f'_passed_on_total{{code="{code}"}}' in line
        ]
        return float(found[0].rpartition(" ")[2]) if found else 0.0


@asynccontextmanager
async def served(application: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    leader, driver, metrics = Leader(), Standby(), Metrics(empty_picture)
    theirs = web.Application(client_max_size=2**24)
    theirs.router.add_route("*", "/{path:.*}", leader.answer)

    async def own(_: web.Request) -> web.Response:
        return web.Response(text="mine")

    async with served(theirs) as address, relaying(cast("Driver", driver), metrics) as relay:
        driver.leader = address
        ours = web.Application(middlewares=[relay])
        ours.add_routes([web.get(path, own) for path in ("/livez", "/readyz", "/metrics", "/state", "/debug/state")])
        async with served(ours) as url, ClientSession() as session:
            yield Pair(f"http://{url}", driver, leader, metrics, session)


async def test_the_leader_s_answer_comes_back_with_its_headers_and_without_those_of_one_connection() -> None:
    async with pair() as two:
        sent = {"Authorization": "Bearer sesame", "X-Mine": "1", "Connection": "X-Mine", "TE": "trailers"}
        async with two.session.get(f"{two.url}/api/v1/x%2Fy?a=b%20c&a=d", headers=sent) as answer:
            assert (answer.status, await answer.text(), answer.headers["X-Own"]) == (418, "short and stout", "yes")
            assert "X-Private" not in answer.headers
        (seen,) = two.leader.seen
        assert seen.raw_path == "/api/v1/x%2Fy?a=b%20c&a=d"
        assert (seen.headers["Authorization"], seen.headers[MARK]) == ("Bearer sesame", "1")
        assert {"X-Mine", "TE"} & set(seen.headers) == set()
        assert seen.headers["Host"] == two.driver.leader
        assert two.counted("418") == 1


async def test_a_body_is_passed_on_whatever_its_length() -> None:
    async with pair() as two:
        body = b"x" * 3_000_000
        async with two.session.post(f"{two.url}/api/v1/scheduler", data=io.BytesIO(body)) as answer:
            assert answer.status == 418
        assert two.leader.seen[0].method == "POST"
        assert two.leader.bodies == [body]


OWN = ("/livez", "/readyz", "/metrics", "/debug/state")


@pytest.mark.parametrize("path", OWN)
async def test_probes_metrics_and_the_debug_page_are_a_standby_s_own(path: str) -> None:
    async with pair() as two, two.session.get(two.url + path) as answer:
        assert await answer.text() == "mine"
        assert two.leader.seen == []


async def test_a_leader_answers_itself() -> None:
    async with pair() as two:
        two.driver.leads = True
        async with two.session.get(f"{two.url}/state") as answer:
            assert await answer.text() == "mine"


async def test_a_stream_comes_piece_by_piece() -> None:
    async with pair() as two, two.session.get(f"{two.url}/stream") as answer:
        assert await answer.content.readany() == b"first\n"
        two.leader.more.set()
        assert await answer.content.read() == b"second\n"


async def test_a_stream_ends_for_the_leader_when_its_reader_goes() -> None:
    async with pair() as two:
        async with two.session.get(f"{two.url}/stream") as answer:
            assert await answer.content.readany() == b"first\n"
            answer.close()
        await until(lambda: two.leader.closed == 1)


async def test_half_an_answer_does_not_look_like_a_whole_one() -> None:
    async with pair() as two, two.session.get(f"{two.url}/stream") as answer:
        assert await answer.content.readany() == b"first\n"
        two.leader.broken = True
        two.leader.more.set()
        with pytest.raises(ClientError):
            await answer.content.read()


async def test_a_stream_of_a_leader_that_was_replaced_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be cut off from us, and never say so."""
    monkeypatch.setattr("entresol.api.relay._GLANCE_SECONDS", 0.05)
    async with pair() as two, two.session.get(f"{two.url}/stream") as answer:
        assert await answer.content.readany() == b"first\n"
        await asyncio.sleep(0.15)
        assert not answer.content.at_eof(), "it is silent, and goes on"
        two.driver.leader = "127.0.0.1:1"
        with pytest.raises(ClientError):
            await answer.content.read()


async def test_a_stream_of_a_leader_that_was_replaced_ends_although_it_goes_on_talking() -> None:
    async with pair() as two, two.session.get(f"{two.url}/chatter") as answer:
        assert await answer.content.readany() == b"word\n"
        two.driver.leader = "127.0.0.1:1"
        with pytest.raises(ClientError):
            await asyncio.wait_for(answer.content.read(), 5.0)


NOBODY: dict[str, tuple[str | None, dict[str, str], str]] = {
    "nobody leads": (None, {}, "no replica leads at the moment; try again\n"),
    "it was passed on to us": ("127.0.0.1:1", {MARK: "1"}, "no replica leads at the moment; try again\n"),
    "the leader is not there": ("127.0.0.1:1", {}, "the leader does not answer; try again\n"),
    "its address is none": ("127.0.0.1:x", {}, "the leader does not answer; try again\n"),
}


@pytest.mark.parametrize(("leader", "headers", "want_words"), NOBODY.values(), ids=NOBODY)
async def test_without_an_answer_it_says_so_and_when_to_come_back(
    leader: str | None, headers: dict[str, str], want_words: str
) -> None:
    async with pair() as two:
        two.driver.leader = leader
        async with two.session.get(f"{two.url}/state", headers=headers) as answer:
            assert (answer.status, await answer.text()) == (503, want_words)
            assert answer.headers["Retry-After"] == "1"
        assert two.counted("lost") == (1 if leader and not headers else 0)

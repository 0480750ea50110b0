"""A replica that stands by passes requests on to the leader, so that every replica can be asked everything.

What it passes is not understood here: any method, any path, bodies and answers of any length piece by piece as they
come, the caller's own credentials with them. How long a body may be is for the leader to say: here none is held, so none
is bounded. Only what belongs to one connection is left out (RFC 9110, 7.6.1), and a mark is set, so that a request that
meets two replicas which both stand by is refused instead of running in circles.

Probes and metrics are always a replica's own, and so is what it shows to its own machine alone.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, web
from aiohttp.typedefs import Handler, Middleware
from multidict import CIMultiDict
from yarl import URL

from entresol import metrics
from entresol.metrics import Metrics
from entresol.runtime.driver import Driver

MARK = "Entresol-Passed-On"
"""The header that a request bears once it was passed on."""

_OWN = frozenset(("/livez", "/readyz", "/metrics"))
_OWN_FOLDER = "/debug/"
_OF_ONE_CONNECTION = frozenset(
    (
        "connection",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_CONNECT_SECONDS = 2.0
_HEAD_SECONDS = 10.0  # streams begin at once too
_GLANCE_SECONDS = 1.0  # between two looks at who leads, while a stream is silent


class Relay:
    """Passes on what the leader must answer."""

    def __init__(self, session: ClientSession, driver: Driver, metrics_: Metrics) -> None:
        self._session = session
        self._driver = driver
        self._metrics = metrics_

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        """The leader's answer to a request; 503 when there is no leader, or it does not answer."""
        address = self._driver.leader
        if address is None or MARK in request.headers:
            return _sorry("no replica leads at the moment; try again")
        response: web.StreamResponse | None = None
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                answer = await self._ask(request, address)
            async with answer:
                self._metrics.add(metrics.PASSED_ON, str(answer.status))
                headers = _end_to_end(answer.headers)
                response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
                await response.prepare(request)
                await self._copy(answer, response, address)
        except (ClientError, OSError, TimeoutError, ValueError):  # an address that somebody edited is no URL
            if response is None:
                self._metrics.add(metrics.PASSED_ON, "lost")
                return _sorry("the leader does not answer; try again")
            if request.transport is not None:
                request.transport.abort()  # an end in good order would make half an answer look like a whole one
        return response

    async def _ask(self, request: web.Request, address: str) -> ClientResponse:
        url = URL(f"http://{address}{request.rel_url.raw_path_qs}", encoded=True)
        return await self._session.request(
            request.method,
            url,
            headers={**_end_to_end(request.headers), MARK: "1"},
            data=request.content if request.body_exists else None,
            allow_redirects=False,
        )

    async def _copy(self, answer: ClientResponse, response: web.StreamResponse, address: str) -> None:
        """Hand the answer through, as long as it comes from who leads. Raises when it breaks off."""
        while self._driver.leader == address:
            try:
                async with asyncio.timeout(_GLANCE_SECONDS):
                    piece = await answer.content.readany()
            except TimeoutError:
                continue
            if not piece:
                await response.write_eof()
                return
            await response.write(piece)
        raise ConnectionAbortedError("the leader was replaced")


@asynccontextmanager
async def relaying(driver: Driver, metrics_: Metrics) -> AsyncIterator[Middleware]:
    """Pass on, while this replica stands by, what is not its own to answer."""
    patience = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
    async with ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar(), timeout=patience) as session:
        relay = Relay(session, driver, metrics_)

        @web.middleware
        async def pass_on(request: web.Request, handler: Handler) -> web.StreamResponse:
            if driver.leads or request.path in _OWN or request.path.startswith(_OWN_FOLDER):
                return await handler(request)
            return await relay.pass_on(request)

        yield pass_on


def _end_to_end(headers: Mapping[str, str]) -> "CIMultiDict[str]":
    """Headers without those that speak of one connection only, named by the standard or by the message itself."""
    named = {part.strip().lower() for part in headers.get("Connection", "").split(",")}
    dropped = _OF_ONE_CONNECTION | named
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def _sorry(words: str) -> web.Response:
    return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=f"{words}\n", headers={"Retry-After": "1"})

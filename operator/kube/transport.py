"""Bytes to the API server and back, with every failure told as data.

Measured on one core, aiohttp on HTTP/1.1 with a few dozen connections makes three to four times as many
requests as the generated clients, and several connections spread over several API servers. Deeds and streams
have pools of their own, so that neither watches nor long lists keep a Binding waiting.

An answer of any status is an `Answer`, no answer is a `Lost`. No deed is repeated here, because only the caller
knows whether it may be done twice; what may always be (GET, DELETE), aiohttp repeats once when a kept connection
turns out to be broken. This module knows no kind and no verb.

Where several replicas share the work, only one may write. A `Fence` is asked before every request that changes anything,
at the last moment that Python has: when the request's turn on a connection has come and its bytes go to the kernel.
What the kernel then cannot deliver it gives up after `Timeouts.unheard`, so that no write of ours arrives long after.
"""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from aiohttp import (
    AddrInfoType,
    ClientConnectorError,
    ClientError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    SocketTimeoutError,
    TCPConnector,
)
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection as Channel
from yarl import URL

from entresol.kube.answers import Answer, Lost, Outcome
from entresol.kube.connection import Connection

JSON = "application/json"

_OK = 200
_UNAUTHORIZED = 401
_READ_BUFFER = 256 * 1024
_IDLE_SECONDS = 30.0  # below any server's own limit, so that few requests meet a connection that is just closing
_READING = frozenset(("GET", "HEAD"))
_HEADERS = {"Accept": JSON, "Accept-Encoding": "identity"}
"""Identity, because the server compresses large lists, and inflating them would take the one core that we have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds after which a request is given up.

    `silence` bounds the pause between two pieces of a watch. The server sends a bookmark about every minute,
    so a longer silence is a dead connection. `unheard` is how long the kernel tries to deliver bytes that nobody
    acknowledges; None leaves that to the kernel, which tries for a quarter of an hour.
    """

    connect: float = 5.0
    deed: float = 20.0
    page: float = 60.0
    silence: float = 75.0
    unheard: float | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `target` is path and query, already encoded."""

    method: str
    target: str
    body: bytes | None = None
    media_type: str = JSON


class Fence(Protocol):
    """Who knows whether we may still change anything."""

    def passes(self) -> bool:
        """Whether a write may leave at this moment. One that may not is never sent."""


class FencedError(ClientError):
    """A request was not sent, because we may not change anything any more."""


class StreamCutError(Exception):
    """A stream broke off in the middle, or fell silent."""


class StreamSilentError(StreamCutError):
    """A stream fell silent: a dead connection, or a kind of which there is no news."""


class Transport:
    """Two pools of connections to one API server."""

    def __init__(
        self, connection: Connection, timeouts: Timeouts, connections: int, fence: Fence | None = None
    ) -> None:
        """Send at most `connections` deeds at a time; further ones queue, and the wait counts as theirs."""
        self._connection = connection
        connect = timeouts.connect
        self._deed = ClientTimeout(total=timeouts.deed, sock_connect=connect)
        self._page = ClientTimeout(total=timeouts.page, sock_connect=connect)
        self._stream = ClientTimeout(total=None, sock_connect=connect, sock_read=timeouts.silence)
        request = _fenced(fence) if fence is not None else ClientRequest
        self._deeds = _session(connection, connections, timeouts.unheard, request)
        self._streams = _session(connection, 0, None, request)

    async def close(self) -> None:
        """Close every connection; what is under way is lost."""
        await self._deeds.close()
        await self._streams.close()

    async def deed(self, request: Request) -> Outcome:
        """Make a request from the pool of deeds."""
        return await self._ask(self._deeds, request, self._deed)

    async def page(self, request: Request) -> Outcome:
        """Make a request with a long answer, outside the pool of deeds."""
        return await self._ask(self._streams, request, self._page)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Outcome | AsyncIterator[bytes]]:
        """Open a stream: its bytes as they come, or why there are none.

        The stream ends when the server ends it, and raises StreamCutError when it breaks or falls silent.
        """
        try:
            response = await self._send(self._streams, request, self._stream)
        except (ClientError, OSError) as error:
            yield _lost(error)
            return
        try:
            yield _pieces(response) if response.status == _OK else await self._answer(response)
        finally:
            response.close()

    async def _ask(self, session: ClientSession, request: Request, patience: ClientTimeout) -> Outcome:
        try:
            response = await self._send(session, request, patience)
        except (ClientError, OSError) as error:
            return _lost(error)
        async with response:
            return await self._answer(response)

    async def _send(self, session: ClientSession, request: Request, patience: ClientTimeout) -> ClientResponse:
        headers = dict(await self._connection.bearer.headers())
        if request.body is not None:
            headers["Content-Type"] = request.media_type
        return await session.request(
            request.method,
            URL(self._connection.base_url + request.target, encoded=True),
            data=request.body,
            headers=headers,
            timeout=patience,
            allow_redirects=False,
            proxy=self._connection.proxy,
            server_hostname=self._connection.server_name,
        )

    async def _answer(self, response: ClientResponse) -> Outcome:
        if response.status == _UNAUTHORIZED:
            self._connection.bearer.expire()
        try:
            body = await response.read()
        except (ClientError, OSError) as error:
            return _lost(error)
        return Answer(response.status, body, _seconds(response.headers.get("Retry-After", "")))


def _session(
    connection: Connection, limit: int, unheard: float | None = None, request: type[ClientRequest] = ClientRequest
) -> ClientSession:
    connector = TCPConnector(
        limit=limit,
        ssl=connection.tls or True,
        keepalive_timeout=_IDLE_SECONDS,
        socket_factory=None if unheard is None else _impatient(unheard),
    )
    headers = {**_HEADERS, "User-Agent": connection.agent}
    return ClientSession(
        connector=connector,
        request_class=request,
        cookie_jar=DummyCookieJar(),
        headers=headers,
        read_bufsize=_READ_BUFFER,
    )


def _fenced(fence: Fence) -> type[ClientRequest]:
    """Requests that ask the fence when they have a connection, and again where head and body go out in one piece."""
    refused = FencedError("this replica may not write")

    class FencedRequest(ClientRequest):
        async def send(self, conn: Channel) -> ClientResponse:
            if self.method in _READING or fence.passes():
                return await super().send(conn)
            raise refused

        async def write_bytes(
            self, writer: AbstractStreamWriter, conn: Channel, content_length: int | None = None
        ) -> None:
            if self.method in _READING or fence.passes():
                return await super().write_bytes(writer, conn, content_length)
            if conn.protocol is not None:
                conn.protocol.set_exception(refused)
            return conn.close()

    return FencedRequest


def _impatient(seconds: float) -> Callable[[AddrInfoType], socket.socket]:
    """Sockets whose kernel gives up on what nobody acknowledges, also after we are gone (tcp(7), TCP_USER_TIMEOUT)."""

    def make(address: AddrInfoType) -> socket.socket:
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
        return made

    return make


async def _pieces(response: ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in response.content.iter_any():
            yield piece
    except SocketTimeoutError as error:
        raise StreamSilentError(_words(error)) from error
    except (ClientError, OSError) as error:
        raise StreamCutError(_words(error)) from error


def _lost(error: Exception) -> Lost:
    """Only the fence, or a failure to connect, proves that nothing was sent."""
    unsent = ClientConnectorError | ConnectionTimeoutError | FencedError
    return Lost(_words(error), sent=not isinstance(error, unsent))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _seconds(text: str) -> float | None:
    """Read Retry-After. Its other form, a date, is never sent by an API server."""
    return float(text) if text.isascii() and text.isdigit() else None

"""A server between an operator and the API server that loses some news: lines of a watch that hold a certain word.

A list still tells the truth, so whoever believes its watches alone holds what is not so. No real API server does this;
an audit is there for the day on which one does.
"""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

_NOT_OURS = {"Host", "Accept-Encoding", "Content-Length", "Transfer-Encoding", "Connection"}


class Lossy:
    """Serves on a port of loopback from `start` to `close`, in a thread of its own."""

    def __init__(self, upstream: str, authority: Path, port: int, lost: str) -> None:
        """Pass everything on to *upstream*, whose certificate is by *authority*, but for watched lines with *lost*."""
        self.url = f"http://127.0.0.1:{port}"
        self._upstream = upstream
        self._trust = ssl.create_default_context(cafile=str(authority))
        self._port = port
        self._lost = lost.encode()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="lossy")

    def start(self) -> None:
        """Serve."""
        self._thread.start()
        assert self._ready.wait(10.0)

    def close(self) -> None:
        """Serve no more."""
        if self._ready.is_set():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10.0)

    def kubeconfig(self, honest: Path) -> Path:
        """A kubeconfig like an honest one, but through us."""
        told = yaml.safe_load(honest.read_text())
        for each in told["clusters"]:
            each["cluster"] = {"server": self.url}
        path = honest.with_name("lossy.yaml")
        path.write_text(yaml.safe_dump(told))
        return path

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self._app(), handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            self._ready.set()
            await self._end.wait()
        finally:
            await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        app.cleanup_ctx.append(self._session)
        return app

    async def _session(self, _: web.Application) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(ssl=self._trust, limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._client:
            yield

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_OURS}
        asked = self._client.request(
            request.method, self._upstream + request.raw_path, headers=headers, data=await request.read() or None
        )
        async with asked as answer:
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            await response.prepare(request)
            watched = "watch" in request.query
            left = b""
            async for piece in answer.content.iter_any():
                if not watched:
                    await response.write(piece)
                    continue
                *lines, left = (left + piece).split(b"\n")
                for line in lines:
                    if self._lost not in line:
                        await response.write(line + b"\n")
            return response

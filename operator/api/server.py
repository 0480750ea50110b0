"""The one HTTP server: probes, metrics, and the figures of the moment. It reads and never changes anything.

By default it listens on the loopback interface only. Where it is open to others, who reads it is reviewed (`access.py`);
what a replica that stands by cannot answer, the leader is asked for (`relay.py`). What shows names and UIDs of
everybody's objects (`/debug/…`) is answered to this machine alone, whatever the server listens on.
"""

import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from entresol.api.access import Reviewer, guard
from entresol.api.relay import relaying
from entresol.api.state import debug_state_of, state_of
from entresol.metrics import CONTENT_TYPE, Metrics
from entresol.runtime.driver import Driver

_PATIENCE = 1.0
"""Seconds that `/state` waits for a cycle that is due."""

_MAX_BODY = 1024  # nothing here takes a body
_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(
    driver: Driver, metrics: Metrics, host: str, port: int, reviewer: Reviewer | None = None
) -> AsyncIterator[str]:
    """Serve while the context lasts. Yields the address, `http://…`, with the port that was chosen for port 0.

    Without a reviewer everybody may read everything. Raises OSError when the address cannot be listened on.
    """
    guards = [guard(reviewer)] if reviewer is not None else []
    async with relaying(driver, metrics) as relay, _listening(driver, metrics, (*guards, relay)) as runner:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound_host, bound_port = runner.addresses[0][:2]
        address = f"http://[{bound_host}]:{bound_port}" if ":" in bound_host else f"http://{bound_host}:{bound_port}"
        _log.info("health, metrics and state at %s", address)
        yield address


@asynccontextmanager
async def _listening(
    driver: Driver, metrics: Metrics, middlewares: Sequence[Middleware]
) -> AsyncIterator[web.AppRunner]:
    # A handler whose client went away is cancelled: it may be passing on a stream that nobody reads any more.
    runner = web.AppRunner(
        _application(driver, metrics, middlewares), access_log=None, shutdown_timeout=1.0, handler_cancellation=True
    )
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()


def _application(driver: Driver, metrics: Metrics, middlewares: Sequence[Middleware]) -> web.Application:
    async def live(_: web.Request) -> web.Response:
        stale = driver.stale()
        said = [f"no sign of life from the watch on {kind} for {age:.0f} s" for kind, age in sorted(stale.items())]
        return _verdict(said)

    async def ready(_: web.Request) -> web.Response:
        if driver.ready:
            return _verdict([])
        problems = [f"{kind}: {problem}" for kind, problem in sorted(driver.world.problems().items())]
        return _verdict(["the cluster is still being listed", *problems])

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def state(_: web.Request) -> web.Response:
        # Between an event and the cycle that answers it, shares are neither here nor there.
        settled = driver.ready and await driver.settle(_PATIENCE)
        return _json({"settled": settled, **state_of(driver)})

    async def debug(request: web.Request) -> web.Response:
        if not _is_local(request.remote):
            raise web.HTTPForbidden(text="this page must be asked for from the machine itself\n")
        return _json(debug_state_of(driver))

    application = web.Application(client_max_size=_MAX_BODY, middlewares=middlewares)
    application.add_routes(
        [
            web.get("/livez", live),
            web.get("/readyz", ready),
            web.get("/metrics", exposition),
            web.get("/state", state),
            web.get("/debug/state", debug),
        ]
    )
    return application


def _verdict(problems: list[str]) -> web.Response:
    """A probe's answer: 200 when there is nothing to complain of."""
    return web.Response(text="\n".join(problems or ["ok"]) + "\n", status=503 if problems else 200)


def _json(body: Any) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def _is_local(remote: str | None) -> bool:
    address = ipaddress.ip_address(remote) if remote else None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address is not None and address.is_loopback

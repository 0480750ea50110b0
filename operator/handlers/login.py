"""Who kopf is to the API server: the same identity as everything else in the process.

With no login handler of ours kopf would try every Kubernetes client it finds installed, and which identity wins would
be a matter of their priorities.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

import aiohttp
import kopf

from entresol.kube.connection import REREAD_SECONDS, Connection
from entresol.runtime.clock import Clock


def register(registry: kopf.OperatorRegistry, connect: Callable[[], Connection]) -> None:
    """Have kopf use this connection."""

    @kopf.on.login(registry=registry, id="login")
    async def login(**_: Any) -> kopf.AiohttpSession:
        connection = connect()
        credentials = await connection.bearer.headers()
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=connection.tls or True),
            headers={"User-Agent": connection.agent, **credentials},
            proxy=connection.proxy,
        )
        # A token wears out; after this time kopf asks here again, and meets the one that replaced it.
        wearing_out = dt.datetime.fromtimestamp(Clock().now() + REREAD_SECONDS, dt.UTC)
        expiration = wearing_out if "Authorization" in credentials else None
        return kopf.AiohttpSession(
            server=connection.base_url, aiohttp_session=session, expiration=expiration, default_namespace="default"
        )

"""A whole operator in the test's own loop, on a fake cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession

from entresol.app import operating
from entresol.engine.status import Summary
from entresol.gauges import Picture
from entresol.kube.connection import Connection
from entresol.model.resources import Resources
from entresol.runtime.driver import Driver
from entresol.settings import Listen, Settings
from tests.support.fake_cluster import FakeCluster
from tests.support.recorder import until

NOTHING = Summary(roles=(), frameworks=(), reasons={}, agents=0, totals=Resources(), offers=0, launches=0)
FREE = Listen("127.0.0.1", 0)


def empty_picture() -> Picture:
    """What gauges show where nobody cares for them."""
    return Picture(summary=NOTHING, recovering=False, deeds=0)


@dataclass
class Operator:
    """A running operator, and the cluster it runs on."""

    cluster: FakeCluster
    driver: Driver
    url: str
    run: asyncio.Task[Any]
    session: ClientSession = field(repr=False)

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def json(self, path: str) -> Any:
        async with self.session.get(self.url + path) as answer:
            return await answer.json()

    async def counted(self, name: str, **labels: str) -> float:
        """A sample of the metrics; zero when there is none with these labels."""
        _, text = await self.get("/metrics")
        for line in text.splitlines():
            head, _, value = line.rpartition(" ")
            if head.partition("{")[0] == name and all(f'{key}="{wanted}"' in head for key, wanted in labels.items()):
                return float(value)
        return 0.0


@asynccontextmanager
async def running(cluster: FakeCluster, tmp_path: Any, **told: Any) -> AsyncIterator[Operator]:
    """Run an operator while the block lasts; it must not have failed by the end of it."""
    address = tmp_path / "address"
    settings = Settings(**{"listen": FREE, "address_file": address, **told})
    async with operating(settings, Connection(cluster.url)) as (_, driver), ClientSession() as session:
        run = asyncio.create_task(driver.run())
        operator = Operator(cluster, driver, address.read_text().strip(), run, session)
        try:
            yield operator
            assert not operator.run.done(), operator.run.exception()
        finally:
            operator.run.cancel()
            await asyncio.gather(operator.run, return_exceptions=True)


@asynccontextmanager
async def ready(cluster: FakeCluster, tmp_path: Any, **told: Any) -> AsyncIterator[Operator]:
    """Run an operator that has listed everything."""
    async with running(cluster, tmp_path, **told) as operator:
        await until(lambda: operator.run.done() or operator.driver.ready)
        yield operator

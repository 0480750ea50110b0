"""What the tests of the shell share."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.shell.executing import Bench, executing
from tests.support.fake_cluster import FakeCluster


@pytest_asyncio.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    """A fake cluster; it hides the real one of the same name, which this folder has no use for."""
    async with FakeCluster() as server:
        yield server


@pytest_asyncio.fixture
async def bench(cluster: FakeCluster) -> AsyncIterator[Bench]:
    """An executor on the fake cluster."""
    async with executing(cluster) as one:
        yield one

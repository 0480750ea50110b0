"""What an operator that is told to end still writes down: every role's ledger, in bounded time, and nothing after a fault."""

import asyncio
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from entresol.engine.events import Ticked
from entresol.kube.accounts import LEDGER_SECONDS
from entresol.kube.resources import FRAMEWORK_ROLES
from entresol.runtime import driver
from tests.shell.operating import Operator, ready
from tests.support import objects
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_faults import Refuse
from tests.support.recorder import until

ROLES = ("red", "green")


async def busy(cluster: FakeCluster) -> None:
    """Two roles that hold something for ever."""
    await cluster.node("n1", cpu="8")
    for role in ROLES:
        await cluster.make(objects.role(role))
        await cluster.make(objects.task("one", role))


def ledger(cluster: FakeCluster, role: str = "red") -> dict[str, Any]:
    found: dict[str, Any] = cluster.status(FRAMEWORK_ROLES, "", role).get("ledger") or {}
    return found


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def opened(cluster: FakeCluster) -> None:
    """Wait until each role holds its task and says so, with an account."""
    for role in ROLES:
        await until(partial(_told, cluster, role))


def _told(cluster: FakeCluster, role: str) -> bool:
    return bool(ledger(cluster, role)) and cluster.status(FRAMEWORK_ROLES, "", role)["dominantShare"] == "0.1250"


async def test_the_last_words_are_every_ledger_as_it_stands(cluster: FakeCluster, tmp_path: Path) -> None:
    await busy(cluster)
    async with ready(cluster, tmp_path) as operator:
        await opened(cluster)
        before = {role: ledger(cluster, role) for role in ROLES}
        ends = operator.driver._now()
        await end(operator)
    for role in ROLES:
        after = ledger(cluster, role)
        assert after["since"] == before[role]["since"]
        assert seconds(before[role]["asOf"]) <= seconds(after["asOf"])
        # Up to the last change that no tick had answered yet, about a second at most.
        assert ends - 5.0 < seconds(after["asOf"]) < ends + LEDGER_SECONDS


async def test_the_next_operator_goes_on_from_there(cluster: FakeCluster, tmp_path: Path) -> None:
    await busy(cluster)
    async with ready(cluster, tmp_path) as operator:
        await opened(cluster)
        await end(operator)
    first = ledger(cluster)
    async with ready(cluster, tmp_path) as operator:
        found = next(role.account for role in operator.driver.summary().roles if role.id == "red")
        assert found is not None
        assert found.since == pytest.approx(seconds(first["since"]), abs=1e-3)
        assert found.held >= float(first["heldShareSeconds"]) - 1e-3
        assert found.leaderless > 0.0
        assert await operator.counted("entresol_ledger_leaderless_seconds_total") > 0.0


async def test_last_words_that_are_refused_do_not_keep_it(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await busy(cluster)
    monkeypatch.setattr(driver, "FAREWELL_SECONDS", 0.2)
    async with ready(cluster, tmp_path) as operator:
        await opened(cluster)
        before = ledger(cluster)
        cluster.trouble("status", *(Refuse(429, "TooManyRequests", retry_after=1),) * 100)
        await end(operator)
    assert ledger(cluster) == before


async def test_whoever_fails_says_nothing(cluster: FakeCluster, tmp_path: Path) -> None:
    await busy(cluster)
    async with ready(cluster, tmp_path) as operator:
        await opened(cluster)
        before = ledger(cluster)
        operator.driver._engine.handle = None  # type: ignore[method-assign,assignment]  # the next event breaks it
        operator.driver._dispatcher.dispatch(Ticked())
        with pytest.raises(ExceptionGroup):
            await operator.run
        operator.run = asyncio.create_task(asyncio.sleep(60))
    assert ledger(cluster) == before


async def end(operator: Operator) -> None:
    """What SIGTERM comes to."""
    operator.run.cancel()
    await asyncio.gather(operator.run, return_exceptions=True)
    operator.run = asyncio.create_task(asyncio.sleep(60))  # for `running`, which wants one that it can end

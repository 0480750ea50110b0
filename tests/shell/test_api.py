"""The HTTP server: probes that tell the truth, figures that add up, nothing about tasks in metrics."""

import asyncio
import json
from pathlib import Path
from typing import cast

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner

from entresol.api.server import _is_local
from entresol.cli.main import main
from entresol.engine.events import Event
from entresol.kube.resources import PODS
from entresol.runtime import driver as driver_module
from entresol.settings import Listen
from tests.shell.operating import ready, running
from tests.support import objects
from tests.support.fake_cluster import FakeCluster
from tests.support.recorder import until


async def test_probes_of_a_healthy_operator_are_green(cluster: FakeCluster, tmp_path: Path) -> None:
    async with ready(cluster, tmp_path) as operator:
        assert await operator.get("/livez") == (200, "ok\n")
        assert await operator.get("/readyz") == (200, "ok\n")
        assert (await operator.get("/nothing"))[0] == 404


async def test_a_silent_watch_turns_liveness_red(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "STALE_SECONDS", 0.0)
    async with ready(cluster, tmp_path) as operator:
        status, words = await operator.get("/livez")
        assert status == 503
        assert "no sign of life from the watch on nodes for 0 s" in words


async def test_a_watch_that_is_known_to_fail_is_no_reason_to_end_the_process(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "STALE_SECONDS", 0.0)
    cluster.defined = False
    async with running(cluster, tmp_path) as operator:
        await until(lambda: "tasks" in operator.driver.world.problems())
        _, words = await operator.get("/livez")
        assert "tasks" not in words
        assert "nodes" in words


async def test_readiness_says_what_it_is_waiting_for(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.defined = False
    async with running(cluster, tmp_path) as operator:
        await until(lambda: "tasks" in operator.driver.world.problems())
        status, words = await operator.get("/readyz")
        assert status == 503
        assert "tasks: 404 NotFound the server could not find the requested resource" in words


async def test_the_state_shows_shares_holdings_and_reasons(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1", cpu="4")
    await cluster.make(objects.framework("batch", "team"))
    await cluster.make(objects.role("team", weight=2))
    for number in range(6):
        await cluster.make(objects.task(f"t{number}", "team", framework="batch"))
    async with ready(cluster, tmp_path) as operator:
        await until(lambda: len(cluster.objects(PODS)) == 4)
        state = await operator.json("/state")
        (role,) = state["roles"]
        assert (role["name"], role["weight"], role["share"], role["resource"]) == ("team", 2, 1.0, "cpu")
        assert role["held"] == {"cpu": 4000, "pods": 4}
        assert role["wanted"] == {"cpu": 2000, "pods": 2}
        assert role["waiting"] == 2
        (framework,) = state["frameworks"]
        assert framework["name"] == "team/batch"
        assert sum(framework["tasks"].values()) == 6
        assert framework["head"]["task"] == "team/t4"
        assert sum(one["count"] for one in state["waiting"]) == 2
        assert state["totals"]["cpu"] == 4000

        answer = CliRunner().invoke
        shown = await asyncio.to_thread(answer, main, ["shares", "--operator", operator.url])
        assert shown.exit_code == 0, shown.output
        assert shown.output.splitlines()[0].startswith("1 agents, ")
        assert shown.output.splitlines()[2].split()[:6] == ["team", "2", "100.0%", "100.0%", "100.0%", "cpu"]
        raw = await asyncio.to_thread(answer, main, ["shares", "--operator", operator.url, "-o", "json"])
        assert json.loads(raw.output)["agents"] == 1


async def test_metrics_name_no_task_and_no_pod(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1", cpu="1")
    await cluster.make(objects.framework("batch", "team"))
    await cluster.make(objects.task("canary-one", "team", framework="batch"))
    await cluster.make(objects.task("canary-two", "team", framework="batch"))
    await cluster.make(objects.pod("canary-three", "team"))
    async with ready(cluster, tmp_path) as operator:
        await until(lambda: len(cluster.objects(PODS)) == 2)
        _, text = await operator.get("/metrics")
        assert "canary" not in text
        assert "uid-" not in text
        assert 'entresol_role_dominant_share_ratio{role="team"} 1.0' in text
        assert 'entresol_role_allocated_resources{resource="cpu",role="team",unit="core"} 1.0' in text
        assert 'entresol_cluster_resources{resource="memory",unit="byte"}' in text
        assert await operator.counted("entresol_lists_total", kind="pods") == 1


async def test_the_debug_page_is_for_this_machine_alone() -> None:
    assert [_is_local(remote) for remote in ("127.0.0.1", "::1", "::ffff:127.0.0.1")] == [True] * 3
    assert [_is_local(remote) for remote in ("10.0.0.7", "::ffff:10.0.0.7", "fe80::1", None)] == [False] * 4


async def test_the_debug_page_is_refused_to_others(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entresol.api.server._is_local", lambda _: False)
    async with ready(cluster, tmp_path) as operator:
        status, words = await operator.get("/debug/state")
        assert (status, words) == (403, "this page must be asked for from the machine itself\n")


async def test_the_address_is_written_with_the_port_that_was_chosen(cluster: FakeCluster, tmp_path: Path) -> None:
    async with ready(cluster, tmp_path, listen=Listen("::1", 0)) as operator, ClientSession() as session:
        assert operator.url.startswith("http://[::1]:")
        async with session.get(f"{operator.url}/livez") as answer:
            assert answer.status == 200


async def test_an_operator_whose_engine_breaks_ends(cluster: FakeCluster, tmp_path: Path) -> None:
    async def broken() -> None:
        async with ready(cluster, tmp_path) as operator:
            operator.driver._dispatcher.dispatch(cast("Event", "nonsense"))
            await until(operator.run.done)

    with pytest.raises(AssertionError, match="unhandled errors in a TaskGroup"):
        await broken()

"""What is held in memory against the cluster: drift is found by two looks, told, and repaired; broken books end all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.resources import ALL_TASKS, PODS, TASKS
from entresol.kube.rolls import Roll, readable
from entresol.kube.wire import Node
from entresol.model.identifiers import AgentId, PodId, RoleId
from entresol.model.resources import Resources
from entresol.model.tasks import Pod
from entresol.runtime import audit
from entresol.runtime.audit import Audit, BooksBrokenError, Routine
from tests.shell.operating import Operator, ready
from tests.support import objects
from tests.support.fake_cluster import FakeCluster
from tests.support.recorder import until

PROBES = ("tasks", "pods", "nodes", "frameworks", "frameworkroles")


@pytest.fixture
async def operator(cluster: FakeCluster, tmp_path: Path) -> AsyncIterator[Operator]:
    await cluster.node("n1", cpu="8")
    await cluster.make(objects.role("team"))
    await cluster.make(objects.framework("default", "team"))
    async with ready(cluster, tmp_path, audit_seconds=0) as running:
        for name in ("one", "two", "three"):
            await cluster.make(objects.task(name, "team"))
        await until(lambda: len(cluster.objects(PODS)) == 3 and running.driver.summary().roles[0].waiting == 0)
        yield running


@pytest.fixture
def auditing(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """The operator's own audit, which looks at once and at once again; a page holds two objects."""
    monkeypatch.setattr(audit, "PAGE", 2)
    monkeypatch.setattr(audit, "BREATH", 0.0)
    monkeypatch.setattr(audit, "AGAIN", 0.0)
    found: Audit = operator.driver._router.audit
    return found


def held(operator: Operator, kind: str) -> dict[str, Any]:
    """The cache of a kind itself, to spoil."""
    cache: dict[str, Any] = operator.driver.world._by_name[kind].reflector._intake.holdings._records
    return cache


def first(records: dict[str, Any]) -> str:
    return next(iter(records))


async def settled(auditing: Audit) -> None:
    """Wait until every watch has brought what our own writes changed."""
    for _ in range(100):
        if await auditing.once() == audit.CLEAN:
            return
    raise AssertionError(f"never clean: {auditing.drift}")


async def test_nothing_is_wrong(auditing: Audit, operator: Operator) -> None:
    await settled(auditing)
    assert set(auditing.drift) >= {*PROBES, audit.BOOKS}
    assert not any(auditing.drift.values())
    assert await operator.counted("entresol_audits_total", outcome="clean") >= 1
    _, text = await operator.get("/metrics")
    assert 'entresol_drift_objects{kind="pods"} 0.0' in text


def lose(records: dict[str, Any]) -> None:
    del records[first(records)]


def outdate(records: dict[str, Any]) -> None:
    uid = first(records)
    old = records[uid]
    records[uid] = replace(old, metadata=replace(old.metadata, resource_version="1"))


def invent(records: dict[str, Any]) -> None:
    like = records[first(records)]
    metadata = replace(like.metadata, uid="ghost", name="ghost")
    records["ghost"] = replace(like, metadata=metadata)


@pytest.mark.parametrize("kind", PROBES)
@pytest.mark.parametrize("spoil", [lose, outdate, invent])
async def test_what_drifted_is_counted_and_repaired(
    auditing: Audit, operator: Operator, kind: str, spoil: Callable[[dict[str, Any]], None]
) -> None:
    await settled(auditing)
    before = {uid: one.metadata.resource_version for uid, one in held(operator, kind).items()}
    spoil(held(operator, kind))
    assert await auditing.once() == audit.DRIFTED
    assert {name: count for name, count in auditing.drift.items() if count} == {kind: 1}
    await until(lambda: {u: one.metadata.resource_version for u, one in held(operator, kind).items()} == before)
    await settled(auditing)


async def test_what_only_lags_is_no_drift(auditing: Audit, operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    await settled(auditing)
    records = held(operator, "tasks")
    late = records.pop(first(records))

    async def sleep(_: float) -> None:
        records[late.metadata.uid] = late  # the watch brings it between the two looks

    auditing.routine = Routine(0, lambda: True, sleep)
    assert await auditing.once() == audit.CLEAN


async def test_what_cannot_be_read_is_not_missing(auditing: Audit, cluster: FakeCluster) -> None:
    await cluster.make(objects.task("odd", "team") | {"spec": {"maxAttempts": "many"}})
    await settled(auditing)
    assert auditing.drift["tasks"] == 0


async def test_of_a_kind_that_cannot_be_listed_stays_what_was_found_before(auditing: Audit, operator: Operator) -> None:
    await settled(auditing)
    lose(held(operator, "nodes"))
    assert await auditing.once() == audit.DRIFTED
    reflector = operator.driver.world._by_name["nodes"].reflector
    reflector.problem = "somebody pulled the plug"
    assert await auditing.once() == audit.FAILED
    assert auditing.drift["nodes"] == 1, "nobody has seen that it was mended"
    reflector.problem = ""
    await settled(auditing)
    assert auditing.drift["nodes"] == 0


async def test_a_kind_that_could_never_be_listed_has_no_figure(auditing: Audit, operator: Operator) -> None:
    operator.driver.world._by_name["nodes"].reflector.problem = "somebody pulled the plug"
    assert await auditing.once() == audit.FAILED
    assert "nodes" not in auditing.drift


async def test_a_kind_that_cannot_be_listed_a_second_time_is_left_out(auditing: Audit, operator: Operator) -> None:
    await settled(auditing)
    lose(held(operator, "nodes"))

    async def sleep(_: float) -> None:
        operator.driver.world._by_name["nodes"].reflector.problem = "somebody pulled the plug"

    auditing.routine = Routine(0, lambda: True, sleep)
    assert await auditing.once() == audit.FAILED


async def test_broken_books_are_counted_and_if_they_stay_broken_end_the_operator(
    auditing: Audit, operator: Operator
) -> None:
    await settled(auditing)
    state = operator.driver._engine.state
    state.ledger._roles[RoleId("nobody")] = state.ledger.of_role(RoleId("team"))
    assert await auditing.once() == audit.DRIFTED
    assert auditing.drift[audit.BOOKS] >= 1
    with pytest.raises(BooksBrokenError, match="the books are wrong"):
        await auditing.once()


async def test_a_pod_that_is_not_held_is_counted_and_ends_nothing(auditing: Audit, operator: Operator) -> None:
    """What a pod is like is its author's doing: an end of the process that a tenant could bring about."""
    await settled(auditing)
    pod = Pod(id=PodId("x"), name="team/x", demand=Resources.of(pods=1), agent=AgentId("n1"))
    operator.driver._engine.state.pods[pod.id] = pod
    for _ in range(2):
        assert await auditing.once() == audit.DRIFTED
        assert auditing.drift[audit.BOOKS] == 1


async def test_a_repair_that_hangs_does_not_stop_the_audit(
    auditing: Audit, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settled(auditing)
    monkeypatch.setattr(audit, "REPAIR", 0.01)

    async def hang() -> None:
        await asyncio.Event().wait()

    for holder in auditing.holders:
        object.__setattr__(holder, "list_afresh", hang)
    lose(held(operator, "tasks"))
    assert await auditing.once() == audit.DRIFTED


# --- when ---


async def audits_in(period: float, leads: bool, auditing: Audit) -> list[float]:
    """Which pauses it makes before it is stopped at the third."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds == period:
            slept.append(seconds)
        if len(slept) == 3:
            raise asyncio.CancelledError
        await asyncio.sleep(0)

    auditing.routine = Routine(period, lambda: leads, sleep)
    with pytest.raises(asyncio.CancelledError):
        await auditing.run()
    return slept


async def test_it_comes_back_every_period(auditing: Audit) -> None:
    assert await audits_in(300.0, True, auditing) == [300.0] * 3
    assert auditing.drift


async def test_who_does_not_lead_does_not_audit(auditing: Audit) -> None:
    await audits_in(300.0, False, auditing)
    assert auditing.drift == {}


async def test_a_period_of_zero_is_never(auditing: Audit) -> None:
    auditing.routine = Routine(0, lambda: True)
    await auditing.run()
    assert auditing.drift == {}


# --- rolls ---


async def test_pages_are_read_no_deeper_than_their_heads(cluster: FakeCluster) -> None:
    for name in ("one", "two", "three"):
        await cluster.make(objects.task(name, "team"))
    async with KubeClient(Connection(cluster.url)) as client:
        outcome = await client.list_page(ALL_TASKS, limit=2)
        assert hasattr(outcome, "body")
        roll = Roll(outcome.body)
    assert len(list(roll.heads())) == 2
    assert roll.token
    assert len(cluster.objects(TASKS)) == 3


def test_an_object_with_nulls_is_read_all_the_same() -> None:
    item = '{"metadata":{"name":"n","uid":"u","creationTimestamp":null,"labels":null}}'
    roll = Roll(f'{{"metadata":{{"resourceVersion":"1"}},"items":[{item}]}}'.encode())
    ((meta, raw),) = roll.heads()
    assert (meta.uid, roll.token, readable(raw, Node)) == ("u", "", True)

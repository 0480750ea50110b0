"""An operator in kopf, from its start to its end, on a fake cluster."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import kopf
import pytest
import yaml

from entresol.app import connect, install
from entresol.handlers.configuration import FINALIZER, NoMemory, NoProgress, Patience
from entresol.handlers.lifecycle import Life, _words
from entresol.kube.resources import EVENTS, FRAMEWORKS, PODS
from entresol.runtime.driver import Driver
from entresol.settings import Listen, Settings, SettingsError, from_process
from tests.shell.operating import FREE
from tests.support import objects
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_faults import Refuse
from tests.support.recorder import until


def kubeconfig(folder: Path, url: str) -> str:
    """A kubeconfig of a server without certificates."""
    file = folder / "kubeconfig"
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": url}}],
        "users": [{"name": "it", "user": {"token": "sesame"}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    file.write_text(yaml.safe_dump(body))
    return str(file)


class Process:
    """kopf in the test's own loop."""

    def __init__(self, settings: Settings) -> None:
        self.stop = asyncio.Event()
        registry = kopf.OperatorRegistry()
        install(registry, lambda: settings, self.stop.set)

        @kopf.on.cleanup(registry=registry, id="release")
        async def release(**_: Any) -> None:
            self.stop.set()

        self.task = asyncio.create_task(
            kopf.operator(registry=registry, standalone=True, clusterwide=True, stop_flag=self.stop)
        )

    async def end(self) -> BaseException | None:
        self.stop.set()
        async with asyncio.timeout(20):
            await asyncio.wait([self.task])
        return self.task.exception()


@asynccontextmanager
async def started(cluster: FakeCluster, tmp_path: Path, **told: Any) -> AsyncIterator[Process]:
    address = tmp_path / "address"
    config = kubeconfig(tmp_path, cluster.url)
    process = Process(Settings(kubeconfig=config, listen=FREE, address_file=address, **told))
    try:
        yield process
    finally:
        await process.end()


async def test_it_works_inside_kopf_and_ends_without_an_error(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1")
    async with started(cluster, tmp_path) as process:
        await cluster.make(objects.pod("web", "team"))
        await until(lambda: bool(cluster.objects(PODS)[0]["spec"].get("nodeName")))
        assert await process.end() is None
    assert {seen.headers.get("Authorization") for seen in cluster.seen} == {"Bearer sesame"}


async def test_missing_definitions_are_named(
    cluster: FakeCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.defined = False
    async with started(cluster, tmp_path) as process:
        await asyncio.wait([process.task], timeout=20)
        assert process.task.exception() is not None
    assert "the definition of tasks.entresol.dev must be installed: by the chart" in caplog.text


async def test_missing_rights_are_named(cluster: FakeCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cluster.script("list", Refuse(403, "Forbidden", "cannot list resource tasks"))
    async with started(cluster, tmp_path) as process:
        await asyncio.wait([process.task], timeout=20)
        assert process.task.exception() is not None
    assert "this operator must be allowed to list tasks.entresol.dev" in caplog.text


async def test_a_server_that_is_not_there_yet_is_waited_for(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entresol.handlers.lifecycle._RETRY_SECONDS", 0.05)
    cluster.script("list", Refuse(503, "ServiceUnavailable"), Refuse(500))
    await cluster.node("n1")
    async with started(cluster, tmp_path):
        await cluster.make(objects.pod("web", "team"))
        await until(lambda: bool(cluster.objects(PODS)[0]["spec"].get("nodeName")))


async def test_an_address_that_is_taken_ends_it(
    cluster: FakeCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = int(cluster.url.rpartition(":")[2])
    settings = Settings(kubeconfig=kubeconfig(tmp_path, cluster.url), listen=Listen("127.0.0.1", port))
    process = Process(settings)
    await asyncio.wait([process.task], timeout=20)
    assert process.task.exception() is not None
    assert "address already in use" in caplog.text


async def test_the_end_of_the_runtime_stops_kopf_and_is_not_a_success(
    cluster: FakeCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Kopf by itself would not notice."""
    drivers: list[Driver] = []
    original = Driver.run

    async def broken(driver: Driver) -> None:
        drivers.append(driver)
        run = asyncio.create_task(original(driver))
        await until(lambda: driver.ready)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        raise ZeroDivisionError("an invariant is broken")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Driver, "run", broken)
        async with started(cluster, tmp_path) as process:
            await asyncio.wait([process.task], timeout=20)
            assert process.task.exception() is not None
    assert "the runtime ended: ZeroDivisionError: an invariant is broken" in caplog.text


def test_the_words_of_a_group_are_those_of_its_members() -> None:
    group = ExceptionGroup("g", [ValueError("a"), ExceptionGroup("h", [KeyError("b")])])
    assert _words(group) == "ValueError: a; KeyError: 'b'"


async def test_nothing_is_told_without_a_runtime() -> None:
    life = Life(lambda: pytest.fail("nobody starts it"), lambda: None)
    life.tell(None, None)  # type: ignore[arg-type]
    await life.end()


# --- events about frameworks ---


async def test_a_framework_that_may_not_use_its_role_gets_one_event(cluster: FakeCluster, tmp_path: Path) -> None:
    def told() -> list[str]:
        return [event["reason"] for event in cluster.objects(EVENTS)]

    def watches() -> int:
        path = FRAMEWORKS.path()
        return sum(1 for seen in cluster.seen if seen.path == path and "watch" in seen.query)

    async with started(cluster, tmp_path):
        await until(lambda: watches() == 2)  # ours, and kopf's
        made = await cluster.make(objects.framework("batch", "team", role="gold"))
        await until(lambda: told() == ["RoleNotFound"])
        (event,) = cluster.objects(EVENTS)
        assert event["regarding"]["kind"] == "Framework"
        assert "gold" in event["note"]
        conditions = cluster.status(FRAMEWORKS, "team", "batch")["conditions"]
        assert [(one["type"], one["status"]) for one in conditions] == [("Ready", "False")]
        uid = made["metadata"]["uid"]
        status = cluster.status(FRAMEWORKS, "team", "batch")
        await cluster.make({**objects.framework("batch", "team", role="gold", weight=2), "status": status}, uid)
        await cluster.make(objects.role("gold", namespaces={"names": ["team"]}))
        await until(lambda: cluster.status(FRAMEWORKS, "team", "batch")["conditions"][0]["status"] == "True")
        assert told() == ["RoleNotFound"]
        metadata = cluster.object(FRAMEWORKS, "team", "batch")["metadata"]
        assert "finalizers" not in metadata
        assert "annotations" not in metadata


def test_kopf_is_told_to_keep_nothing() -> None:
    stores: list[Any] = [NoProgress(), NoMemory()]
    assert [store.fetch() for store in stores] == [None, None]
    assert [store.store() for store in stores] == [None, None]
    assert [stores[0].purge(), stores[0].touch(), stores[0].clear(essence={"a": 1})] == [None, None, {"a": 1}]
    assert stores[1].build() == {}
    assert FINALIZER.startswith("entresol.dev/")


def test_kopf_never_runs_out_of_patience() -> None:
    pauses = iter(Patience())
    assert [next(pauses) for _ in range(6)] == [1, 2, 5, 10, 10, 10]


# --- the process ---


def test_a_pod_connects_as_itself_and_everybody_else_by_kubeconfig(tmp_path: Path) -> None:
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(ValueError, match="must exist: the pod must mount its service account's token"):
        connect(Settings(pod=pod))
    assert connect(Settings(kubeconfig=kubeconfig(tmp_path, "http://one"), pod=pod)).base_url == "http://one"
    with pytest.raises(ValueError, match="must be usable"):
        connect(Settings(kubeconfig=kubeconfig(tmp_path, "http://one"), context="another"))


def command(*arguments: str, **told: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ENTRESOL_", "KUBE"))}
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment | {f"ENTRESOL_{name.upper()}": value for name, value in told.items()},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


DOORS = {
    "entresol operator": ("-m", "entresol", "operator"),
    "kopf run": ("-m", "kopf", "run", "-A", "-m", "entresol.app"),
}


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
async def test_both_doors_lead_to_an_operator_that_ends_when_told(
    cluster: FakeCluster, tmp_path: Path, door: tuple[str, ...]
) -> None:
    await cluster.node("n1")
    await cluster.make(objects.pod("web", "team"))
    config = kubeconfig(tmp_path, cluster.url)
    process = command(*door, kubeconfig=config, listen="127.0.0.1:0", log_format="json")
    try:
        await until(lambda: process.poll() is not None or bool(cluster.objects(PODS)[0]["spec"].get("nodeName")), 30)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0
    finally:
        process.kill()
        _, log = await asyncio.to_thread(process.communicate)
    assert cluster.objects(PODS)[0]["spec"].get("nodeName") == "n1", log


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
async def test_both_doors_fail_when_the_definitions_are_missing(
    cluster: FakeCluster, tmp_path: Path, door: tuple[str, ...]
) -> None:
    cluster.defined = False
    process = command(*door, kubeconfig=kubeconfig(tmp_path, cluster.url), listen="127.0.0.1:0")
    try:
        _, log = await asyncio.to_thread(process.communicate, None, 30)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "the definition of tasks.entresol.dev must be installed" in log


@pytest.mark.slow
def test_wrong_settings_end_the_command_with_all_of_them(tmp_path: Path) -> None:
    process = command("-m", "entresol", "operator", "--events", "many", ordering="none", listen="here")
    _, log = process.communicate(timeout=30)
    assert process.returncode == 1
    assert [line.split()[0] for line in log.strip().splitlines()[1:]] == [
        "ENTRESOL_LISTEN",
        "ENTRESOL_ORDERING",
        "--events",
    ]


@pytest.mark.slow
async def test_a_crash_point_kills_the_process_where_it_says(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1")
    await cluster.make(objects.framework("batch", "team"))
    for name in ("one", "two", "three"):
        await cluster.make(objects.task(name, "team", framework="batch"))
    config = kubeconfig(tmp_path, cluster.url)
    process = command(
        "-m", "entresol", "operator", kubeconfig=config, listen="127.0.0.1:0", crash_point="after-create:2"
    )
    try:
        assert await asyncio.to_thread(process.wait, 30) == -signal.SIGKILL
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)
    assert 2 <= cluster.count("create") <= 3


def test_settings_of_the_process_are_read_from_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTRESOL_EVENTS", "7")
    assert from_process().events == 7
    monkeypatch.setenv("ENTRESOL_EVENTS", "x")
    with pytest.raises(SettingsError):
        from_process()

"""`entresol doctor`: what it finds, when it gives up, and that it leaves nothing behind."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from entresol.cli.doctor import ApiServer as Server
from entresol.cli.doctor import Finding, Plan, Trial, examine, task_body
from entresol.cli.main import main
from entresol.kube.connection import Connection
from entresol.kube.transport import Timeouts, Transport
from tests.support.definitions import definitions, json_schema

Object = dict[str, Any]

OWN = "/apis/entresol.dev/v1alpha1/namespaces/team"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/system/leases/entresol"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/system/endpointslices"
TASK = f"{OWN}/tasks/entresol-doctor-1"
TRIAL = Trial("team", "localhost/entresol:1", ("entresol", "--version"), "gold")


def definition(established: str = "True") -> Object:
    return {"status": {"conditions": [{"type": "Established", "status": established}]}}


def lease(renewed: str, holder: str = "pod-a") -> Object:
    return {"spec": {"holderIdentity": holder, "renewTime": renewed}}


def slices(*ready: bool) -> Object:
    endpoints = [{"addresses": ["10.0.0.1"], "conditions": {"ready": one}} for one in ready]
    return {"items": [{"endpoints": endpoints}, {"endpoints": None}]}


def task(state: str, succeeded: str, **fields: str) -> Object:
    conditions = [{"type": "Succeeded", "status": succeeded}]
    return {"metadata": {}, "status": {"state": state, "conditions": conditions, **fields}}


HEALTHY: Mapping[str, list[Object]] = {
    **{f"{CRDS}/{plural}.entresol.dev": [definition()] for plural in ("frameworkroles", "frameworks", "tasks")},
    LEASE: [lease("12:00:00"), lease("12:00:01")],
    SLICES: [slices(True, True)],
    TASK: [task("TASK_PENDING", "Unknown"), task("TASK_FINISHED", "True", nodeName="n1")],
}


class Cluster:
    """Answers to GET in turn, the last one for ever; everything created is called entresol-doctor-1."""

    def __init__(self) -> None:
        self.answers = {path: list(answers) for path, answers in HEALTHY.items()}
        self.refusals: dict[tuple[str, str], int] = {}
        self.deeds: dict[str, list[str]] = defaultdict(list)
        self.bodies: list[Object] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        if status := self.refusals.get((request.method, request.path)):
            return web.json_response({"kind": "Status", "code": status, "message": "not for you"}, status=status)
        if request.method == "GET":
            answers = self.answers.get(request.path, [])
            if not answers:
                return web.json_response({"kind": "Status", "code": 404, "message": "not found"}, status=404)
            return web.json_response(answers.pop(0) if len(answers) > 1 else answers[0])
        self.deeds[request.method].append(request.path)
        if request.method == "POST":
            self.bodies.append(json.loads(await request.read()))
        return web.json_response({"metadata": {"name": "entresol-doctor-1"}})


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    made = Cluster()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield made
    await runner.cleanup()


async def findings(url: str, trial: Trial | None = TRIAL, seconds: float = 5.0) -> list[Finding]:
    found: list[Finding] = []
    transport = Transport(Connection(url), Timeouts(), 2)
    try:
        plan = Plan(("system", "entresol"), ("system", "entresol"), 2, seconds, trial)
        good = await examine(Server(transport), plan, found.append)
    finally:
        await transport.close()
    assert good == all(one.ok for one in found)
    return found


async def test_a_healthy_installation(cluster: Cluster) -> None:
    assert await findings(cluster.url) == [
        Finding(
            ok=True,
            text="the definitions of frameworkroles.entresol.dev, frameworks.entresol.dev, tasks.entresol.dev "
            "are established",
        ),
        Finding(ok=True, text="the Lease system/entresol is held by pod-a, who renews it"),
        Finding(ok=True, text="2 of 2 replicas are ready behind the Service system/entresol"),
        Finding(ok=True, text="a Task in team ran on n1 and ended: TASK_FINISHED"),
    ]


async def test_what_was_made_is_deleted(cluster: Cluster) -> None:
    await findings(cluster.url)
    assert cluster.deeds["POST"] == [f"{OWN}/frameworks", f"{OWN}/tasks"]
    assert cluster.deeds["DELETE"] == [f"{OWN}/tasks/entresol-doctor-1", f"{OWN}/frameworks/entresol-doctor-1"]
    assert cluster.bodies[0]["spec"] == {"role": "gold"}
    assert cluster.bodies[1]["spec"]["frameworkRef"] == {"name": "entresol-doctor-1"}


async def test_a_framework_whose_task_is_refused_is_deleted(cluster: Cluster) -> None:
    cluster.refusals["POST", f"{OWN}/tasks"] = 422
    assert (await findings(cluster.url))[-1] == Finding(ok=False, text="a Task must run in team: 422 not for you")
    assert cluster.deeds["DELETE"] == [f"{OWN}/frameworks/entresol-doctor-1"]


async def test_without_a_trial_nothing_is_made(cluster: Cluster) -> None:
    assert len(await findings(cluster.url, trial=None)) == 3
    assert cluster.deeds == {}


SICK: dict[str, tuple[str, list[Object], int, str]] = {
    "a definition is not established": (
        f"{CRDS}/tasks.entresol.dev",
        [definition("False")],
        0,
        "the definition of tasks.entresol.dev must be established",
    ),
    "a definition is missing": (f"{CRDS}/frameworks.entresol.dev", [], 0, "404 not found"),
    "nobody took the Lease": (
        LEASE,
        [lease("", "")],
        1,
        "the Lease system/entresol must be held by an operator, and nobody holds it",
    ),
    "the Lease is held and not renewed": (
        LEASE,
        [lease("12:00:00")],
        1,
        "the Lease system/entresol must be renewed; pod-a did so last at 12:00:00",
    ),
    "a replica is not ready": (
        SLICES,
        [slices(True, False)],
        2,
        "all replicas must be ready: 1 of 2 replicas are ready behind the Service system/entresol",
    ),
    "the task waits": (
        TASK,
        [task("TASK_PENDING", "Unknown", reason="NoRoomNow", message="full")],
        3,
        "a Task in team must end well: TASK_PENDING: NoRoomNow: full",
    ),
    "the task failed": (
        TASK,
        [task("TASK_FAILED", "False", reason="CommandFailed")],
        3,
        "a Task in team must end well: TASK_FAILED: CommandFailed",
    ),
    "nobody looks at the task": (
        TASK,
        [{"metadata": {}}],
        3,
        "a Task in team must end well: no status yet, as if no operator served this namespace",
    ),
}


@pytest.mark.parametrize(("path", "answers", "which", "want"), SICK.values(), ids=SICK)
async def test_a_sick_installation(cluster: Cluster, path: str, answers: list[Object], which: int, want: str) -> None:
    cluster.answers[path] = answers
    found = await findings(cluster.url, seconds=0.6)
    assert [number for number, one in enumerate(found) if not one.ok] == [which]
    assert found[which].text == want


async def test_a_lease_that_changes_hands_is_alive(cluster: Cluster) -> None:
    cluster.answers[LEASE] = [lease("12:00:00", "pod-a"), lease("12:00:00", "pod-b")]
    assert (await findings(cluster.url))[1].ok


async def test_what_is_not_good_yet_is_asked_again(cluster: Cluster) -> None:
    cluster.answers[SLICES] = [slices(False, False), slices(True, False), slices(True, True)]
    assert all(one.ok for one in await findings(cluster.url))


async def test_a_refusal_that_no_patience_mends_is_told_at_once(cluster: Cluster) -> None:
    cluster.refusals["GET", LEASE] = 403
    async with asyncio.timeout(30):  # of a patience of an hour
        found = await findings(cluster.url, seconds=3600)
    assert found[1] == Finding(ok=False, text="403 not for you", final=True)


async def test_an_api_server_that_is_not_there(unused_tcp_port: int) -> None:
    found = await findings(f"http://127.0.0.1:{unused_tcp_port}", seconds=0)
    assert {one.text.partition(":")[0] for one in found[:3]} == {"the API server must be reachable"}


def test_the_task_is_one_that_the_definition_takes() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    body = {**task_body(TRIAL, "f"), "metadata": {"name": "t"}}
    jsonschema.validate(body, json_schema(definitions()["Task"].schema))


COMMANDS: dict[str, tuple[list[str], str]] = {
    "a task without an image": (["--run-task"], "--run-task must come with --image"),
    "a Lease without a namespace": (["--lease", "entresol"], "must be NAMESPACE/NAME"),
    "a kubeconfig that is not there": (["--kubeconfig", "nowhere.yaml"], "must be the path of a file that exists"),
}


@pytest.mark.parametrize(("arguments", "want"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_line_that_is_wrong(arguments: list[str], want: str) -> None:
    result = CliRunner().invoke(main, ["doctor", *arguments])
    assert result.exit_code != 0
    assert want in result.output


async def test_the_command_prints_findings_and_tells_by_its_exit_code(cluster: Cluster, tmp_path: Any) -> None:
    cluster.answers[SLICES] = [slices(False)]
    kubeconfig = tmp_path / "kubeconfig"
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [context],
        "clusters": [{"name": "c", "cluster": {"server": cluster.url}}],
        "users": [{"name": "u", "user": {}}],
    }
    kubeconfig.write_text(json.dumps(config))
    given = ["--kubeconfig", str(kubeconfig), "--lease=system/entresol", "--service=system/entresol", "--timeout=0.6"]
    result = await asyncio.to_thread(CliRunner().invoke, main, ["doctor", *given])
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.output.splitlines()] == ["ok", "ok", "FAILED"]

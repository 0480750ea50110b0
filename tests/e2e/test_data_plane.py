"""Client and reflector on the real API server, with no more rights than the table of calls claims to need."""

import asyncio
import gc
import json
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
import yaml

from devcluster.api import ApiError
from devcluster.cluster import Cluster
from devcluster.options import Options
from entresol.kube.answers import Answer, Outcome, status_of
from entresol.kube.calls import RIGHTS
from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.holdings import T
from entresol.kube.pace import Pace
from entresol.kube.reflector import Reflector
from entresol.kube.resources import ALL_NODES, ALL_TASKS, FOREIGN_PODS, OUR_PODS, TASKS, Selection
from entresol.kube.wire import Node
from entresol.kube.wire_kinds import Task
from entresol.kube.wire_pod import Pod
from tests.architecture.repository import ROOT
from tests.support import objects
from tests.support.followed import Gate
from tests.support.recorder import Recorder, until

ACCOUNT = "follower"

_names = count()


@pytest.fixture(scope="module")
def plane(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A control plane of this module's own, because its API server is killed; without simulated kubelets."""
    before = request.session.testsfailed
    cluster = Cluster("data-plane", Options(kwok=False))
    cluster.start()
    cluster.apply(ROOT / "helm/entresol/files/crds")
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    cluster.wait_for_service_account("default")
    cluster.apply(yaml.safe_dump_all(account()))
    cluster.add_nodes(3, simulated=False)
    yield cluster
    cluster.close(keep_logs=request.session.testsfailed > before)


def account() -> list[dict[str, Any]]:
    """A service account with exactly the rights that the calls need."""
    rules = [{"apiGroups": [group], "resources": [what], "verbs": [verb]} for group, what, verb in sorted(RIGHTS)]
    rbac = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "default"}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": "default"}},
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": ACCOUNT}, "rules": rules},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": ACCOUNT},
            "subjects": [subject],
        },
    ]


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """A connection that a killed server left half closed is collected here, and not in somebody else's test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def connection(plane: Cluster) -> Connection:
    return Connection.from_kubeconfig(str(plane.kubeconfig_for_service_account("default", ACCOUNT)))


@pytest.fixture
def namespace(plane: Cluster) -> Iterator[str]:
    """A namespace of the test's own, taken away with what is in it."""
    name = f"plane-{next(_names)}"
    plane.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    plane.api.delete(f"/api/v1/namespaces/{name}")


@asynccontextmanager
async def following(
    client: KubeClient, selection: Selection, kind: type[T], pace: Pace | None = None
) -> AsyncIterator[tuple[Reflector[T], Recorder[T]]]:
    """Follow a selection while the block lasts, which begins when the first list is complete."""
    recorder = Recorder[T]()
    reflector = Reflector(client, selection, kind, recorder, pace)
    run: asyncio.Task[None] = asyncio.create_task(reflector.run())
    try:
        await until(lambda: reflector.synced or run.done(), deadline=30.0)
        yield reflector, recorder
    finally:
        run.cancel()
        await asyncio.wait([run])


def versions(cluster: Cluster, path: str) -> dict[str, str]:
    """UID and version of every object of a collection, by an independent LIST."""
    heads = [item["metadata"] for item in cluster.api.get(path)["items"]]
    return {head["uid"]: head["resourceVersion"] for head in heads}


def told(recorder: Recorder[T]) -> dict[str, str]:
    return {r.metadata.uid: r.metadata.resource_version for r in recorder.present.values()}


async def agree(cluster: Cluster, path: str, recorder: Recorder[T]) -> None:
    """Wait until what the listener was told adds up to an independent LIST."""

    def equal() -> bool:
        try:
            return told(recorder) == versions(cluster, path)
        except ApiError as error:  # "storage is (re)initializing": it has just started
            if error.status != 429:
                raise
            return False

    await until(equal, deadline=60.0)


async def test_a_list_is_streamed_and_followed(plane: Cluster, connection: Connection, namespace: str) -> None:
    """The real server streams its lists to us, and what is told adds up to a LIST after every kind of change."""
    path = f"/apis/entresol.dev/v1alpha1/namespaces/{namespace}/tasks"
    for name in ("a", "b"):
        plane.api.create(path, objects.task(name, namespace))
    async with (
        KubeClient(connection) as client,
        following(client, Selection(TASKS, namespace), Task) as (reflector, recorder),
    ):
        assert reflector._streams_lists
        assert recorder.told[-1] == "synced"
        assert recorder.present["a"].spec.framework_ref.name == "default"
        template = json.loads(bytes(recorder.present["a"].spec.template))
        assert template["spec"]["containers"][0]["name"] == "main"
        plane.api.merge(f"{path}/a", {"spec": {"suspend": True}})
        plane.api.delete(f"{path}/b")
        plane.api.create(path, objects.task("c", namespace))
        await agree(plane, path, recorder)
        assert recorder.present["a"].spec.suspend


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "paged"])
async def test_both_ways_to_list_tell_the_same(
    plane: Cluster, connection: Connection, namespace: str, *, streamed: bool
) -> None:
    """More objects than one page holds."""
    path = f"/apis/entresol.dev/v1alpha1/namespaces/{namespace}/tasks"
    for i in range(520):
        plane.api.create(path, objects.task(f"t{i}", namespace))
    async with KubeClient(connection) as client:
        recorder = Recorder[Task]()
        reflector = Reflector(client, Selection(TASKS, namespace), Task, recorder)
        reflector._streams_lists = streamed
        run: asyncio.Task[None] = asyncio.create_task(reflector.run())
        await until(lambda: reflector.synced or run.done(), deadline=30.0)
        plane.api.delete(f"{path}/t7")
        await agree(plane, path, recorder)
        assert len(recorder.present) == 519
        run.cancel()
        await asyncio.wait([run])


PODS = {
    "ours-pending": ({"schedulerName": "entresol"}, "Pending"),
    "ours-bound": ({"schedulerName": "entresol", "nodeName": "node-0"}, "Pending"),
    "ours-running": ({"schedulerName": "entresol", "nodeName": "node-0"}, "Running"),
    "ours-succeeded": ({"schedulerName": "entresol", "nodeName": "node-0"}, "Succeeded"),
    "ours-failed": ({"schedulerName": "entresol", "nodeName": "node-0"}, "Failed"),
    "theirs-pending": ({}, "Pending"),
    "theirs-bound": ({"nodeName": "node-1"}, "Pending"),
    "theirs-running": ({"schedulerName": "other", "nodeName": "node-1"}, "Running"),
    "theirs-succeeded": ({"nodeName": "node-1"}, "Succeeded"),
    "theirs-failed": ({"nodeName": "node-1"}, "Failed"),
}
WITHOUT_A_PLACE = {"theirs-pending", "theirs-succeeded", "theirs-failed"}


async def test_two_sets_of_pods_are_all_that_matter_and_none_twice(
    plane: Cluster, connection: Connection, namespace: str
) -> None:
    """Ours in every phase and others' while they take room: with the placeless ones left out, exactly a full LIST."""
    plane.wait_for_service_account(namespace)
    path = f"/api/v1/namespaces/{namespace}/pods"
    for name, (spec, phase) in PODS.items():
        body = objects.pod(name, namespace, spec=objects.pod_spec())
        body["spec"].pop("schedulerName")
        body["spec"] |= spec
        plane.api.create(path, body)
        plane.api.merge(f"{path}/{name}/status", {"status": {"phase": phase}})
    async with KubeClient(connection) as client:
        ours_of = Selection(OUR_PODS.resource, namespace, OUR_PODS.field_selector)
        theirs_of = Selection(FOREIGN_PODS.resource, namespace, FOREIGN_PODS.field_selector)
        async with following(client, ours_of, Pod) as (_, ours), following(client, theirs_of, Pod) as (_, theirs):
            assert ours.present.keys() & theirs.present.keys() == set()
            everything = {item["metadata"]["name"] for item in plane.api.get(path)["items"]}
            assert ours.present.keys() | theirs.present.keys() == everything - WITHOUT_A_PLACE
            # What ends, or goes, leaves its set; what is bound enters.
            plane.api.merge(f"{path}/theirs-running/status", {"status": {"phase": "Succeeded"}})
            plane.api.create(f"{path}/theirs-pending/binding", binding("theirs-pending", "node-2"))
            plane.api.merge(f"{path}/ours-running/status", {"status": {"phase": "Failed"}})
            await until(lambda: theirs.count("+theirs-pending") == 1 and theirs.count("-theirs-running") == 1)
            await until(lambda: ours.present["ours-running"].status.phase == "Failed")


def binding(name: str, node: str, uid: str = "", **annotations: str) -> dict[str, Any]:
    metadata = {"name": name, "uid": uid, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"kind": "Node", "name": node}}


async def test_cluster_wide_kinds_are_followed(plane: Cluster, connection: Connection) -> None:
    async with (
        KubeClient(connection) as client,
        following(client, ALL_NODES, Node) as (_, nodes),
        following(client, ALL_TASKS, Task),
    ):
        assert sorted(nodes.present) == ["node-0", "node-1", "node-2"]
        assert "cpu" in nodes.present["node-0"].status.allocatable


def code(outcome: Outcome) -> int:
    assert isinstance(outcome, Answer), outcome
    return outcome.status


def encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


async def test_the_deeds_of_a_pods_life(plane: Cluster, connection: Connection, namespace: str) -> None:
    """Create, bind, report and delete, each once more than it may be done, with the answers that tell so."""
    plane.wait_for_service_account(namespace)
    async with KubeClient(connection) as client:
        body = encoded(objects.pod("a", namespace))
        created = await client.create_pod(namespace, body)
        assert code(created) == 201
        assert isinstance(created, Answer)
        uid = json.loads(created.body)["metadata"]["uid"]
        again = await client.create_pod(namespace, body)
        assert isinstance(again, Answer)
        assert status_of(again).reason == "AlreadyExists"

        condition = {"type": "PodScheduled", "status": "False", "reason": "WaitingForTurn", "message": "m"}
        patch = encoded({"status": {"conditions": [condition]}})
        assert code(await client.patch_pod_status(namespace, "a", patch)) == 200

        other = encoded({"metadata": {"uid": "not-its-uid"}, "status": {"conditions": [condition]}})
        assert code(await client.patch_pod_status(namespace, "a", other)) == 422

        assert code(await client.bind_pod(namespace, "a", encoded(binding("a", "node-0", "not-its-uid")))) == 409
        bound = encoded(binding("a", "node-0", uid, **{"entresol.dev/charged-to": "default"}))
        assert code(await client.bind_pod(namespace, "a", bound)) == 201
        assert code(await client.bind_pod(namespace, "a", bound)) == 409

        read = await client.get_pod(namespace, "a")
        assert isinstance(read, Answer)
        pod = json.loads(read.body)
        assert pod["spec"]["nodeName"] == "node-0"
        assert pod["metadata"]["annotations"] == {"entresol.dev/charged-to": "default"}
        assert {c["type"]: c["status"] for c in pod["status"]["conditions"]} == {"PodScheduled": "True"}

        assert code(await client.delete_pod(namespace, "a", "not-its-uid", 0)) == 409
        assert code(await client.delete_pod(namespace, "a", uid, 0)) == 200
        assert code(await client.get_pod(namespace, "a")) == 404


async def test_the_deeds_of_a_tasks_life(plane: Cluster, connection: Connection, namespace: str) -> None:
    """Status goes to the object and version that is meant, and to no other."""
    path = f"/apis/entresol.dev/v1alpha1/namespaces/{namespace}/tasks"
    head = plane.api.create(path, objects.task("a", namespace))["metadata"]
    key = namespace, "a"
    async with KubeClient(connection) as client:

        def patch(version: str) -> bytes:
            return encoded({"status": {"state": "TASK_PENDING"}, "metadata": {"resourceVersion": version}})

        assert code(await client.patch_status(TASKS, key, patch("1"))) == 409
        assert code(await client.patch_status(TASKS, key, patch(head["resourceVersion"]))) == 200
        assert code(await client.patch_status(TASKS, key, patch(head["resourceVersion"]))) == 409
        read = await client.get_task(namespace, "a")
        assert isinstance(read, Answer)
        assert json.loads(read.body)["status"]["state"] == "TASK_PENDING"
        assert code(await client.delete_task(namespace, "a", "not-its-uid")) == 409
        assert code(await client.delete_task(namespace, "a", head["uid"])) == 200


async def test_an_event_is_published(plane: Cluster, connection: Connection, namespace: str) -> None:
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "a.1", "namespace": namespace},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "entresol.dev/scheduler",
        "reportingInstance": "entresol-0",
        "type": "Normal",
        "reason": "Scheduled",
        "action": "Binding",
        "note": "assigned to node-0",
        "regarding": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": "a"},
    }
    async with KubeClient(connection) as client:
        assert code(await client.create_event(namespace, encoded(event))) == 201
    notes = [item["note"] for item in plane.api.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]]
    assert "assigned to node-0" in notes


async def test_what_is_not_in_the_table_is_refused(connection: Connection) -> None:
    """The account really has no other rights."""
    secrets = type(TASKS)("", "v1", "secrets")
    async with KubeClient(connection) as client:
        assert code(await client.list_page(Selection(secrets), limit=1)) == 403


async def test_deletions_during_a_restart_are_found(plane: Cluster, connection: Connection, namespace: str) -> None:
    """The API server dies, objects go while nobody looks, and a second restart forgets that they ever were."""
    path = f"/apis/entresol.dev/v1alpha1/namespaces/{namespace}/tasks"
    for i in range(20):
        plane.api.create(path, objects.task(f"t{i}", namespace))
    gate = Gate()
    async with KubeClient(connection) as client:
        selection = Selection(TASKS, namespace)
        async with following(client, selection, Task, Pace(sleep=gate.sleep)) as (reflector, recorder):
            await asyncio.to_thread(plane.apiserver.kill)
            await until(lambda: gate.pauses != [])
            await asyncio.to_thread(plane.apiserver.start)
            for i in range(5):
                await asyncio.to_thread(plane.api.delete, f"{path}/t{i}")
            await asyncio.to_thread(plane.api.create, path, objects.task("late", namespace))
            await asyncio.to_thread(plane.apiserver.restart)
            assert len(recorder.present) == 20
            gate.open()
            await agree(plane, path, recorder)
            assert [recorder.count(f"-t{i}") for i in range(6)] == [1, 1, 1, 1, 1, 0]
            assert reflector.counts.vanished == 5
            assert reflector.counts.expired == 1


async def test_a_restart_without_a_gap_is_survived(plane: Cluster, connection: Connection, namespace: str) -> None:
    """With its own pauses, the reflector is back soon after the server is."""
    path = f"/apis/entresol.dev/v1alpha1/namespaces/{namespace}/tasks"
    async with (
        KubeClient(connection) as client,
        following(client, Selection(TASKS, namespace), Task, Pace(most=1.0)) as (reflector, recorder),
    ):
        await asyncio.to_thread(plane.apiserver.restart)
        await asyncio.to_thread(plane.api.create, path, objects.task("a", namespace))
        await agree(plane, path, recorder)
        assert reflector.problem == ""

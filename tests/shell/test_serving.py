"""An operator that was given a part of the cluster: what it leaves out it reads, counts, and never writes to."""

import asyncio
from pathlib import Path

from entresol.kube.announcements import Notice, Subject
from entresol.kube.names import API_VERSION
from entresol.kube.resources import EVENTS, FRAMEWORK_ROLES, FRAMEWORKS, PODS, TASKS
from entresol.settings import Requirement
from tests.shell.operating import Operator, ready
from tests.support import objects
from tests.support.fake_cluster import FakeCluster
from tests.support.recorder import until

TEAM = frozenset({"team"})
WAITED = 0.3
"""Seconds after which a write that was going to come has come; what must not come can only be waited for."""


def waits(cluster: FakeCluster, namespace: str, name: str) -> bool:
    """Whether a pod has no node."""
    return "nodeName" not in cluster.object(PODS, namespace, name)["spec"]


def foreign_cpu(operator: Operator) -> int:
    """Thousandths of a core that others take on n1, as the operator has it."""
    return operator.driver.rooms()["n1"].foreign.get("cpu")


async def test_namespaces_that_are_not_served_are_never_written_to(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1")
    for namespace in ("team", "stranger"):
        await cluster.make(objects.framework("batch", namespace))
        await cluster.make(objects.task("one", namespace, framework="batch"))
        await cluster.make(objects.pod("web", namespace))
        await cluster.make(objects.role(namespace))
    async with ready(cluster, tmp_path, namespaces=TEAM) as operator:
        await until(lambda: not waits(cluster, "team", "web") and cluster.status(TASKS, "team", "one") != {})
        await until(lambda: cluster.status(FRAMEWORKS, "team", "batch") != {})
        await until(lambda: cluster.status(FRAMEWORK_ROLES, "", "team") != {})
        await asyncio.sleep(WAITED)
        assert waits(cluster, "stranger", "web")
        assert cluster.status(TASKS, "stranger", "one") == {}
        assert cluster.status(FRAMEWORKS, "stranger", "batch") == {}
        assert cluster.status(FRAMEWORK_ROLES, "", "stranger") == {}, "nobody who is served may use that role"
        assert {event["metadata"]["namespace"] for event in cluster.objects(EVENTS)} <= {"team"}
        assert {pod["metadata"]["namespace"] for pod in cluster.objects(PODS) if pod["spec"].get("nodeName")} == TEAM
        assert await operator.counted("entresol_unserved_pods") == 1
        _, metrics = await operator.get("/metrics")
        assert "stranger" not in metrics


async def test_pods_of_namespaces_that_are_not_served_take_up_room_like_those_of_others(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    await cluster.node("n1")
    async with ready(cluster, tmp_path, namespaces=TEAM) as operator:
        await cluster.make(objects.pod("web", "stranger", spec=objects.pod_spec(nodeName="n1")))
        await until(lambda: foreign_cpu(operator) == 1000)
        await cluster.pod_status("stranger", "web", phase="Succeeded")
        await until(lambda: foreign_cpu(operator) == 0)
        assert await operator.counted("entresol_unserved_pods") == 0
        await cluster.make(objects.pod("more", "stranger", spec=objects.pod_spec(nodeName="n1")))
        await until(lambda: foreign_cpu(operator) == 1000)
        await operator.session.delete(cluster.url + PODS.path("stranger", "more"))
        await until(lambda: foreign_cpu(operator) == 0)


async def test_events_are_written_only_where_that_is_allowed(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1")
    async with ready(cluster, tmp_path, namespaces=TEAM) as operator:
        for namespace in ("stranger", "", "team"):
            about = Subject(API_VERSION, "Framework", namespace, "batch", f"uid-{namespace}")
            operator.driver.tell(about, Notice("RoleNotFound", "words"))
        await until(lambda: cluster.objects(EVENTS) != [])
        await asyncio.sleep(WAITED)
        assert [event["metadata"]["namespace"] for event in cluster.objects(EVENTS)] == ["team"]


async def test_only_the_nodes_that_are_selected_are_agents(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1")
    await cluster.make(objects.pod("web", "team"))
    async with ready(cluster, tmp_path, agents=(Requirement("pool", "In", ("batch",)),)) as operator:
        await asyncio.sleep(WAITED)
        assert waits(cluster, "team", "web")
        assert await operator.counted("entresol_agents") == 0


async def test_without_implicit_roles_a_pod_says_what_it_waits_for(cluster: FakeCluster, tmp_path: Path) -> None:
    await cluster.node("n1")
    await cluster.make(objects.pod("web", "team"))
    async with ready(cluster, tmp_path, implicit_roles=False) as operator:
        await until(lambda: "RoleNotFound" in {reason for _, reason in operator.driver.summary().reasons})
        await cluster.make(objects.role("team"))
        await until(lambda: not waits(cluster, "team", "web"))

"""An operator that was given a part of the cluster: some nodes, some namespaces, only the roles that were granted.

Each test ends with the operator as everybody runs it, whose books must then be those of the whole cluster again.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from devcluster.cluster import Cluster
from devcluster.operator_process import OperatorProcess
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually, stays
from tests.support.objects import FOREVER, framework, pod, role, task

UNTOUCHED = 7.0
"""Longer than a task waits before anything is written about it."""


@contextmanager
def told(operator: OperatorProcess, **settings: Any) -> Iterator[None]:
    """The operator with these settings, and afterwards without."""
    operator.start(**settings)
    yield
    operator.start()


@pytest.fixture
def second(cluster: Cluster, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """Another operator, not started."""
    process = OperatorProcess(cluster, "second")
    yield process
    process.close()


def sample(operator: OperatorProcess, name: str) -> float:
    """A metric without labels."""
    found = [line for line in operator.text("/metrics").splitlines() if line.startswith(f"{name} ")]
    assert len(found) == 1
    return float(found[0].split()[1])


def nodes_of(pods: list[dict[str, Any]]) -> set[str]:
    """Where pods are."""
    return {pod["spec"]["nodeName"] for pod in pods}


def test_two_operators_with_disjoint_nodes_and_namespaces_share_out_a_cluster(
    lab: Lab, operator: OperatorProcess, second: OperatorProcess
) -> None:
    parts = {"left": lab.tenant("left"), "right": lab.tenant("right")}
    nodes = {part: set(lab.nodes(2, prefix=part, cpu="4", labels={"pool": part})) for part in parts}
    with told(operator, agents="pool=left,!legacy", namespaces=parts["left"]):
        second.start(agents="pool notin (left)", namespaces=parts["right"])
        for team in parts.values():
            lab.tasks_for(team, 7, annotations=FOREVER)
            lab.create(*(pod(f"p-{number}", team, annotations=FOREVER) for number in range(3)))
        lab.until_held(dict.fromkeys(parts.values(), 8))
        for part, team in parts.items():
            assert nodes_of(lab.bound(team)) == nodes[part]
            eventually(f"{part} has all of its part", lambda: share(lab, team), lambda seen: seen == 1.0)  # noqa: B023 - called at once
        assert [sample(each, "entresol_agents") for each in (operator, second)] == [2, 2]
        assert sample(operator, "entresol_unserved_pods") == len(lab.pods(parts["right"]))
        # Two writers would never come to rest; one writes what is left to say, and then nothing for some time.
        eventually("neither writes to the other's", lambda: rested(lab, *parts.values()), bool)
        second.stop()


def share(lab: Lab, role: str) -> float:
    """The dominant share that is published of a role; less than any before the first."""
    return float(lab.frole(role).status.get("dominantShare", -1))


def rested(lab: Lab, *roles: str) -> bool:
    """Whether nobody writes to these roles for some seconds."""
    before = versions(lab, *roles)
    deadline = time.monotonic() + 3.0
    while versions(lab, *roles) == before:
        if time.monotonic() > deadline:
            return True
        time.sleep(0.1)
    return False


def versions(lab: Lab, *roles: str) -> list[str]:
    """What changes with every write to these roles."""
    return [lab.frole(role).obj["metadata"]["resourceVersion"] for role in roles]


def test_work_on_a_node_that_is_relabelled_goes_on_and_nothing_new_comes(lab: Lab, operator: OperatorProcess) -> None:
    team = lab.tenant()
    kept, changed = lab.nodes(2, cpu="1", labels={"pool": "batch"})
    with told(operator, agents="pool in (batch)"):
        lab.tasks_for(team, 3, annotations=FOREVER)
        lab.until_held({team: 2})
        lab.merge("Node", "", changed, {"metadata": {"labels": {"pool": "web"}}})
        eventually("an agent less", lambda: sample(operator, "entresol_agents"), lambda agents: agents == 1)
        stays("what runs goes on", lambda: nodes_of(lab.bound(team)), lambda seen: seen == {kept, changed}, seconds=2.0)
        there = next(each for each in lab.bound(team) if each["spec"]["nodeName"] == changed)
        lab.delete("Task", team, there["metadata"]["ownerReferences"][0]["name"])
        eventually("it is gone", lambda: nodes_of(lab.bound(team)), lambda seen: seen == {kept})
        stays("nobody follows", lambda: nodes_of(lab.bound(team)), lambda seen: seen == {kept}, seconds=2.0)
        lab.merge("Node", "", changed, {"metadata": {"labels": {"pool": "batch"}}})
        lab.until_held({team: 2})


def test_a_namespace_that_is_not_served_is_left_as_it_is(lab: Lab, operator: OperatorProcess) -> None:
    (node,) = lab.nodes(1, cpu="4")
    served, other = lab.tenant("served"), lab.namespace("other")
    with told(operator, namespaces=served):
        lab.create(
            role(other),
            framework("batch", other),
            task("one", other, framework="batch"),
            pod("waits", other),
            pod("runs", other, annotations=FOREVER),
        )
        lab.api.create(
            f"/api/v1/namespaces/{other}/pods/runs/binding",
            {
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": "runs"},
                "target": {"kind": "Node", "name": node},
            },
        )
        eventually("its pod runs", lambda: lab.pod(other, "runs")["status"]["phase"], lambda phase: phase == "Running")
        lab.tasks_for(served, 4, annotations=FOREVER)
        lab.until_held({served: 3})
        before = written(lab, other)
        stays("nothing is written", lambda: written(lab, other), lambda seen: seen == before, seconds=UNTOUCHED)
        assert not any(before[kind] for kind in ("Event", "status"))
        assert share(lab, served) == 1.0, "three of the three cores that others leave"
        metrics = operator.text("/metrics")
        assert f'"{other}' not in metrics
    lab.delete("Pod", other, "runs")
    lab.until_task(other, "one", lambda each: each.state == "TASK_FINISHED", "ends when it is served")


def written(lab: Lab, namespace: str) -> dict[str, Any]:
    """What somebody may have written in a namespace."""
    things = [lab.task(namespace, "one").obj, lab.framework(namespace, "batch").obj, lab.frole(namespace).obj]
    versions = [thing["metadata"]["resourceVersion"] for thing in (*things, lab.pod(namespace, "waits"))]
    return {
        "version": versions,
        "status": [thing["status"] for thing in things if thing.get("status")],
        "Event": lab.events(namespace, "one") + lab.events(namespace, "waits"),
    }


def test_without_implicit_roles_a_namespace_waits_for_an_administrator(lab: Lab, operator: OperatorProcess) -> None:
    lab.nodes(1)
    team = lab.namespace()
    with told(operator, implicit_roles="false"):
        lab.create(task("one", team, annotations=FOREVER))
        waiting = lab.until_task(team, "one", lambda each: bool(each.pending), "says why it waits")
        assert waiting.pending["reason"] == "RoleNotFound"
        assert waiting.pending["message"] == (
            f"Role {team} does not exist; an administrator must create a FrameworkRole of that name."
        )
        lab.create(role(team))
        lab.until_task(team, "one", lambda each: each.state == "TASK_RUNNING", "runs")

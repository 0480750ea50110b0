"""The auditor can fail: each kind of wrong world is found, and named, and a sound one is left in peace."""

from copy import deepcopy
from typing import Any

import pytest

from tests.support.auditor import Leave, World, findings

Json = dict[str, Any]

TASK = {"metadata": {"name": "t", "namespace": "team", "uid": "task-1"}}
CORDON = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def a_node(name: str = "n1", *, cpu: str = "4", pods: str = "10", labels: Json | None = None, **spec: Any) -> Json:
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": spec,
        "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": pods}},
    }


def a_pod(name: str, *, cpu: str = "2", node: str | None = "n1", phase: str = "Running", **spec: Any) -> Json:
    container: Json = {"name": "c", "resources": {"requests": {"cpu": cpu}}}
    if "port" in spec:
        container["ports"] = [{"containerPort": 80, "hostPort": spec.pop("port")}]
    stamps = {"entresol.dev/role": "team", "entresol.dev/framework": "team/default"}
    placed = {"nodeName": node} if node else {}
    return {
        "metadata": {"name": name, "namespace": "team", "uid": name, "annotations": stamps},
        "spec": {"schedulerName": "entresol", "containers": [container], **placed, **spec},
        "status": {"phase": phase},
    }


def of_task(pod: Json, uid: str = "task-1") -> Json:
    owned = deepcopy(pod)
    owned["metadata"]["ownerReferences"] = [{"kind": "Task", "apiVersion": "entresol.dev/v1alpha1", "uid": uid}]
    return owned


def without_charge(pod: Json) -> Json:
    bare = deepcopy(pod)
    bare["metadata"]["annotations"] = {}
    return bare


def deleting(pod: Json) -> Json:
    dying = deepcopy(pod)
    dying["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return dying


def limited(cpu: str) -> Json:
    return {"metadata": {"name": "team"}, "spec": {"limit": {"cpu": cpu}}}


def affinity(operator: str, *values: str, kind: str = "matchExpressions", key: str = "zone") -> Json:
    term = {kind: [{"key": key, "operator": operator, "values": list(values)}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"nodeAffinity": required}


UNSOUND = {
    "a node with more CPU asked than it has": (
        World(nodes=(a_node(),), pods=(a_pod("a"), a_pod("b"), a_pod("c"))),
        "node n1 is over-committed by 2 cpu",
    ),
    "a pod that is being deleted still holds its room": (
        World(nodes=(a_node(),), pods=(a_pod("a"), a_pod("b"), deleting(a_pod("c")))),
        "over-committed by 2 cpu",
    ),
    "other people's pods fill the node too": (
        World(nodes=(a_node(),), pods=(a_pod("a", cpu="3", schedulerName="default-scheduler"), a_pod("b"))),
        "over-committed by 1 cpu",
    ),
    "more pods than the node takes": (
        World(nodes=(a_node(pods="1"),), pods=(a_pod("a"), a_pod("b"))),
        "over-committed by 1 pods",
    ),
    "two live pods of one task": (
        World(nodes=(a_node(),), pods=(of_task(a_pod("a")), of_task(a_pod("b"))), tasks=(TASK,)),
        "one task has 2 live pods: team/a, team/b",
    ),
    "a bound pod that nobody pays for": (
        World(nodes=(a_node(),), pods=(without_charge(a_pod("a")),)),
        "charged to nobody",
    ),
    "a limit passed": (
        World(nodes=(a_node(),), pods=(a_pod("a"), a_pod("b")), roles=(limited("3"),)),
        "role team passes its limit by 1 cpu",
    ),
    "a node that lacks the selected label": (
        World(nodes=(a_node(),), pods=(a_pod("a", nodeSelector={"disk": "ssd"}),)),
        "must not be on n1: nodeSelector disk=ssd",
    ),
    "a node outside the required affinity": (
        World(nodes=(a_node(labels={"zone": "b"}),), pods=(a_pod("a", affinity=affinity("In", "a")),)),
        "required node affinity",
    ),
    "a node of another name": (
        World(
            nodes=(a_node(),),
            pods=(a_pod("a", affinity=affinity("In", "n2", kind="matchFields", key="metadata.name")),),
        ),
        "required node affinity",
    ),
    "a taint that is not tolerated": (
        World(
            nodes=(a_node(taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]),),
            pods=(a_pod("a", tolerations=[{"key": "gpu", "value": "no", "effect": "NoSchedule"}]),),
        ),
        "taint gpu:NoSchedule",
    ),
    "a cordoned node": (
        World(nodes=(a_node(unschedulable=True, taints=[CORDON]),), pods=(a_pod("a"),)),
        "taint node.kubernetes.io/unschedulable",
    ),
    "one host port twice": (
        World(nodes=(a_node(),), pods=(a_pod("a", port=80), a_pod("b", port=80))),
        "host port 80/TCP of a and b",
    ),
    "a node outside the framework's partition": (
        World(
            nodes=(a_node(),),
            pods=(a_pod("a"),),
            frameworks=(
                {"metadata": {"name": "default", "namespace": "team"}, "spec": {"nodeSelector": {"pool": "x"}}},
            ),
        ),
        "partition pool=x",
    ),
    "a pod whose task is gone": (
        World(nodes=(a_node(),), pods=(of_task(a_pod("a"), "task-9"),), tasks=(TASK,)),
        "runs for a task that does not exist",
    ),
}

SOUND = {
    "a full node": World(nodes=(a_node(),), pods=(a_pod("a"), a_pod("b"))),
    "what is over holds nothing": World(
        nodes=(a_node(),), pods=(a_pod("a"), a_pod("b"), a_pod("c", phase="Succeeded"), a_pod("d", phase="Failed"))
    ),
    "what waits holds nothing": World(nodes=(a_node(),), pods=(a_pod("a"), a_pod("b"), a_pod("c", node=None))),
    "a limit reached, not passed": World(nodes=(a_node(),), pods=(a_pod("a"),), roles=(limited("2"),)),
    "a tolerated taint": World(
        nodes=(a_node(taints=[{"key": "gpu", "effect": "NoSchedule"}]),),
        pods=(a_pod("a", tolerations=[{"operator": "Exists"}]),),
    ),
    "the same host port on two nodes": World(
        nodes=(a_node(), a_node("n2")), pods=(a_pod("a", port=80), a_pod("b", port=80, node="n2"))
    ),
    "a second attempt beside one that failed": World(
        nodes=(a_node(),), pods=(of_task(a_pod("a", phase="Failed")), of_task(a_pod("b"))), tasks=(TASK,)
    ),
    "nodes that other people over-commit": World(
        nodes=(a_node(),), pods=(a_pod("a", cpu="9", schedulerName="default-scheduler"),)
    ),
}


@pytest.mark.parametrize(("world", "want"), UNSOUND.values(), ids=UNSOUND.keys())
def test_it_finds(world: World, want: str) -> None:
    found = findings(world)
    assert len(found) == 1
    assert want in found[0]


@pytest.mark.parametrize("world", SOUND.values(), ids=SOUND.keys())
def test_it_accepts(world: World) -> None:
    assert findings(world) == []


def test_it_leaves_what_the_scenario_changed_afterwards() -> None:
    cordoned = World(
        nodes=(a_node(unschedulable=True),),
        pods=(a_pod("a", nodeSelector={"disk": "ssd"}), a_pod("b")),
        roles=(limited("1"),),
    )
    leave = Leave(tainted=frozenset({"n1"}), relabelled=frozenset({"n1"}), lowered=frozenset({"team"}))
    assert len(findings(cordoned)) == 4
    assert findings(cordoned, leave) == []

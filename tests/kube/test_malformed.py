"""Bad input of every kind becomes a value: one bad object never stops the operator."""

from collections.abc import Callable
from typing import Any

import pytest

from entresol.kube.bodies import Malformed, agent_of, framework_of, namespace_of, role_of
from entresol.kube.bodies_pod import foreign_pod_of, pod_of
from entresol.kube.bodies_task import task_of
from entresol.kube.wire import Namespace, Node, Wire
from entresol.kube.wire_kinds import Framework, FrameworkRole, Task
from entresol.kube.wire_pod import Pod
from tests.support.reading import read

Json = dict[str, Any]
NAMED = {"name": "x", "namespace": "ns", "uid": "u"}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def asking(quantity: Any) -> Json:
    return {"containers": [{"name": "c", "resources": {"requests": {"cpu": quantity}}}]}


def selecting(requirement: Json) -> Json:
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}}}}


NODES: dict[str, tuple[Json, str]] = {
    "a node without a name": ({}, "`metadata.name` must not be empty"),
    "a node of no size that can be read": ({"allocatable": {"cpu": "four"}}, "`status.allocatable`: `cpu`: quantity"),
    "a node of less than nothing": ({"allocatable": {"memory": "-1Gi"}}, "must be zero or more"),
    "a node with an empty amount": ({"allocatable": {"pods": ""}}, "`pods`: quantity must be a number"),
}
NAMESPACES: dict[str, tuple[Json, str]] = {"a namespace without a name": ({}, "`metadata.name` must not be empty")}
ROLES: dict[str, tuple[Json, str]] = {
    "a role without a name": ({}, "`metadata.name` must not be empty"),
    "a role without weight": ({"weight": 0}, "`spec.weight` must be at least 1, not 0"),
    "a role of negative weight": ({"weight": -5}, "`spec.weight` must be at least 1, not -5"),
    "a guarantee that is no quantity": ({"guarantee": {"cpu": "much"}}, "`cpu`: quantity must be a number"),
    "a limit that is no quantity": ({"limit": {"memory": "1Zi"}}, "`memory`: quantity must be a number"),
    "a limit below zero": ({"limit": {"cpu": -1}}, "must be zero or more"),
    "a selector with an operator of nodes": (
        {"namespaces": {"selector": {"matchExpressions": [{"key": "a", "operator": "Lt", "values": ["1"]}]}}},
        "`operator` must be one of In, NotIn, Exists, DoesNotExist, not 'Lt'",
    ),
    "a selector without an operator": (
        {"namespaces": {"selector": {"matchExpressions": [{"key": "a"}]}}},
        "`operator` must be one of",
    ),
}
FRAMEWORKS: dict[str, tuple[Json, str]] = {
    "a framework without a name": ({}, "must not be empty"),
    "a framework without weight": ({"weight": 0}, "`spec.weight` must be at least 1"),
    "a scheduler of an unknown type": (
        {"scheduler": {"type": "Magic"}},
        "`spec.scheduler.type` must be BuiltIn or External, not 'Magic'",
    ),
}
PODS: dict[str, tuple[Json, str]] = {
    "a pod without a name": ({}, "`metadata.uid` must not be empty"),
    "a pod that asks for words": (asking("one"), "`spec`: `cpu`: quantity must be a number"),
    "a pod that asks for less than nothing": (asking("-1"), "must be zero or more"),
    "a pod that asks for a suffix alone": (asking("Gi"), "quantity must be a number"),
    "a pod with senseless overhead": ({"overhead": {"cpu": "x"}}, "quantity must be a number"),
    "a pod with senseless requests as a whole": ({"resources": {"requests": {"memory": "?"}}}, "`memory`: quantity"),
    "a pod with an affinity that no server would let in": (
        selecting({"key": "a", "operator": "Near"}),
        "`operator` must be one of",
    ),
    "a pod with an affinity by an unknown field": (
        {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchFields": [{"key": "spec.x"}]}]}}}},
        "the key of `matchFields` must be metadata.name",
    ),
}
FOREIGN: dict[str, tuple[Json, str]] = {
    "a foreign pod on no node": ({"containers": [{"name": "c"}]}, "`spec.nodeName` must not be empty"),
    "a foreign pod that asks for words": ({"nodeName": "n", **asking("one")}, "`cpu`: quantity must be a number"),
}
TASKS: dict[str, tuple[Json, str]] = {"a Task without a name": ({}, "`metadata.uid` must not be empty")}


def rows() -> list[Any]:
    """Every table as (translator, kind, body, words); an empty body is also without a name."""
    tables: list[tuple[Callable[[Any], object], type[Wire], str, dict[str, tuple[Json, str]]]] = [
        (agent_of, Node, "status", NODES),
        (namespace_of, Namespace, "spec", NAMESPACES),
        (role_of, FrameworkRole, "spec", ROLES),
        (framework_of, Framework, "spec", FRAMEWORKS),
        (pod_of, Pod, "spec", PODS),
        (foreign_pod_of, Pod, "spec", FOREIGN),
        (task_of, Task, "spec", TASKS),
    ]
    return [
        pytest.param(translate, kind, {"metadata": NAMED if body else {}, part: body}, words, id=sentence)
        for translate, kind, part, table in tables
        for sentence, (body, words) in table.items()
    ]


@pytest.mark.parametrize(("translate", "kind", "body", "want"), rows())
def test_bad_input_becomes_a_value(translate: Callable[[Any], object], kind: type[Wire], body: Json, want: str) -> None:
    found = translate(read(kind, body))
    assert isinstance(found, Malformed)
    assert found.kind == kind.__name__
    assert want in found.why
    assert found.name.rpartition("/")[2] == body["metadata"].get("name", "")


def test_the_table_is_long_enough() -> None:
    assert len(rows()) >= 25

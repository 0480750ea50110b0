"""Nodes, namespaces, roles and frameworks as values of the model."""

from typing import Any

import pytest

from entresol.engine.events import NamespaceObserved
from entresol.kube.bodies import agent_of, framework_of, namespace_of, role_of
from entresol.kube.scope import Scope
from entresol.kube.wire import Namespace, Node
from entresol.kube.wire_kinds import Framework as WireFramework
from entresol.kube.wire_kinds import FrameworkRole
from entresol.model.agents import Agent
from entresol.model.constraints import Expression, Operator, Taint
from entresol.model.identifiers import AgentId, FrameworkId, RoleId
from entresol.model.resources import Resources
from entresol.model.tenants import Admission, Framework, Role
from tests.support.reading import read

Json = dict[str, Any]


def test_a_node_is_an_agent() -> None:
    node = read(
        Node,
        {
            "metadata": {"name": "n1", "labels": {"zone": "a"}},
            "spec": {"unschedulable": True, "taints": [{"key": "gpu", "effect": "NoSchedule"}]},
            "status": {
                "capacity": {"cpu": "5"},
                "allocatable": {"cpu": "3900m", "memory": "7Gi", "pods": "110", "nvidia.com/gpu": "2"},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        },
    )
    assert agent_of(node) == Agent(
        id=AgentId("n1"),
        allocatable=Resources.of({"cpu": 3900, "memory": 7 * 2**30, "pods": 110, "nvidia.com/gpu": 2}),
        attributes={"zone": "a"},
        taints=(Taint("gpu"), Taint("node.kubernetes.io/unschedulable")),
        ready=True,
        open=True,
    )


READINESS = {
    "says so": ([{"type": "Ready", "status": "True"}], True),
    "says no": ([{"type": "Ready", "status": "False"}], False),
    "has not been heard of": ([{"type": "Ready", "status": "Unknown"}], False),
    "says nothing": ([{"type": "MemoryPressure", "status": "True"}], False),
}


@pytest.mark.parametrize(("conditions", "want"), READINESS.values(), ids=READINESS.keys())
def test_an_agent_is_ready_when_its_kubelet(conditions: list[Json], want: bool) -> None:
    agent = agent_of(read(Node, {"metadata": {"name": "n"}, "status": {"conditions": conditions}}))
    assert isinstance(agent, Agent)
    assert agent.ready is want


SELECTED: dict[str, tuple[tuple[Expression, ...], bool]] = {
    "by nothing": ((), True),
    "by a label it has": ((Expression("pool", Operator.IN, ("batch", "spot")),), True),
    "by a label it has and one it must not have": (
        (Expression("pool", Operator.EXISTS), Expression("legacy", Operator.DOES_NOT_EXIST)),
        True,
    ),
    "by another value": ((Expression("pool", Operator.IN, ("web",)),), False),
    "by a value it must not have": ((Expression("pool", Operator.NOT_IN, ("batch",)),), False),
    "by one label it has and one it has not": (
        (Expression("pool", Operator.EXISTS), Expression("zone", Operator.EXISTS)),
        False,
    ),
}


@pytest.mark.parametrize(("agents", "want"), SELECTED.values(), ids=SELECTED.keys())
def test_a_node_is_a_member_when_it_is_selected(agents: tuple[Expression, ...], want: bool) -> None:
    node = read(Node, {"metadata": {"name": "n", "labels": {"pool": "batch"}}})
    agent = agent_of(node, Scope(agents=agents))
    assert isinstance(agent, Agent)
    assert agent.member is want


NAMESPACES: dict[str, tuple[Json, bool]] = {
    "active": ({"status": {"phase": "Active"}}, False),
    "ending by its phase": ({"status": {"phase": "Terminating"}}, True),
    "ending by its time stamp": ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, True),
}


@pytest.mark.parametrize(("body", "want"), NAMESPACES.values(), ids=NAMESPACES.keys())
def test_a_namespace(body: Json, want: bool) -> None:
    metadata = {"name": "team-a", "labels": {"team": "a"}, **body.get("metadata", {})}
    observed = namespace_of(read(Namespace, {**body, "metadata": metadata}))
    assert observed == NamespaceObserved("team-a", {"team": "a"}, terminating=want)


ROLES: dict[str, tuple[Json, Role]] = {
    "with nothing said": ({}, Role(id=RoleId("r"))),
    "with everything": (
        {"weight": 3, "guarantee": {"cpu": "2", "memory": "1Gi"}, "limit": {"cpu": 4, "memory": "2Gi"}},
        Role(
            id=RoleId("r"),
            weight=3,
            guarantee=Resources.of(cpu=2000, memory=2**30),
            limit={"cpu": 4000, "memory": 2**31},
        ),
    ),
    "a limit of zero forbids and stays": (
        {"limit": {"nvidia.com/gpu": "0"}},
        Role(id=RoleId("r"), limit={"nvidia.com/gpu": 0}),
    ),
    "a guarantee of zero is none": ({"guarantee": {"cpu": "0"}}, Role(id=RoleId("r"))),
    "named namespaces": (
        {"namespaces": {"names": ["a", "b"]}},
        Role(id=RoleId("r"), admission=Admission(names=frozenset({"a", "b"}))),
    ),
    "an empty selector admits everybody": (
        {"namespaces": {"selector": {}}},
        Role(id=RoleId("r"), admission=Admission(selector=())),
    ),
    "a selector": (
        {"namespaces": {"selector": {"matchLabels": {"team": "a"}}}},
        Role(id=RoleId("r"), admission=Admission(selector=(Expression("team", Operator.IN, ("a",)),))),
    ),
}


@pytest.mark.parametrize(("spec", "want"), ROLES.values(), ids=ROLES.keys())
def test_a_role(spec: Json, want: Role) -> None:
    assert role_of(read(FrameworkRole, {"metadata": {"name": "r"}, "spec": spec})) == want


FRAMEWORKS: dict[str, tuple[Json, Framework]] = {
    "without a role it belongs to its namespace's": ({}, Framework(id=FrameworkId("ns/f"), role=RoleId("ns"))),
    "with everything": (
        {
            "role": "shared",
            "weight": 2,
            "suspend": True,
            "nodeSelector": {"pool": "b", "arch": "arm"},
            "scheduler": {"type": "BuiltIn", "order": "Priority", "placement": "Pack"},
        },
        Framework(
            id=FrameworkId("ns/f"),
            role=RoleId("shared"),
            weight=2,
            suspended=True,
            partition=(("arch", "arm"), ("pool", "b")),
            order="Priority",
            placement="Pack",
        ),
    ),
    "an external scheduler": (
        {"scheduler": {"type": "External"}},
        Framework(id=FrameworkId("ns/f"), role=RoleId("ns"), external=True),
    ),
}


@pytest.mark.parametrize(("spec", "want"), FRAMEWORKS.values(), ids=FRAMEWORKS.keys())
def test_a_framework(spec: Json, want: Framework) -> None:
    assert framework_of(read(WireFramework, {"metadata": {"name": "f", "namespace": "ns"}, "spec": spec})) == want

"""The facts of `shows.yaml` are judged as `examples/README.md` says; a fact that could not fail would prove nothing."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tests.support.shows import Fact, Object, Step


def pod(name: str, namespace: str = "red", node: str = "", phase: str = "Pending", cpu: str = "500m") -> Object:
    spec: dict[str, Any] = {"containers": [{"name": "main", "resources": {"requests": {"cpu": cpu}}}]}
    if node:
        spec["nodeName"] = node
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec, "status": {"phase": phase}}


PODS = (
    pod("a", node="n1", phase="Running"),
    pod("b", node="n1", phase="Running"),
    pod("c", node="n2", phase="Succeeded"),
    pod("d"),
    pod("e", namespace="blue", node="n2", phase="Running", cpu="3"),
)


def listing(resource: str, namespace: str, labels: str) -> Sequence[Object]:
    assert (resource, labels) == ("pods", "")
    return [found for found in PODS if namespace in ("", found["metadata"]["namespace"])]


FACTS = {
    "all objects of a namespace are counted": ({"count": {"of": "pods", "namespace": "red", "equals": 4}}, True),
    "objects everywhere are counted": ({"count": {"of": "pods", "at_least": 6}}, False),
    "a value at a path selects": ({"count": {"of": "pods", "where": {"spec.nodeName": "n1"}, "equals": 2}}, True),
    "all values must match": (
        {"count": {"of": "pods", "where": {"spec.nodeName": "n2", "status.phase": "Running"}, "equals": 2}},
        False,
    ),
    "present asks whether there is a value": (
        {"count": {"of": "pods", "where": {"spec.nodeName": "present"}, "equals": 4}},
        True,
    ),
    "absent asks whether there is none": (
        {"count": {"of": "pods", "where": {"spec.nodeName": "absent"}, "equals": 1}},
        True,
    ),
    "a path through nothing finds nothing": (
        {"count": {"of": "pods", "where": {"spec.a.b": "x"}, "at_least": 1}},
        False,
    ),
    "an upper bound binds": ({"count": {"of": "pods", "at_most": 4}}, False),
    "different values are counted once, and nothing is no value": (
        {"distinct": {"of": "pods", "field": "spec.nodeName", "equals": 2}},
        True,
    ),
    "too few different values": ({"distinct": {"of": "pods", "field": "spec.nodeName", "at_least": 3}}, False),
    "what live pods hold is added exactly": ({"held": {"resource": "cpu", "namespace": "red", "equals": 1}}, True),
    "pods that are over or not bound hold nothing": ({"held": {"resource": "cpu", "at_most": 3}}, False),
    "a resource that nobody asks for is not held": ({"held": {"resource": "nvidia.com/gpu", "equals": 0}}, True),
    "rising values are in order": (
        {"order": {"of": "pods", "namespace": "red", "field": "spec.nodeName", "names": ["a", "c"]}},
        True,
    ),
    "falling values are not": (
        {"order": {"of": "pods", "namespace": "red", "field": "spec.nodeName", "names": ["c", "a"]}},
        False,
    ),
    "equal values are not": (
        {"order": {"of": "pods", "namespace": "red", "field": "spec.nodeName", "names": ["a", "b"]}},
        False,
    ),
    "an object without the value is not in order": (
        {"order": {"of": "pods", "namespace": "red", "field": "spec.nodeName", "names": ["a", "d"]}},
        False,
    ),
}


@pytest.mark.parametrize(("fact", "want"), FACTS.values(), ids=FACTS.keys())
def test_a_fact(fact: dict[str, Any], want: bool) -> None:
    wrong = msgspec.convert(fact, Fact).judge(listing)
    assert (wrong == "") == want
    assert want or wrong.startswith("found ")


REFUSED = {
    "a fact that says nothing": (Fact, {}),
    "a fact that says two things": (
        Fact,
        {"held": {"resource": "cpu", "equals": 1}, "count": {"of": "pods", "equals": 1}},
    ),
    "a number without bounds": (Fact, {"held": {"resource": "cpu"}}),
    "a step that does nothing": (Step, {}),
    "a step that does two things": (Step, {"apply": "a.yaml", "kubectl": ["get", "pods"]}),
    "a step that waits for nothing": (Step, {"eventually": "it works", "within_seconds": 5}),
    "a step that waits for no time": (
        Step,
        {"eventually": "it works", "hold": [{"count": {"of": "pods", "equals": 1}}]},
    ),
}


@pytest.mark.parametrize(("into", "written"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_meant_is_refused(into: type[Fact | Step], written: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match="must"):
        msgspec.convert(written, into)

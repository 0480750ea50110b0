"""What translators remember is small, whatever tenants write: oddities are understood and not remembered."""

from collections.abc import Callable
from typing import Any

import pytest

from entresol.kube import bodies_pod, names, requests, scheduling
from entresol.kube.bodies_pod import pod_of
from entresol.kube.wire import ObjectMeta, OwnerReference, Requirement, ResourceRequirements
from entresol.kube.wire_pod import (
    Affinity,
    Container,
    NodeAffinity,
    NodeSelector,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    Toleration,
)
from entresol.model.tasks import Pod as Meaning

MANY = [f"example.com/{number}" for number in range(200)]
LONG = "x" * 100_000


def pod(spec: PodSpec, **metadata: object) -> Pod:
    return Pod(metadata=ObjectMeta(**{"name": "web", "namespace": "team", "uid": "u1", **metadata}), spec=spec)  # type: ignore[arg-type]


def affine(expressions: int, values: int) -> PodSpec:
    many = tuple(Requirement(f"k{number}", "In", tuple(map(str, range(values)))) for number in range(expressions))
    term = NodeSelectorTerm(match_expressions=many)
    return PodSpec(affinity=Affinity(node_affinity=NodeAffinity(required=NodeSelector(node_selector_terms=(term,)))))


def asking(*names_of_resources: str) -> Container:
    return Container(resources=ResourceRequirements(requests=dict.fromkeys(names_of_resources, "1")))


HUGE: dict[str, tuple[Any, Callable[[], Pod]]] = {
    "the amount of a container that asks for many resources": (
        requests._of_ordinary,
        lambda: pod(PodSpec(containers=(asking(*MANY),))),
    ),
    "the amount of a pod of many containers": (
        requests._of_ordinary,
        lambda: pod(PodSpec(containers=tuple(asking("cpu") for _ in range(100)))),
    ),
    "a long selector": (
        scheduling._constraints,
        lambda: pod(PodSpec(node_selector=dict.fromkeys(MANY, "x"))),
    ),
    "a list of tolerations": (
        scheduling._constraints,
        lambda: pod(PodSpec(tolerations=tuple(Toleration(key=key, operator="Exists") for key in MANY))),
    ),
    "an affinity of many expressions": (scheduling._constraints, lambda: pod(affine(100, 1))),
    "an affinity of many values": (scheduling._constraints, lambda: pod(affine(1, 100))),
    "a stamp that nobody could have made": (
        bodies_pod._framework,
        lambda: pod(
            PodSpec(node_name="n1"),
            labels={"entresol.dev/framework": "batch"},
            annotations={"entresol.dev/role": "team", "entresol.dev/framework": LONG},
        ),
    ),
    "an owner that nobody could be": (
        names._digest,
        lambda: pod(
            PodSpec(node_name="n1"),
            name="web-1-aaaaaaaa",
            owner_references=(OwnerReference("Task", "web", LONG, "entresol.dev/v1alpha1", controller=True),),
        ),
    ),
}


@pytest.mark.parametrize(("memory", "make"), HUGE.values(), ids=HUGE)
def test_not_remembered_is(memory: Any, make: Callable[[], Pod]) -> None:
    memory.cache_clear()
    ordinary = make()
    pod_of(pod(PodSpec(), name=ordinary.metadata.name, labels=ordinary.metadata.labels))
    before = memory.cache_info().currsize
    assert isinstance(pod_of(ordinary), Meaning)
    assert memory.cache_info().currsize == before


def test_what_is_not_remembered_is_understood_all_the_same() -> None:
    many = pod(PodSpec(containers=(asking(*MANY),), node_selector=dict.fromkeys(MANY, "x")))
    meaning = pod_of(many)
    assert isinstance(meaning, Meaning)
    assert len(list(meaning.demand)) == len(MANY) + 1
    assert meaning.task is not None
    assert len(meaning.task.constraints.selector) == len(MANY)

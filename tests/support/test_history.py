"""The witness's judgement can fail: bad histories are told apart from good ones."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from tests.support.history import Binding, History

Json = dict[str, Any]
Step = Callable[[History], None]


def _pod(name: str, phase: str, task: str = "t1", node: str = "n1", cpu: str = "1") -> Json:
    owner = {"kind": "Task", "apiVersion": "entresol.dev/v1alpha1", "uid": task}
    metadata: Json = {"name": name, "namespace": "team", "uid": name, "ownerReferences": [owner]}
    metadata["annotations"] = {"entresol.dev/role": "team"}
    spec = {"schedulerName": "entresol", "nodeName": node, "containers": [{"resources": {"requests": {"cpu": cpu}}}]}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


def pod(name: str, phase: str = "Running") -> Step:
    return lambda history: history.pod_seen(_pod(name, phase))


def gone(name: str) -> Step:
    return lambda history: history.pod_gone(name)


def listed(*pods: tuple[str, str]) -> Step:
    return lambda history: history.pods_listed([_pod(name, phase) for name, phase in pods])


def state(name: str) -> Step:
    metadata = {"name": "t", "namespace": "team", "uid": "t1"}
    return lambda history: history.task_seen({"metadata": metadata, "status": {"state": name}})


BAD: dict[str, tuple[list[Step], str]] = {
    "two live pods at once": ([pod("a"), pod("b", "Pending")], "has 2 live pods"),
    "two live pods, one of them already gone when the list comes": (
        [pod("a", "Failed"), pod("b"), listed(("b", "Running"), ("c", "Running"))],
        "has 2 live pods",
    ),
    "two pods that succeeded": ([pod("a", "Succeeded"), pod("b"), pod("b", "Succeeded")], "succeeded 2 times"),
    "a final state that changes": ([state("TASK_FINISHED"), state("TASK_FAILED")], "was TASK_FINISHED"),
    "a final state that is taken back": ([state("TASK_KILLED"), state("TASK_PENDING")], "was TASK_KILLED"),
    "a task that finishes twice": (
        [state("TASK_FINISHED"), state("TASK_RUNNING"), state("TASK_FINISHED")],
        "was TASK_FINISHED and is TASK_RUNNING",
    ),
}

GOOD: dict[str, list[Step]] = {
    "one pod after the other": [pod("a"), pod("a", "Failed"), pod("b"), pod("b", "Succeeded"), state("TASK_FINISHED")],
    "a pod that is gone without an end makes room": [pod("a"), gone("a"), pod("b")],
    "a list that lacks the first pod": [pod("a"), listed(("b", "Running"))],
    "a list in which the first pod ended unseen": [pod("a"), listed(("b", "Running"), ("a", "Failed"))],
    "the same event twice": [pod("a"), pod("a"), state("TASK_RUNNING"), state("TASK_RUNNING"), pod("a", "Succeeded")],
    "the same end twice": [state("TASK_FINISHED"), state("TASK_FINISHED")],
}


@pytest.mark.parametrize(("steps", "want"), BAD.values(), ids=BAD.keys())
def test_a_bad_history_is_told(steps: list[Step], want: str) -> None:
    history = History()
    for step in steps:
        step(history)
    assert any(want in violation for violation in history.violations), history.violations


@pytest.mark.parametrize("steps", GOOD.values(), ids=GOOD.keys())
def test_a_good_history_is_accepted(steps: list[Step]) -> None:
    history = History()
    for step in steps:
        step(history)
    assert history.violations == []


def _crowd(*steps: tuple[str, str, str]) -> list[str]:
    """Pods of different tasks, one CPU each, on a node with two and in a role that may hold two."""
    history = History(rooms={"n1": {"cpu": Fraction(2), "pods": Fraction(9)}}, limits={"team": {"cpu": Fraction(2)}})
    for name, phase, node in steps:
        history.pod_seen(_pod(name, phase, task=f"task of {name}", node=node))
    return history.violations


def test_a_pod_placed_beyond_a_node_s_room_is_told_even_when_it_is_over_soon() -> None:
    steps = [("a", "Running", "n1"), ("b", "Running", "n1"), ("c", "Running", "n1"), ("c", "Succeeded", "n1")]
    assert _crowd(*steps) == [
        "team/c was placed on n1, which has too little cpu for it",
        "team/c was placed beyond the limit of team in cpu",
    ]


def test_a_pod_placed_beyond_a_limit_is_told_wherever_it_is() -> None:
    steps = [("a", "Running", "n1"), ("b", "Running", "n2"), ("c", "Running", "n2")]
    assert _crowd(*steps) == ["team/c was placed beyond the limit of team in cpu"]


def test_a_pod_placed_where_another_ended_is_accepted() -> None:
    steps = [("a", "Running", "n1"), ("b", "Running", "n1"), ("a", "Failed", "n1"), ("c", "Running", "n1")]
    assert _crowd(*steps) == []


def test_bindings_are_kept_in_order_and_once() -> None:
    history = History()
    for step in (pod("a", "Pending"), pod("b", "Pending"), pod("a")):
        step(history)
    assert history.bindings == [Binding("team/a", "n1", "team"), Binding("team/b", "n1", "team")]


def test_final_states_are_counted() -> None:
    history = History()
    state("TASK_FINISHED")(history)
    assert history.final_states() == {"TASK_FINISHED": 1}

"""Who gets how much: weights, guarantees, limits, late arrivals. Capacity is counted in tasks of one CPU.

All work is created before there is a single node, so that nobody has a head start, and what is held at rest is exact.
"""

import pytest

from tests.e2e.lab import Lab
from tests.e2e.patience import eventually, stays
from tests.support.objects import FOREVER, framework, pod_spec, requests_of, runs, task


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param((1, 2), id="1:2"),
        pytest.param((1, 2, 3), id="1:2:3"),
        pytest.param((1, 1, 1, 1), id="equal, with a remainder"),
    ],
)
def test_the_cluster_is_divided_by_weight(lab: Lab, weights: tuple[int, ...]) -> None:
    roles = [lab.tenant(weight=weight) for weight in weights]
    for role in roles:
        lab.tasks_for(role, 32, annotations=FOREVER)
    lab.nodes(5, cpu="6")

    eventually("the cluster is full", lambda: sum(lab.held(*roles).values()), lambda held: held == 30)
    held = stays("the roles hold", lambda: lab.held(*roles), lambda seen: sum(seen.values()) == 30)
    due = [30 * weight / sum(weights) for weight in weights]
    assert all(abs(held[role] - due) < 1 for role, due in zip(roles, due, strict=True)), held


def test_frameworks_divide_the_share_of_their_role_by_weight(lab: Lab) -> None:
    role = lab.tenant()
    for name, weight in (("small", 1), ("large", 3)):
        lab.create(framework(name, role, weight=weight))
        for index in range(12):
            lab.create(task(f"{name}-{index:02}", role, framework=name, annotations=FOREVER))
    lab.nodes(2, cpu="6")

    lab.until_held({role: 12})
    charged = [pod["metadata"]["annotations"]["entresol.dev/framework"] for pod in lab.bound(role)]
    assert sum(name.endswith("large") for name in charged) == 9
    assert sum(name.endswith("small") for name in charged) == 3


def test_a_guarantee_is_served_before_every_weight(lab: Lab) -> None:
    modest = lab.tenant("modest", weight=1, guarantee={"cpu": "8"})
    mighty = lab.tenant("mighty", weight=100)
    for role in (mighty, modest):
        lab.tasks_for(role, 20, annotations=FOREVER)

    lab.nodes(1, cpu="4")
    lab.until_held({modest: 4, mighty: 0})
    lab.nodes(1, cpu="4")
    lab.until_held({modest: 8, mighty: 0})
    lab.nodes(1, cpu="4")
    lab.until_held({modest: 8, mighty: 4})


def test_a_limit_is_never_passed(lab: Lab) -> None:
    role = lab.tenant(limit={"cpu": "5"})
    lab.witness.limit(role, cpu="5")
    lab.tasks_for(role, 25, annotations=runs(0.3))
    lab.nodes(2, cpu="8")

    lab.until_states(role, {"TASK_FINISHED": 25}, seconds=60)
    assert len(lab.witness.bindings()) == 25


def test_a_limit_of_zero_forbids(lab: Lab) -> None:
    role = lab.tenant(limit={"nvidia.com/gpu": "0"})
    gpu = pod_spec(requests_of(**{"nvidia.com/gpu": "1"}))
    lab.create(task("gpu", role, spec=gpu), task("plain", role, annotations=FOREVER))
    lab.nodes(1, extended={"nvidia.com/gpu": "4"})

    lab.until_task(role, "plain", lambda task: task.state == "TASK_RUNNING", "runs")
    waiting = lab.until_task(role, "gpu", lambda task: bool(task.pending), "says why it waits")
    assert waiting.pending["reason"] == "LimitReached"
    assert "nvidia.com/gpu" in waiting.pending["message"]


def test_who_arrives_late_gets_what_is_freed_until_shares_are_even(lab: Lab) -> None:
    early, late = lab.tenant("early"), lab.tenant("late")
    lab.tasks_for(early, 20, annotations=FOREVER)
    lab.nodes(2, cpu="6")
    lab.until_held({early: 12, late: 0})

    lab.tasks_for(late, 20, annotations=FOREVER)
    stays("nothing is taken away", lambda: lab.held(early, late), lambda held: held == {early: 12, late: 0})
    for freed in range(1, 7):
        running = next(task for task in lab.tasks(early) if task.state == "TASK_RUNNING")
        lab.delete("Task", early, running.name)
        lab.until_held({early: 12 - freed, late: freed})
    running = next(task for task in lab.tasks(early) if task.state == "TASK_RUNNING")
    lab.delete("Task", early, running.name)
    lab.until_held({early: 6, late: 6})
    eventually("what waits is shown", lambda: lab.frole(early).status["pendingTasks"], lambda number: number == 7)


def test_shares_and_entitlements_are_shown(lab: Lab) -> None:
    one, two = lab.tenant(weight=1), lab.tenant(weight=2)
    for role in (one, two):
        lab.tasks_for(role, 12, annotations=FOREVER)
    lab.nodes(2, cpu="6", pods="100")
    lab.until_held({one: 4, two: 8})

    names = ("dominantShare", "entitlement", "dominantResource")

    def shown() -> list[tuple[str, ...]]:
        found = [lab.frole(role).status for role in (one, two)]
        return [tuple(each.get(name, "") for name in names) for each in found]

    want = [("0.3333", "0.3333", "cpu"), ("0.6667", "0.6667", "cpu")]
    eventually("status of the roles", shown, lambda seen: seen == want)
    assert lab.frole(two).status["allocated"]["cpu"] == "8"
    assert lab.frole(two).status["pendingTasks"] == 4

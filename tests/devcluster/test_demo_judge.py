"""The demonstration's verdict can be against it: what is judged, when, and what counts as wrong."""

from dataclasses import replace
from typing import Any

import pytest

from devcluster.demo_judge import Judge, Sample, Tenant, read

PLACES = 30


def tenant(name: str, held: int, entitled: float, waiting: int = 5, finished: int = 0) -> Tenant:
    return Tenant(
        name=name,
        weight=1,
        share=held / PLACES,
        entitlement=entitled / PLACES,
        held=held,
        entitled=entitled,
        running=held,
        waiting=waiting,
        finished=finished,
    )


def sample(small: int, large: int, *, waiting: tuple[int, int] = (5, 5)) -> Sample:
    return Sample(PLACES, (tenant("small", small, 10, waiting[0]), tenant("large", large, 20, waiting[1])))


FILLED = sample(10, 20)

CASES = {
    "as it must be": ([FILLED, FILLED], 2, 0),
    "filling up is not judged": ([sample(0, 3), sample(9, 15), FILLED], 1, 0),
    "after the first fill a hole is": ([FILLED, sample(10, 18)], 2, 1),
    "what happened this very moment is not": ([FILLED, replace(sample(10, 18), settled=False)], 1, 0),
    "one task off is too much, on both sides": ([sample(11, 19)], 1, 2),
    "when somebody has nothing to wait for, shares may move": ([FILLED, sample(20, 10, waiting=(3, 0))], 1, 0),
}


@pytest.mark.parametrize(("samples", "want_judged", "want_faults"), CASES.values(), ids=CASES.keys())
def test_samples_are_judged(samples: list[Sample], want_judged: int, want_faults: int) -> None:
    judge = Judge()
    for number, one in enumerate(samples):
        judge.see(one, float(number))
    assert (judge.samples, judge.judged, len(judge.faults)) == (len(samples), want_judged, want_faults)


def test_less_than_one_task_off_is_as_close_as_can_be() -> None:
    judge = Judge()
    judge.see(Sample(PLACES, (tenant("small", 10, 10.67), tenant("large", 20, 19.33))), 0.0)
    assert judge.faults == []
    assert judge.largest == pytest.approx(0.67)


ENDS = {
    "all have finished": ({"TASK_FINISHED": 8}, 0),
    "one has failed": ({"TASK_FINISHED": 7, "TASK_FAILED": 1}, 1),
    "one is missing": ({"TASK_FINISHED": 7}, 1),
    "there is one too many": ({"TASK_FINISHED": 8, "": 1}, 1),
    "there are none": ({}, 1),
}


@pytest.mark.parametrize(("states", "want_faults"), ENDS.values(), ids=ENDS.keys())
def test_every_task_must_have_finished(states: dict[str, int], want_faults: int) -> None:
    judge = Judge()
    judge.see(FILLED, 0.0)
    assert len(judge.conclude(states, 8)) == want_faults


def test_what_was_never_shown_is_not_proved() -> None:
    judge = Judge()
    judge.see(sample(3, 6), 0.0)
    assert judge.conclude({"TASK_FINISHED": 8}, 8) == [
        "no sample showed a full cluster with both roles waiting, so nothing was proved"
    ]


def test_a_sample_is_read_from_the_operators_state() -> None:
    role: dict[str, Any] = {
        "name": "team",
        "weight": 2,
        "share": 0.5,
        "entitlement": 0.75,
        "held": {"cpu": 2000, "pods": 2},
        "waiting": 3,
    }
    frameworks = [
        {"role": "team", "tasks": {"TASK_RUNNING": 1, "TASK_FINISHED": 4}},
        {"role": "team", "tasks": {"TASK_RUNNING": 1}},
        {"role": "other", "tasks": {"TASK_RUNNING": 9}},
    ]
    state = {"totals": {"cpu": 4500, "memory": 99}, "roles": [role], "frameworks": frameworks}
    assert read(state, {"cpu": 1000}, ["team", "absent"], {"team": "no room"}) == Sample(
        4,
        (
            Tenant(
                name="team",
                weight=2,
                share=0.5,
                entitlement=0.75,
                held=2,
                entitled=3.0,
                running=2,
                waiting=3,
                finished=4,
                why="no room",
            ),
        ),
    )

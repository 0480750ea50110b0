"""A Task's life: failures, attempts, deadlines, suspension, time to live, deletion; and much of it at once."""

import pytest

from devcluster.kwok import EXIT_CODE, TERMINATION_SECONDS
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually, stays
from tests.support.objects import FOREVER, runs, task


def test_a_failing_task_is_attempted_as_often_as_it_may_be_and_then_has_failed(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(task("hopeless", team, annotations={**runs(0.2), EXIT_CODE: "3"}, maxAttempts=3))

    failed = lab.until_task(team, "hopeless", lambda each: each.state == "TASK_FAILED", "has failed", seconds=60)
    assert (failed.status["attempt"], failed.status["failures"]) == (3, 3)
    assert failed.condition("Succeeded")["status"] == "False"
    assert failed.condition("Stalled")["status"] == "True"
    last = failed.status["lastAttempt"]
    assert (last["attempt"], last["exitCode"], last["charged"]) == (3, 3, True)
    stays("it is not attempted again", lambda: lab.bound(team), lambda bound: not bound)


def test_a_task_that_does_not_fit_the_quota_waits_for_it(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "one", "namespace": team},
            "spec": {"hard": {"pods": "1"}},
        }
    )
    lab.create(task("first", team, annotations=FOREVER))
    lab.until_task(team, "first", lambda each: each.state == "TASK_RUNNING", "runs")
    lab.create(task("second", team, annotations=FOREVER))
    second = lab.until_task(team, "second", lambda each: bool(each.pending), "says why it waits")
    assert second.pending["reason"] == "QuotaExceeded"

    lab.delete("Task", team, "first")
    lab.until_task(team, "second", lambda each: each.state == "TASK_RUNNING", "runs", seconds=60)


def test_what_the_api_server_refuses_for_good_is_an_error_in_its_words(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    broken = task("broken", team)
    broken["spec"]["template"]["spec"]["containers"][0]["image"] = ""
    lab.create(broken)
    ended = lab.until_task(team, "broken", lambda each: each.state == "TASK_ERROR", "is in error")
    assert "image" in ended.status["message"]


def test_the_deadline_counts_from_the_first_start_and_is_final(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(task("long", team, annotations=FOREVER, activeDeadlineSeconds=2, maxAttempts=5))
    ended = lab.until_task(team, "long", lambda each: each.state in ("TASK_KILLED", "TASK_FAILED"), "is stopped")
    assert "DeadlineExceeded" in ended.status["reason"]
    eventually("its pod is gone", lambda: lab.bound(team), lambda bound: not bound)


def test_suspending_a_running_task_deletes_its_pod_and_charges_nothing(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(task("t", team, annotations=FOREVER))
    lab.until_task(team, "t", lambda each: each.state == "TASK_RUNNING", "runs")

    lab.merge("Task", team, "t", {"spec": {"suspend": True}})
    eventually("its pod is gone", lambda: lab.pods(team), lambda pods: not pods)
    stays("it stays away", lambda: lab.pods(team), lambda pods: not pods)
    lab.merge("Task", team, "t", {"spec": {"suspend": False}})
    again = lab.until_task(
        team, "t", lambda each: each.state == "TASK_RUNNING" and each.status["attempt"] == 2, "runs again"
    )
    assert again.status.get("failures", 0) == 0


def test_a_finished_task_is_deleted_when_its_time_is_over(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(
        task("kept", team, annotations=runs(0.1)),
        task("swept", team, annotations=runs(0.1), ttlSecondsAfterFinished=1),
    )
    eventually("only one is left", lambda: [each.name for each in lab.tasks(team)], lambda left: left == ["kept"])
    lab.until_states(team, {"TASK_FINISHED": 1})


def test_deleting_a_running_task_ends_its_pod_with_grace(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(task("t", team, annotations={**FOREVER, TERMINATION_SECONDS: "2"}))
    lab.until_task(team, "t", lambda each: each.state == "TASK_RUNNING", "runs")

    lab.delete("Task", team, "t")

    def dying() -> list[int]:
        pods = [each["metadata"] for each in lab.pods(team)]
        return [each["deletionGracePeriodSeconds"] for each in pods if "deletionTimestamp" in each]

    assert eventually("its pod is told to end", dying) == [30]
    eventually("its pod has ended", lambda: lab.pods(team), lambda pods: not pods)


def test_a_pod_whose_task_is_orphaned_lives_on_as_a_plain_pod(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(task("t", team, annotations=FOREVER))
    lab.until_task(team, "t", lambda each: each.state == "TASK_RUNNING", "runs")
    lab.cluster.kubectl("delete", "etask", "t", f"--namespace={team}", "--cascade=orphan")

    stays("it goes on", lambda: lab.bound(team), lambda bound: len(bound) == 1, seconds=3)
    assert lab.held(team) == {team: 1}


@pytest.mark.parametrize("what", ["tasks", "namespace"])
def test_two_hundred_live_tasks_go_and_their_room_comes_back(lab: Lab, what: str) -> None:
    lab.nodes(5, cpu="40")
    doomed, heir = lab.tenant("doomed"), lab.tenant("heir")
    lab.tasks_for(doomed, 200, annotations=FOREVER)
    lab.until_states(doomed, {"TASK_RUNNING": 200}, seconds=60)
    lab.tasks_for(heir, 50, annotations=FOREVER)
    stays("there is no room", lambda: lab.held(heir), lambda held: held == {heir: 0}, seconds=0.5)

    if what == "tasks":
        lab.delete_all("Task", doomed)
    else:
        lab.cluster.kubectl("delete", "namespace", doomed, "--wait=false")
    lab.until_held({doomed: 0, heir: 50}, seconds=60)
    if what == "namespace":
        eventually("the namespace is gone", lambda: lab.has_namespace(doomed), lambda there: not there, seconds=60)

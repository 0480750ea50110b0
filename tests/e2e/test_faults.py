"""What breaks, and what must hold all the same: one live pod per Task, one success, one final state; books that are right.

Judged by the witness, which saw every event, and by the auditor at the end of each test.
"""

import pytest

from devcluster.kwok import EXIT_CODE, REFUSE, REFUSE_ON, STUCK_TERMINATING
from devcluster.operator_process import OperatorProcess
from tests.e2e.books import differences
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually, stays
from tests.support.auditor import Leave
from tests.support.objects import FOREVER, pod, pod_spec, requests_of, runs, task


def _all_finished(lab: Lab, namespace: str, number: int, seconds: float = 120) -> None:
    lab.until_states(namespace, {"TASK_FINISHED": number}, seconds)
    lab.witness.catch_up()
    again = {name: pods for name, pods in lab.witness.history.pods_per_task().items() if pods != 1}
    assert not again, f"Tasks with more than one pod, although no attempt was lost: {again}"


def _placed(lab: Lab, number: int) -> None:
    """Return as soon as so many pods have got a node, in the middle of it all."""
    eventually("pods are placed", lambda: len(lab.witness.bindings()), lambda seen: seen >= number, 60, pause=0.02)


def test_killed_again_and_again_in_the_middle_of_five_hundred_tasks(lab: Lab, operator: OperatorProcess) -> None:
    team = lab.tenant()
    lab.tasks_for(team, 500, annotations=runs(1))
    lab.nodes(10, cpu="6")
    moments = [0]
    for _ in range(6):
        _placed(lab, moments[-1] + 25)
        operator.kill()
        moments.append(len(lab.witness.bindings()))
        operator.start(wait=False)
    assert moments[-1] < 500, f"killed at {moments}, which is not in the middle"
    operator.wait_ready()
    _all_finished(lab, team, 500)


@pytest.mark.parametrize("visit", [1, 40])
@pytest.mark.parametrize("place", ["before-create", "after-create", "after-bind", "before-status"])
def test_killed_at_a_crash_point(lab: Lab, operator: OperatorProcess, place: str, visit: int) -> None:
    operator.start(crash_point=f"{place}:{visit}")
    lab.nodes(5, cpu="8")
    team = lab.tenant()
    lab.create(
        *(pod(f"p-{index:03}", team, spec=pod_spec(restartPolicy="Never"), annotations=runs(1)) for index in range(60))
    )
    lab.tasks_for(team, 60, annotations=runs(1))

    operator.wait_ended()
    operator.start()
    _all_finished(lab, team, 60)
    phases = {each["status"]["phase"] for each in lab.pods(team)}
    assert phases == {"Succeeded"}


def test_killed_between_two_attempts(lab: Lab, operator: OperatorProcess) -> None:
    lab.nodes(2)
    team = lab.tenant()
    failing = {**runs(0.5), EXIT_CODE: "1"}
    lab.tasks_for(team, 10, annotations=failing, maxAttempts=3)
    for progress in (8, 15, 22):
        _placed(lab, progress)
        operator.kill()
        operator.start(wait=False)
    lab.until_states(team, {"TASK_FAILED": 10}, seconds=60)
    assert {(each.status["attempt"], each.status["failures"]) for each in lab.tasks(team)} == {(3, 3)}


def test_the_api_server_is_killed_in_a_burst(lab: Lab, operator: OperatorProcess) -> None:
    lab.nodes(10, cpu="8")
    team = lab.tenant()
    lab.tasks_for(team, 300, annotations=runs(1))
    _placed(lab, 40)
    lab.cluster.apiserver.kill()
    pid = operator.pid
    lab.cluster.apiserver.start()

    _all_finished(lab, team, 300)
    assert operator.pid == pid, "the operator must live through it"


def test_after_an_expired_watch_with_deletions_in_the_gap_the_cache_equals_a_list(
    lab: Lab, operator: OperatorProcess
) -> None:
    (doomed, *_) = lab.nodes(4, cpu="8")
    team = lab.tenant()
    lab.tasks_for(team, 30, annotations=FOREVER)
    lab.create(*(pod(f"p-{index}", team, annotations=FOREVER) for index in range(10)))
    eventually("the cluster is full", lambda: lab.held(team), lambda held: held == {team: 32})

    operator.pause()
    for name in [each.name for each in lab.tasks(team)][:10]:
        lab.delete("Task", team, name)
    lab.delete("Pod", team, "p-0")
    lab.delete("Node", "", doomed)
    lab.cluster.apiserver.kill()
    lab.cluster.apiserver.start()
    lab.tasks_for(team, 5, prefix="late", annotations=FOREVER)
    operator.resume()

    eventually("the cache equals a LIST", lambda: differences(lab, operator), lambda found: not found, 60, 0.5)
    # Plain pods of the deleted node are the pod garbage collector's, which takes its time.
    where = eventually(
        "three nodes are full again",
        lambda: [node for each in lab.bound(team) if (node := each["spec"]["nodeName"]) != doomed],
        lambda nodes: len(nodes) == 24,
        60,
    )
    assert len(set(where)) == 3
    eventually("and still equals one", lambda: differences(lab, operator), lambda found: not found, 60, 0.5)


def test_a_node_is_deleted_under_load(lab: Lab) -> None:
    first, *_ = lab.nodes(3, cpu="4")
    team = lab.tenant()
    lab.tasks_for(team, 12, annotations=FOREVER)
    lab.until_states(team, {"TASK_RUNNING": 12})
    lost = {
        each["metadata"]["ownerReferences"][0]["name"] for each in lab.bound(team) if each["spec"]["nodeName"] == first
    }
    assert len(lost) == 4

    lab.delete("Node", "", first)
    lab.until_states(team, {"TASK_RUNNING": 8, "TASK_PENDING": 4}, seconds=60)
    lab.nodes(1, cpu="4")
    lab.until_states(team, {"TASK_RUNNING": 12}, seconds=60)
    for each in lab.tasks(team):
        attempts, failures = each.status["attempt"], each.status.get("failures", 0)
        assert (attempts, failures) == ((2, 0) if each.name in lost else (1, 0)), each.name


def test_a_kubelet_s_refusal_is_tried_elsewhere_and_not_charged(lab: Lab) -> None:
    bad, good = lab.nodes(2)
    team = lab.tenant()
    refusing = {REFUSE: "OutOfcpu", REFUSE_ON: bad, **runs(1)}
    prefer_bad = {"nodeSelector": {"kubernetes.io/hostname": bad}}
    lab.create(task("stuck", team, spec=pod_spec(**prefer_bad), annotations=refusing))
    lab.create(*(task(f"t-{index}", team, annotations=refusing) for index in range(10)))

    eventually(
        "all that may run elsewhere have finished",
        lambda: [each.state for each in lab.tasks(team) if each.name != "stuck"],
        lambda states: states == ["TASK_FINISHED"] * 10,
        60,
    )
    refused = [each for each in lab.tasks(team) if each.status["attempt"] > 1]
    assert any(each.name != "stuck" for each in refused), "no Task met the refusing node, so nothing was shown"
    for each in refused:
        assert each.status.get("failures", 0) == 0
        if each.name != "stuck":
            assert each.status["nodeName"] == good
    stuck = lab.until_task(team, "stuck", lambda each: bool(each.pending), "says why it waits")
    assert not stuck.status["lastAttempt"].get("charged")
    assert stuck.status["lastAttempt"]["reason"] == "OutOfcpu"
    assert stuck.status["attempt"] <= 6, "attempts that are not charged must back off"


def test_a_silent_node_makes_its_task_unreachable_and_starts_no_second_pod(lab: Lab) -> None:
    silent, *_ = lab.nodes(2, cpu="2")
    team = lab.tenant()
    patient = {"tolerations": [{"operator": "Exists", "effect": "NoExecute"}]}
    spec = pod_spec() | patient | {"nodeSelector": {"kubernetes.io/hostname": silent}}
    lab.create(task("t", team, spec=spec, annotations=FOREVER))
    lab.until_task(team, "t", lambda each: each.state == "TASK_RUNNING", "runs")

    lab.leave = Leave(tainted=frozenset({silent}))  # the taint may go a moment later than the node is back
    lab.cluster.set_node_silent(silent, silent=True)
    lab.until_task(team, "t", lambda each: each.state == "TASK_UNREACHABLE", "is unreachable", seconds=60)
    lab.cluster.set_node_silent(silent, silent=False)
    back = lab.until_task(team, "t", lambda each: each.state == "TASK_RUNNING", "runs again", seconds=60)
    assert back.status["attempt"] == 1


def test_an_evicted_pod_is_run_again_and_not_charged(lab: Lab) -> None:
    sick, *_ = lab.nodes(2, cpu="2")
    team = lab.tenant()
    lab.tasks_for(team, 2, annotations=FOREVER)
    lab.until_states(team, {"TASK_RUNNING": 2})
    lab.leave = Leave(tainted=frozenset({sick}))
    lab.cluster.kubectl("taint", "node", sick, "broken=yes:NoExecute")

    eventually(
        "all run on the other node",
        lambda: [each["spec"]["nodeName"] for each in lab.bound(team)],
        lambda where: len(where) == 2 and sick not in where,
        60,
    )
    assert {each.status.get("failures", 0) for each in lab.tasks(team)} == {0}


def test_a_pod_that_does_not_end_keeps_its_room(lab: Lab) -> None:
    lab.nodes(1, cpu="1")
    team = lab.tenant()
    stuck = {**FOREVER, STUCK_TERMINATING: "true"}
    lab.create(task("first", team, annotations=stuck), task("second", team, annotations=FOREVER))
    lab.until_states(team, {"TASK_RUNNING": 1, "TASK_PENDING": 1})
    (held,) = lab.bound(team)
    lab.delete("Task", team, "first")

    eventually(
        "it is on its way out", lambda: "deletionTimestamp" in lab.pod(team, held["metadata"]["name"])["metadata"]
    )
    stays("nobody takes its place", lambda: lab.held(team), lambda seen: seen == {team: 1}, seconds=2)
    lab.merge("Pod", team, held["metadata"]["name"], {"metadata": {"annotations": {STUCK_TERMINATING: None}}})
    lab.until_task(team, "second", lambda each: each.state == "TASK_RUNNING", "runs", seconds=60)


def test_tasks_deleted_while_the_operator_was_away_leave_no_pod_behind(lab: Lab, operator: OperatorProcess) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.tasks_for(team, 8, annotations=FOREVER)
    lab.until_states(team, {"TASK_RUNNING": 8})
    operator.stop()
    lab.delete_all("Task", team)
    eventually("nothing needs the operator to go away", lambda: lab.tasks(team), lambda left: not left)
    operator.start()
    eventually("pods are gone", lambda: lab.pods(team), lambda left: not left)


def test_more_than_a_node_has_is_never_placed_on_it_when_others_use_it_too(lab: Lab) -> None:
    (node,) = lab.nodes(1, cpu="8")
    team = lab.tenant()
    foreign = {"schedulerName": "somebody-else", "nodeName": node, **pod_spec(requests_of("6"))}
    lab.create(pod("foreign", team, spec=foreign, annotations=FOREVER))
    lab.tasks_for(team, 8, annotations=FOREVER)
    eventually("two fit beside it", lambda: lab.held(team), lambda held: held == {team: 2})
    lab.delete("Pod", team, "foreign")
    eventually("all fit when it is gone", lambda: lab.held(team), lambda held: held == {team: 8})

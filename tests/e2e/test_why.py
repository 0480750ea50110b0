"""Why something waits: told apart by kind, where a user looks, and never so that an autoscaler is misled."""

import json
from typing import Any

from tests.e2e.lab import Lab
from tests.e2e.patience import eventually, stays
from tests.support.objects import FOREVER, framework, pod, pod_spec, requests_of, runs, task

Json = dict[str, Any]


def _scheduled(lab: Lab, namespace: str, name: str) -> Json:
    conditions = lab.pod(namespace, name)["status"].get("conditions") or []
    return next((each for each in conditions if each["type"] == "PodScheduled"), {})


def _reasons(lab: Lab, namespace: str) -> dict[str, int]:
    """How many plain pods wait for each reason, by their condition; `bound` for those that do not."""
    found: dict[str, int] = {}
    for each in lab.pods(namespace):
        if each["spec"].get("nodeName"):
            reason = "bound"
        else:
            reason = _scheduled(lab, namespace, each["metadata"]["name"]).get("reason", "")
        found[reason] = found.get(reason, 0) + 1
    return found


def test_never_fits_is_told_apart_from_busy_now(lab: Lab) -> None:
    lab.nodes(2, cpu="4")
    team = lab.tenant()
    lab.create(task("first", team, spec=pod_spec(requests_of("4")), annotations=FOREVER))
    lab.create(task("second", team, spec=pod_spec(requests_of("4")), annotations=FOREVER))
    lab.until_states(team, {"TASK_RUNNING": 2})
    lab.create(task("busy", team, spec=pod_spec(requests_of("3")), annotations=FOREVER))
    lab.create(task("giant", team, spec=pod_spec(requests_of("5")), annotations=FOREVER))

    busy = lab.until_task(team, "busy", lambda each: bool(each.pending), "says why it waits")
    giant = lab.until_task(team, "giant", lambda each: bool(each.pending), "says why it waits")
    assert busy.pending["reason"] == "NoRoomNow"
    assert giant.pending["reason"] == "NeverFits"
    assert "cpu" in giant.pending["message"]
    assert "2" in giant.pending["message"], "it must say how many nodes are too small"
    assert busy.state == giant.state == "TASK_PENDING"

    table = lab.cluster.kubectl("get", "etask", "-o", "wide", f"--namespace={team}")
    rows = {line.split()[0]: line for line in table.splitlines()}
    assert "MESSAGE" in rows["NAME"]
    assert "NoRoomNow" in rows["busy"]
    assert "NeverFits" in rows["giant"]
    assert giant.status["message"] in rows["giant"]


def test_unschedulable_is_said_only_where_more_nodes_would_help(lab: Lab) -> None:
    lab.nodes(1, cpu="2")
    limited, free = lab.tenant("limited", limit={"cpu": "3"}), lab.tenant("free")
    lab.create(*(pod(f"one-cpu-{index}", limited) for index in range(4)))
    eventually("two run", lambda: lab.held(limited), lambda held: held == {limited: 2})
    lab.create(*(pod(f"one-cpu-{index}", free) for index in range(3)))
    lab.create(pod("giant", free, spec=pod_spec(requests_of("64"))))

    # More nodes would let one more run, and then the limit would stop the last.
    seen = eventually("the limited role", lambda: _reasons(lab, limited), lambda seen: "" not in seen)
    assert (seen["bound"], seen["Unschedulable"]) == (2, 1)
    assert seen.keys() - {"bound", "Unschedulable"} <= {"LimitReached", "WaitingForTurn"}
    # Here they would let all run but the giant, which no node could hold.
    want = {"Unschedulable": 3, "NeverFits": 1}
    eventually("the other role", lambda: _reasons(lab, free), lambda seen: seen == want)
    stays("it is not taken back", lambda: _reasons(lab, limited), lambda again: again == seen)

    lab.nodes(1, cpu="8")
    eventually("a node later", lambda: _reasons(lab, limited), lambda seen: seen == {"bound": 3, "LimitReached": 1})
    eventually("and here", lambda: _reasons(lab, free), lambda seen: seen == {"bound": 3, "NeverFits": 1})


def test_a_suspended_framework_says_so_and_makes_no_autoscaler_act(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(framework("held", team, suspend=True))
    lab.create(
        task("t", team, framework="held", annotations=FOREVER),
        pod("p", team, labels={"entresol.dev/framework": "held"}),
    )
    waiting = lab.until_task(team, "t", lambda each: bool(each.pending), "says why it waits")
    assert waiting.pending["reason"] == "FrameworkSuspended"
    eventually("the pod", lambda: _reasons(lab, team), lambda seen: seen == {"FrameworkSuspended": 1})

    lab.merge("Framework", team, "held", {"spec": {"suspend": False}})
    lab.until_states(team, {"TASK_RUNNING": 1})
    lab.merge("Framework", team, "held", {"spec": {"suspend": True}})
    stays("what runs goes on", lambda: lab.states(team), lambda seen: seen == {"TASK_RUNNING": 1})


def test_kubectl_wait_understands_tasks(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(task("quick", team, annotations=runs(1)), task("slow", team, annotations=FOREVER))
    here = f"--namespace={team}"
    lab.cluster.kubectl("wait", "--for=condition=Scheduled", "etask", "--all", here, "--timeout=30s")
    lab.cluster.kubectl("wait", "--for=condition=Ready", "etask/slow", here, "--timeout=30s")
    lab.cluster.kubectl("wait", "--for=condition=Succeeded", "etask/quick", here, "--timeout=30s")
    finished = lab.task(team, "quick")
    assert finished.state == "TASK_FINISHED"
    assert finished.condition("Succeeded")["observedGeneration"] == finished.obj["metadata"]["generation"]
    assert finished.status["finishTime"] >= finished.status["startTime"]


def test_the_tables_of_kubectl_are_filled(lab: Lab) -> None:
    lab.nodes(1, cpu="2")
    team = lab.tenant(weight=3)
    lab.create(framework("batch", team))
    lab.tasks_for(team, 3, framework="batch", annotations=FOREVER)
    lab.until_task(team, "t-002", lambda each: bool(each.pending), "says why it waits")

    def table(kind: str) -> dict[str, str]:
        listed = lab.cluster.kubectl("get", kind, "-o", "wide", f"--namespace={team}")
        header, *rows = listed.splitlines()
        cells = next(row for row in rows if team in row or row.startswith(("batch", "t-000")))
        starts = [header.index(title) for title in header.split("  ") if title.strip()]
        bounds = zip(starts, [*starts[1:], None], strict=True)
        return {header[a:b].strip(): cells[a:b].strip() for a, b in bounds}

    eventually(
        "frole", lambda: table("frole"), lambda row: {"3", "1.0000"} <= set(row.values()) and row["PENDING"] == "1"
    )
    eventually(
        "fw", lambda: table("fw"), lambda row: row["ROLE"] == team and row["RUNNING"] == "2" and row["PENDING"] == "1"
    )
    eventually("etask", lambda: table("etask"), lambda row: row["STATE"] == "TASK_RUNNING" and row["CPU"] == "1")


def test_events_are_those_a_kubernetes_user_expects(lab: Lab) -> None:
    lab.nodes(1, cpu="1")
    team = lab.tenant()
    lab.create(task("runs", team, annotations=FOREVER))
    lab.until_task(team, "runs", lambda each: each.state == "TASK_RUNNING", "runs")
    lab.create(pod("waits", team))

    eventually(
        "Scheduled", lambda: [each["reason"] for each in lab.events(team, "runs")], lambda seen: "Scheduled" in seen
    )
    failed = eventually(
        "FailedScheduling", lambda: [each for each in lab.events(team, "waits") if each["reason"] == "FailedScheduling"]
    )
    assert failed[0]["type"] == "Warning"
    assert failed[0]["reportingController"]
    assert "cpu" in failed[0]["note"]
    described = lab.cluster.kubectl("describe", "pod", "waits", f"--namespace={team}")
    assert "FailedScheduling" in described


def test_statuses_that_nobody_changed_are_not_written_again(lab: Lab) -> None:
    lab.nodes(1, cpu="2")
    team = lab.tenant()
    lab.tasks_for(team, 4, annotations=FOREVER)
    eventually(
        "two say why they wait", lambda: [each for each in lab.tasks(team) if each.pending], lambda w: len(w) == 2
    )

    def versions() -> str:
        return json.dumps([each.obj["metadata"]["resourceVersion"] for each in lab.tasks(team)])

    before = versions()
    stays("nothing is written at rest", versions, lambda seen: seen == before, seconds=2)

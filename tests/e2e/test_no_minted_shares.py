"""No tenant can make itself a larger share: what is charged, to whom, and in what proportion stays right."""

from devcluster.operator_process import OperatorProcess
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually, stays
from tests.support.auditor import Leave, charge
from tests.support.objects import FOREVER, framework, pod, pod_spec, requests_of, task


def test_a_framework_that_names_a_role_it_may_not_use_gets_nothing(lab: Lab) -> None:
    lab.nodes(1)
    rich, poor = lab.tenant("rich", weight=100), lab.tenant("poor")
    lab.create(framework("thief", poor, role=rich), framework("lost", poor, role="nowhere"))
    lab.create(
        task("stolen", poor, framework="thief", annotations=FOREVER),
        task("lost", poor, framework="lost", annotations=FOREVER),
        task("honest", poor, annotations=FOREVER),
    )
    lab.until_task(poor, "honest", lambda each: each.state == "TASK_RUNNING", "runs")
    stolen = lab.until_task(poor, "stolen", lambda each: bool(each.pending), "says why it waits")
    lost = lab.until_task(poor, "lost", lambda each: bool(each.pending), "says why it waits")
    assert (stolen.pending["reason"], lost.pending["reason"]) == ("RoleNotAllowed", "RoleNotFound")
    assert rich in stolen.pending["message"]
    assert "nowhere" in lost.pending["message"]
    assert lab.held(rich, poor) == {rich: 0, poor: 1}


def test_access_to_a_role_can_be_given_and_withdrawn(lab: Lab) -> None:
    lab.nodes(1)
    guest = lab.namespace("guest", labels={"tier": "gold"})
    lab.role(shared := f"shared-{guest}", namespaces={"selector": {"matchLabels": {"tier": "gold"}}})
    lab.create(framework("batch", guest, role=shared))
    lab.create(task("before", guest, framework="batch", annotations=FOREVER))
    lab.until_task(guest, "before", lambda each: each.state == "TASK_RUNNING", "runs")

    lab.merge("Namespace", "", guest, {"metadata": {"labels": {"tier": "lead"}}})
    eventually(
        "the Framework says so",
        lambda: lab.framework(guest, "batch").condition("Ready").get("reason"),
        lambda r: r == "RoleNotAllowed",
    )
    lab.create(task("after", guest, framework="batch", annotations=FOREVER))
    after = lab.until_task(guest, "after", lambda each: bool(each.pending), "says why it waits")
    assert after.pending["reason"] == "RoleNotAllowed"
    assert lab.held(shared) == {shared: 1}, "what runs stays charged"

    lab.merge("Namespace", "", guest, {"metadata": {"labels": {"tier": "gold"}}})
    lab.until_held({shared: 2})


def test_many_frameworks_in_one_namespace_share_what_one_would_get(lab: Lab) -> None:
    single, many = lab.tenant("single"), lab.tenant("many")
    lab.tasks_for(single, 12, annotations=FOREVER)
    for index in range(5):
        lab.create(framework(f"f-{index}", many, weight=1_000_000))
        lab.tasks_for(many, 6, prefix=f"f-{index}", framework=f"f-{index}", annotations=FOREVER)
    lab.nodes(2, cpu="6")
    lab.until_held({single: 6, many: 6})


def test_many_frameworks_in_one_namespace_do_not_outweigh_the_other_namespaces_of_a_role(lab: Lab) -> None:
    one, other = lab.namespace("one"), lab.namespace("other")
    lab.role(shared := f"shared-{one}", namespaces={"names": [one, other]})
    for namespace, frameworks in ((one, 1), (other, 4)):
        for index in range(frameworks):
            lab.create(framework(f"f-{index}", namespace, role=shared))
            lab.tasks_for(namespace, 12 // frameworks, prefix=f"f-{index}", framework=f"f-{index}", annotations=FOREVER)
    lab.nodes(2, cpu="6")
    lab.until_held({shared: 12})
    assert len(lab.bound(one)) == len(lab.bound(other)) == 6


def test_pods_without_requests_are_not_free(lab: Lab, operator: OperatorProcess) -> None:
    operator.start(waiting_writes="1000")  # so that it is quiet soon after
    crowd, honest = lab.tenant("crowd"), lab.tenant("honest")
    lab.create(*(pod(f"p-{index:04}", crowd, spec=pod_spec({}), annotations=FOREVER) for index in range(1000)))
    lab.tasks_for(honest, 100, spec=pod_spec(requests_of("10m")), annotations=FOREVER)
    lab.nodes(4, cpu="8", pods="30")
    # 120 places for pods: each role gets half of them, as pods are what both hold most of.
    lab.until_held({crowd: 60, honest: 60}, seconds=60)


def test_a_guarantee_of_gpus_does_not_help_work_without_gpus(lab: Lab) -> None:
    guaranteed = lab.tenant("guaranteed", guarantee={"nvidia.com/gpu": "4"})
    plain = lab.tenant("plain")
    for role in (guaranteed, plain):
        lab.tasks_for(role, 16, annotations=FOREVER)
    lab.nodes(2, cpu="6", extended={"nvidia.com/gpu": "4"})
    lab.until_held({guaranteed: 6, plain: 6})


def test_a_relabelled_running_pod_stays_charged_to_whom_it_was(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(framework("web", team), framework("batch", team))
    lab.create(pod("p", team, labels={"entresol.dev/framework": "web"}))
    eventually("it is bound", lambda: len(lab.bound(team)), lambda number: number == 1)
    eventually("web is charged", lambda: _running(lab, team, "web"), lambda number: number == 1)

    lab.merge("Pod", team, "p", {"metadata": {"labels": {"entresol.dev/framework": "batch"}}})
    stays("still web", lambda: (_running(lab, team, "web"), _running(lab, team, "batch")), lambda seen: seen == (1, 0))
    assert charge(lab.pod(team, "p"), "entresol.dev/framework").endswith("web")


def test_an_edited_role_acts_on_new_grants_only(lab: Lab) -> None:
    lab.nodes(2, cpu="6")
    one, two = lab.tenant("one", limit={"cpu": "8"}), lab.tenant("two")
    lab.tasks_for(one, 12, annotations=FOREVER)
    lab.until_held({one: 8})
    lab.leave = Leave(lowered=frozenset({one}))
    lab.merge("FrameworkRole", "", one, {"spec": {"limit": {"cpu": "3"}, "weight": 1000}})
    stays("nothing is evicted", lambda: lab.held(one), lambda held: held == {one: 8})

    lab.tasks_for(two, 12, annotations=FOREVER)
    lab.until_held({one: 8, two: 4})
    running = [each.name for each in lab.tasks(one) if each.state == "TASK_RUNNING"]
    for freed, name in enumerate(running[:5], start=1):
        lab.delete("Task", one, name)
        lab.until_held({one: 8 - freed, two: 4 + freed})
    lab.delete("Task", one, running[5])
    lab.until_held({one: 3, two: 9})


def test_a_deleted_framework_takes_no_running_work_with_it_and_leaves_none_to_default(lab: Lab) -> None:
    lab.nodes(1, cpu="2")
    team = lab.tenant()
    lab.create(framework("batch", team))
    lab.tasks_for(team, 3, framework="batch", annotations=FOREVER)
    lab.until_held({team: 2})
    lab.delete("Framework", team, "batch")

    waiting = lab.until_task(
        team, "t-002", lambda each: each.pending.get("reason") == "FrameworkNotFound", "misses its framework"
    )
    assert "batch" in waiting.pending["message"]
    lab.nodes(1)
    stays("nobody else takes it", lambda: lab.held(team), lambda held: held == {team: 2})
    lab.create(framework("batch", team))
    lab.until_held({team: 3})


def test_a_deleted_role_keeps_what_runs_charged_and_grants_nothing_new(lab: Lab) -> None:
    lab.nodes(1)
    guest = lab.namespace("guest")
    lab.role(shared := f"shared-{guest}", namespaces={"names": [guest]})
    lab.create(framework("batch", guest, role=shared))
    lab.create(task("before", guest, framework="batch", annotations=FOREVER))
    lab.until_task(guest, "before", lambda each: each.state == "TASK_RUNNING", "runs")

    lab.delete("FrameworkRole", "", shared)
    eventually(
        "the Framework says so",
        lambda: lab.framework(guest, "batch").condition("Ready").get("reason"),
        lambda r: r == "RoleNotFound",
    )
    lab.create(task("after", guest, framework="batch", annotations=FOREVER))
    after = lab.until_task(guest, "after", lambda each: bool(each.pending), "says why it waits")
    assert after.pending["reason"] == "RoleNotFound"
    assert lab.held(shared) == {shared: 1}


def _running(lab: Lab, namespace: str, name: str) -> int:
    tasks = lab.framework(namespace, name).status.get("tasks") or {}
    return int(tasks.get("running", 0))

"""Ordinary workloads with one more line: `schedulerName: entresol`."""

from typing import Any

from tests.e2e.lab import Lab
from tests.e2e.patience import eventually, stays
from tests.support.auditor import charge
from tests.support.objects import FOREVER, framework, pod, pod_spec, requests_of

Json = dict[str, Any]


def _workload(kind: str, namespace: str, *, labels: Json | None = None, run: str | None = None, **spec: Any) -> Json:
    marks = {"app": kind.lower(), **(labels or {})}
    annotations = {"devcluster.entresol.dev/run-seconds": run} if run else {}
    inner = {"schedulerName": "entresol", **pod_spec(requests_of("500m")), **spec.pop("pod", {})}
    version, selector = (
        ("batch/v1", {}) if kind == "Job" else ("apps/v1", {"selector": {"matchLabels": {"app": marks["app"]}}})
    )
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": kind.lower(), "namespace": namespace},
        "spec": {
            **selector,
            **spec,
            "template": {"metadata": {"labels": marks, "annotations": annotations}, "spec": inner},
        },
    }


def test_a_job_completes(lab: Lab) -> None:
    lab.nodes(2, cpu="2")
    team = lab.tenant()
    never = {"restartPolicy": "Never"}
    lab.create(_workload("Job", team, run="0.5", completions=10, parallelism=6, pod=never))

    lab.cluster.kubectl("wait", "--for=condition=Complete", "job/job", f"--namespace={team}", "--timeout=60s")
    assert {charge(each) for each in lab.pods(team)} <= {team}


def test_a_deployment_rolls_out_and_over(lab: Lab) -> None:
    lab.nodes(2, cpu="2")
    team = lab.tenant()
    lab.create(_workload("Deployment", team, replicas=5))
    lab.cluster.kubectl("rollout", "status", "deployment/deployment", f"--namespace={team}", "--timeout=60s")

    lab.cluster.kubectl(
        "set", "image", "deployment/deployment", "main=registry.k8s.io/pause:3.9", f"--namespace={team}"
    )
    lab.cluster.kubectl("rollout", "status", "deployment/deployment", f"--namespace={team}", "--timeout=60s")
    eventually("only the new pods are left", lambda: len(lab.bound(team)), lambda number: number == 5)


def test_a_daemonset_reaches_every_node_even_cordoned_ones_and_new_ones(lab: Lab) -> None:
    lab.nodes(2, cpu="2")
    (closed,) = lab.nodes(1, cpu="2")
    lab.cluster.kubectl("cordon", closed)
    team = lab.tenant()
    lab.create(_workload("DaemonSet", team))
    lab.cluster.kubectl("rollout", "status", "daemonset/daemonset", f"--namespace={team}", "--timeout=60s")
    assert len({each["spec"]["nodeName"] for each in lab.bound(team)}) == 3

    lab.nodes(1, cpu="2")
    eventually(
        "a pod on the new node", lambda: {each["spec"]["nodeName"] for each in lab.bound(team)}, lambda on: len(on) == 4
    )


def test_the_label_names_the_framework_that_is_charged_and_the_implicit_one_takes_the_rest(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(framework("web", team))
    lab.create(
        pod("named", team, labels={"entresol.dev/framework": "web"}),
        pod("unnamed", team),
        pod("astray", team, labels={"entresol.dev/framework": "nobody"}),
    )
    eventually("both are bound", lambda: len(lab.bound(team)), lambda number: number == 2)
    stamps = {each["metadata"]["name"]: charge(each, "entresol.dev/framework") for each in lab.bound(team)}
    assert {name: stamp.rpartition("/")[2] for name, stamp in stamps.items()} == {"named": "web", "unnamed": "default"}

    def condition() -> Json:
        conditions = lab.pod(team, "astray")["status"].get("conditions") or []
        return next((each for each in conditions if each["type"] == "PodScheduled"), {})

    waiting = eventually("why the third one waits", condition)
    assert (waiting["status"], waiting["reason"]) == ("False", "FrameworkNotFound")
    assert "nobody" in waiting["message"]


def test_a_gated_pod_waits_for_its_gates(lab: Lab) -> None:
    lab.nodes(1)
    team = lab.tenant()
    lab.create(pod("gated", team, spec=pod_spec(schedulingGates=[{"name": "example.com/quota"}])))
    stays("it is not bound", lambda: lab.bound(team), lambda bound: not bound)

    lab.merge("Pod", team, "gated", {"spec": {"schedulingGates": []}})
    eventually("it is bound", lambda: len(lab.bound(team)), lambda number: number == 1)


def test_pods_of_other_schedulers_are_counted_and_left_alone(lab: Lab) -> None:
    (node,) = lab.nodes(1, cpu="4")
    team = lab.tenant()
    foreign = {"schedulerName": "somebody-else", "nodeName": node, **pod_spec(requests_of("3"))}
    lab.create(pod("foreign", team, spec=foreign, annotations=FOREVER))
    lab.create(pod("unbound", team, spec={"schedulerName": "somebody-else", **pod_spec()}))
    lab.create(pod("ours-1", team), pod("ours-2", team))

    eventually("one of ours fits beside it", lambda: lab.held(team), lambda held: held == {team: 1})
    stays("and only one", lambda: lab.held(team), lambda held: held == {team: 1})
    assert not lab.pod(team, "unbound")["spec"].get("nodeName")

"""Where work may run when the situation changes: ports taken and freed, cordons, partitions."""

from tests.e2e.lab import Lab
from tests.e2e.patience import eventually
from tests.support.objects import FOREVER, framework, pod_spec, task


def test_a_pod_that_names_its_node_by_a_field_gets_it(lab: Lab) -> None:
    nodes = lab.nodes(3)
    team = lab.tenant()
    by_name = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [nodes[1]]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [by_name]}}
    lab.create(task("picky", team, spec=pod_spec(affinity={"nodeAffinity": required}), annotations=FOREVER))
    running = lab.until_task(team, "picky", lambda each: each.state == "TASK_RUNNING", "runs")
    assert running.status["nodeName"] == nodes[1]


def test_a_host_port_is_held_by_one_pod_of_a_node(lab: Lab) -> None:
    lab.nodes(2)
    team = lab.tenant()
    port = {"ports": [{"containerPort": 80, "hostPort": 8080}]}
    for index in range(3):
        lab.create(task(f"port-{index}", team, spec=pod_spec(container=port), annotations=FOREVER))
    other = {"ports": [{"containerPort": 80, "hostPort": 8080, "protocol": "UDP"}]}
    lab.create(task("udp", team, spec=pod_spec(container=other), annotations=FOREVER))

    lab.until_states(team, {"TASK_RUNNING": 3, "TASK_PENDING": 1})
    waiting = lab.until_task(team, "port-2", lambda each: bool(each.pending), "says why it waits")
    assert "8080" in waiting.pending["message"]
    lab.delete("Task", team, "port-0")
    lab.until_states(team, {"TASK_RUNNING": 3})


def test_a_cordon_and_its_end_take_effect_at_once(lab: Lab) -> None:
    (node,) = lab.nodes(1)
    lab.cluster.kubectl("cordon", node)
    team = lab.tenant()
    lab.tasks_for(team, 2, annotations=FOREVER)
    eventually("they wait", lambda: lab.states(team), lambda seen: seen in ({"": 2}, {"TASK_PENDING": 2}))
    lab.cluster.kubectl("uncordon", node)
    lab.until_states(team, {"TASK_RUNNING": 2})


def test_a_framework_stays_in_its_partition(lab: Lab) -> None:
    lab.nodes(1, prefix="inside", labels={"pool": "batch"}, cpu="2")
    lab.nodes(1, prefix="outside")
    team = lab.tenant()
    lab.create(framework("batch", team, nodeSelector={"pool": "batch"}))
    lab.tasks_for(team, 3, framework="batch", annotations=FOREVER)
    lab.until_states(team, {"TASK_RUNNING": 2, "TASK_PENDING": 1})
    assert {each["spec"]["nodeName"].rpartition("-")[0] for each in lab.bound(team)} == {"inside"}

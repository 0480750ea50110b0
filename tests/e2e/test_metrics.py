"""`/metrics` is clean by promtool's rules, agrees with the cluster, and names no task and no pod; health is told apart."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from devcluster import binaries
from devcluster.operator_process import OperatorProcess
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually
from tests.support.objects import FOREVER, pod, task

NAMED = "conspicuous"
"""Part of every name that must not show."""


@pytest.fixture
def busy(lab: Lab) -> tuple[Lab, str]:
    """A cluster with work that runs, that waits and that has ended, plain pods among it."""
    lab.nodes(2, cpu="2")
    team = lab.tenant()
    lab.tasks_for(team, 6, prefix=f"{NAMED}-task", annotations=FOREVER)
    lab.create(pod(f"{NAMED}-pod", team, annotations=FOREVER), task(f"{NAMED}-quick", team))
    lab.until_held({team: 4})
    return lab, team


def _samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def test_promtool_finds_nothing_to_say(busy: tuple[Lab, str], operator: OperatorProcess) -> None:
    text = operator.text("/metrics")
    command = [str(binaries.promtool()), "check", "metrics"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_labels_hold_no_task_pod_or_node_name(busy: tuple[Lab, str], operator: OperatorProcess) -> None:
    text = operator.text("/metrics")
    labels = {value for _, found, _ in _samples(text) for value in found.values()}
    assert not {value for value in labels if NAMED in value}
    assert not {value for value in labels if re.match(r"(node|pod|task)-", value)}
    uids = {value for value in labels if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value)}
    assert not uids


def test_every_name_of_ours_says_so(busy: tuple[Lab, str], operator: OperatorProcess) -> None:
    families = [family.name for family in text_string_to_metric_families(operator.text("/metrics"))]
    ours = [name for name in families if name.startswith("entresol_")]
    others = [name for name in families if not name.startswith(("entresol_", "python_", "process_"))]
    assert len(ours) >= 10
    assert others == []


def test_figures_agree_with_the_cluster(busy: tuple[Lab, str], operator: OperatorProcess) -> None:
    _, team = busy

    def shares() -> dict[str, float]:
        return {
            name: value for name, labels, value in _samples(operator.text("/metrics")) if labels.get("role") == team
        }

    found = eventually(
        "figures of the role", shares, lambda seen: seen.get("entresol_role_dominant_share_ratio") == 1.0
    )
    assert found["entresol_role_waiting_tasks"] == 4


def test_health_is_good_while_all_is_well(operator: OperatorProcess) -> None:
    operator.text("/livez")
    operator.text("/readyz")

"""Where work may run: what a pod says of nodes is honoured, for Tasks and for plain pods alike.

One situation, looked at row by row: each row is created as a Task and as a pod, and ends on one of the nodes it may use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.lab import Lab
from tests.e2e.patience import eventually
from tests.support.objects import FOREVER, pod, pod_spec, requests_of, task

Json = dict[str, Any]

GPU = "nvidia.com/gpu"
TAINT = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
EVICTING = {"key": "broken", "effect": "NoExecute"}


def _affinity(*terms: Json) -> Json:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {"affinity": {"nodeAffinity": required}}


def _expression(key: str, operator: str, *values: str) -> Json:
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


@dataclass(frozen=True)
class Row:
    """What a pod says, and the nodes (by their prefix) it may then be on."""

    want: set[str]
    spec: Json = field(default_factory=dict)
    resources: Json = field(default_factory=lambda: requests_of("100m"))


TOLERATES_CORDON = {"tolerations": [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]}
ROWS: Mapping[str, Row] = {
    "nothing said": Row({"fast", "slow", "gpu"}),
    "node selector": Row({"fast"}, {"nodeSelector": {"disk": "ssd"}}),
    "affinity In": Row({"slow"}, _affinity(_expression("disk", "In", "hdd", "tape"))),
    "affinity NotIn": Row({"slow", "gpu"}, _affinity(_expression("disk", "NotIn", "ssd"))),
    "affinity Exists": Row({"fast", "slow"}, _affinity(_expression("disk", "Exists"))),
    "affinity DoesNotExist": Row({"gpu"}, _affinity(_expression("disk", "DoesNotExist"))),
    "affinity Gt": Row({"fast"}, _affinity(_expression("iops", "Gt", "500"))),
    "affinity Lt": Row({"slow"}, _affinity(_expression("iops", "Lt", "500"))),
    "affinity with two terms, either of which may hold": Row(
        {"slow", "gpu"}, _affinity(_expression("disk", "In", "hdd"), _expression("disk", "DoesNotExist"))
    ),
    "selector and affinity, both of which must hold": Row(
        {"fast"}, {"nodeSelector": {"disk": "ssd"}, **_affinity(_expression("disk", "Exists"))}
    ),
    "a tolerated taint": Row(
        {"tainted"}, {"tolerations": [{**TAINT, "operator": "Equal"}], "nodeSelector": {"pool": "tainted"}}
    ),
    "a tolerated NoExecute taint": Row(
        {"evicting"}, {"tolerations": [{"key": "broken", "operator": "Exists"}], "nodeSelector": {"pool": "evicting"}}
    ),
    "a tolerated cordon": Row({"cordoned"}, {**TOLERATES_CORDON, "nodeSelector": {"pool": "cordoned"}}),
    "an extended resource": Row({"gpu"}, resources=requests_of("100m", **{GPU: "1"})),
}
NOWHERE: Mapping[str, Row] = {
    "a taint with another value": Row(
        set(), {"tolerations": [{**TAINT, "value": "web"}], "nodeSelector": {"pool": "tainted"}}
    ),
    "a NoExecute taint": Row(set(), {"nodeSelector": {"pool": "evicting"}}),
    "a cordon": Row(set(), {"nodeSelector": {"pool": "cordoned"}}),
    "more of an extended resource than any node has": Row(set(), resources=requests_of("100m", **{GPU: "9"})),
    "a label that no node has": Row(set(), {"nodeSelector": {"disk": "drum"}}),
    "an affinity term that says nothing selects nothing": Row(set(), _affinity({"matchExpressions": []})),
}


def _name(sentence: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in sentence.lower()).strip("-")[:40].strip("-")


@pytest.fixture(scope="module")
def placed(shared_lab: Lab) -> tuple[Lab, str]:
    """Six kinds of nodes, every row created twice, and the namespace they are in."""
    lab = shared_lab
    lab.nodes(1, prefix="fast", labels={"disk": "ssd", "iops": "900"})
    lab.nodes(1, prefix="slow", labels={"disk": "hdd", "iops": "90"})
    lab.nodes(1, prefix="gpu", extended={GPU: "4"})
    lab.nodes(1, prefix="tainted", labels={"pool": "tainted"}, taints=[TAINT])
    lab.nodes(1, prefix="evicting", labels={"pool": "evicting"}, taints=[EVICTING])
    (closed,) = lab.nodes(1, prefix="cordoned", labels={"pool": "cordoned"})
    lab.cluster.kubectl("cordon", closed)
    team = lab.tenant()
    for sentence, row in {**ROWS, **NOWHERE}.items():
        spec = pod_spec(row.resources, **row.spec)
        lab.create(
            task(f"{_name(sentence)}-task", team, spec=spec, annotations=FOREVER),
            pod(f"{_name(sentence)}-pod", team, spec={"schedulerName": "entresol", **spec}),
        )
    return lab, team


def _where(lab: Lab, team: str, sentence: str) -> list[str]:
    """The kinds of the nodes on which a row's Task and pod are."""
    prefix = _name(sentence)
    nodes = [each["spec"]["nodeName"] for each in lab.bound(team) if each["metadata"]["name"].startswith(prefix + "-")]
    return sorted(node.rpartition("-")[0] for node in nodes)


@pytest.mark.parametrize("sentence", ROWS)
def test_it_runs_where_it_may(placed: tuple[Lab, str], sentence: str) -> None:
    seen = eventually("Task and pod are bound", lambda: _where(*placed, sentence), lambda where: len(where) == 2)
    assert set(seen) <= ROWS[sentence].want


@pytest.mark.parametrize("sentence", NOWHERE)
def test_it_runs_nowhere_and_says_so(placed: tuple[Lab, str], sentence: str) -> None:
    lab, team = placed
    waiting = lab.until_task(team, f"{_name(sentence)}-task", lambda each: bool(each.pending), "says why it waits")
    assert waiting.pending["reason"] == "NeverFits"
    assert not _where(lab, team, sentence)

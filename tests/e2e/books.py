"""Does the operator believe what is true? Its page `/debug/state` against a fresh LIST, object by object and node by node."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from devcluster.operator_process import OperatorProcess
from tests.e2e.lab import Lab
from tests.support.arithmetic import Amounts, amounts, effective_requests, total
from tests.support.auditor import is_live, ours

Json = Mapping[str, Any]

_GROUP = "/apis/entresol.dev/v1alpha1"
_PATHS = {
    "tasks": _GROUP + "/tasks",
    "frameworks": _GROUP + "/frameworks",
    "frameworkroles": _GROUP + "/frameworkroles",
    "namespaces": "/api/v1/namespaces",
    "priorityclasses": "/apis/scheduling.k8s.io/v1/priorityclasses",
    "nodes": "/api/v1/nodes",
}


def differences(lab: Lab, operator: OperatorProcess) -> list[str]:
    """Every object and every node's account that the operator has otherwise than the API server; empty when quiet."""
    lists: dict[str, list[Json]] = {kind: lab.api.get(path)["items"] for kind, path in _PATHS.items()}
    pods: list[Json] = lab.api.get("/api/v1/pods")["items"]
    lists["pods"] = [pod for pod in pods if ours(pod)]
    lists["foreignpods"] = [pod for pod in pods if not ours(pod) and pod["spec"].get("nodeName") and is_live(pod)]
    believed = operator.json("/debug/state")
    found = [] if believed["kinds"].keys() == lists.keys() else [f"kinds: {sorted(believed['kinds'])}"]
    for kind, listed in lists.items():
        found += _versions(kind, believed["kinds"].get(kind, {}), listed)
    return found + _accounts(believed["agents"], lists)


def _versions(kind: str, believed: Mapping[str, str], listed: list[Json]) -> list[str]:
    true = {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in listed}
    names = {one["metadata"]["uid"]: one["metadata"]["name"] for one in listed}
    found = [f"{kind}: {uid} is gone, and held" for uid in believed.keys() - true.keys()]
    found += [f"{kind}: {names[uid]} is not held" for uid in true.keys() - believed.keys()]
    both = true.keys() & believed.keys()
    return found + [f"{kind}: {names[uid]} is held as it was" for uid in both if true[uid] != believed[uid]]


def _accounts(believed: Mapping[str, Json], lists: Mapping[str, list[Json]]) -> list[str]:
    nodes = {node["metadata"]["name"]: node for node in lists["nodes"]}
    found = [f"agent {name}: should not be there" for name in believed.keys() - nodes.keys()]
    for name, node in nodes.items():
        account = believed.get(name)
        if account is None:
            found.append(f"agent {name}: is missing")
            continue
        true = {
            "allocatable": _canonical(amounts(node["status"].get("allocatable"))),
            "ours": _held(name, lists["pods"]),
            "foreign": _held(name, lists["foreignpods"]),
        }
        found += [
            f"agent {name}: {key} is {account[key]}, not {true[key]}" for key in true if account[key] != true[key]
        ]
    return found


def _held(node: str, pods: list[Json]) -> dict[str, int]:
    there = [pod for pod in pods if pod["spec"].get("nodeName") == node and is_live(pod)]
    return _canonical(total(effective_requests(pod["spec"]) for pod in there))


def _canonical(exact: Amounts) -> dict[str, int]:
    """Thousandths of a core, else whole units; zero is as good as absent."""
    scaled = {name: amount * (1000 if name == "cpu" else 1) for name, amount in exact.items()}
    return {name: _whole(amount) for name, amount in sorted(scaled.items()) if amount}


def _whole(amount: Fraction) -> int:
    assert amount.denominator == 1, "amounts in these tests are whole in canonical units"
    return amount.numerator

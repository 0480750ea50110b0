"""May this pod be on this node? Kubernetes' rules for selectors, affinity, taints and host ports, written a second time.

Reads the API's JSON as it is. Knows nothing of Entresol, so that the auditor's verdict is its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

Json = Mapping[str, Any]


def objections(pod: Json, node: Json, *, taints: bool = True) -> Iterator[str]:
    """Every reason why the pod may not be on the node, room and ports aside."""
    spec, labels = pod["spec"], node["metadata"].get("labels") or {}
    for key, value in (spec.get("nodeSelector") or {}).items():
        if labels.get(key) != value:
            yield f"nodeSelector {key}={value}"
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if required and not any(_term_holds(term, node) for term in required["nodeSelectorTerms"]):
        yield "required node affinity"
    if taints:
        for taint in _taints(node):
            if not any(_tolerates(toleration, taint) for toleration in spec.get("tolerations") or ()):
                yield f"taint {taint['key']}:{taint['effect']}"


def port_clashes(pods: Iterable[Json]) -> Iterator[str]:
    """Every host port that two pods of one node hold at once."""
    held = [(pod["metadata"]["name"], port) for pod in pods for port in _host_ports(pod["spec"])]
    for (one, a), (other, b) in combinations(held, 2):
        same_address = "0.0.0.0" in (a[2], b[2]) or a[2] == b[2]
        if one != other and a[:2] == b[:2] and same_address:
            yield f"host port {a[0]}/{a[1]} of {one} and {other}"


def _taints(node: Json) -> Iterator[Json]:
    spec = node.get("spec") or {}
    listed = [taint for taint in spec.get("taints") or () if taint["effect"] in ("NoSchedule", "NoExecute")]
    yield from listed
    cordon = "node.kubernetes.io/unschedulable"
    if spec.get("unschedulable") and all(taint["key"] != cordon for taint in listed):
        yield {"key": cordon, "effect": "NoSchedule"}


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    key, exists = toleration.get("key") or "", toleration.get("operator") == "Exists"
    if not key:
        return exists
    return bool(key == taint["key"] and (exists or (toleration.get("value") or "") == (taint.get("value") or "")))


def _term_holds(term: Json, node: Json) -> bool:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    name = {"metadata.name": node["metadata"]["name"]}
    labels = node["metadata"].get("labels") or {}
    if not expressions and not fields:
        return False  # an empty term selects nothing
    return all(_holds(one, labels) for one in expressions) and all(_holds(one, name) for one in fields)


def _holds(requirement: Json, labels: Mapping[str, str]) -> bool:
    found, values = labels.get(requirement["key"]), requirement.get("values") or []
    match requirement["operator"]:
        case "In":
            return found in values
        case "NotIn":
            return found not in values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt":
            return found is not None and int(found) > int(values[0])
        case "Lt":
            return found is not None and int(found) < int(values[0])
        case unknown:
            raise ValueError(f"operator must be one of Kubernetes' six, not {unknown}")


def _host_ports(spec: Json) -> Iterator[tuple[int, str, str]]:
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    for container in [*sidecars, *spec["containers"]]:
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                yield port["hostPort"], port.get("protocol") or "TCP", port.get("hostIP") or "0.0.0.0"

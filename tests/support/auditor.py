"""The independent auditor: a fresh LIST of the cluster, judged with arithmetic of its own.

It promises the user's side of the product: no node over-committed, no task with two live pods, no limit passed, every
bound pod where it may be. It shares no code with the product, not even the names it looks for. What cannot be seen in
one LIST (how things came about) is the business of `tests.support.witness`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.admission import objections, port_clashes
from tests.support.arithmetic import Amounts, amounts, effective_requests, excess, total

Json = Mapping[str, Any]

SCHEDULER = "entresol"
GROUP = "entresol.dev"
CHARGED_ROLE = f"{GROUP}/role"
CHARGED_FRAMEWORK = f"{GROUP}/framework"
OVER = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The cluster as one LIST of each kind gives it, in the API's JSON."""

    nodes: tuple[Json, ...] = ()
    pods: tuple[Json, ...] = ()
    tasks: tuple[Json, ...] = ()
    frameworks: tuple[Json, ...] = ()
    roles: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """What a scenario did after the pods were bound, and which therefore proves nothing against them.

    Attributes:
        tainted: nodes that were cordoned or tainted later.
        relabelled: nodes whose labels were changed later.
        lowered: roles whose limit was lowered below what they held.
    """

    tainted: frozenset[str] = frozenset()
    relabelled: frozenset[str] = frozenset()
    lowered: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Node:
    object: Json
    pods: list[Json] = field(default_factory=list)


def findings(world: World, leave: Leave = Leave()) -> list[str]:
    """Everything that is wrong with the world, in sentences; empty when it is sound."""
    nodes = {node["metadata"]["name"]: _Node(node) for node in world.nodes}
    live = [pod for pod in world.pods if is_live(pod)]
    for pod in live:
        node = nodes.get(pod["spec"].get("nodeName", ""))
        if node:
            node.pods.append(pod)
    return [
        *_over_committed(nodes),
        *_inadmissible(nodes, world.frameworks, leave),
        *_two_live_pods(live),
        *_uncharged(live),
        *_limits_passed(live, world.roles, leave),
        *_orphans(live, world.tasks),
    ]


def is_live(pod: Json) -> bool:
    """Whether a pod still holds what it asked for: being deleted frees nothing."""
    return (pod.get("status") or {}).get("phase") not in OVER


def ours(pod: Json) -> bool:
    """Whether the pod is Entresol's to place."""
    return bool(pod["spec"].get("schedulerName") == SCHEDULER)


def owner_task(pod: Json) -> str | None:
    """UID of the Task that a pod is an attempt of."""
    for owner in pod["metadata"].get("ownerReferences") or ():
        if owner["kind"] == "Task" and owner["apiVersion"].startswith(f"{GROUP}/"):
            return str(owner["uid"])
    return None


def charge(pod: Json, key: str = CHARGED_ROLE) -> str:
    """Who pays for a pod, as stamped on it at launch; empty before that."""
    return str((pod["metadata"].get("annotations") or {}).get(key, ""))


def held_by_role(world: World) -> dict[str, Amounts]:
    """What each role holds, by the stamps on live bound pods."""
    held: dict[str, list[Amounts]] = defaultdict(list)
    for pod in world.pods:
        if is_live(pod) and ours(pod) and pod["spec"].get("nodeName"):
            held[charge(pod)].append(effective_requests(pod["spec"]))
    return {role: total(parts) for role, parts in held.items()}


def _over_committed(nodes: Mapping[str, _Node]) -> Iterator[str]:
    for name, node in nodes.items():
        room = amounts(node.object["status"].get("allocatable"))
        over = excess(total(effective_requests(pod["spec"]) for pod in node.pods), room)
        for resource, amount in over.items():
            # Pods by hand, without a scheduler, can be anywhere; ours must not be among those that do not fit.
            if any(ours(pod) for pod in node.pods):
                yield f"node {name} is over-committed by {float(amount):g} {resource} with {len(node.pods)} pods"


def _inadmissible(nodes: Mapping[str, _Node], frameworks: tuple[Json, ...], leave: Leave) -> Iterator[str]:
    partitions = {_full_name(one): one["spec"].get("nodeSelector") or {} for one in frameworks}
    for name, node in nodes.items():
        mine = [pod for pod in node.pods if ours(pod)]
        for clash in port_clashes(mine):
            yield f"node {name}: {clash}"
        if name in leave.relabelled:
            continue
        labels = node.object["metadata"].get("labels") or {}
        for pod in mine:
            for objection in objections(pod, node.object, taints=name not in leave.tainted):
                yield f"pod {_full_name(pod)} must not be on {name}: {objection}"
            for key, value in partitions.get(_framework(pod), {}).items():
                if labels.get(key) != value:
                    yield f"pod {_full_name(pod)} must not be on {name}: partition {key}={value}"


def _two_live_pods(live: list[Json]) -> Iterator[str]:
    by_task: dict[str, list[str]] = defaultdict(list)
    for pod in live:
        task = owner_task(pod)
        if task:
            by_task[task].append(_full_name(pod))
    for pods in by_task.values():
        if len(pods) > 1:
            yield f"one task has {len(pods)} live pods: {', '.join(sorted(pods))}"


def _uncharged(live: list[Json]) -> Iterator[str]:
    for pod in live:
        if ours(pod) and pod["spec"].get("nodeName") and not charge(pod):
            yield f"pod {_full_name(pod)} is bound but charged to nobody"


def _limits_passed(live: list[Json], roles: tuple[Json, ...], leave: Leave) -> Iterator[str]:
    held = held_by_role(World(pods=tuple(live)))
    for role in roles:
        name = role["metadata"]["name"]
        limit = amounts(role["spec"].get("limit"))
        if name in leave.lowered or not limit:
            continue
        relevant = {key: amount for key, amount in held.get(name, {}).items() if key in limit}
        for resource, amount in excess(relevant, limit).items():
            yield f"role {name} passes its limit by {float(amount):g} {resource}"


def _orphans(live: list[Json], tasks: tuple[Json, ...]) -> Iterator[str]:
    known = {task["metadata"]["uid"] for task in tasks}
    for pod in live:
        task = owner_task(pod)
        if task and task not in known and not pod["metadata"].get("deletionTimestamp"):
            yield f"pod {_full_name(pod)} runs for a task that does not exist"


def _framework(pod: Json) -> str:
    name = charge(pod, CHARGED_FRAMEWORK)
    return name if "/" in name else f"{pod['metadata']['namespace']}/{name}"


def _full_name(thing: Json) -> str:
    return f"{thing['metadata'].get('namespace', '')}/{thing['metadata']['name']}"

"""What the engine says of tasks, frameworks and roles -> patches of their status.

A status is built whole, as the structure that it is read with, and only what differs from the published one is sent; when
nothing does, there is no patch (None) and no request. Figures about waiting move all the time, and a kubelet that cannot
start a container says so in ever new sentences: while a task's state and reason stay, neither is news by itself
(decisions.md 17).

Patches of our kinds are merge patches (RFC 7386), those of pods strategic merge patches.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec.structs import replace

from entresol.engine.status import FrameworkStatus, RoleStatus, TaskStatus
from entresol.kube import wire_kinds, wire_pod
from entresol.kube.accounts import ledger_of, outdated
from entresol.kube.conditions import FALSE, TRUE, clipped, condition, renewed, timed
from entresol.kube.names import split_name
from entresol.kube.quantity import format_quantity
from entresol.kube.task_conditions import OWNED as OF_TASKS
from entresol.kube.task_conditions import task_conditions, task_message, task_reason
from entresol.kube.times import format_time
from entresol.kube.wire import Quantity, Wire
from entresol.kube.words import waiting_sentence
from entresol.model.resources import CPU, MEMORY, Resources
from entresol.model.tasks import TERMINAL, Attempt

_MAX_MESSAGE = 4096
_MAX_REASON = 128
_SHOWN_REQUESTS = (CPU, MEMORY)
_READY = "Ready"
_PLACEABLE = "GuaranteePlaceable"
_COUNTED = tuple(field.name for field in msgspec.structs.fields(wire_kinds.TaskCounts))


def task_patch(status: TaskStatus, observed: wire_kinds.Task, at: float) -> bytes | None:
    """The patch of a Task's status.

    It carries the resource version of what it was compared with, so that a stale picture, or a namesake that was made
    since, is answered by 409 instead of being overwritten: then render again from the newest observation.
    """
    before = observed.status
    wanted = wire_kinds.TaskStatus(
        observed_generation=status.generation,
        state=status.record.state,
        reason=clipped(task_reason(status), _MAX_REASON),
        message=clipped(task_message(status), _MAX_MESSAGE),
        attempt=status.record.attempt,
        failures=status.record.failures,
        pod_name=split_name(status.pod)[1],
        pod_uid=status.pod_id or "",
        node_name=status.agent or "",
        start_time=_time(status.record.started),
        finish_time=_time(status.record.finished),
        last_attempt=_last_attempt(status.record.last),
        pending=_pending(status),
        requests=_quantities(status.demand.only(_SHOWN_REQUESTS)),
        conditions=renewed(before.conditions, task_conditions(status), OF_TASKS, at),
    )
    if _without_figures(wanted) == _without_figures(before):
        return None
    version = observed.metadata.resource_version
    return _patch(before, wanted, {"metadata": {"resourceVersion": version}} if version else {})


def framework_patch(status: FrameworkStatus, observed: wire_kinds.Framework, at: float) -> bytes | None:
    """The patch of a Framework's status."""
    generation, before = observed.metadata.generation, observed.status
    if status.trouble is None:
        ready = condition(_READY, TRUE, "Accepted", "Its work is granted resources in its turn.", generation)
    else:
        ready = condition(_READY, FALSE, status.trouble.reason.value, waiting_sentence(status.trouble), generation)
    wanted = wire_kinds.FrameworkStatus(
        observed_generation=generation,
        role=status.role,
        tasks=_counts(status.counts),
        allocated=_quantities(status.held),
        dominant_share=_share(status.share.fraction),
        dominant_resource=status.share.resource,
        entitlement=_share(status.entitlement),
        head=_head(status.head),
        conditions=renewed(before.conditions, (ready,), (_READY,), at),
    )
    return _patch(before, wanted)


def role_patch(
    status: RoleStatus, observed: wire_kinds.FrameworkRole, at: float, *, last: bool = False
) -> bytes | None:
    """The patch of a FrameworkRole's status.

    Its ledger grows all the time: it rides along with other news, is written alone only when that has not happened for
    a while, and with the `last` words of an operator that ends.
    """
    generation, before = observed.metadata.generation, observed.status
    ready = condition(_READY, TRUE, "Accepted", "The role takes part in the division of the cluster.", generation)
    if status.guarantee_fits:
        placeable = condition(
            _PLACEABLE, TRUE, "CapacitySuffices", "The cluster is large enough for all guarantees together.", generation
        )
    else:
        placeable = condition(
            _PLACEABLE,
            FALSE,
            "GuaranteesExceedCapacity",
            "The guarantees of all roles together are more than the cluster has; they are served in the order of shares.",
            generation,
        )
    ledger = before.ledger if status.account is None else ledger_of(status.account)
    wanted = wire_kinds.RoleStatus(
        observed_generation=generation,
        allocated=_quantities(status.held),
        dominant_share=_share(status.share.fraction),
        dominant_resource=status.share.resource,
        entitlement=_share(status.entitlement),
        floor=_share(status.floor),
        pending_tasks=status.waiting,
        placeable_tasks=status.placeable,
        frameworks=status.frameworks,
        ledger=ledger,
        conditions=renewed(before.conditions, (ready, placeable), (_READY, _PLACEABLE), at),
    )
    if not (last or outdated(before.ledger, ledger)) and replace(wanted, ledger=before.ledger) == before:
        return None
    return _patch(before, wanted)


def waiting_pod_patch(status: TaskStatus, observed: wire_pod.Pod, at: float) -> bytes | None:
    """The condition PodScheduled of a plain pod that waits; None when it does not wait, or this is said already.

    `Unschedulable` makes autoscalers add nodes, so it is said only where that would help.
    """
    if status.waiting is None or observed.spec.node_name:
        return None
    reason = "Unschedulable" if status.more_agents_help else status.waiting.reason.value
    before = next((c for c in observed.status.conditions if c.type == "PodScheduled"), None)
    if before is not None and (before.status, before.reason) == (FALSE, reason):
        return None
    wanted = condition("PodScheduled", FALSE, reason, waiting_sentence(status.waiting), observed.metadata.generation)
    body = {"metadata": {"uid": observed.metadata.uid}, "status": {"conditions": [timed(wanted, before, at)]}}
    return msgspec.json.encode(body)


def merge_patch(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What must be sent so that `before` becomes `wanted`: differences, and null for what must go (RFC 7386)."""
    patch: dict[str, Any] = {name: None for name in before if name not in wanted}
    for name, value in wanted.items():
        known = before.get(name)
        if isinstance(value, dict) and isinstance(known, dict):
            if inner := merge_patch(known, value):
                patch[name] = inner
        elif name not in before or value != known:
            patch[name] = value
    return patch


def _patch(before: Wire, wanted: Wire, head: Mapping[str, Any] = MappingProxyType({})) -> bytes | None:
    status = merge_patch(msgspec.to_builtins(before), msgspec.to_builtins(wanted))
    return msgspec.json.encode({**head, "status": status}) if status else None


def _without_figures(status: wire_kinds.TaskStatus) -> wire_kinds.TaskStatus:
    """A status without what moves while the task's state and reason stay; an end is told word for word."""
    if status.state in TERMINAL:
        return status
    return replace(
        status,
        message="",
        pending=status.pending and replace(status.pending, message="", passed_over=0),
        conditions=tuple(replace(condition, message="") for condition in status.conditions),
    )


def _pending(status: TaskStatus) -> wire_kinds.PendingStatus | None:
    if status.waiting is None:
        return None
    return wire_kinds.PendingStatus(
        reason=status.waiting.reason.value,
        message=clipped(waiting_sentence(status.waiting), _MAX_MESSAGE),
        since=_time(status.since),
        passed_over=status.passed_over,
    )


def _last_attempt(last: Attempt | None) -> wire_kinds.LastAttempt | None:
    if last is None:
        return None
    return wire_kinds.LastAttempt(
        attempt=last.number,
        state=last.state,
        reason=clipped(last.reason, _MAX_REASON),
        message=clipped(last.message, _MAX_MESSAGE),
        exit_code=last.exit_code,
        node_name=last.agent or "",
        pod_name=split_name(last.pod)[1],
        charged=last.charged,
        finish_time=_time(last.finished or None),
    )


def _head(head: TaskStatus | None) -> wire_kinds.HeadStatus | None:
    if head is None or head.waiting is None:
        return None
    return wire_kinds.HeadStatus(
        task=head.name,
        reason=head.waiting.reason.value,
        message=clipped(waiting_sentence(head.waiting), _MAX_MESSAGE),
        since=_time(head.since),
    )


def _counts(counts: Mapping[str, int]) -> wire_kinds.TaskCounts:
    """Counts by state; a state that the definition does not name is not shown."""
    return wire_kinds.TaskCounts(**{name: counts.get(f"TASK_{name.upper()}", 0) for name in _COUNTED})


def _quantities(amounts: Resources) -> dict[str, Quantity]:
    return {name: format_quantity(name, amount) for name, amount in amounts}


def _share(fraction: float) -> str:
    return f"{max(0.0, fraction):.4f}"


def _time(at: float | None) -> str:
    return "" if at is None else format_time(at)

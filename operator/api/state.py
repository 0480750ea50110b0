"""The figures of the moment as JSON: what `entresol shares`, the demonstration and the tests read.

Amounts are whole numbers in canonical units: thousandths of a core, bytes, pieces. Held means held in the books, so
launches that are decided but not confirmed count, as they do for everybody's turn.
"""

from typing import Any

from entresol.allocator.shares import Dominant
from entresol.engine.status import FrameworkStatus, RoleStatus, Summary, TaskStatus
from entresol.model.resources import Resources
from entresol.runtime.driver import Driver, Room

Json = dict[str, Any]


def state_of(driver: Driver) -> Json:
    """The page `/state`."""
    picture = driver.picture()
    summary: Summary = picture.summary or driver.summary()
    return {
        "ready": driver.ready,
        "agents": summary.agents,
        "totals": _amounts(summary.totals),
        "offers": summary.offers,
        "launches": summary.launches,
        "deeds": picture.deeds,
        "roles": [_role(role) for role in summary.roles],
        "frameworks": [_framework(framework) for framework in summary.frameworks],
        "waiting": [
            {"framework": framework, "reason": reason, "count": count}
            for (framework, reason), count in sorted(summary.reasons.items())
        ],
    }


def debug_state_of(driver: Driver) -> Json:
    """The page `/debug/state`: everything held in memory by version, and the ledger agent by agent.

    A test compares it with a list from the API server. Names and UIDs of everybody's objects are on it, which is why it
    is only shown to this machine.
    """
    return {
        "ready": driver.ready,
        "kinds": driver.world.versions(),
        "lists": {name: stream.lists for name, stream in driver.world.streams().items()},
        "agents": {agent: _room(room) for agent, room in driver.rooms().items()},
    }


def _role(role: RoleStatus) -> Json:
    return {
        "name": role.id,
        "weight": role.weight,
        **_share(role.share),
        "entitlement": role.entitlement,
        "floor": role.floor,
        "held": _amounts(role.held),
        "wanted": _amounts(role.wanted),
        "waiting": role.waiting,
        "placeable": role.placeable,
        "frameworks": role.frameworks,
        "guaranteeFits": role.guarantee_fits,
        "guaranteeUnmet": role.guarantee_unmet,
        "oldestWaitSeconds": role.oldest_wait,
    }


def _framework(framework: FrameworkStatus) -> Json:
    return {
        "name": framework.id,
        "role": framework.role,
        **_share(framework.share),
        "entitlement": framework.entitlement,
        "held": _amounts(framework.held),
        "tasks": dict(framework.counts),
        "head": _head(framework.head),
        "trouble": framework.trouble.reason.value if framework.trouble is not None else "",
    }


def _head(head: TaskStatus | None) -> Json | None:
    """The task that is first in line, and why it waits."""
    if head is None or head.waiting is None:
        return None
    return {"task": head.name, "reason": head.waiting.reason.value, "since": head.since}


def _share(share: Dominant) -> Json:
    return {"share": share.fraction, "resource": share.resource}


def _room(room: Room) -> Json:
    return {
        "allocatable": _amounts(room.allocatable),
        "ours": _amounts(room.ours),
        "foreign": _amounts(room.foreign),
    }


def _amounts(resources: Resources) -> dict[str, int]:
    return dict(resources)

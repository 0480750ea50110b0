"""Why a room found no agent: every agent under the first thing that stands in its way.

The order makes the answer useful: first what stays (barriers of the ground, then size), then what passes (agents to
avoid, host ports, refusals, and last of all tasks that run). See `model.reasons.Shortage`.
"""

from collections.abc import Iterable

import numpy as np

from entresol.allocator.placement.floor import Floor
from entresol.allocator.placement.kind import Room
from entresol.allocator.placement.matrix import Amounts, Mask
from entresol.model.constraints import Barrier, Exclusion
from entresol.model.reasons import Shortage


def diagnose(floor: Floor, room: Room) -> Shortage:
    """Explain why no agent has room, as the floor stands now."""
    floor.synced()
    matrix, kind = floor.matrix, room.kind
    names = matrix.axes.names
    left = kind.ground.open(matrix).copy()
    excluded = kind.ground.exclusions(matrix)
    too_small = _short(left, matrix.size, kind.pairs)
    excluded += _strike(left, Barrier.AVOIDED, "", floor.avoided(kind))
    for port in kind.ports:
        detail = f"{port.port}/{port.protocol}"
        excluded += _strike(left, Barrier.PORT, detail, floor.clashing((port,)))
    excluded += _strike(left, Barrier.REFUSED, "", room.refused)
    busy = _short(left, floor.free, kind.pairs)
    if left.any():
        raise AssertionError("a room was called dead although an agent has room")
    return Shortage(
        agents=len(matrix.views),
        excluded=tuple(sorted(excluded, key=lambda item: (-item[1], item[0].barrier.value, item[0].detail))),
        too_small=_named(names, too_small),
        busy=_named(names, busy),
    )


def _short(left: Mask, amounts: Amounts, pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Strike out the agents that have too little, each for the first resource it lacks."""
    counts = []
    for i, amount in pairs:
        lacking = left & (amounts[i] < amount)
        if count := int(np.count_nonzero(lacking)):
            left &= ~lacking
            counts.append((i, count))
    return counts


def _strike(left: Mask, barrier: Barrier, detail: str, agents: Iterable[int]) -> list[tuple[Exclusion, int]]:
    """Strike out these agents, as far as nothing else stood in their way before."""
    hit = [agent for agent in agents if left[agent]]
    left[hit] = False
    return [(Exclusion(barrier, detail), len(hit))] if hit else []


def _named(names: tuple[str, ...], counts: list[tuple[int, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(((names[i], count) for i, count in counts), key=lambda item: (-item[1], item[0])))

"""Placement policies: which agent a unit prefers among those that have room for it.

Each is arithmetic on fractions of the cluster and needs no array library: what adds and multiplies numbers does the
same to rows of them. Sums go from the first resource to the last, so that every run rounds alike. Work stays off agents
with scarce resources it has no use for under every policy; the allocator sees to that.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from entresol.model.policy import Free, Placement


def balanced(demand: Sequence[float], free: Sequence[Free], /) -> Free:
    """The agent whose free resources are shaped like the demand, and of those the one this unit fills up.

    Three things decide, and only what is asked counts. None depends on how large the cluster or its agents are:

    * *shape*, the squared cosine between demand and free resources. CPU-heavy work goes where CPU is left over and
      memory-heavy work where memory is, so that neither is stranded;
    * *room*, how many units are free along the demand. Shape counts by its square root: a good fit is worth more where
      there is much of it;
    * *closing*, for each resource the square of the part of it that the unit takes. It is next to nothing while there
      is room for many units and decides when there is room for few: then agents are filled to the brim one after the
      other. Otherwise all of them keep crumbs, and large units find no agent although there is room for them.

    A unit that asks for nothing likes all agents equally.
    """
    along, size, closing = free[0] * 0.0, free[0] * 0.0, free[0] * 0.0
    asked = 0.0
    for have, want in zip(free, demand, strict=True):
        if want:
            part = want / have
            along = along + have * want
            size = size + have * have
            closing = closing + part * part
            asked += want * want
    if not asked:
        return along
    shape, room = along * along / (asked * size), along / asked
    score: Free = shape * room**0.5 + closing
    return score


def spread(demand: Sequence[float], free: Sequence[Free], /) -> Free:
    """The agent with the most free of what is asked, so that a failing agent takes little with it."""
    score = free[0] * 0.0
    for have, want in zip(free, demand, strict=True):
        if want:
            score = score + have
    return score


def pack(demand: Sequence[float], free: Sequence[Free], /) -> Free:
    """The agent with the least free of what is asked, so that other agents stay empty for large units."""
    return -spread(demand, free)


PLACEMENTS: Mapping[str, Placement] = MappingProxyType({"Balanced": balanced, "Pack": pack, "Spread": spread})
"""Every placement policy by the name that a Framework states."""

"""Placement policies: which agent a unit prefers among those that have room for it.

Each is arithmetic on fractions of the cluster and needs no array library: what adds and multiplies numbers does the
same to rows of them. Sums go from the first resource to the last, so both ways round alike. Work stays off agents with
scarce resources it has no use for under every policy; the allocator sees to that.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from entresol.model.policy import Free, Placement


def balanced(demand: Sequence[float], free: Sequence[Free], /) -> Free:
    """The agent whose free resources point the same way as the demand (dot product).

    CPU-heavy work goes where CPU is left over and memory-heavy work where memory is, so that neither is stranded. In a
    mixed cluster this holds more of what tenants are due than any other policy here.
    """
    score = free[0] * demand[0]
    for have, want in zip(free[1:], demand[1:], strict=True):
        score = score + have * want
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

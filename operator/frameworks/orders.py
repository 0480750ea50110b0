"""Task orders: which of its own waiting units a built-in framework runs next.

An order turns a unit's urgency into numbers, the smallest first. Among equals the older unit goes first and then the
name, which the caller adds, so every order is total whatever is written here. Orders never act across frameworks.
"""

from collections.abc import Mapping
from math import inf
from types import MappingProxyType

from entresol.model.policy import Order, Urgency


def fifo(_urgency: Urgency) -> tuple[float, ...]:
    """First come, first served."""
    return ()


def priority(urgency: Urgency) -> tuple[float, ...]:
    """The highest priority first."""
    return (-urgency.priority,)


def shortest_first(urgency: Urgency) -> tuple[float, ...]:
    """The shortest expected run time first, which keeps the mean wait lowest; unknown run times go last."""
    return (inf if urgency.runtime is None else urgency.runtime,)


ORDERS: Mapping[str, Order] = MappingProxyType({"Fifo": fifo, "Priority": priority, "ShortestFirst": shortest_first})
"""Every task order by the name that a Framework states."""

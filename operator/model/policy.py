"""What a policy is: the small functions that turn the allocator's mechanism into a particular scheduler.

The allocator and the engine know only these types. `frameworks` implements orders and placements, `allocator.ordering`
the share functions, and `app` puts a `Policy` together: that is where level two meets level one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Free = TypeVar("Free", float, "NDArray[np.float64]")
"""The free part of one resource: of one agent, or of all of them at once."""


@dataclass(frozen=True, slots=True)
class Urgency:
    """What an order may look at.

    Attributes:
        priority: larger goes first, where priorities count.
        runtime: expected seconds of work; None when nobody said.
    """

    priority: int = 0
    runtime: float | None = None


Order: TypeAlias = Callable[[Urgency], tuple[float, ...]]
"""The policy part of a unit's rank: smaller goes first. Creation time and name break ties, so order stays total."""


class Placement(Protocol):
    """Scores agents for one class.

    `demand` and `free` go resource by resource in a fixed order, each as a fraction of the cluster's total. An entry of
    `free` holds one number per agent; the same function is called with bare numbers to score a single agent again, so
    it must be arithmetic that treats every agent alone. A higher score is chosen first, ties go by the agent's name.
    Only agents with room are scored: what is asked is there, so an amount may be divided by what is free of it.
    A placement sees only what it may rank by: it cannot place anything itself.
    """

    def __call__(self, demand: Sequence[float], free: Sequence[Free], /) -> Free:
        """One finite score per agent."""
        ...


ShareFunction: TypeAlias = Callable[[Sequence[int], Sequence[int], Sequence[float]], float]
"""A holder's unweighted key: `(held, next demand, 1 / cluster total)`, by resource; excluded or absent resources have
zero in the last argument. The holder with the smallest key, divided by its weight, is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything about allocation that an operator can choose, resolved by name when the process starts.

    Attributes:
        share: how holders are ordered (`FinalShare`, `CurrentShare`).
        orders: task orders inside a framework, by name.
        placements: agent rankings, by name.
        excluded: resources that count in nobody's share (they still must fit).
        implicit_roles: whether the role named like a namespace exists there without an object.
        served: the namespaces whose work is served; none means all of them.
        grants_per_cycle: at most so many units are placed in one cycle: about half a second of binding, so that what
            is decided is never much older than the world it was decided on.
        grants_per_step: at most so many units in one partial plan, so that one synchronous step stays short.
    """

    share: ShareFunction
    orders: Mapping[str, Order]
    placements: Mapping[str, Placement]
    excluded: frozenset[str] = frozenset()
    implicit_roles: bool = True
    served: frozenset[str] = frozenset()
    grants_per_cycle: int = 1000
    grants_per_step: int = 200

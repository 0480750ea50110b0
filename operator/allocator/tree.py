"""Whose turn it is: a tree of holders, each level in order of its key.

    root ── roles ── namespaces of a role ── frameworks

A holder is due when it is its parent's child with the smallest key, and its key is worked out with the next unit of
the framework that is due *inside* it. The tree knows no levels: a holder has a weight, what it holds, perhaps a
guarantee, and a parent. Roles inside roles are one more level and nothing else.

Each parent keeps a heap of its children's keys; a key names its holder. A key that was replaced is recognised when it
surfaces, because it is not its holder's key any more, and the first key of every heap is true at all times. So a grant
costs O(log n) per level, and holders that want nothing cost nothing at all.

The tree knows neither agents nor queues: it is told each framework's next unit as a demand and the time it has waited.
"""

from collections.abc import Sequence
from heapq import heappop, heappush, heapreplace
from typing import Optional

from entresol.allocator.plan import Key
from entresol.model.policy import ShareFunction

_new = tuple.__new__
"""What calling `Key` comes down to, without two frames in between. A grant makes three."""


class Holder:
    """One node: who holds a share.

    Attributes:
        held: what it holds, its own children's included. An only child that holds as much as its parent shares the
            parent's list, so that a chain of such holders is charged, and its share worked out, once.
        guarantee: what it may claim in the first tier, as (position, amount); None at levels that have no tiers.
        demand: its next unit, or that of its due descendant; None while nothing in it waits for a turn.
        since: when that unit began to wait.
        key: its current place among its siblings; None while nothing in it waits.
    """

    __slots__ = ("children", "demand", "guarantee", "heap", "held", "key", "name", "parent", "since", "weight")

    def __init__(
        self,
        name: str,
        parent: Optional["Holder"],
        held: list[int],
        weight: int = 1,
        guarantee: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        self.name = name
        self.parent = parent
        self.held = held
        self.weight = weight
        self.guarantee = guarantee
        self.demand: list[int] | None = None
        self.since = 0.0
        self.key: Key | None = None
        self.heap: list[Key] = []
        self.children: dict[str, Holder] = {}
        if parent is not None:
            parent.children[name] = self

    def tier(self, demand: Sequence[int]) -> int:
        """At a level that has tiers: 0 while the unit stays inside the guarantee, else 1.

        To stay inside it must ask for something that is guaranteed (decision 3).
        """
        tier = 1
        for i, most in self.guarantee or ():
            if demand[i]:
                if self.held[i] + demand[i] > most:
                    return 1
                tier = 0
        return tier

    def due(self) -> Optional["Holder"]:
        """The child whose turn it is; drops the keys before its that are nobody's any more."""
        heap, children = self.heap, self.children
        while heap:
            first = heap[0]
            child = children[first.name]
            if child.key is first:
                return child
            heappop(heap)
        return None


class Tree:
    """All holders of one cycle, in order."""

    __slots__ = ("_inverse", "_share", "root")

    def __init__(self, share: ShareFunction, inverse: Sequence[float]) -> None:
        self._share = share
        self._inverse = inverse
        self.root = Holder("", None, [])

    def due(self) -> tuple[Holder, tuple[Key, ...]] | None:
        """The leaf whose turn it is and the keys that say so, the topmost first; None when nothing may be granted."""
        holder, keys = self.root, []
        while heap := holder.heap:
            key = heap[0]
            keys.append(key)
            holder = holder.children[key.name]
        return (holder, tuple(keys)) if keys else None

    def next_unit(
        self,
        leaf: Holder,
        demand: list[int] | None,
        since: float = 0.0,
        charged: Sequence[tuple[int, int]] = (),
    ) -> None:
        """State a leaf's next unit, and put everything above it in order.

        `charged` is what the leaf was granted just now, as (position, amount); it is booked all the way up.
        """
        inverse, share_of = self._inverse, self._share
        leaf.demand, leaf.since = demand, since
        holder, parent, held, share = leaf, leaf.parent, None, 0.0
        while parent is not None:
            if holder.held is not held:
                held = holder.held
                for i, amount in charged:
                    held[i] += amount
                if demand is not None:
                    share = share_of(held, demand, inverse)
            before, heap = holder.key, parent.heap
            if demand is None:
                holder.key = None
            else:
                tier = 0 if holder.guarantee is None else holder.tier(demand)
                holder.key = key = _new(Key, (tier, share / holder.weight, since, holder.name))
                if heap and heap[0] is before:
                    heapreplace(heap, key)
                else:
                    heappush(heap, key)
            due = parent.due()
            if due is None:
                demand = None
            elif due is not holder:
                demand, since = due.demand, due.since
            parent.demand, parent.since = demand, since
            holder, parent = parent, parent.parent

    @staticmethod
    def keys(leaf: Holder) -> tuple[Key, ...]:
        """The keys from the topmost level down to the leaf's own."""
        path: list[Key] = []
        holder: Holder | None = leaf
        while holder is not None and holder.key is not None:
            path.append(holder.key)
            holder = holder.parent
        return tuple(reversed(path))

"""Whose turn it is: a tree of holders, each level in order of its key.

    root ── roles ── namespaces of a role ── frameworks

A holder is due when it is its parent's child with the smallest key, and its key is worked out with the next unit of
the framework that is due *inside* it. The tree knows no levels: a holder has a weight, what it holds, perhaps a
guarantee, and a parent. Roles inside roles are one more level and nothing else.

Each parent keeps a heap of its children's keys. A key that changed is pushed again and the old entry is recognised by
its stamp when it surfaces, so a grant costs O(log n) per level, and holders that want nothing cost nothing at all.

The tree knows neither agents nor queues: it is told each framework's next unit as a demand and the time it has waited.
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Optional, TypeAlias

from entresol.allocator.plan import Key
from entresol.model.policy import ShareFunction

Entry: TypeAlias = tuple[Key, int, "Holder"]


class Holder:
    """One node: who holds a share.

    Attributes:
        held: what it holds, its own children's included.
        guarantee: what it may claim in the first tier, as (position, amount); None at levels that have no tiers.
        demand: its next unit, or that of its due descendant; None while nothing in it waits for a turn.
        since: when that unit began to wait.
        key: its current place among its siblings; meaningless while `demand` is None.
    """

    __slots__ = ("demand", "guarantee", "heap", "held", "key", "name", "parent", "since", "stamp", "weight")

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
        self.key = Key(0, 0.0, 0.0, name)
        self.stamp = 0
        self.heap: list[Entry] = []

    def tier(self, demand: Sequence[int]) -> int:
        """0 while the unit stays inside the guarantee; it must ask for something that is guaranteed (decision 3)."""
        if self.guarantee is None:
            return 0
        tier = 1
        for i, most in self.guarantee:
            if demand[i]:
                if self.held[i] + demand[i] > most:
                    return 1
                tier = 0
        return tier

    def due(self) -> Optional["Holder"]:
        """The child whose turn it is."""
        heap = self.heap
        while heap:
            _, stamp, child = heap[0]
            if stamp == child.stamp:
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

    def due(self) -> Holder | None:
        """The leaf whose turn it is, or None when no leaf has a unit that may be granted."""
        holder, child = None, self.root.due()
        while child is not None:
            holder, child = child, child.due()
        return holder

    def next_unit(self, leaf: Holder, demand: list[int] | None, since: float = 0.0) -> None:
        """State a leaf's next unit and put everything above it in order; also after anything it holds has changed."""
        leaf.demand, leaf.since = demand, since
        holder = leaf
        while (parent := holder.parent) is not None:
            holder.stamp += 1
            if (wanted := holder.demand) is not None:
                share = self._share(holder.held, wanted, self._inverse) / holder.weight
                holder.key = Key(holder.tier(wanted), share, holder.since, holder.name)
                heappush(parent.heap, (holder.key, holder.stamp, holder))
            due = parent.due()
            if due is None:
                parent.demand = None
            else:
                parent.demand, parent.since = due.demand, due.since
            holder = parent

    @staticmethod
    def charge(leaf: Holder, demand: Sequence[int]) -> None:
        """Book one unit on the leaf and on everything above it."""
        holder = leaf
        while (parent := holder.parent) is not None:
            held = holder.held
            for i, amount in enumerate(demand):
                if amount:
                    held[i] += amount
            holder = parent

    @staticmethod
    def keys(leaf: Holder) -> tuple[Key, ...]:
        """The keys from the topmost level down to the leaf's own."""
        path = [leaf.key]
        holder = leaf.parent
        while holder is not None and holder.parent is not None:
            path.append(holder.key)
            holder = holder.parent
        return tuple(reversed(path))

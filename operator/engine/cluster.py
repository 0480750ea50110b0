"""The agents, and the denominator of every share.

The denominator is the sum, over agents that count, of allocatable less what foreign pods take there, never below zero
(decisions.md 4). An agent counts while it is open and ready, while it still carries charged work, and for a grace
period after it stopped being ready: without the grace one flapping GPU node would reorder every tenant.

A node that is no member is no agent, with one exception: while it carries charged work (it was a member when that was
launched) it counts as a drained agent does. So a label that somebody edits neither loses work nor frees what is in use.
"""

from bisect import bisect_left
from dataclasses import dataclass

from entresol.allocator.snapshot import AgentView
from entresol.engine.ledger import NOTHING, Ledger
from entresol.model.agents import Agent
from entresol.model.identifiers import AgentId
from entresol.model.resources import Resources


@dataclass(slots=True)
class _Entry:
    """One agent, with memos that are dropped whenever something about it changes.

    Attributes:
        unready_since: when it was first seen not ready; None while it is ready.
        counted: its present part of the denominator.
        view: what the allocator was last shown, as long as it is still true.
    """

    agent: Agent
    unready_since: float | None = None
    counted: Resources = NOTHING
    view: AgentView | None = None


class Cluster:
    """Agents by id, their views, and the running denominator."""

    def __init__(self, ledger: Ledger, unready_grace: float) -> None:
        self._ledger = ledger
        self._grace = unready_grace
        self._entries: dict[AgentId, _Entry] = {}
        self._totals: dict[str, int] = {}
        self._stale: set[AgentId] = set()
        self._unready: dict[AgentId, float] = {}
        self._sorted: list[AgentId] = []
        self._views: tuple[AgentView, ...] = ()
        self._outdated: set[AgentId] | None = None
        """Agents whose view may be another one than in `_views`; None when agents came or went."""

    def __contains__(self, agent: AgentId) -> bool:
        """Whether there is such a node, be it a member or not: what runs there is not lost."""
        return agent in self._entries

    def __len__(self) -> int:
        """How many agents there are."""
        return sum(entry.agent.member for entry in self._entries.values())

    def get(self, agent: AgentId) -> Agent | None:
        """The agent as last observed."""
        entry = self._entries.get(agent)
        return entry.agent if entry else None

    def observe(self, agent: Agent, at: float) -> bool:
        """Take in what a Node says; True when anything changed."""
        entry = self._entries.get(agent.id)
        if entry is not None and entry.agent == agent:
            return False
        if entry is None:
            entry = self._entries[agent.id] = _Entry(agent)
            self._outdated = None
        if entry.agent.member != agent.member:
            self._outdated = None
        entry.agent = agent
        if agent.ready:
            entry.unready_since = None
            self._unready.pop(agent.id, None)
        elif entry.unready_since is None:
            entry.unready_since = at
            self._unready[agent.id] = at + self._grace
        self.touch(agent.id)
        return True

    def remove(self, agent: AgentId) -> bool:
        """The Node is gone and leaves the denominator at once; True when it was known."""
        entry = self._entries.pop(agent, None)
        if entry is None:
            return False
        self._outdated = None
        self._unready.pop(agent, None)
        self._stale.discard(agent)
        self._count(entry.counted, NOTHING)
        return True

    def touch(self, agent: AgentId | None) -> None:
        """Something about this agent, or what is on it, changed."""
        if agent is not None and agent in self._entries:
            entry = self._entries[agent]
            entry.view = None
            self._stale.add(agent)
            if self._outdated is not None and entry.agent.member:
                self._outdated.add(agent)

    def expire(self, at: float) -> bool:
        """End the grace of agents that have been unready too long; True when any ended."""
        over = [agent for agent, until in self._unready.items() if until <= at]
        for agent in over:
            del self._unready[agent]
            self._stale.add(agent)
        return bool(over)

    def next_expiry(self) -> float | None:
        """When the next grace period ends."""
        return min(self._unready.values(), default=None)

    def totals(self) -> Resources:
        """The denominator, now."""
        for agent in self._stale:
            entry = self._entries[agent]
            share = self.contribution(agent)
            self._count(entry.counted, share)
            entry.counted = share
        self._stale.clear()
        return Resources.of(self._totals)

    def contribution(self, agent: AgentId) -> Resources:
        """One agent's part of the denominator, worked out anew."""
        entry = self._entries[agent]
        usage = self._ledger.usage(agent)
        in_grace = entry.unready_since is None or agent in self._unready
        if (entry.agent.member and entry.agent.open and in_grace) or usage.ours:
            return entry.agent.allocatable.without(usage.foreign)
        return NOTHING

    def view(self, agent: AgentId) -> AgentView:
        """What the allocator sees of one agent; the same object until something about it changes."""
        entry = self._entries[agent]
        if entry.view is None:
            usage = self._ledger.usage(agent)
            free = entry.agent.allocatable.without(usage.foreign + usage.ours)
            entry.view = AgentView(entry.agent, free, self._ledger.ports(agent))
        return entry.view

    def counted(self) -> tuple[Agent, ...]:
        """Every agent, and every other node that counts as one for what it carries; sorted by id."""
        every = (self._entries[agent].agent for agent in sorted(self._entries))
        return tuple(agent for agent in every if agent.member or self._ledger.usage(agent.id).ours)

    def views(self) -> tuple[AgentView, ...]:
        """All agents, sorted by id; the same object until something about one of them changes."""
        if self._outdated is None:
            self._sorted = sorted(agent for agent, entry in self._entries.items() if entry.agent.member)
            self._views = tuple([self.view(agent) for agent in self._sorted])
        elif self._outdated:
            views = list(self._views)
            for agent in self._outdated:
                views[bisect_left(self._sorted, agent)] = self.view(agent)
            self._views = tuple(views)
        self._outdated = set()
        return self._views

    def _count(self, before: Resources, after: Resources) -> None:
        if before == after:
            return
        for name, amount in before:
            self._totals[name] -= amount
        for name, amount in after:
            self._totals[name] = self._totals.get(name, 0) + amount

"""The books: who holds what, where.

Every live launch, running task, outstanding offer and foreign pod is one *holding* under its own key. The sums per
agent, role, namespace and framework are kept incrementally and never corrected by hand: they change only when a
holding comes or goes, and `invariants` adds them up anew and compares.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from entresol.model.constraints import HostPort
from entresol.model.identifiers import AgentId, FrameworkId, RoleId, namespace_of
from entresol.model.resources import Resources
from entresol.model.tasks import Charge

NOTHING = Resources()

K = TypeVar("K")


class Holding(NamedTuple):
    """Something that takes room on an agent. `charge` is None for foreign pods, which no role pays for."""

    agent: AgentId
    amount: Resources
    charge: Charge | None
    ports: tuple[HostPort, ...] = ()


@dataclass(slots=True)
class Usage:
    """What is on one agent: by our own work and offers, and by pods of other schedulers."""

    ours: Resources = NOTHING
    foreign: Resources = NOTHING
    holdings: int = 0


class Ledger:
    """All holdings, with their sums."""

    def __init__(self) -> None:
        self._holdings: dict[str, Holding] = {}
        self._agents: dict[AgentId, Usage] = {}
        self._ports: dict[AgentId, list[HostPort]] = {}
        self._roles: dict[RoleId, Resources] = {}
        self._namespaces: dict[tuple[RoleId, str], Resources] = {}
        self._frameworks: dict[FrameworkId, Resources] = {}

    def hold(self, key: str, holding: Holding) -> None:
        """Enter a holding, or replace the one with that key."""
        self.release(key)
        self._holdings[key] = holding
        self._apply(holding, adding=True)

    def release(self, key: str) -> Holding | None:
        """Give back a holding; None when there is none with that key."""
        holding = self._holdings.pop(key, None)
        if holding is not None:
            self._apply(holding, adding=False)
        return holding

    def get(self, key: str) -> Holding | None:
        """The holding with that key."""
        return self._holdings.get(key)

    def holdings(self) -> Iterator[tuple[str, Holding]]:
        """All holdings, in the order they were entered."""
        return iter(self._holdings.items())

    def usage(self, agent: AgentId) -> Usage:
        """What is on one agent."""
        return self._agents.get(agent) or Usage()

    def ports(self, agent: AgentId) -> frozenset[HostPort]:
        """Host ports taken on one agent."""
        return frozenset(self._ports.get(agent, ()))

    def of_role(self, role: RoleId) -> Resources:
        """What is charged to a role."""
        return self._roles.get(role, NOTHING)

    def of_framework(self, framework: FrameworkId) -> Resources:
        """What is charged to a framework."""
        return self._frameworks.get(framework, NOTHING)

    def namespaces(self, role: RoleId) -> Mapping[str, Resources]:
        """What is charged to a role, by namespace."""
        return {namespace: held for (holder, namespace), held in self._namespaces.items() if holder == role}

    def by_role(self) -> Mapping[RoleId, Resources]:
        """Every role that is charged with anything."""
        return self._roles

    def by_framework(self) -> Mapping[FrameworkId, Resources]:
        """Every framework that is charged with anything."""
        return self._frameworks

    def _apply(self, holding: Holding, *, adding: bool) -> None:
        self._apply_agent(holding.agent, holding, adding=adding)
        if holding.charge is None:
            return
        role, framework = holding.charge.role, holding.charge.framework
        _post(self._roles, role, holding.amount, adding=adding)
        _post(self._namespaces, (role, namespace_of(framework)), holding.amount, adding=adding)
        _post(self._frameworks, framework, holding.amount, adding=adding)

    def _apply_agent(self, agent: AgentId, holding: Holding, *, adding: bool) -> None:
        usage = self._agents.setdefault(agent, Usage())
        usage.holdings += 1 if adding else -1
        if holding.charge is None:
            usage.foreign = usage.foreign + holding.amount if adding else usage.foreign - holding.amount
        else:
            usage.ours = usage.ours + holding.amount if adding else usage.ours - holding.amount
        if not usage.holdings:
            del self._agents[agent]
        for port in holding.ports:
            if adding:
                self._ports.setdefault(agent, []).append(port)
            else:
                self._ports[agent].remove(port)


def _post(sums: dict[K, Resources], key: K, amount: Resources, *, adding: bool) -> None:
    left = sums.get(key, NOTHING) + amount if adding else sums[key] - amount
    if left:
        sums[key] = left
    else:
        sums.pop(key, None)

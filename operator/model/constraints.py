"""Which agents a unit of work may use at all, whatever is free on them.

The meaning is that of the Kubernetes scheduler's static filters (NodeName, NodeUnschedulable, NodeAffinity,
TaintToleration): a selector that must match, affinity terms of which one must match, and taints that must be
tolerated. A cordoned or unready Node arrives here as a taint, because that is how Kubernetes lets a DaemonSet in
where a Job must stay out.

The first thing that stands in the way is returned as a value, an `Exclusion`: counted over all agents it is the
answer to "why does this never fit".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from entresol.model.identifiers import AgentId


class Operator(Enum):
    """How an expression compares an attribute (v1.NodeSelectorOperator)."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GREATER = "Gt"
    LESS = "Lt"


class Effect(Enum):
    """What an untolerated taint does; `PREFER_NOT` is a preference and never excludes (v1.TaintEffect)."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NOT = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


@dataclass(frozen=True, slots=True)
class Expression:
    """One comparison of an attribute by key."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, attributes: Mapping[str, str]) -> bool:
        """Whether the attributes satisfy this comparison; a missing key satisfies only the negative operators."""
        value = attributes.get(self.key)
        match self.operator:
            case Operator.IN:
                return value is not None and value in self.values
            case Operator.NOT_IN:
                return value is None or value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None
            case Operator.GREATER | Operator.LESS:
                return self._compares(value)
            case _:
                assert_never(self.operator)

    def _compares(self, value: str | None) -> bool:
        # Kubernetes parses both sides as integers and treats what cannot be parsed as no match.
        if value is None or len(self.values) != 1:
            return False
        try:
            left, right = int(value), int(self.values[0])
        except ValueError:
            return False
        return left > right if self.operator is Operator.GREATER else left < right


@dataclass(frozen=True, slots=True)
class Term:
    """Expressions that must all hold: `attributes` on labels, `names` on the agent's own name (`metadata.name`)."""

    attributes: tuple[Expression, ...] = ()
    names: tuple[Expression, ...] = ()

    def holds(self, agent: AgentId, attributes: Mapping[str, str]) -> bool:
        """Whether this term selects the agent. A term without any expression selects nothing, as in Kubernetes."""
        if not self.attributes and not self.names:
            return False
        fields = {"metadata.name": str(agent)}
        return all(e.holds(attributes) for e in self.attributes) and all(e.holds(fields) for e in self.names)


@dataclass(frozen=True, slots=True)
class Taint:
    """A mark on an agent that keeps work away unless it is tolerated."""

    key: str
    value: str = ""
    effect: Effect = Effect.NO_SCHEDULE


@dataclass(frozen=True, slots=True)
class Toleration:
    """What taint is accepted. An empty key with `exists` accepts every taint; no effect means every effect."""

    key: str = ""
    value: str = ""
    exists: bool = False
    effect: Effect | None = None

    def accepts(self, taint: Taint) -> bool:
        """Whether this toleration lets work onto an agent with that taint."""
        if self.effect is not None and self.effect is not taint.effect:
            return False
        if self.key and self.key != taint.key:
            return False
        return self.exists or (bool(self.key) and self.value == taint.value)


@dataclass(frozen=True, slots=True, order=True)
class HostPort:
    """A port of the agent itself that a unit occupies alone. An empty address means all of the agent's addresses."""

    port: int
    protocol: str = "TCP"
    address: str = ""

    def clashes(self, other: "HostPort") -> bool:
        """Two ports clash when number and protocol agree and the addresses overlap."""
        if (self.port, self.protocol) != (other.port, other.protocol):
            return False
        return not self.address or not other.address or self.address == other.address


class Barrier(Enum):
    """The kinds of things that keep a unit from an agent for good, or until somebody changes something."""

    CLOSED = "closed"
    PARTITION = "partition"
    SELECTOR = "selector"
    AFFINITY = "affinity"
    TAINT = "taint"
    PORT = "port"
    AVOIDED = "avoided"
    REFUSED = "refused"

    @property
    def passing(self) -> bool:
        """Whether it lifts by itself, when a task ends or a pause is over: such an agent is busy, not unfit."""
        return self in (Barrier.PORT, Barrier.AVOIDED, Barrier.REFUSED)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One barrier, with what names it to a person: the taint's key, the selector's key, the port."""

    barrier: Barrier
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Constraints:
    """Where one unit may run. Selectors are sorted (key, value) pairs, so equal constraints are equal values."""

    selector: tuple[tuple[str, str], ...] = ()
    affinity: tuple[Term, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    ports: tuple[HostPort, ...] = ()

    def exclusion(self, agent: AgentId, attributes: Mapping[str, str], taints: tuple[Taint, ...]) -> Exclusion | None:
        """The first barrier on this agent, or None when the unit may use it. Ports are judged by `port_clash`."""
        for key, value in self.selector:
            if attributes.get(key) != value:
                return Exclusion(Barrier.SELECTOR, f"{key}={value}")
        if self.affinity and not any(term.holds(agent, attributes) for term in self.affinity):
            return Exclusion(Barrier.AFFINITY)
        for taint in taints:
            if taint.effect is not Effect.PREFER_NOT and not any(t.accepts(taint) for t in self.tolerations):
                return Exclusion(Barrier.TAINT, taint.key)
        return None


def port_clash(wanted: tuple[HostPort, ...], taken: frozenset[HostPort]) -> HostPort | None:
    """The first wanted port that something on the agent already occupies."""
    return next((port for port in wanted if any(port.clashes(other) for other in taken)), None)

"""What of the cluster is Entresol's business: which nodes are agents, and whose work is served.

Everything is read all the same. A node that is left out may carry work from before it was; a pod that names our
scheduler in a namespace that is left out takes up room on its node. But nothing left out is ever written to.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from entresol.model.constraints import Expression


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the cluster that one operator was given.

    Attributes:
        namespaces: whose Tasks, Frameworks and pods are served; none means everybody's.
        agents: what the labels of a node must satisfy, all of it, for the node to be an agent.
    """

    namespaces: frozenset[str] = frozenset()
    agents: tuple[Expression, ...] = ()

    def serves(self, namespace: str) -> bool:
        """Whether work of this namespace is served."""
        return not self.namespaces or namespace in self.namespaces

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels is an agent."""
        return all(expression.holds(labels) for expression in self.agents)


EVERYTHING = Scope()

"""Units of work and their classes.

A cluster holds many units and few *classes*: units of one class ask for the same amounts under the same constraints,
so everything about agents is worked out once per class and cycle, and one unit of a class that finds no room speaks
for all of them (a public trace of 8,152 pods holds 151 shapes).
"""

from dataclasses import dataclass

from entresol.model.agents import Agent
from entresol.model.constraints import Barrier, Constraints, Exclusion
from entresol.model.identifiers import AgentId, TaskId
from entresol.model.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskClass:
    """What one unit asks, and where it may run.

    Attributes:
        demand: effective requests of the pod, always with `pods: 1`.
        constraints: what the unit itself says of agents.
        partition: what its framework says (`nodeSelector` of the Framework), kept apart so that the reason can tell.
        avoid: agents that lately refused the unit; a passing barrier, lifted when the back-off ends.
    """

    demand: Resources
    constraints: Constraints = Constraints()
    partition: tuple[tuple[str, str], ...] = ()
    avoid: tuple[AgentId, ...] = ()

    def exclusion(self, agent: Agent) -> Exclusion | None:
        """The first barrier between this class and an agent, free room and host ports aside."""
        if not agent.open:
            return Exclusion(Barrier.CLOSED)
        for key, value in self.partition:
            if agent.attributes.get(key) != value:
                return Exclusion(Barrier.PARTITION, f"{key}={value}")
        lasting = self.constraints.exclusion(agent.id, agent.attributes, agent.taints)
        if lasting is None and agent.id in self.avoid:
            return Exclusion(Barrier.AVOIDED)
        return lasting


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """One place in a queue. Comparing units compares `rank`, whose last member is unique, so order is total.

    Attributes:
        rank: (policy key, creation time, namespace/name): the order inside the framework.
        task: whom it stands for.
        since: when it began to wait, in seconds; frameworks of equal share are told apart by the older wait.
    """

    rank: tuple[tuple[float, ...], float, str]
    task: TaskId
    since: float

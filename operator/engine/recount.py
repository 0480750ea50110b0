"""The ledger added up anew, from one moment's holdings and pods, a little at a time.

To add up a hundred thousand holdings takes longer than an operator may look away. So the moment is copied at once, which
is quick since what it consists of never changes, and then counted in steps, between which the caller may do other things.
The books are always whole between two events: whatever differs was wrong at that moment.
"""

from collections.abc import Iterator

from entresol.engine.ledger import NOTHING
from entresol.engine.lives import key_of, own_key_of
from entresol.engine.state import State
from entresol.model.identifiers import AgentId, FrameworkId, RoleId, namespace_of
from entresol.model.resources import Resources
from entresol.model.tasks import Pod

STEP = 500
"""Holdings, or pods, that are counted at a stretch: about a millisecond."""


class Recount:
    """One recount. Go through `steps` to the end, and then look at what was found.

    Attributes:
        differences: sums that are wrong, in sentences: a defect of ours, whatever the cluster holds.
        unheld: pods that no holding is for, in sentences; what a pod is like has an author.
    """

    def __init__(self, state: State) -> None:
        ledger = state.ledger
        self.differences: list[str] = []
        self.unheld: list[str] = []
        self._holdings = dict(ledger.holdings())
        # Before the world is whole a pod may be known whose Task is not, and so nobody what to hold for it.
        self._pods = list(state.pods.values()) if state.synced else []
        self._roles = dict(ledger.by_role())
        self._frameworks = dict(ledger.by_framework())
        self._namespaces = {role: dict(ledger.namespaces(role)) for role in self._roles}
        agents = {holding.agent for holding in self._holdings.values()}
        self._agents = {agent: (usage.ours, usage.foreign) for agent in agents for usage in (ledger.usage(agent),)}
        self._fairness = [
            (role, holding, ledger.of_role(role)) for role, holding in state.fairness.holdings() if state.whole
        ]

    def steps(self) -> Iterator[None]:
        """Count, and give way after each step."""
        yield from self._sums()
        for number, pod in enumerate(self._pods, start=1):
            if not number % STEP:
                yield
            self._judge(pod)
        self.differences += [
            f"the fairness ledger takes role {role} to hold something else"
            for role, believed, really in self._fairness
            if believed != really
        ]

    def _sums(self) -> Iterator[None]:
        roles: dict[RoleId, Resources] = {}
        frameworks: dict[FrameworkId, Resources] = {}
        namespaces: dict[RoleId, dict[str, Resources]] = {}
        agents: dict[AgentId, tuple[Resources, Resources]] = {}
        for number, holding in enumerate(self._holdings.values(), start=1):
            if not number % STEP:
                yield
            ours, foreign = agents.get(holding.agent, (NOTHING, NOTHING))
            if holding.charge is None:
                agents[holding.agent] = ours, foreign + holding.amount
                continue
            agents[holding.agent] = ours + holding.amount, foreign
            role, framework = holding.charge.role, holding.charge.framework
            roles[role] = roles.get(role, NOTHING) + holding.amount
            frameworks[framework] = frameworks.get(framework, NOTHING) + holding.amount
            within, namespace = namespaces.setdefault(role, {}), namespace_of(framework)
            within[namespace] = within.get(namespace, NOTHING) + holding.amount
        if roles != self._roles:
            self.differences.append("the roles' sums differ from their holdings")
        if frameworks != self._frameworks:
            self.differences.append("the frameworks' sums differ from their holdings")
        if namespaces != self._namespaces:
            self.differences.append("the namespaces' sums differ from their holdings")
        self.differences += [
            f"what is on agent {agent} differs from its holdings"
            for agent, amounts in agents.items()
            if amounts != self._agents[agent]
        ]

    def _judge(self, pod: Pod) -> None:
        if pod.agent is None or pod.over:
            return
        held = self._holdings.get(own_key_of(pod.id))
        if held is None and pod.owner is not None:
            held = self._holdings.get(key_of(pod.owner, pod.attempt))
        if held is None or held.agent != pod.agent or held.charge is None:
            self.unheld.append(f"pod {pod.name} on agent {pod.agent} is not held there")

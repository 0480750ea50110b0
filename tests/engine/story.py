"""A small world around the engine for its tests: events in, effects kept, real cycles of the real allocator.

The story plays the API server's part just as far as a test asks for it: `story.carry_out()` answers every launch with
success and lets the pods be seen. After every step the engine's invariants must hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from entresol.allocator.allocate import allocate
from entresol.allocator.ordering import SHARES
from entresol.engine import events
from entresol.engine.effects import BindPod, CreatePod, DeletePod, Effect
from entresol.engine.events import Event
from entresol.engine.invariants import violations
from entresol.engine.machine import Engine
from entresol.engine.status import TaskStatus
from entresol.frameworks.orders import ORDERS
from entresol.frameworks.placements import PLACEMENTS
from entresol.model.agents import Agent
from entresol.model.constraints import Constraints, Taint
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.policy import Policy, Urgency
from entresol.model.resources import Resources
from entresol.model.tasks import Charge, Ending, Phase, Pod, Record, Task
from entresol.model.tenants import Admission, Framework, Role

E = TypeVar("E", bound=Effect)

POLICY = Policy(share=SHARES["FinalShare"], orders=ORDERS, placements=PLACEMENTS)


def amounts(cpu: int = 0, pods: int = 1, **more: int) -> Resources:
    """Resources with CPU in whole cores."""
    return Resources.of({"cpu": cpu * 1000, "pods": pods, **{name.replace("_", "/"): n for name, n in more.items()}})


def agent(
    name: str, cpu: int = 4, *, ready: bool = True, member: bool = True, taints: tuple[str, ...] = (), **labels: str
) -> Agent:
    """An agent with room for ten pods."""
    return Agent(
        id=AgentId(name),
        allocatable=amounts(cpu, pods=10),
        attributes=labels,
        taints=tuple(Taint(key) for key in taints),
        ready=ready,
        member=member,
    )


def framework(name: str, role: str = "", **fields: object) -> Framework:
    """A framework `namespace/name`; its role defaults to the namespace."""
    return Framework(id=FrameworkId(name), role=RoleId(role or name.partition("/")[0]), **fields)  # type: ignore[arg-type]


def role(
    name: str, *, weight: int = 1, limit: Mapping[str, int] | None = None, namespaces: tuple[str, ...] = ()
) -> Role:
    """A role that admits the given namespaces."""
    return Role(id=RoleId(name), weight=weight, limit=limit or {}, admission=Admission(names=frozenset(namespaces)))


def task(name: str, framework: str = "a/main", cpu: int = 1, **fields: object) -> Task:
    """A Task in the framework's namespace, with its name as UID; `created` follows the name's digits."""
    digits = "".join(filter(str.isdigit, name)) or "0"
    defaults: dict[str, object] = {"created": float(digits), "demand": amounts(cpu)}
    namespace = framework.partition("/")[0]
    return Task(
        id=TaskId(name),
        name=f"{namespace}/{name}",
        framework=FrameworkId(framework),
        **(defaults | fields),  # type: ignore[arg-type]
    )


def plain(name: str, namespace: str = "a", cpu: int = 1, **fields: object) -> Pod:
    """A plain pod that waits."""
    one = replace(task(name, f"{namespace}/default", cpu), plain=True, id=TaskId(name))
    return Pod(id=PodId(name), name=one.name, demand=one.demand, task=one, **fields)  # type: ignore[arg-type]


@dataclass
class Story:
    """The engine and everything it asked for so far."""

    engine: Engine = field(default_factory=lambda: Engine(POLICY))
    at: float = 100.0
    effects: list[Effect] = field(default_factory=list)

    @classmethod
    def begin(cls, *first: Event, synced: bool = True) -> "Story":
        """A world in which this was listed."""
        story = cls()
        for event in first:
            story.tell(event)
        if synced:
            story.tell(events.Synced())
        return story

    def tell(self, event: Event, after: float = 0.0) -> tuple[Effect, ...]:
        """One event, some seconds later; returns the new effects."""
        self.at += after
        new = self.engine.handle(event, self.at)
        self.effects += new
        assert violations(self.engine.state) == [], event
        return new

    def cycle(self) -> tuple[Effect, ...]:
        """One whole allocation cycle."""
        before = len(self.effects)
        for plan in allocate(self.engine.snapshot(), self.engine.state.policy):
            self.tell(events.Planned(plan))
        return tuple(self.effects[before:])

    def run(self) -> "Story":
        """Cycles until the engine wants no more."""
        for _ in range(20):
            if not self.engine.wants_cycle:
                return self
            self.cycle()
        raise AssertionError("the engine never comes to rest")

    def wait(self, seconds: float) -> "Story":
        """Time passes, and the engine hears of it; then cycles."""
        self.tell(events.Ticked(), after=seconds)
        return self.run()

    def asked(self, kind: type[E]) -> list[E]:
        """The effects of one kind so far."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def forget(self) -> None:
        """Look only at what comes from here on."""
        self.effects.clear()

    def carry_out(self) -> "Story":
        """Every launch asked for so far succeeds, and its pod is seen."""
        todo = [effect for effect in self.effects if isinstance(effect, CreatePod | BindPod)]
        self.effects = [effect for effect in self.effects if not isinstance(effect, CreatePod | BindPod)]
        for effect in todo:
            number = effect.attempt if isinstance(effect, CreatePod) else 0
            self.tell(events.Launched(effect.task, number, self.pod_id(effect), self.entry_demand(effect.task)))
            self.tell(events.PodObserved(self.pod_of(effect)))
        return self

    def entry_demand(self, name: TaskId) -> Resources:
        """What a task asks."""
        return self.engine.state.entries[name].task.demand

    def pod_id(self, effect: CreatePod | BindPod) -> PodId:
        """The UID that the pod of a launch gets."""
        return PodId(f"{effect.task}.{effect.attempt}" if isinstance(effect, CreatePod) else effect.task)

    def pod_of(self, effect: CreatePod | BindPod) -> Pod:
        """The pod that a launch makes, before its containers run."""
        entry = self.engine.state.entries[effect.task]
        if isinstance(effect, BindPod):
            known = self.engine.state.pods[PodId(effect.task)]
            return replace(known, agent=effect.agent, charge=effect.charge)
        return Pod(
            id=self.pod_id(effect),
            name=f"{entry.task.name}-{effect.attempt}",
            demand=entry.task.demand,
            ports=entry.task.constraints.ports,
            owner=effect.task,
            claims=entry.task.name,
            attempt=effect.attempt,
            agent=effect.agent,
            charge=effect.charge,
        )

    def pod(self, name: str) -> Pod:
        """The live pod of a task as last observed."""
        live = self.engine.state.entries[TaskId(name)].live
        assert live is not None
        assert live.pod is not None
        return self.engine.state.pods[live.pod]

    def running(self, name: str) -> "Story":
        """The task's pod runs."""
        self.tell(events.PodObserved(replace(self.pod(name), phase=Phase.RUNNING, ready=True)))
        return self

    def finished(self, name: str) -> "Story":
        """The task's pod succeeds."""
        self.tell(events.PodObserved(replace(self.pod(name), phase=Phase.SUCCEEDED, ending=Ending(exit_code=0))))
        return self

    def failed(self, name: str, **ending: object) -> "Story":
        """The task's pod fails."""
        end = Ending(**ending)  # type: ignore[arg-type]
        self.tell(events.PodObserved(replace(self.pod(name), phase=Phase.FAILED, ending=end)))
        return self

    def gone(self, name: str) -> "Story":
        """The task's pod vanishes."""
        self.tell(events.PodGone(self.pod(name).id))
        return self

    def status(self, name: str) -> TaskStatus:
        """A task's status now."""
        status = self.engine.task(TaskId(name), self.at)
        assert status is not None
        return status

    def state_of(self, name: str) -> str:
        """A task's Mesos state."""
        return self.status(name).record.state

    def why(self, name: str) -> str:
        """The kind of reason why a task waits; empty when it does not."""
        waiting = self.status(name).waiting
        return waiting.reason.value if waiting else ""

    def held(self, name: str) -> Resources:
        """What a role holds."""
        return self.engine.state.ledger.of_role(RoleId(name))

    def restart(self) -> "Story":
        """A new operator: it knows nothing but what the cluster can tell it."""
        told = self.engine.state
        again = Story(at=self.at)
        for known in told.cluster.counted():
            again.tell(events.AgentObserved(known))
        for one in told.tenants.roles().values():
            again.tell(events.RoleObserved(one))
        for each in told.tenants.frameworks().values():
            again.tell(events.FrameworkObserved(each))
        for entry in told.entries.values():
            if not entry.task.plain and not entry.gone:
                again.tell(events.TaskObserved(replace(entry.task, record=entry.record)))
        for pod in told.pods.values():
            again.tell(events.PodObserved(pod))
        again.tell(events.Synced())
        return again


def record(**fields: object) -> Record:
    """A durable record."""
    return Record(**fields)  # type: ignore[arg-type]


def taint_free(pod: Pod) -> Constraints:
    """The constraints of a plain pod."""
    assert pod.task is not None
    return pod.task.constraints


def deletions(story: Story) -> list[tuple[str, int | None]]:
    """Which pods were asked to be deleted, with which grace."""
    return [(effect.pod, effect.grace) for effect in story.asked(DeletePod)]


def urgency(priority: int = 0, runtime: float | None = None) -> Urgency:
    """An urgency."""
    return Urgency(priority, runtime)


def charge(role_name: str, framework_name: str) -> Charge:
    """A stamp."""
    return Charge(RoleId(role_name), FrameworkId(framework_name))

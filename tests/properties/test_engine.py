"""The engine against a cluster that stumbles: crashes, repeats, losses, late answers, nodes that come and go.

The cluster below is a model of the API server, just deep enough to be honest: pod names are unique, a create may succeed
while its answer is lost, news is delivered late and sometimes twice, and a status is durable only once it was written.
The operator may be killed between any two steps; its successor is told what the cluster holds, and nothing else.

After every step the engine's own invariants hold, and so do the promises that users see: at most one live pod of a Task,
at most one that succeeded, a finished Task never changes, no agent is given more than it has.
"""

from collections import deque
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from entresol.allocator.allocate import allocate
from entresol.engine import events, recovery
from entresol.engine.effects import BindPod, CreatePod, DeletePod, DeleteTask, Effect, PublishTask
from entresol.engine.events import Event, Refusal
from entresol.engine.invariants import violations
from entresol.engine.machine import Engine
from entresol.model import tasks
from entresol.model.agents import Agent
from entresol.model.identifiers import AgentId, PodId, RoleId, TaskId
from entresol.model.resources import Resources, total
from entresol.model.tasks import Ending, Phase, Pod, Record, Task
from entresol.model.tenants import Role
from tests.engine.story import POLICY, agent, amounts, framework, plain, role, task

AGENTS = ("n0", "n1", "n2")
FRAMEWORKS = ("a/main", "a/side", "b/main")


@dataclass
class Cluster:
    """What etcd would hold."""

    agents: dict[str, int]
    tasks: dict[TaskId, Task]
    records: dict[TaskId, Record]
    pods: dict[str, Pod]
    suspended: dict[str, bool]
    left_out: set[str]
    limit: int = 3000
    access: bool = True
    uids: int = 0


class EngineMachine(RuleBasedStateMachine):
    """Random interleavings of everything that can happen."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(recovery, "PORTION", 2)

    @initialize(cpu=st.integers(2, 4))
    def begin(self, cpu: int) -> None:
        self.cluster = Cluster(dict.fromkeys(AGENTS, cpu), {}, {}, {}, dict.fromkeys(FRAMEWORKS, False), set())
        self.at = 0.0
        self.names = 0
        self.over: dict[TaskId, str] = {}
        self.succeeded: dict[TaskId, int] = {}
        self.late: deque[CreatePod] = deque()
        self.start()

    # --- the operator ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A new operator lists the cluster: tasks before pods."""
        self.engine = Engine(replace(POLICY, grants_per_step=2, grants_per_cycle=4))
        self.deeds: deque[Effect] = deque()
        self.news: deque[Event] = deque()
        self.publish: dict[TaskId, None] = {}
        self.plans: deque[events.Planned] = deque()
        cluster = self.cluster
        for name in cluster.agents:
            self.tell(events.AgentObserved(self.node(name)))
        for name, suspended in cluster.suspended.items():
            self.tell(events.FrameworkObserved(framework(name, suspended=suspended)))
        self.tell(events.RoleObserved(self.role_b()))
        for known in cluster.tasks.values():
            self.tell(events.TaskObserved(replace(known, record=cluster.records.get(known.id, Record()))))
        for pod in cluster.pods.values():
            self.tell(events.PodObserved(pod))
        # Lists take their time, and the dispatcher ticks meanwhile.
        self.at += 0.5
        self.tell(events.Ticked())
        self.tell(events.Synced())

    def node(self, name: str, *, ready: bool = True) -> Agent:
        """An agent as its node is labelled now."""
        return agent(name, self.cluster.agents[name], ready=ready, member=name not in self.cluster.left_out)

    def role_b(self) -> Role:
        """The role with an object, as its author has it now."""
        admitted = "b" if self.cluster.access else "nobody"
        return role("b", weight=2, limit={"cpu": self.cluster.limit}, namespaces=(admitted,))

    def tell(self, event: Event) -> None:
        for effect in self.engine.handle(event, self.at):
            if isinstance(effect, PublishTask):
                self.publish[effect.task] = None
            elif isinstance(effect, CreatePod | BindPod | DeletePod | DeleteTask):
                self.deeds.append(effect)
        assert violations(self.engine.state) == [], event

    # --- what happens -----------------------------------------------------------------------------------------------

    @rule(
        where=st.sampled_from(FRAMEWORKS),
        cpu=st.integers(1, 3),
        most=st.integers(1, 3),
        deadline=st.sampled_from((None, 20.0)),
        ttl=st.sampled_from((None, 5.0)),
    )
    def a_task_is_made(self, where: str, cpu: int, most: int, deadline: float | None, ttl: float | None) -> None:
        self.names += 1
        made = task(f"t{self.names}", where, cpu, max_attempts=most, deadline=deadline, ttl=ttl)
        self.cluster.tasks[made.id] = made
        self.news.append(events.TaskObserved(made))

    @rule(cpu=st.integers(1, 3), namespace=st.sampled_from(("a", "b")))
    def a_plain_pod_is_made(self, cpu: int, namespace: str) -> None:
        self.names += 1
        pod = plain(f"p{self.names}", namespace, cpu)
        self.cluster.pods[pod.name] = pod
        self.news.append(events.PodObserved(pod))

    @precondition(lambda self: self.cluster.tasks)
    @rule(data=st.data(), elsewhere=st.booleans(), attempt=st.integers(1, 3), on=st.sampled_from(AGENTS))
    def a_pod_is_forged(self, data: st.DataObject, elsewhere: bool, attempt: int, on: str) -> None:
        """It carries a Task's UID, in a namespace or by a name that is not that Task's."""
        victim = self.cluster.tasks[data.draw(st.sampled_from(sorted(self.cluster.tasks)))]
        self.cluster.uids += 1
        where, _, name = victim.name.partition("/")
        claims = f"elsewhere/{name}" if elsewhere else f"{where}/x{self.cluster.uids}"
        forged = Pod(
            id=PodId(f"u{self.cluster.uids}"),
            name=f"{claims}-{attempt}",
            demand=amounts(1),
            owner=victim.id,
            claims=claims,
            attempt=attempt,
            agent=AgentId(on),
        )
        if forged.name not in self.cluster.pods:
            self.show(forged)

    @precondition(lambda self: self.cluster.tasks)
    @rule(data=st.data())
    def a_task_is_suspended_or_resumed(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(sorted(self.cluster.tasks)))
        changed = replace(self.cluster.tasks[one], suspended=not self.cluster.tasks[one].suspended)
        self.cluster.tasks[one] = changed
        self.news.append(events.TaskObserved(changed))

    @precondition(lambda self: self.cluster.tasks)
    @rule(data=st.data())
    def a_task_is_deleted(self, data: st.DataObject) -> None:
        self.remove_task(data.draw(st.sampled_from(sorted(self.cluster.tasks))))

    @rule(name=st.sampled_from(FRAMEWORKS))
    def a_framework_is_suspended_or_resumed(self, name: str) -> None:
        suspended = self.cluster.suspended[name] = not self.cluster.suspended[name]
        self.news.append(events.FrameworkObserved(framework(name, suspended=suspended)))

    @rule(cpu=st.sampled_from((1000, 2000, 3000)), access=st.booleans())
    def a_role_changes(self, cpu: int, access: bool) -> None:
        self.cluster.limit, self.cluster.access = cpu, access
        self.news.append(events.RoleObserved(self.role_b()))

    @rule(name=st.sampled_from(AGENTS), cpu=st.integers(2, 4))
    def a_node_goes_or_comes(self, name: str, cpu: int) -> None:
        if name in self.cluster.agents:
            del self.cluster.agents[name]
            self.news.append(events.AgentGone(AgentId(name)))
        else:
            self.cluster.agents[name] = cpu
            self.news.append(events.AgentObserved(self.node(name)))

    @rule(name=st.sampled_from(AGENTS))
    def a_node_is_relabelled(self, name: str) -> None:
        self.cluster.left_out ^= {name}
        if name in self.cluster.agents:
            self.news.append(events.AgentObserved(self.node(name)))

    @rule(name=st.sampled_from(AGENTS), ready=st.booleans())
    def a_node_stops_answering_or_returns(self, name: str, ready: bool) -> None:
        if name in self.cluster.agents:
            self.news.append(events.AgentObserved(self.node(name, ready=ready)))

    @precondition(lambda self: any(pod.agent for pod in self.cluster.pods.values()))
    @rule(data=st.data(), end=st.sampled_from(("run", "succeed", "fail", "refuse", "evict")))
    def a_kubelet_acts(self, data: st.DataObject, end: str) -> None:
        bound = sorted(name for name, pod in self.cluster.pods.items() if pod.agent and not pod.over)
        if not bound:
            return
        pod = self.cluster.pods[data.draw(st.sampled_from(bound))]
        ended = {
            "run": replace(pod, phase=Phase.RUNNING, ready=True),
            "succeed": replace(pod, phase=Phase.SUCCEEDED, ready=False, ending=Ending(exit_code=0)),
            "fail": replace(pod, phase=Phase.FAILED, ready=False, ending=Ending(exit_code=3)),
            "refuse": replace(pod, phase=Phase.FAILED, ending=Ending(reason="OutOfcpu")),
            "evict": replace(pod, phase=Phase.FAILED, ending=Ending(disruption="EvictionByEvictionAPI")),
        }[end]
        if end == "refuse" and pod.phase is Phase.RUNNING:
            return
        self.show(ended)

    @precondition(lambda self: self.cluster.pods)
    @rule(data=st.data(), at_once=st.booleans())
    def somebody_deletes_a_pod(self, data: st.DataObject, at_once: bool) -> None:
        pod = self.cluster.pods[data.draw(st.sampled_from(sorted(self.cluster.pods)))]
        if at_once or pod.agent is None or pod.deleting:
            self.remove_pod(pod)
        else:
            self.show(replace(pod, deleting=True))

    # --- what the operator does -------------------------------------------------------------------------------------

    @rule(count=st.integers(1, 4))
    def news_arrives(self, count: int) -> None:
        for _ in range(min(count, len(self.news))):
            self.tell(self.news.popleft())

    @precondition(lambda self: self.news)
    @rule()
    def news_arrives_twice(self) -> None:
        self.tell(self.news[0])
        self.tell(self.news.popleft())

    @rule(seconds=st.sampled_from((0.5, 1.0, 5.0, 30.0, 400.0)))
    def time_passes(self, seconds: float) -> None:
        self.at += seconds
        self.tell(events.Ticked())

    @precondition(lambda self: not self.engine.recovering)
    @rule()
    def a_cycle_begins(self) -> None:
        self.plans = deque(events.Planned(plan) for plan in allocate(self.engine.snapshot(), self.engine.state.policy))

    @precondition(lambda self: self.plans)
    @rule()
    def a_part_of_the_plan_is_committed(self) -> None:
        before = {name: self.ours(name) for name in AGENTS}
        tenants, ledger = self.engine.state.tenants, self.engine.state.ledger
        held = ledger.of_role(RoleId("b")).get("cpu")
        barred = {name: ledger.of_framework(name) for name in tenants.frameworks() if tenants.trouble(name) is not None}
        self.tell(self.plans.popleft())
        for name, had in before.items():
            if self.ours(name) != had:
                known = self.engine.state.cluster.get(AgentId(name))
                assert known is not None, f"{name} was given something after it was gone"
                assert known.member, f"{name} was given something although it is left out"
                assert known.allocatable.covers(self.ours(name)), f"{name} was given more than it has"
        # A limit that was lowered below what is held ends nothing; it only lets nothing be added.
        assert ledger.of_role(RoleId("b")).get("cpu") <= max(held, tenants.role(RoleId("b")).limit["cpu"])
        for name, had in barred.items():
            assert ledger.of_framework(name) == had, f"{name} was granted something"

    @precondition(lambda self: self.deeds)
    @rule(how=st.sampled_from(("done", "done", "done", "unavailable", "quota", "invalid", "answer late")))
    def a_deed_is_carried_out(self, how: str) -> None:
        deed = self.deeds.popleft()
        match deed:
            case CreatePod():
                self.create(deed, how)
            case BindPod():
                self.bind(deed, how)
            case DeletePod(pod=uid, grace=grace):
                pod = next((one for one in self.cluster.pods.values() if one.id == uid), None)
                if pod is not None and (grace == 0 or pod.over or pod.agent not in self.cluster.agents):
                    self.remove_pod(pod)
                elif pod is not None:
                    self.show(replace(pod, deleting=True))
            case DeleteTask(task=name):
                if name in self.cluster.tasks:
                    self.remove_task(name)
            case _:
                raise AssertionError(f"not a deed: {deed}")

    @precondition(lambda self: self.publish)
    @rule()
    def a_status_is_written(self) -> None:
        name = next(iter(self.publish))
        del self.publish[name]
        self.write(name)

    @rule(sent=st.integers(0, 2), late=st.booleans())
    def the_operator_is_killed(self, sent: int, late: bool) -> None:
        """Some deeds are on their way already: the server carries them out, now or later, and nobody hears of it."""
        for deed in list(self.deeds)[:sent]:
            if isinstance(deed, CreatePod):
                if deed.record_first:
                    self.write(deed.task)
                if late:
                    self.late.append(deed)
                else:
                    self.store(deed)
        self.start()

    @precondition(lambda self: self.late)
    @rule()
    def a_create_of_a_dead_operator_lands(self) -> None:
        self.store(self.late.popleft())

    # --- the API server ---------------------------------------------------------------------------------------------

    def create(self, deed: CreatePod, how: str) -> None:
        if how in {"unavailable", "quota", "invalid"}:
            refusal = {"unavailable": Refusal.UNAVAILABLE, "quota": Refusal.QUOTA, "invalid": Refusal.INVALID}[how]
            self.tell(events.LaunchRefused(deed.task, deed.attempt, refusal, how))
            return
        if deed.record_first:
            self.write(deed.task)
        if deed.task not in self.cluster.tasks:
            self.tell(events.LaunchRefused(deed.task, deed.attempt, Refusal.GONE))
            return
        pod = self.store(deed)
        if pod is None:
            self.tell(events.LaunchRefused(deed.task, deed.attempt, Refusal.UNAVAILABLE, "being deleted"))
            return
        answer = events.Launched(deed.task, deed.attempt, pod.id, pod.demand)
        if how == "answer late":
            self.news.append(answer)
        else:
            self.tell(answer)

    def store(self, deed: CreatePod) -> Pod | None:
        known = self.cluster.tasks.get(deed.task)
        if known is None:
            return None
        name = f"{known.name}-{deed.attempt}"
        there = self.cluster.pods.get(name)
        if there is not None:
            return None if there.deleting else there
        self.cluster.uids += 1
        pod = Pod(
            id=PodId(f"u{self.cluster.uids}"),
            name=name,
            demand=known.demand,
            owner=deed.task,
            claims=known.name,
            attempt=deed.attempt,
            agent=deed.agent,
            charge=deed.charge,
        )
        self.show(pod)
        return pod

    def bind(self, deed: BindPod, how: str) -> None:
        pod = next((one for one in self.cluster.pods.values() if one.id == PodId(deed.task)), None)
        if pod is None or pod.deleting or pod.agent is not None or how in {"unavailable", "quota", "invalid"}:
            self.tell(events.LaunchRefused(deed.task, 0, Refusal.GONE if pod is None else Refusal.CONFLICT))
            return
        self.show(replace(pod, agent=deed.agent, charge=deed.charge))
        self.tell(events.Launched(deed.task, 0, pod.id, pod.demand))

    def show(self, pod: Pod) -> None:
        before = self.cluster.pods.get(pod.name)
        self.cluster.pods[pod.name] = pod
        if (
            self.is_real(pod)
            and pod.phase is Phase.SUCCEEDED
            and (before is None or before.phase is not Phase.SUCCEEDED)
        ):
            assert pod.owner is not None
            self.succeeded[pod.owner] = self.succeeded.get(pod.owner, 0) + 1
        self.news.append(events.PodObserved(pod))

    def remove_pod(self, pod: Pod) -> None:
        del self.cluster.pods[pod.name]
        self.news.append(events.PodGone(pod.id))

    def remove_task(self, name: TaskId) -> None:
        del self.cluster.tasks[name]
        self.cluster.records.pop(name, None)
        self.news.append(events.TaskGone(name))
        for pod in [one for one in self.cluster.pods.values() if one.owner == name]:
            self.remove_pod(pod)

    def write(self, name: TaskId) -> None:
        status = self.engine.task(name, self.at)
        if status is None or status.plain or name not in self.cluster.tasks:
            return
        self.cluster.records[name] = status.record
        if status.record.state in tasks.TERMINAL:
            assert self.over.setdefault(name, status.record.state) == status.record.state

    def is_real(self, pod: Pod) -> bool:
        """Whether it is an attempt that an operator made: the stamp tells, here."""
        return pod.owner is not None and pod.charge is not None

    def ours(self, name: str) -> Resources:
        return self.engine.state.ledger.usage(AgentId(name)).ours

    # --- what users were promised -----------------------------------------------------------------------------------

    @invariant()
    def one_live_pod_of_a_task(self) -> None:
        owners = [pod.owner for pod in self.cluster.pods.values() if self.is_real(pod) and not pod.over]
        assert len(owners) == len(set(owners)), "a Task has two live pods"

    @invariant()
    def no_task_takes_a_forged_pod_for_its_own(self) -> None:
        for name, entry in self.engine.state.entries.items():
            pod = self.engine.state.pods.get(entry.live.pod) if entry.live is not None and entry.live.pod else None
            assert pod is None or pod.owner is None or self.is_real(pod), f"{name} lives in somebody's forgery"

    @invariant()
    def what_is_bound_is_held(self) -> None:
        """Whoever wrote it: room that a pod takes is room that nobody is given."""
        known = [pod for pod in self.engine.state.pods.values() if pod.agent is not None and not pod.over]
        for name in AGENTS:
            there = [pod.demand for pod in known if pod.agent == name]
            assert self.ours(name).covers(total(there)), f"there is more on {name} than is held"

    @invariant()
    def a_finished_task_stays_finished(self) -> None:
        for name, final in self.over.items():
            if name in self.cluster.tasks:
                assert self.cluster.records[name].state == final

    @invariant()
    def at_most_one_success(self) -> None:
        # A pod that succeeded and was deleted before anybody saw it is run again: execution is at least once.
        for name, count in self.succeeded.items():
            every = [pod for pod in self.cluster.pods.values() if pod.owner == name and self.is_real(pod)]
            pods = [one for one in every if one.phase is Phase.SUCCEEDED]
            assert len(pods) <= 1, f"{name} succeeded {count} times"

    def teardown(self) -> None:
        """Left alone, everything comes to rest, and what is published is what is true."""
        self.patch.undo()
        if hasattr(self, "engine"):
            self.tell(events.Ticked())
            while self.engine.recovering:
                assert self.engine.next_wakeup is not None
                self.tell(events.Ticked())
            self.settle()
            assert not self.engine.wants_cycle
            assert not self.news
            assert not self.deeds
            self.nothing_true_stays_untold()
            self.nothing_runs_longer_than_it_may()

    def settle(self) -> None:
        """Let the operator work until it has nothing to do."""
        for _ in range(60):
            while self.news:
                self.tell(self.news.popleft())
            while self.deeds:
                self.a_deed_is_carried_out("done")
            if self.engine.wants_cycle:
                for plan in list(allocate(self.engine.snapshot(), self.engine.state.policy)):
                    self.tell(events.Planned(plan))
            elif not self.news and not self.deeds:
                return

    def nothing_true_stays_untold(self) -> None:
        """What was said to need writing is everything that differs."""
        while self.publish:
            self.a_status_is_written()
        for name, entry in self.engine.state.entries.items():
            untold = entry.record.state in {"", tasks.PENDING} and not entry.record.attempt
            if name in self.cluster.tasks and not untold:
                assert self.cluster.records.get(name) == entry.record, f"{name} is published as something else"

    def nothing_runs_longer_than_it_may(self) -> None:
        """Whatever happened on the way, a Task whose time is over has ended, or is being ended."""
        for name, entry in self.engine.state.entries.items():
            started, deadline = entry.record.started, entry.task.deadline
            if started is not None and deadline is not None and started + deadline <= self.at and not entry.gone:
                assert entry.over or (entry.live is not None and entry.live.doomed), f"{name} has no end"


EngineMachine.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    report_multiple_bugs=False,
)
TestEngine = EngineMachine.TestCase

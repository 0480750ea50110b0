"""The engine's whole state, and the few operations that several of its parts share.

Everything is rebuilt from observations after a restart; nothing here is saved. What must survive is in the cluster:
pods with their stamps, and the `Record` in a Task's status.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from heapq import heappop, heappush
from types import MappingProxyType

from entresol.allocator.plan import Standing, Verdict
from entresol.allocator.snapshot import Queue
from entresol.engine.backlog import Backlog
from entresol.engine.census import Census, Column
from entresol.engine.cluster import Cluster
from entresol.engine.effects import Effect, Offer, PublishFramework, PublishRole
from entresol.engine.fairness import Fairness
from entresol.engine.ledger import Holding, Ledger
from entresol.engine.tenants import Tenants
from entresol.model.constraints import HostPort
from entresol.model.identifiers import AgentId, FrameworkId, OfferId, PodId, RoleId, TaskId
from entresol.model.policy import Policy
from entresol.model.reasons import Reason
from entresol.model.resources import Resources
from entresol.model.tasks import PENDING, TERMINAL, Charge, Pod, Record, Task
from entresol.model.work import TaskClass

FIGURES_PAUSE = 1.0
"""Seconds for which changes of everybody's figures are gathered."""


NOBODY: Mapping[AgentId, float] = MappingProxyType({})
"""Most tasks avoid no agent; a hundred thousand empty dicts would be ten megabytes."""

MOST_RINGS = 500
"""So many timers ring at one tick. Twenty thousand tasks that were born together also grow impatient together."""


@dataclass(slots=True)
class Live:
    """The one attempt of a task that may be running.

    Attributes:
        number: of the attempt; zero for a plain pod.
        held: what the books hold for it: what was decided, or more if the pod asks more.
        weighed: what the pod was already judged for; at first what was decided.
        pod: the pod's UID, once the create was answered or the pod was seen.
        name: the pod's `namespace/name`, once seen.
        acked: when the create was answered; a complete list begun later must hold the pod.
        seen: whether the pod was ever observed.
        doomed: why we are ending it ourselves, if we are: a word for the record.
        deleted: whether its pod's deletion was asked for, and if so whether at once (grace 0).
    """

    number: int
    agent: AgentId
    charge: Charge
    held: Resources
    weighed: Resources
    ports: tuple[HostPort, ...] = ()
    pod: PodId | None = None
    name: str = ""
    acked: float | None = None
    seen: bool = False
    doomed: str = ""
    deleted: bool | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait that ends by itself."""

    reason: Reason
    until: float
    detail: str = ""


@dataclass(slots=True)
class Entry:
    """One task under our care.

    Attributes:
        record: the durable part of its status, ahead of what is published.
        since: since when it waits.
        live: its running attempt; a task with one does not wait.
        pause: why it must not be launched just now.
        setbacks: ends in a row that were nobody's fault, for the exponential back-off.
        avoid: agents that refused it, each with the time when it may be tried again.
        unused: the number in `record.attempt` was reserved but no pod of it exists, so it is used again.
        gone: the Task object is gone and only its last pod keeps the entry alive.
        told: whether anything was published about its waiting yet.
        words: message for the status, from the last end or refusal.
        counted: where the census counts it.
    """

    task: Task
    record: Record
    since: float
    live: Live | None = None
    pause: Pause | None = None
    setbacks: int = 0
    avoid: Mapping[AgentId, float] = field(default_factory=lambda: NOBODY)
    unused: bool = False
    gone: bool = False
    told: bool = False
    words: str = ""
    counted: Column | None = None

    @property
    def over(self) -> bool:
        """Whether the task has reached a state that it never leaves."""
        return self.record.state in TERMINAL

    @property
    def namespace(self) -> str:
        """The namespace it lives in."""
        return self.task.name.partition("/")[0]


class Alarm(Enum):
    """What a timer is about. A timer that rings for something that changed meanwhile is ignored."""

    RETRY = "a pause ends"
    FORGIVE = "an avoided agent may be used again"
    TELL = "a task has waited long enough to say so"
    DEADLINE = "a task has run long enough"
    EXPIRE = "a finished task's time to live is over"
    ORPHAN = "a pod's Task has been gone for a while"
    OFFER = "an offer expires"
    REFUSAL = "a refusal's filter ends"
    NAMESPACE = "a namespace's quota may be tried again"
    FIGURES = "everybody's figures are due"


@dataclass(frozen=True, slots=True)
class Filter:
    """One refusal: this amount on this agent is not to be offered again before `until`."""

    amount: Resources
    until: float


@dataclass(slots=True)
class Outside:
    """What is remembered of an external framework's scheduler while it listens."""

    subscribed: bool = False
    suppressed: bool = False
    filters: dict[AgentId, list[Filter]] = field(default_factory=dict)


Admission = tuple[tuple[Resources, Mapping[str, int], tuple[Queue, ...]], frozenset[TaskId]]
"""What a role holds, its limit and its waiting queues; and the tasks of these that would stay within the limit."""


@dataclass(slots=True)
class Findings:
    """What the last complete cycle found, kept to answer "why".

    Attributes:
        verdicts: for each framework and class with units left, what stood in the way.
        standings: waiting frameworks, the one that is due first.
        passed_over: in how many cycles younger units of the framework were placed before the class.
        admissible: in roles with a limit, the waiting tasks that would stay within it, cumulatively and in order.
        admissions: each role that `admissible` was worked out for, with its part and what that follows from.
        kinds: the kind of reason of every waiting class; tasks are told when it changes.
    """

    verdicts: dict[tuple[FrameworkId, TaskClass], Verdict] = field(default_factory=dict)
    standings: tuple[Standing, ...] = ()
    passed_over: dict[tuple[FrameworkId, TaskClass], int] = field(default_factory=dict)
    admissible: frozenset[TaskId] = frozenset()
    admissions: dict[RoleId, Admission] = field(default_factory=dict)
    kinds: dict[tuple[FrameworkId, TaskClass], Reason] = field(default_factory=dict)


class State:
    """Everything the engine knows.

    Attributes:
        synced: whether the whole cluster has been listed.
        whole: whether what was listed is also settled; nothing is granted and nothing published before.
        pods: our pods as last observed.
        by_agent: the tasks with a live attempt on each agent.
        census: how many tasks of each framework are in each state.
        strays: pods whose Task is not known, by that Task.
        outside: external frameworks' schedulers.
        offers: outstanding offers, with the waiting tasks whose room they show.
        quota: per namespace, how long its quota rests, and how often it did in a row.
        surcharges: what admission adds to a demand in a namespace, learned from created pods.
        fairness: what each role was due and what it held, over time.
        news: waiting tasks that may have to be told another reason, in the order in which that was found.
        changes: counts what could allow a grant or change a reason; a cycle answers for the count it began with.
    """

    def __init__(self, policy: Policy, *, unready_grace: float, offer_timeout: float) -> None:
        self.policy = policy
        self.offer_timeout = offer_timeout
        self.synced = False
        self.whole = False
        self.ledger = Ledger()
        self.cluster = Cluster(self.ledger, unready_grace)
        self.tenants = Tenants(implicit_roles=policy.implicit_roles, served=policy.served)
        self.backlog = Backlog()
        self.entries: dict[TaskId, Entry] = {}
        self.census = Census()
        self.pods: dict[PodId, Pod] = {}
        self.by_agent: dict[AgentId, set[TaskId]] = {}
        self.strays: dict[TaskId, set[PodId]] = {}
        self.outside: dict[FrameworkId, Outside] = {}
        self.offers: dict[OfferId, tuple[Offer, tuple[TaskId, ...]]] = {}
        self.quota: dict[str, tuple[float, int]] = {}
        self.surcharges: dict[tuple[str, Resources], Resources] = {}
        self.findings = Findings()
        self.fairness = Fairness()
        self.news: dict[TaskId, None] = {}
        self.changes = 0
        self._effects: list[Effect] = []
        self._timers: list[tuple[float, int, Alarm, str]] = []
        self._timer_count = 0
        self._figures_due = False
        self._demands = False
        self._moved: set[RoleId] = set()
        self._touched_roles: dict[RoleId, None] = {}
        self._touched_frameworks: dict[FrameworkId, None] = {}

    def do(self, effect: Effect) -> None:
        """Ask for something to be done."""
        self._effects.append(effect)

    def changed(self) -> None:
        """Something happened after which a cycle could come to another answer."""
        self.changes += 1
        self._demands = True

    def drain(self, *, figures: bool) -> tuple[Effect, ...]:
        """All effects since the last time, and with figures the statuses of the touched books, once each."""
        if not self.synced:
            # Deeds and news of half a world are void; whose figures to write is still true when it is whole.
            self._effects.clear()
            return ()
        if not self.whole:
            return ()
        if not figures or not (self._touched_frameworks or self._touched_roles):
            effects = tuple(self._effects)
            self._effects.clear()
            return effects
        effects = (
            *self._effects,
            *(PublishFramework(framework) for framework in self._touched_frameworks),
            *(PublishRole(role) for role in self._touched_roles),
        )
        self._effects.clear()
        self._touched_frameworks.clear()
        self._touched_roles.clear()
        return effects

    def enrol(self, entry: Entry) -> None:
        """Take a task into our care."""
        self.entries[entry.task.id] = entry
        self.recount(entry)

    def recount(self, entry: Entry) -> None:
        """A task's state or framework changed, or its object is gone: count it where it belongs, and show it there."""
        framework = entry.task.framework
        now = None if entry.gone else Column(framework, entry.record.state or PENDING)
        if now != entry.counted:
            self.census.move(entry.counted, now)
            entry.counted = now
        self.touch_framework(framework)

    def dismiss(self, entry: Entry) -> None:
        """A task is no longer ours to care for."""
        del self.entries[entry.task.id]
        self.census.move(entry.counted, None)
        self.touch_framework(entry.task.framework)

    def hold(self, key: str, holding: Holding) -> None:
        """Enter or change a holding, and mark everything it shows in."""
        before = self.ledger.get(key)
        if before == holding:
            return
        self.ledger.hold(key, holding)
        for one in (before, holding):
            self._touch(one)
        if before is not None:
            self.changed()

    def release(self, key: str) -> None:
        """Give a holding back, if there is one, and mark everything it showed in."""
        holding = self.ledger.release(key)
        if holding is not None:
            self._touch(holding)
            self.changed()

    def enter_moves(self, at: float) -> None:
        """Tell the fairness ledger what changed until now; half a world is not worth telling."""
        if self.whole and (self._demands or self._moved):
            moved = {role: self.ledger.of_role(role) for role in self._moved}
            self.fairness.stir(at, moved, demands=self._demands)
        self._demands = False
        self._moved.clear()

    def touch_all(self) -> None:
        """Everybody's figures may have changed: shares are fractions of one cluster, entitlements depend on all."""
        for framework in (*self.tenants.frameworks(), *self.ledger.by_framework()):
            self.touch_framework(framework)
        for role in (*self.tenants.roles(), *self.ledger.by_role()):
            self.touch_role(role)

    def figures_changed(self, at: float) -> None:
        """Touch everybody soon; a burst of changes is one."""
        self._demands = True
        if not self._figures_due:
            self._figures_due = True
            self.ring(at + FIGURES_PAUSE, Alarm.FIGURES, "")

    def settle_figures(self) -> None:
        """The pause is over."""
        self._figures_due = False
        self.touch_all()

    def touch_framework(self, framework: FrameworkId) -> None:
        """The framework's status may have changed."""
        self._touched_frameworks[framework] = None

    def touch_role(self, role: RoleId) -> None:
        """The role's status may have changed."""
        self._touched_roles[role] = None

    def _touch(self, holding: Holding | None) -> None:
        if holding is None:
            return
        self.cluster.touch(holding.agent)
        if holding.charge is None:
            self._demands = True  # what others take is no part of the cluster that is divided
        else:
            self._moved.add(holding.charge.role)
            self.touch_framework(holding.charge.framework)
            self.touch_role(holding.charge.role)

    def ring(self, when: float, alarm: Alarm, subject: str) -> None:
        """Set a timer."""
        self._timer_count += 1
        heappush(self._timers, (when, self._timer_count, alarm, subject))

    def rung(self, at: float) -> list[tuple[Alarm, str]]:
        """The timers that have run out by now, in the order they were due; what is too much at once comes next time."""
        due: list[tuple[Alarm, str]] = []
        while self._timers and self._timers[0][0] <= at and len(due) < MOST_RINGS:
            _, _, alarm, subject = heappop(self._timers)
            due.append((alarm, subject))
        return due

    def next_timer(self) -> float | None:
        """When the next timer runs out."""
        return self._timers[0][0] if self._timers else None

    def listens(self, framework: FrameworkId) -> bool:
        """Whether an external framework's scheduler wants offers now."""
        outside = self.outside.get(framework)
        return outside is not None and outside.subscribed and not outside.suppressed

    def offered_tasks(self) -> frozenset[TaskId]:
        """Waiting tasks whose room is on offer right now."""
        return frozenset(task for _, tasks in self.offers.values() for task in tasks)

    def refusals(self) -> Mapping[FrameworkId, Mapping[AgentId, tuple[Resources, ...]]]:
        """What external frameworks do not want to be shown at present."""
        return {
            framework: {agent: tuple(one.amount for one in filters) for agent, filters in outside.filters.items()}
            for framework, outside in self.outside.items()
            if outside.filters
        }

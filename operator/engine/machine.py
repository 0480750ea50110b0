"""The engine: what Mesos calls the master, as a deterministic machine.

Events go in, effects come out, and every effect that can fail comes back as an event. The engine does no I/O, reads no
clock and draws no lots: the same events at the same times give the same effects, which is what makes a recorded story
replayable and a property test worth its name.

It is mutable inside and owned by one caller. What leaves it is frozen. Until the whole cluster has been listed
(`Synced`) it only learns: half a world would look like free room.
"""

from typing import assert_never

from entresol.allocator.snapshot import ClusterSnapshot
from entresol.engine import commit, cycle, events, intake, offers, report, world
from entresol.engine.books import Books
from entresol.engine.effects import Effect
from entresol.engine.events import Event
from entresol.engine.recovery import Recovery
from entresol.engine.state import State
from entresol.engine.status import FrameworkStatus, RoleStatus, Summary, TaskStatus
from entresol.engine.timers import ring
from entresol.model import tasks
from entresol.model.identifiers import FrameworkId, RoleId, TaskId
from entresol.model.policy import Policy
from entresol.model.work import Unit

UNREADY_GRACE = 300.0
"""Seconds that an unready agent stays in the denominator."""

OFFER_TIMEOUT = 300.0
"""Seconds after which an offer that nobody answered is rescinded."""

BOOKS_AGE = 0.25
"""Seconds that shares and entitlements once worked out may serve for statuses."""

_NUMEROUS = (
    events.TaskObserved,
    events.TaskGone,
    events.PodObserved,
    events.PodGone,
    events.Launched,
    events.LaunchRefused,
)
"""Events that come by the thousand and each change the same few figures: the next tick says so once for all of them."""


class Engine:
    """The allocator's master copy of the world, and the rules by which it changes."""

    def __init__(
        self, policy: Policy, *, unready_grace: float = UNREADY_GRACE, offer_timeout: float = OFFER_TIMEOUT
    ) -> None:
        self.state = State(policy, unready_grace=unready_grace, offer_timeout=offer_timeout)
        self._cycle = 0
        self._answered = -1
        self._asked = 0
        self._offers = 1
        self._launched: dict[FrameworkId, Unit] = {}
        self._books: tuple[tuple[int, float], Books] | None = None
        self._handled = 0
        self._recovery: Recovery | None = None

    @property
    def recovering(self) -> bool:
        """Whether the world is not yet whole."""
        return not self.state.whole

    @property
    def wants_cycle(self) -> bool:
        """Whether anything changed since the last complete cycle began that could bring another answer."""
        return self.state.whole and self.state.changes > self._answered

    @property
    def next_wakeup(self) -> float | None:
        """When a `Ticked` is due at the latest; None when nothing waits for time to pass."""
        if self.recovering:
            return self._recovery.since if self._recovery is not None else None
        due = [when for when in (self.state.next_timer(), self.state.cluster.next_expiry()) if when is not None]
        return min(due, default=None)

    def handle(self, event: Event, at: float) -> tuple[Effect, ...]:
        """Take in what happened at that time (seconds, never falling), and say what is to be done about it."""
        self._handled += 1
        match event:
            case events.Planned():
                self._planned(event, at)
            case events.Ticked():
                self._ticked(at)
            case (
                events.Synced() | events.PodsListed() | events.TaskObserved() | events.TaskGone() | events.PodObserved()
            ):
                self._observe_work(event, at)
            case events.PodGone(id=pod):
                intake.lose_pod(self.state, pod, at)
            case events.Launched():
                commit.launched(self.state, event, at)
            case events.LaunchRefused():
                commit.launch_refused(self.state, event, at)
            case (
                events.Subscribed()
                | events.Disconnected()
                | events.Accepted()
                | events.Declined()
                | events.Suppressed()
                | events.Revived()
            ):
                self._called(event, at)
            case _:
                world.observe(self.state, event, at)
        self.state.enter_moves(at)
        return self.state.drain(figures=not isinstance(event, _NUMEROUS))

    def snapshot(self) -> ClusterSnapshot:
        """The picture for the next allocation cycle, which answers for everything that happened until now."""
        self._cycle += 1
        self._asked = self.state.changes
        self._launched.clear()
        return cycle.snapshot(self.state, self._cycle)

    def task(self, task: TaskId, at: float) -> TaskStatus | None:
        """One task's status; None when it is not, or no longer, ours."""
        entry = self.state.entries.get(task)
        return report.task_status(self.state, entry, at) if entry is not None and not entry.gone else None

    def state_of(self, task: TaskId) -> str | None:
        """The state that a task's object should show: None for a plain pod that does not wait, which shows it itself."""
        entry = self.state.entries.get(task)
        if entry is None or entry.gone:
            return None
        name = entry.record.state or tasks.PENDING
        return None if entry.task.plain and name != tasks.PENDING else name

    def framework(self, framework: FrameworkId, at: float) -> FrameworkStatus | None:
        """One framework's status; None when nobody ever heard of it."""
        books = self._present_books(at)
        return report.framework_status(self.state, books, framework, at) if framework in books.known else None

    def role(self, role: RoleId, at: float) -> RoleStatus | None:
        """One role's status; None when its object is somebody else's, or it has none and holds and wants nothing."""
        books = self._present_books(at)
        return books.role(role, at) if role in books.roles and self.state.tenants.concerns(role) else None

    def summary(self, at: float) -> Summary:
        """Everybody's figures at once."""
        return report.summary(self.state, at)

    def _present_books(self, at: float) -> Books:
        # Statuses are asked for in bursts, and each needs everybody's entitlement: one working out serves a burst.
        asked = (self._handled, at)
        if self._books is None or not (self._books[0][0] == asked[0] or 0 < at - self._books[0][1] < BOOKS_AGE):
            self._books = (asked, Books(self.state))
        return self._books[1]

    def _planned(self, event: events.Planned, at: float) -> None:
        plan = event.plan
        if plan.cycle != self._cycle:
            return
        cycle.placed_last(self.state, plan, self._launched)
        slices = cycle.planned(self.state, plan)
        self._offers = offers.make(self.state, slices, at, self._offers)
        if plan.final:
            cycle.conclude(self.state, plan, self._launched, at)
            self._answered = self._asked
            if cycle.cut_short(plan):
                self.state.changed()

    def _ticked(self, at: float) -> None:
        if self._recovery is not None:
            self._recover(self._recovery, at)
        if self.recovering:
            # Timers wait too: half a world would take a pod that was not listed yet for one that is not there.
            return
        if self.state.cluster.expire(at):
            self.state.changed()
        for alarm, subject in self.state.rung(at):
            ring(self.state, alarm, subject, at)
        cycle.tell_news(self.state)
        self.state.enter_moves(at)
        if self.state.fairness.due(at):
            self._settle(at)
        for role in self.state.fairness.grown(at):
            self.state.touch_role(role)

    def _recover(self, recovery: Recovery, at: float) -> None:
        """Settle a portion of what was listed, and begin when nothing is left."""
        if recovery.step(self.state, at):
            self._recovery = None
            self.state.whole = True
            self.state.changed()
            self.state.fairness.resume(at, recovery.led_until)
            self._settle(at)

    def _settle(self, at: float) -> None:
        """Bring the fairness ledger up to date. What is worked out for it serves the statuses that follow as well."""
        books = Books(self.state)
        self._books = ((self._handled, at), books)
        self.state.fairness.settle(at, books.dues(), books.share)

    def _observe_work(
        self,
        event: events.Synced | events.PodsListed | events.TaskObserved | events.TaskGone | events.PodObserved,
        at: float,
    ) -> None:
        state = self.state
        match event:
            case events.Synced(led_until=led_until):
                if not state.synced:
                    state.synced = True
                    self._recovery = Recovery(state, at, led_until)
                    self._recover(self._recovery, at)
            case events.PodsListed():
                intake.pods_listed(state, event, at)
            case events.TaskObserved(task=task):
                intake.observe_task(state, task, at)
            case events.TaskGone(id=gone):
                intake.lose_task(state, gone, at)
            case events.PodObserved(pod=pod):
                intake.observe_pod(state, pod, at)
            case _:
                assert_never(event)

    def _called(self, event: events.Call, at: float) -> None:
        state = self.state
        match event:
            case events.Subscribed(framework=framework):
                offers.subscribe(state, framework)
            case events.Disconnected(framework=framework):
                offers.disconnect(state, framework)
            case events.Accepted(framework=framework, offers=ids, tasks=chosen, refuse_seconds=seconds):
                offers.accept(state, framework, offers.Answer(ids, chosen, seconds), at)
            case events.Declined(framework=framework, offers=ids, refuse_seconds=seconds):
                offers.decline(state, framework, offers.Answer(ids, (), seconds), at)
            case events.Suppressed(framework=framework):
                offers.suppress(state, framework)
            case events.Revived(framework=framework):
                offers.revive(state, framework)
            case _:
                assert_never(event)

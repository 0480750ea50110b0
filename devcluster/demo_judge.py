"""What the demonstration looks at, and how it judges: pure, so that its verdict can be tested without a cluster.

All Tasks have one shape, so amounts are counted in tasks: what a role holds (launches under way included), what it is
entitled to (a fraction of the cluster, from fluid weighted fairness), and by how much the two differ. Tasks are whole
and entitlements are not, so less than one task is as close as can be, and it must hold in every sample between the
moment when the cluster is first full and the moment when somebody has nothing left to wait for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]

FINISHED = "TASK_FINISHED"


@dataclass(frozen=True, slots=True)
class Tenant:
    """One role in one sample.

    Attributes:
        weight: among the roles.
        share: the dominant share it holds, 0 to 1.
        entitlement: the dominant share that is its due, 0 to 1.
        held: tasks it holds.
        entitled: tasks it is entitled to; not a whole number.
        running: tasks that run.
        waiting: tasks that wait.
        finished: tasks that ended well.
        why: why the head of its queue waits, in a sentence; empty when nothing waits.
    """

    name: str
    weight: int
    share: float
    entitlement: float
    held: int
    entitled: float
    running: int
    waiting: int
    finished: int
    why: str = ""

    @property
    def deviation(self) -> float:
        """By how many tasks it holds more or less than its due."""
        return abs(self.held - self.entitled)


@dataclass(frozen=True, slots=True)
class Sample:
    """The whole cluster at one moment.

    Attributes:
        places: how many tasks it can hold.
        settled: whether the operator had answered everything that happened; a place that became free this very moment
            is nobody's yet, and says nothing about fairness.
    """

    places: int
    tenants: tuple[Tenant, ...]
    settled: bool = True

    @property
    def held(self) -> int:
        """Tasks that somebody holds."""
        return sum(tenant.held for tenant in self.tenants)

    @property
    def finished(self) -> int:
        """Tasks that ended well."""
        return sum(tenant.finished for tenant in self.tenants)

    @property
    def full(self) -> bool:
        """Whether no place is left."""
        return self.held >= self.places > 0

    @property
    def contended(self) -> bool:
        """Whether everybody has something waiting."""
        return bool(self.tenants) and all(tenant.waiting for tenant in self.tenants)

    @property
    def deviation(self) -> float:
        """The largest deviation of anybody."""
        return max((tenant.deviation for tenant in self.tenants), default=0.0)


@dataclass(slots=True)
class Judge:
    """Looks at every sample.

    Attributes:
        samples: how many there were in all.
        judged: how many of them lay between the first fill and the end of contention.
        unsettled: how many more there were in which the operator had not yet answered what had happened.
        largest: the largest deviation in those that were judged, in tasks.
        faults: what was wrong, in sentences.
    """

    samples: int = 0
    judged: int = 0
    unsettled: int = 0
    largest: float = 0.0
    faults: list[str] = field(default_factory=list)
    _filled: bool = False

    def see(self, sample: Sample, seconds: float) -> None:
        """Judge one sample, taken so many seconds after the operator started."""
        self.samples += 1
        self._filled = self._filled or sample.full
        if not self._filled or not sample.contended:
            return
        if not sample.settled:
            self.unsettled += 1
            return
        self.judged += 1
        self.largest = max(self.largest, sample.deviation)
        for tenant in sample.tenants:
            if tenant.deviation >= 1:
                self.faults.append(
                    f"after {seconds:.1f} s {tenant.name} held {tenant.held} tasks and was entitled to"
                    f" {tenant.entitled:.2f}: that is {tenant.deviation:.2f} off, and must be less than 1"
                )

    def conclude(self, states: Mapping[str, int], wanted: int) -> list[str]:
        """Everything that was wrong, once all is over; `states` counts the Tasks by their state in a LIST."""
        faults = list(self.faults)
        if not self.judged:
            faults.append("no sample showed a full cluster with both roles waiting, so nothing was proved")
        if states.get(FINISHED, 0) != wanted or sum(states.values()) != wanted:
            listed = ", ".join(f"{number} {state or 'without state'}" for state, number in sorted(states.items()))
            faults.append(f"all {wanted} Tasks must be {FINISHED}; they are: {listed or 'none at all'}")
        return faults


def read(state: Json, task: Mapping[str, int], names: Sequence[str], reasons: Mapping[str, str]) -> Sample:
    """A sample from what the operator says of itself.

    Args:
        state: the operator's page `/state`.
        task: what one task asks, in the units of that page.
        names: the roles to look at, in the order in which they are shown.
        reasons: why the head of each role's queue waits, in a sentence.
    """
    totals: Mapping[str, int] = state["totals"]
    places = min((totals.get(name, 0) // amount for name, amount in task.items()), default=0)
    roles = {role["name"]: role for role in state["roles"]}
    tenants = (
        _tenant(roles[name], state["frameworks"], places, reasons.get(name, "")) for name in names if name in roles
    )
    return Sample(places, tuple(tenants), settled=state.get("settled", True))


def _tenant(role: Json, frameworks: Sequence[Json], places: int, why: str) -> Tenant:
    counts: dict[str, int] = {}
    for framework in frameworks:
        if framework["role"] == role["name"]:
            for word, number in framework["tasks"].items():
                counts[word] = counts.get(word, 0) + number
    return Tenant(
        name=role["name"],
        weight=role["weight"],
        share=role["share"],
        entitlement=role["entitlement"],
        held=role["held"].get("pods", 0),
        entitled=role["entitlement"] * places,
        running=counts.get("TASK_RUNNING", 0),
        waiting=role["waiting"],
        finished=counts.get(FINISHED, 0),
        why=why if role["waiting"] else "",
    )

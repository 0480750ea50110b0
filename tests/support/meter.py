"""An independent integral of who was due what and who held what, from a watch of its own.

It shares nothing with the product: pods and Tasks as the API server tells of them, the entitlement by
`tests.support.oracle`, the arithmetic of `tests.support.arithmetic`. For scenarios in which every Task of a role asks the
same, any node could hold it, and nobody has limits or guarantees: then all that waits is placeable.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.arithmetic import Amounts
from tests.support.auditor import charge, is_live, owner_task
from tests.support.history import FINAL, History
from tests.support.oracle import Problem, fill

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Team:
    """One role, named like its namespace: its weight, and what each of its Tasks asks."""

    weight: int
    demand: Amounts


@dataclass(frozen=True, slots=True)
class Sums:
    """Share-seconds."""

    entitled: float
    held: float
    deficit: float


@dataclass(slots=True)
class Meter(History):
    """A history that remembers when each role held how many Tasks and how many of its waited.

    Attributes:
        points: seconds since the epoch, and by role (held, waiting) from there on.
    """

    points: list[tuple[float, dict[str, tuple[int, int]]]] = field(default_factory=list)
    _held: dict[str, tuple[str, str]] = field(default_factory=dict)  # pod -> role, Task
    _open: dict[str, str] = field(default_factory=dict)  # Task -> namespace
    _ended: set[str] = field(default_factory=set)  # Tasks

    def pod_seen(self, pod: Json) -> None:
        """A pod was added or modified."""
        History.pod_seen(self, pod)
        uid, task = pod["metadata"]["uid"], owner_task(pod) or ""
        if not is_live(pod):
            self._held.pop(uid, None)
            self._ended.add(task)
        elif pod["spec"].get("nodeName"):
            self._held[uid] = charge(pod), task
        self._point()

    def pod_gone(self, uid: str) -> None:
        """A pod object was removed."""
        History.pod_gone(self, uid)
        self._held.pop(uid, None)
        self._point()

    def task_seen(self, task: Json) -> None:
        """A Task was added or modified."""
        History.task_seen(self, task)
        uid = task["metadata"]["uid"]
        if (task.get("status") or {}).get("state", "") in FINAL:
            self._ended.add(uid)
        else:
            self._open[uid] = task["metadata"]["namespace"]
        self._point()

    def _point(self) -> None:
        at_work = {task for _, task in self._held.values()}
        counts: dict[str, list[int]] = {}
        for role, _ in self._held.values():
            counts.setdefault(role, [0, 0])[0] += 1
        for task, namespace in self._open.items():
            if task not in self._ended and task not in at_work:
                counts.setdefault(namespace, [0, 0])[1] += 1
        now = {role: (held, waiting) for role, (held, waiting) in counts.items()}
        if not self.points or self.points[-1][1] != now:
            self.points.append((time.time(), now))

    def sums(self, teams: Mapping[str, Team], whole: Amounts, spans: Iterable[tuple[float, float]]) -> dict[str, Sums]:
        """What every team was due, held and missed within some spans of time, on a cluster of this size."""
        totals = {role: [0.0, 0.0, 0.0] for role in teams}
        clock = [at for at, _ in self.points] + [float("inf")]
        for begin, end in spans:
            for index, (_, counts) in enumerate(self.points):
                seconds = min(end, clock[index + 1]) - max(begin, clock[index])
                if seconds > 0:
                    for role, rates in _rates(teams, whole, counts).items():
                        for number, rate in enumerate(rates):
                            totals[role][number] += rate * seconds
        return {role: Sums(*sums) for role, sums in totals.items()}


def _rates(
    teams: Mapping[str, Team], whole: Amounts, counts: Mapping[str, tuple[int, int]]
) -> dict[str, Sequence[float]]:
    """By role: entitlement, share and lack."""
    names = sorted(whole)
    roles = list(teams)
    numbers = [counts.get(role, (0, 0)) for role in roles]
    problem = Problem(
        agents=[[float(whole[name]) for name in names]],
        demands=[[float(teams[role].demand.get(name, 0)) for name in names] for role in roles],
        weights=[teams[role].weight for role in roles],
        tasks=[held + waiting for held, waiting in numbers],
    )
    due, unit = fill(problem), problem.unit_shares
    rates: dict[str, Sequence[float]] = {}
    for index, role in enumerate(roles):
        held, waiting = numbers[index]
        share = held * float(unit[index])
        rates[role] = float(due[index]), share, max(0.0, float(due[index]) - share) if waiting else 0.0
    return rates

"""A role that arrives late at a full cluster: how long until it has what is its due, on a real control plane.

Two roles of weight 1 and 2 keep simulated nodes full with tasks of four to eight seconds, so capacity is freed all the
time and nobody is evicted. Then a third role of weight 1 creates its first task. Until as much was freed as it is due,
nobody could have served it fully; what is measured is how long it takes from then on.

Both sources stand outside the decision: a watch on pods of our own, and the page `/state`, which is read ten times a
second. At the end the independent auditor judges a list of everything, and the witness all that happened.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import pykube

from devcluster.cluster import Cluster
from devcluster.operator_process import OperatorProcess
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually
from tests.support.history import History
from tests.support.objects import runs

Json = Mapping[str, Any]

NODES, CORES = 20, 8
PLACES = NODES * CORES
WEIGHTS = {"small": 1, "large": 2}
"""The roles that are there from the beginning. A late role has weight 1."""

BACKLOG = {"small": 1000, "large": 2000, "late": 300}
LENGTHS = (4, 5, 6, 7, 8)
WITHIN = 0.05
HOLD_SECONDS = 3.0
DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Change:
    """A role holds one place more, or one less, since this moment."""

    at: float
    role: str
    places: int


class Timeline(History):
    """A history that also keeps when places were taken and freed, by the time at which the watch said so."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []

    def pod_seen(self, pod: Json) -> None:
        """A pod was added or modified."""
        uid = pod["metadata"]["uid"]
        before = self._holdings.get(uid)
        super().pod_seen(pod)
        after = self._holdings.get(uid)
        if before is None and after is not None:
            self.changes.append(Change(time.monotonic(), after.role, 1))
        elif before is not None and after is None:
            self.changes.append(Change(time.monotonic(), before.role, -1))

    def pod_gone(self, uid: str) -> None:
        """A pod object was removed."""
        before = self._holdings.get(uid)
        super().pod_gone(uid)
        if before is not None:
            self.changes.append(Change(time.monotonic(), before.role, -1))


def held_at(changes: Sequence[Change], moment: float) -> Counter[str]:
    """Places by role at a moment."""
    held: Counter[str] = Counter()
    for change in changes:
        if change.at <= moment:
            held[change.role] += change.places
    return held


def moment_freed(changes: Sequence[Change], since: float, places: float) -> float | None:
    """When so many places had been freed since a moment; None when they never were."""
    freed = 0
    for change in changes:
        if change.at >= since and change.places < 0:
            freed += 1
            if freed >= places:
                return change.at
    return None


def moment_within(changes: Sequence[Change], role: str, due: float) -> float | None:
    """When a role was first close enough to its due; None when it never was."""
    held = 0
    for change in changes:
        if change.role == role:
            held += change.places
            if abs(held - due) <= WITHIN * due:
                return change.at
    return None


def jain(levels: Sequence[float]) -> float:
    """The fairness index: 1 when all levels are equal, 1/n when one has everything."""
    return sum(levels) ** 2 / (len(levels) * sum(level**2 for level in levels))


@dataclass(slots=True)
class Sample:
    """The page `/state` at one moment."""

    at: float
    roles: dict[str, Json]

    def close(self, role: str) -> bool:
        """Whether the operator says that a role has its entitlement, nearly."""
        said = self.roles.get(role)
        if said is None or not said["entitlement"]:
            return False
        return bool(abs(said["share"] / said["entitlement"] - 1) <= WITHIN)

    def index(self) -> float:
        """The weighted Jain index over roles that wait for more."""
        return jain([role["share"] / role["weight"] for role in self.roles.values() if role["waiting"]])


@dataclass(slots=True)
class Scene:
    """The cluster with its two roles at work."""

    lab: Lab
    operator: OperatorProcess
    timeline: Timeline
    names: dict[str, str]

    def fill(self) -> None:
        """Give the two roles work before the operator starts, and wait until they have divided the cluster."""
        for name in WEIGHTS:
            self._work(self.names[name], BACKLOG[name])
        self.operator.start()
        eventually("the cluster is full", self._full, bool, 60.0)
        time.sleep(HOLD_SECONDS)

    def arrive(self) -> dict[str, float]:
        """Let one more role come, look until it has its due and a while longer, and take it away again."""
        late = self.lab.tenant("late", weight=1)
        weights = {**{self.names[name]: weight for name, weight in WEIGHTS.items()}, late: 1}
        due = PLACES / sum(weights.values())
        began = time.monotonic()
        with ThreadPoolExecutor(1) as creator:
            created = creator.submit(self._work, late, BACKLOG["late"])
            samples = self._look(late, due, began)
            created.result()
        idle = [name for name in weights if not samples[-1].roles[name]["waiting"]]
        assert not idle, f"{idle} had nothing left to wait for, so nothing is proved"
        figures = self._figures(weights, late, began, samples)
        self._withdraw(late)
        eventually("the late role is gone", lambda: self.lab.held(late)[late], lambda held: not held, 30.0)
        eventually("the cluster is full", self._full, bool, 30.0)
        return figures

    def _look(self, late: str, due: float, began: float) -> list[Sample]:
        samples: list[Sample] = []
        until = began + DEADLINE_SECONDS
        settled = False
        while time.monotonic() < until:
            state = self.operator.json("/state")
            samples.append(Sample(time.monotonic(), {role["name"]: role for role in state["roles"]}))
            both = samples[-1].close(late) and moment_within(self.timeline.changes.copy(), late, due) is not None
            if both and not settled:
                settled, until = True, time.monotonic() + HOLD_SECONDS
            time.sleep(0.1)
        assert settled, f"{late} was never within {WITHIN:.0%} of its entitlement"
        return samples

    def _figures(self, weights: Mapping[str, int], late: str, began: float, samples: list[Sample]) -> dict[str, float]:
        changes = self.timeline.changes.copy()
        due = PLACES * weights[late] / sum(weights.values())
        freed, within = moment_freed(changes, began, due), moment_within(changes, late, due)
        said = next(sample.at for sample in samples if sample.close(late))
        assert freed is not None
        assert within is not None
        after = [sample for sample in samples if sample.at >= max(within, said)]
        seen = [held_at(changes, sample.at) for sample in after]
        return {
            "seconds to free its due": freed - began,
            "seconds to 5 %": max(0.0, within - freed),
            "seconds to 5 %, by /state": max(0.0, said - freed),
            "Jain index": median(jain([held[role] / weight for role, weight in weights.items()]) for held in seen),
            "Jain index, by /state": median(sample.index() for sample in after),
        }

    def _withdraw(self, namespace: str) -> None:
        """Delete its Tasks one by one, several at a time: a deletion of the whole collection takes them in turn."""
        names = [task.name for task in self.lab.tasks(namespace)]
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda name: self.lab.delete("Task", namespace, name), names))

    def _full(self) -> bool:
        held = self.lab.held(*self.names.values())
        return sum(held.values()) >= PLACES - 2

    def _work(self, namespace: str, number: int) -> None:
        each = number // len(LENGTHS)
        for seconds in LENGTHS:
            self.lab.tasks_for(namespace, each, prefix=f"run-{seconds}", annotations=runs(seconds))


@contextmanager
def scene() -> Iterator[Scene]:
    """A cluster with its two roles at work; judged by auditor and witness when all went well."""
    with Cluster("fairness") as cluster:
        operator = OperatorProcess(cluster)
        operator.install()
        http = pykube.HTTPClient(pykube.KubeConfig.from_file(str(cluster.kubeconfig())))
        lab, timeline = Lab(cluster, http), Timeline()
        lab.witness.history = timeline
        try:
            with lab.witness:
                lab.nodes(NODES, cpu=str(CORES))
                names = {name: lab.tenant(name, weight=weight) for name, weight in WEIGHTS.items()}
                opened = Scene(lab, operator, timeline, names)
                opened.fill()
                yield opened
                lab.judge()
        finally:
            operator.close()
            http.session.close()


def arrivals(rounds: int) -> list[dict[str, float]]:
    """What was measured at each arrival, one after the other on one cluster.

    Raises:
        AssertionError: the auditor or the witness found something wrong, or a role had no work left.
    """
    with scene() as opened:
        return [opened.arrive() for _ in range(rounds)]

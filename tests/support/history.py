"""What happened to Tasks and their pods, in the order in which the API server saw it, and what of it must not happen.

Pure: it is told one event of one object at a time (`tests.support.witness` brings them) and keeps the violations. The
promise it holds the product to: at most one live pod per Task at any time, at most one that succeeded, and one final
state, which never changes; and at no moment a pod that is placed beyond a node's room or its role's limit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.support.arithmetic import Amounts, effective_requests, excess, total
from tests.support.auditor import charge, is_live, ours, owner_task

Json = Mapping[str, Any]

FINAL = frozenset({"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR"})


@dataclass(frozen=True, slots=True)
class Binding:
    """A pod was first seen with a node."""

    pod: str
    node: str
    role: str


@dataclass(slots=True)
class _Task:
    name: str
    live: set[str] = field(default_factory=set)
    succeeded: set[str] = field(default_factory=set)
    most_live: int = 0
    final: str = ""
    endings: int = 0
    pods: int = 0


@dataclass(frozen=True, slots=True)
class _Holding:
    """What a live bound pod takes."""

    node: str
    role: str
    amounts: Amounts


@dataclass(slots=True)
class History:
    """Everything seen so far.

    Attributes:
        rooms: what each node has; nodes that are not named are not judged.
        limits: what each role may hold at most; roles and resources that are not named are not judged.
        violations: what must not happen and did, in sentences, in order.
        bindings: pods in the order in which they got their node.
    """

    rooms: dict[str, Amounts] = field(default_factory=dict)
    limits: dict[str, Amounts] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    _tasks: dict[str, _Task] = field(default_factory=dict)
    _pods: dict[str, str] = field(default_factory=dict)
    _bound: set[str] = field(default_factory=set)
    _holdings: dict[str, _Holding] = field(default_factory=dict)

    def pod_seen(self, pod: Json) -> None:
        """A pod was added or modified."""
        uid = pod["metadata"]["uid"]
        self._note_holding(pod, uid)
        owner = owner_task(pod)
        if owner is not None:
            self._note_attempt(pod, uid, owner)

    def pod_gone(self, uid: str) -> None:
        """A pod object was removed."""
        self._holdings.pop(uid, None)
        owner = self._pods.get(uid)
        if owner is not None:
            self._task(owner).live.discard(uid)

    def pods_listed(self, pods: Iterable[Json]) -> None:
        """A whole list took the place of events that were missed."""
        listed = {pod["metadata"]["uid"]: pod for pod in pods}
        for uid in (self._pods.keys() | self._holdings.keys()) - listed.keys():
            self.pod_gone(uid)
        # Ends first: a pod that ended unseen must not count beside its successor.
        for pod in sorted(listed.values(), key=is_live):
            self.pod_seen(pod)

    def task_seen(self, task: Json) -> None:
        """A Task was added or modified."""
        entry = self._task(task["metadata"]["uid"])
        entry.name = f"{task['metadata'].get('namespace', '')}/{task['metadata']['name']}"
        state = (task.get("status") or {}).get("state", "")
        if entry.final and state != entry.final:
            self.violations.append(f"{entry.name} was {entry.final} and is {state or 'without state'}")
        if state in FINAL and state != entry.final:
            entry.endings += 1
            entry.final = state
            if entry.endings > 1:
                self.violations.append(f"{entry.name} ended {entry.endings} times, now as {state}")

    def final_states(self) -> dict[str, int]:
        """How many Tasks ended in each final state."""
        counts: dict[str, int] = {}
        for task in self._tasks.values():
            if task.final:
                counts[task.final] = counts.get(task.final, 0) + 1
        return counts

    def pods_per_task(self) -> dict[str, int]:
        """How many pods each Task ever had, by the Task's full name."""
        return {task.name: task.pods for task in self._tasks.values()}

    def _task(self, uid: str) -> _Task:
        return self._tasks.setdefault(uid, _Task(name=""))

    def _note_attempt(self, pod: Json, uid: str, owner: str) -> None:
        name = pod["metadata"]["name"]
        task = self._task(owner)
        if uid not in self._pods:
            self._pods[uid] = owner
            task.pods += 1
        if is_live(pod):
            task.live.add(uid)
            if len(task.live) > max(1, task.most_live):
                self.violations.append(f"{task.name or owner} has {len(task.live)} live pods, {name} among them")
            task.most_live = max(task.most_live, len(task.live))
        else:
            task.live.discard(uid)
        if pod["status"].get("phase") == "Succeeded" and uid not in task.succeeded:
            task.succeeded.add(uid)
            if len(task.succeeded) > 1:
                self.violations.append(f"{task.name or owner} succeeded {len(task.succeeded)} times, now in {name}")

    def _note_holding(self, pod: Json, uid: str) -> None:
        node = pod["spec"].get("nodeName")
        if not node:
            return
        if not is_live(pod):
            self._holdings.pop(uid, None)
        elif uid not in self._holdings:
            self._holdings[uid] = _Holding(node, charge(pod), effective_requests(pod["spec"]))
        if uid in self._bound:
            return
        self._bound.add(uid)
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        self.bindings.append(Binding(name, node, charge(pod)))
        if ours(pod) and is_live(pod):
            self._judge_holding(name, self._holdings[uid])

    def _judge_holding(self, name: str, new: _Holding) -> None:
        """Judged only when a pod of Entresol's is placed: what others add afterwards is not its doing."""
        if new.node in self.rooms:
            load = total(held.amounts for held in self._holdings.values() if held.node == new.node)
            for resource in excess(load, self.rooms[new.node]):
                self.violations.append(f"{name} was placed on {new.node}, which has too little {resource} for it")
        if new.role in self.limits:
            limit = self.limits[new.role]
            load = total(held.amounts for held in self._holdings.values() if held.role == new.role)
            for resource in excess({key: load.get(key, Fraction(0)) for key in limit}, limit):
                self.violations.append(f"{name} was placed beyond the limit of {new.role} in {resource}")

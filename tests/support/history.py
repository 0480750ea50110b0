"""What happened to Tasks and their pods, in the order in which the API server saw it, and what of it must not happen.

Pure: it is told one event of one object at a time (`tests.support.witness` brings them) and keeps the violations. The
promise it holds the product to: at most one live pod per Task at any time, at most one that succeeded, and one final
state, which never changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.auditor import is_live, owner_task

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


@dataclass(slots=True)
class History:
    """Everything seen so far.

    Attributes:
        violations: what must not happen and did, in sentences, in order.
        bindings: pods in the order in which they got their node.
    """

    violations: list[str] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    _tasks: dict[str, _Task] = field(default_factory=dict)
    _pods: dict[str, str] = field(default_factory=dict)
    _bound: set[str] = field(default_factory=set)

    def pod_seen(self, pod: Json) -> None:
        """A pod was added or modified."""
        uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
        self._note_binding(pod, uid)
        owner = owner_task(pod)
        if owner is None:
            return
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

    def pod_gone(self, uid: str) -> None:
        """A pod object was removed."""
        owner = self._pods.get(uid)
        if owner is not None:
            self._task(owner).live.discard(uid)

    def pods_listed(self, pods: Iterable[Json]) -> None:
        """A whole list took the place of events that were missed."""
        listed = {pod["metadata"]["uid"]: pod for pod in pods}
        for uid in self._pods.keys() - listed.keys():
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

    def _note_binding(self, pod: Json, uid: str) -> None:
        node = pod["spec"].get("nodeName")
        if not node or uid in self._bound:
            return
        self._bound.add(uid)
        metadata = pod["metadata"]
        role = (metadata.get("annotations") or {}).get("entresol.dev/role", "")
        self.bindings.append(Binding(f"{metadata['namespace']}/{metadata['name']}", node, role))

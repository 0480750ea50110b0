"""Which kinds are followed, and what their objects mean to the engine: one row for each.

Meaning is worked out by the pure translators of `kube`; here it only gets the name of an event. Priority classes mean
nothing by themselves: their values go into the tasks that name them (`Priorities`). What is written in a namespace that
is not served means nothing at all, and a pod there no more than the room that it takes (`Elsewhere`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from entresol.engine import events
from entresol.engine.events import Event
from entresol.kube import resources
from entresol.kube.accounts import saved_of
from entresol.kube.bodies import Malformed, agent_of, framework_of, namespace_of, role_of
from entresol.kube.bodies_pod import foreign_pod_of, pod_of
from entresol.kube.bodies_task import task_of
from entresol.kube.holdings import T
from entresol.kube.names import full_name
from entresol.kube.resources import Selection
from entresol.kube.scope import Scope
from entresol.kube.shedding import shed_node, shed_pod, shed_task
from entresol.kube.wire import Namespace, Node, PriorityClass
from entresol.kube.wire_kinds import Framework, FrameworkRole, Task
from entresol.kube.wire_pod import Pod
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId

GLOBAL_DEFAULT = ""

_OVER = ("Succeeded", "Failed")

M = TypeVar("M")


def uid_of(record: T) -> str:
    """An object's UID."""
    return record.metadata.uid


def name_of(record: T) -> str:
    """An object's `namespace/name`, or its bare name when it lives in no namespace."""
    return full_name(record.metadata.namespace, record.metadata.name)


@dataclass(frozen=True, kw_only=True)  # no slots: in 3.11 a frozen generic with slots cannot be made as Kind[X](…)
class Kind(Generic[T]):
    """One followed kind.

    Attributes:
        name: what metrics and the debug page call it.
        observed: the event that an object becomes; None when it becomes none.
        gone: the event that its end becomes.
        key: by which name the engine knows it.
        shed: drops from an object, once it is understood, what nobody asks for later.
    """

    name: str
    selection: Selection
    wire: type[T]
    observed: Callable[[T], Event | Malformed | None]
    gone: Callable[[T], Event | None]
    key: Callable[[T], str] = uid_of
    shed: Callable[[T], None] = lambda _: None


@dataclass(slots=True)
class Priorities:
    """The values of the priority classes, by name; the global default under the empty name.

    `changed` is called when a value that tasks may have been read with is another one now.
    """

    values: dict[str, int] = field(default_factory=dict)
    changed: Callable[[], None] = lambda: None

    def observe(self, record: PriorityClass) -> None:
        """A class is there."""
        names = (record.metadata.name, GLOBAL_DEFAULT) if record.global_default else (record.metadata.name,)
        self._set(dict.fromkeys(names, record.value))

    def remove(self, record: PriorityClass) -> None:
        """A class is gone. Tasks that name it keep waiting with priority zero, and their pods will be refused."""
        names = (record.metadata.name, GLOBAL_DEFAULT) if record.global_default else (record.metadata.name,)
        for name in names:
            self.values.pop(name, None)
        self.changed()

    def _set(self, values: Mapping[str, int]) -> None:
        if not values.items() <= self.values.items():
            self.values |= values
            self.changed()


@dataclass(slots=True)
class Elsewhere:
    """Pods that name our scheduler in namespaces that are not served: like those of other schedulers, never touched.

    `pods` holds the UIDs of those that are not over.
    """

    pods: set[str] = field(default_factory=set)

    def observe(self, record: Pod) -> Event | Malformed:
        """A pod is there: it takes up room while it has a node and is not over."""
        if record.status.phase in _OVER:
            return self.remove(record)
        self.pods.add(uid_of(record))
        return _event(events.ForeignObserved, foreign_pod_of(record)) if record.spec.node_name else _left(record)

    def remove(self, record: Pod) -> Event:
        """A pod is gone, or over."""
        self.pods.discard(uid_of(record))
        return _left(record)


def served(kind: Kind[T], scope: Scope) -> Kind[T]:
    """The kind without its objects in namespaces that are not served: what they are written for is not ours to do."""

    def observed(record: T) -> Event | Malformed | None:
        return kind.observed(record) if scope.serves(record.metadata.namespace) else None

    def gone(record: T) -> Event | None:
        return kind.gone(record) if scope.serves(record.metadata.namespace) else None

    return replace(kind, observed=observed, gone=gone)


def early_kinds(priorities: Priorities, scope: Scope) -> tuple[Kind[Any], ...]:
    """The kinds that must be listed before any pod is looked at."""
    return (
        served(
            Kind[Task](
                name="tasks",
                selection=resources.ALL_TASKS,
                wire=Task,
                observed=lambda record: _event(events.TaskObserved, task_of(record, priorities.values)),
                gone=lambda record: events.TaskGone(TaskId(uid_of(record))),
                shed=shed_task,
            ),
            scope,
        ),
        served(
            Kind[Framework](
                name="frameworks",
                selection=resources.ALL_FRAMEWORKS,
                wire=Framework,
                observed=lambda record: _event(events.FrameworkObserved, framework_of(record)),
                gone=lambda record: events.FrameworkGone(FrameworkId(name_of(record))),
                key=name_of,
            ),
            scope,
        ),
        Kind[FrameworkRole](
            name="frameworkroles",
            selection=resources.ALL_FRAMEWORK_ROLES,
            wire=FrameworkRole,
            observed=_role_observed,
            gone=lambda record: events.RoleGone(RoleId(name_of(record))),
            key=name_of,
        ),
        Kind[Namespace](
            name="namespaces",
            selection=resources.ALL_NAMESPACES,
            wire=Namespace,
            observed=namespace_of,
            gone=lambda record: events.NamespaceGone(name_of(record)),
        ),
        Kind[PriorityClass](
            name="priorityclasses",
            selection=resources.ALL_PRIORITY_CLASSES,
            wire=PriorityClass,
            observed=priorities.observe,
            gone=priorities.remove,
        ),
        Kind[Node](
            name="nodes",
            selection=resources.ALL_NODES,
            wire=Node,
            observed=lambda record: _event(events.AgentObserved, agent_of(record, scope)),
            gone=lambda record: events.AgentGone(AgentId(name_of(record))),
            shed=shed_node,
        ),
    )


def pod_kinds(scope: Scope, elsewhere: Elsewhere) -> tuple[Kind[Pod], Kind[Pod]]:
    """Our pods, and those of other schedulers that take up room."""

    def observed(record: Pod) -> Event | Malformed:
        if scope.serves(record.metadata.namespace):
            return _event(events.PodObserved, pod_of(record))
        return elsewhere.observe(record)

    def gone(record: Pod) -> Event:
        if scope.serves(record.metadata.namespace):
            return events.PodGone(PodId(uid_of(record)))
        return elsewhere.remove(record)

    return (
        Kind[Pod](name="pods", selection=resources.OUR_PODS, wire=Pod, observed=observed, gone=gone, shed=shed_pod),
        Kind[Pod](
            name="foreignpods",
            selection=resources.FOREIGN_PODS,
            wire=Pod,
            observed=lambda record: _event(events.ForeignObserved, foreign_pod_of(record)),
            gone=_left,
            shed=shed_pod,
        ),
    )


def _role_observed(record: FrameworkRole) -> Event | Malformed:
    role = role_of(record)
    return role if isinstance(role, Malformed) else events.RoleObserved(role, saved_of(record))


def _left(record: Pod) -> Event:
    """A pod that is not ours takes up no room."""
    return events.ForeignGone(PodId(uid_of(record)))


def _event(event: Callable[[M], Event], meaning: M | Malformed) -> Event | Malformed:
    return meaning if isinstance(meaning, Malformed) else event(meaning)

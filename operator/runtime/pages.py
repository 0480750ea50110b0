"""A status, rendered at the moment it is sent: what the engine says now, against what the cluster says now."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from entresol.engine.status import FrameworkStatus, RoleStatus, TaskStatus
from entresol.kube.answers import Outcome
from entresol.kube.client import KubeClient
from entresol.kube.names import DEFAULT_FRAMEWORK, FRAMEWORK, full_name
from entresol.kube.patches import framework_patch, role_patch, task_patch, waiting_pod_patch
from entresol.kube.resources import FRAMEWORK_ROLES, FRAMEWORKS, TASKS
from entresol.kube.wire_kinds import Framework, FrameworkRole, Task
from entresol.kube.wire_pod import Pod
from entresol.model.identifiers import FrameworkId, RoleId, TaskId
from entresol.runtime.agenda import Name, Sort
from entresol.runtime.records import Records

_task = msgspec.json.Decoder(Task)
_pod = msgspec.json.Decoder(Pod)
_framework = msgspec.json.Decoder(Framework)
_role = msgspec.json.Decoder(FrameworkRole)


class Books(Protocol):
    """Who knows every status; the engine."""

    def task(self, task: TaskId, at: float, /) -> TaskStatus | None:
        """One task, now."""

    def state_of(self, task: TaskId, /) -> str | None:
        """The state that a task's object should show; None when its state shows nowhere but on its pod."""

    def framework(self, framework: FrameworkId, at: float, /) -> FrameworkStatus | None:
        """One framework, now."""

    def role(self, role: RoleId, at: float, /) -> RoleStatus | None:
        """One role, now."""


class Shelf(Protocol):
    """Where the newest records of what can be published are; the world."""

    @property
    def tasks(self) -> Records[Task]:
        """Task objects, by UID."""

    @property
    def pods(self) -> Records[Pod]:
        """Our pods, by UID."""

    @property
    def frameworks(self) -> Records[Framework]:
        """Frameworks, by `namespace/name`."""

    @property
    def roles(self) -> Records[FrameworkRole]:
        """Roles, by name."""


@dataclass(frozen=True, slots=True)
class Page:
    """One write: `learn` takes the object out of the answer, `reread` gets it anew after a conflict, where that helps."""

    send: Callable[[], Awaitable[Outcome]]
    learn: Callable[[bytes], None]
    reread: Callable[[], Awaitable[Outcome]] | None = None


class Pages:
    """Renders pages; None where nothing in a status is new, or where there is no object to write it to."""

    def __init__(self, client: KubeClient, books: Books, shelf: Shelf) -> None:
        self._client = client
        self._books = books
        self._shelf = shelf

    def render(self, name: Name, at: float, *, last: bool = False) -> Page | None:
        """What is to be written about an object now; `last` when nothing will be written after it."""
        match name.sort:
            case Sort.TASK:
                return self._of_task(TaskId(name.id), at)
            case Sort.FRAMEWORK:
                return self._of_framework(FrameworkId(name.id), at)
            case Sort.ROLE:
                return self._of_role(RoleId(name.id), at, last=last)

    def roles(self) -> list[Name]:
        """Every role that has an object."""
        return [Name(Sort.ROLE, record.metadata.name) for record in self._shelf.roles]

    def state_of(self, task: TaskId) -> str | None:
        """The state that a task's object should show; None when there is nothing to show."""
        return self._books.state_of(task)

    def framework_of(self, task: TaskId) -> str:
        """Whose task it is, as far as its object tells; to share out the budget for news."""
        record = self._shelf.tasks.get(task)
        if record is not None:
            return full_name(record.metadata.namespace, record.spec.framework_ref.name)
        pod = self._shelf.pods.get(task)
        if pod is None:
            return ""
        return full_name(pod.metadata.namespace, pod.metadata.labels.get(FRAMEWORK) or DEFAULT_FRAMEWORK)

    def _of_task(self, task: TaskId, at: float) -> Page | None:
        status = self._books.task(task, at)
        if status is None:
            return None
        if status.plain:
            return self._of_pod(status, at)
        record = self._shelf.tasks.get(task)
        patch = task_patch(status, record, at) if record is not None else None
        if record is None or patch is None:
            return None
        key = record.metadata.namespace, record.metadata.name
        return Page(
            send=lambda: self._client.patch_status(TASKS, key, patch),
            learn=lambda body: self._shelf.tasks.learn(_task.decode(body)),
            reread=lambda: self._client.get_task(*key),
        )

    def _of_pod(self, status: TaskStatus, at: float) -> Page | None:
        record = self._shelf.pods.get(status.id)
        patch = waiting_pod_patch(status, record, at) if record is not None else None
        if record is None or patch is None:
            return None
        key = record.metadata.namespace, record.metadata.name
        return Page(
            send=lambda: self._client.patch_pod_status(*key, patch),
            learn=lambda body: self._shelf.pods.learn(_pod.decode(body)),
        )

    def _of_framework(self, framework: FrameworkId, at: float) -> Page | None:
        record = self._shelf.frameworks.get(framework)
        status = self._books.framework(framework, at) if record is not None else None
        patch = framework_patch(status, record, at) if record is not None and status is not None else None
        if record is None or patch is None:
            return None
        key = record.metadata.namespace, record.metadata.name
        return Page(
            send=lambda: self._client.patch_status(FRAMEWORKS, key, patch),
            learn=lambda body: self._shelf.frameworks.learn(_framework.decode(body)),
        )

    def _of_role(self, role: RoleId, at: float, *, last: bool) -> Page | None:
        record = self._shelf.roles.get(role)
        status = self._books.role(role, at) if record is not None else None
        patch = role_patch(status, record, at, last=last) if record is not None and status is not None else None
        if record is None or patch is None:
            return None
        key = "", record.metadata.name
        return Page(
            send=lambda: self._client.patch_status(FRAMEWORK_ROLES, key, patch),
            learn=lambda body: self._shelf.roles.learn(_role.decode(body)),
        )

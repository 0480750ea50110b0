"""Launches: the pod of a Task's attempt is created, a plain pod is bound. The theory is in `executor.py`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

import msgspec

from entresol.engine.effects import BindPod, CreatePod
from entresol.engine.events import Launched, LaunchRefused, Refusal
from entresol.kube.answers import Answer, Outcome, status_of
from entresol.kube.bodies_pod import owner_of
from entresol.kube.client import KubeClient
from entresol.kube.deeds import binding_body, pod_body
from entresol.kube.names import pod_name
from entresol.kube.pace import Backoff, Pace
from entresol.kube.requests import effective_requests
from entresol.kube.wire_kinds import Task as TaskRecord
from entresol.kube.wire_pod import Pod as PodRecord
from entresol.model.identifiers import PodId, TaskId
from entresol.model.resources import Resources
from entresol.runtime.courier import Courier, is_passing, may_be_done, may_come_yet
from entresol.runtime.crash import AFTER_BIND, AFTER_CREATE, BEFORE_CREATE, Crash
from entresol.runtime.kinds import name_of
from entresol.runtime.records import Records
from entresol.runtime.refusals import Refused, refusal_of

CALM_TRIES = 5
"""So many tries that certainly did nothing, and the engine decides anew: by now the world has moved on."""

_OF_STATUS = frozenset((Refusal.INVALID, Refusal.CONFLICT))
"""Refusals that would be a verdict on the pod, or on its name, if they were not about a status."""

_pod = msgspec.json.Decoder(PodRecord)


class Reading(Enum):
    """What reading an object tells of a deed on it, when it does not tell its end."""

    NOT_DONE = "the server's own word: nothing was done so far"


Verdict = PodRecord | Refused | Reading | None
"""The pod as it is after the deed, why the deed will not happen, that it was not done, or nothing that is certain."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What deeds are done with.

    Attributes:
        record: writes a task's status now, and says why that is impossible if it is.
        crash: kills the process when a test asked for that place.
    """

    client: KubeClient
    courier: Courier
    tasks: Records[TaskRecord]
    pods: Records[PodRecord]
    record: Callable[[TaskId], Awaitable[Refused | None]]
    crash: Crash
    pace: Pace


class Launches:
    """Creates and binds pods. Each method ends in one outcome."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(self, deed: CreatePod) -> Launched | LaunchRefused:
        """Create the pod of a Task's attempt, on its agent."""
        desk = self._desk
        task = desk.tasks.get(deed.task)
        if task is None:
            return LaunchRefused(deed.task, deed.attempt, Refusal.GONE, "the Task is gone")
        if deed.record_first and (refused := await desk.record(deed.task)) is not None:
            # What is wrong with a status says nothing about the pod: the deed was not even tried.
            about = Refusal.UNAVAILABLE if refused.refusal in _OF_STATUS else refused.refusal
            return LaunchRefused(deed.task, deed.attempt, about, refused.words)
        namespace, body = task.metadata.namespace, pod_body(task, deed.attempt, deed.agent, deed.charge)
        name = pod_name(task.metadata.name, task.metadata.uid, deed.attempt)
        desk.crash(BEFORE_CREATE)

        async def judge(outcome: Outcome) -> Verdict:
            if isinstance(outcome, Answer) and outcome.ok:
                desk.crash(AFTER_CREATE)
                return _pod.decode(outcome.body)
            if _exists(outcome) or may_be_done(outcome):
                return await self._read_created(namespace, name, task)
            if is_passing(outcome) or _is(outcome, HTTPStatus.CONFLICT):  # other conflicts are a quota's own races
                return None
            return refusal_of(outcome, missing=Refusal.TERMINATING)

        verdict = await self._settle("create", lambda: desk.client.create_pod(namespace, body), judge)
        if isinstance(verdict, Refused):
            return LaunchRefused(deed.task, deed.attempt, verdict.refusal, verdict.words)
        desk.pods.made(verdict)  # so that it can be deleted by name before the watch has shown it
        return Launched(deed.task, deed.attempt, PodId(verdict.metadata.uid), _demand(verdict))

    async def bind(self, deed: BindPod) -> Launched | LaunchRefused:
        """Bind a plain pod to its agent."""
        desk = self._desk
        pod = desk.pods.get(deed.task)
        if pod is None:
            return LaunchRefused(deed.task, 0, Refusal.GONE, "the pod is gone")
        namespace, name = pod.metadata.namespace, pod.metadata.name
        body = binding_body(name_of(pod), PodId(pod.metadata.uid), deed.agent, deed.charge)

        async def judge(outcome: Outcome) -> Verdict:
            if isinstance(outcome, Answer) and outcome.ok:
                desk.crash(AFTER_BIND)
                return pod
            if _is(outcome, HTTPStatus.CONFLICT) or may_be_done(outcome):
                return await self._read_bound(pod, deed.agent)
            return None if is_passing(outcome) else refusal_of(outcome, missing=Refusal.GONE)

        verdict = await self._settle("bind", lambda: desk.client.bind_pod(namespace, name, body), judge)
        if isinstance(verdict, Refused):
            return LaunchRefused(deed.task, 0, verdict.refusal, verdict.words)
        # What a pod asks is settled when it is created; the watch has told it, and it was decided on.
        return Launched(deed.task, 0, PodId(pod.metadata.uid), Resources())

    async def _settle(
        self, verb: str, send: Callable[[], Awaitable[Outcome]], judge: Callable[[Outcome], Awaitable[Verdict]]
    ) -> PodRecord | Refused:
        """Repeat a deed until its end is certain."""
        backoff = Backoff(self._desk.pace)
        doubtful, under_way, tries = False, False, 0
        while True:
            outcome = await self._desk.courier.send(verb, send)
            verdict = await judge(outcome)
            if isinstance(verdict, PodRecord | Refused):
                return verdict
            under_way = under_way or may_come_yet(outcome)
            doubtful = verdict is not Reading.NOT_DONE and (doubtful or may_be_done(outcome))
            tries += 1
            if tries >= CALM_TRIES and not doubtful and not under_way:
                return Refused(Refusal.UNAVAILABLE, refusal_of(outcome, missing=Refusal.GONE).words)
            await self._desk.pace.sleep(backoff.next())

    async def _read_created(self, namespace: str, name: str, task: TaskRecord) -> Verdict:
        """See whose pod has the name: ours is what the engine will take for the attempt."""
        pod = await self._read(namespace, name)
        if not isinstance(pod, PodRecord):
            return None if pod is None else Reading.NOT_DONE  # either way the create is sent again
        ours = owner_of(pod.metadata) == (task.metadata.uid, name_of(task))
        if ours and not pod.metadata.deletion_timestamp:
            return pod
        if ours:
            # It may still run: the same number waits for its end, another number would be a second live pod.
            return Refused(Refusal.UNAVAILABLE, f"the pod {name} is being deleted")
        return Refused(Refusal.CONFLICT, f"the pod {name} belongs to somebody else")

    async def _read_bound(self, meant: PodRecord, agent: str) -> Verdict:
        """See where the pod is."""
        pod = await self._read(meant.metadata.namespace, meant.metadata.name)
        if pod is None:
            return None
        if not isinstance(pod, PodRecord) or pod.metadata.uid != meant.metadata.uid:
            return Refused(Refusal.GONE, "the pod is gone")
        if pod.metadata.deletion_timestamp:
            return Refused(Refusal.CONFLICT, "the pod is being deleted")
        if pod.spec.node_name == agent:
            return pod
        if pod.spec.node_name:
            return Refused(Refusal.CONFLICT, f"the pod is bound to {pod.spec.node_name}")
        return Reading.NOT_DONE

    async def _read(self, namespace: str, name: str) -> PodRecord | Refused | None:
        """The pod of this name; Refused when there is none, None when that cannot be known now."""
        outcome = await self._desk.courier.send("get", lambda: self._desk.client.get_pod(namespace, name))
        if isinstance(outcome, Answer) and outcome.ok:
            return _pod.decode(outcome.body)
        if _is(outcome, HTTPStatus.NOT_FOUND):
            return Refused(Refusal.GONE, "the pod is gone")
        return None


def _is(outcome: Outcome, status: HTTPStatus) -> bool:
    return isinstance(outcome, Answer) and outcome.status == status


def _exists(outcome: Outcome) -> bool:
    return (
        isinstance(outcome, Answer)
        and _is(outcome, HTTPStatus.CONFLICT)
        and status_of(outcome).reason == "AlreadyExists"
    )


def _demand(record: PodRecord) -> Resources:
    """What the pod asks after admission; nothing where that cannot be read, so that what was decided stays."""
    try:
        return effective_requests(record.spec, record.status)
    except ValueError:
        return Resources()

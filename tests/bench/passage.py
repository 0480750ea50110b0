"""The way of plain pods through the product without a network: watch lines in, bodies of Bindings out.

The allocator's own time is left out, because it has a probe of its own.
"""

from functools import cache
from typing import Any

import msgspec

from entresol.allocator.allocate import allocate
from entresol.engine import events
from entresol.engine.effects import BindPod, Effect
from entresol.engine.events import Event
from entresol.engine.machine import Engine
from entresol.kube.bodies import Malformed
from entresol.kube.deeds import binding_body
from entresol.kube.intake import Intake
from entresol.kube.scope import EVERYTHING
from entresol.kube.wire import WatchLine
from entresol.kube.wire_pod import Pod
from entresol.model.identifiers import FrameworkId, PodId, RoleId
from entresol.model.resources import Resources
from entresol.model.tenants import Framework
from entresol.runtime.kinds import Elsewhere, pod_kinds
from tests.bench.reference import spent
from tests.bench.tenants import ENTRESOL, TENANTS, pods
from tests.support.builders import agents, policy

_line = msgspec.json.Decoder(WatchLine)
_pod = msgspec.json.Decoder(Pod)
_POLICY = policy(grants_per_cycle=1_000)
NODES = 200

# What the API server adds to a plain pod; a watch sends all of it.
_SPEC = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "serviceAccountName": "default",
    "serviceAccount": "default",
    "securityContext": {},
    "preemptionPolicy": "PreemptLowerPriority",
    "priority": 0,
    "enableServiceLinks": True,
    "tolerations": [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("not-ready", "unreachable")
    ],
}
_FIELDS: dict[str, Any] = {
    f"f:{name}": {".": {}, **{f"f:{part}": {} for part in ("a", "b", "c", "d")}} for name in _SPEC
}
_METADATA = {
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:spec": _FIELDS}}],
}


@cache
def waiting(count: int) -> tuple[bytes, ...]:
    """The watch lines of so many new pods, of ten tenants."""
    return tuple(_news("ADDED", pod, i) for i, pod in enumerate(pods(count, ENTRESOL)))


@cache
def bound(count: int) -> tuple[bytes, ...]:
    """The watch lines of the same pods once they have a node."""
    return tuple(
        _news("MODIFIED", {**pod, "spec": {**pod["spec"], "nodeName": f"n{i % NODES:03}"}}, count + i)
        for i, pod in enumerate(pods(count, ENTRESOL))
    )


def decode(count: int) -> None:
    """Decode both lines of every pod, and do nothing with them."""
    for line in (*waiting(count), *bound(count)):
        _pod.decode(_line.decode(line).object)


def through(count: int) -> float:
    """CPU seconds of all but the allocator, from the first line to the last pod that is seen bound.

    Raises:
        AssertionError: a pod was not granted an agent.
    """
    passage = Passage()
    arriving, _ = spent(lambda: passage.read(waiting(count)))
    placing = passage.place()
    assert passage.launched == count, f"{passage.launched} of {count} pods were placed"
    confirming, _ = spent(lambda: passage.read(bound(count)))
    return arriving + placing + confirming


class Passage:
    """An engine with its intake of pods, and a cluster that does at once what it is asked."""

    def __init__(self) -> None:
        self.launched = 0
        self._kind = pod_kinds(EVERYTHING, Elsewhere())[0]
        self._intake = Intake(Pod, self)
        self._engine = Engine(_POLICY)
        self._names: dict[str, str] = {}
        for view in agents(NODES, cpu="16", memory="64Gi", pods=110):
            self._tell(events.AgentObserved(view.agent))
        for tenant in range(TENANTS):
            name = f"team-{tenant}"
            self._tell(events.FrameworkObserved(Framework(id=FrameworkId(f"{name}/batch"), role=RoleId(name))))
        self._tell(events.Synced())

    def read(self, lines: tuple[bytes, ...]) -> None:
        """Take in lines of a watch."""
        for line in lines:
            self._intake.line(line)

    def place(self) -> float:
        """Cycles until nothing more is wanted; CPU seconds without the allocator's."""
        seconds = 0.0
        while self._engine.wants_cycle:
            taking, snapshot = spent(self._engine.snapshot)
            seconds += taking
            for plan in allocate(snapshot, _POLICY):
                committing, effects = spent(lambda plan=plan: self._tell(events.Planned(plan)))  # type: ignore[misc]
                launching, _ = spent(lambda effects=effects: self._carry_out(effects))  # type: ignore[misc]
                seconds += committing + launching
        return seconds

    def upsert(self, record: Pod) -> None:
        """A pod was read."""
        meta = record.metadata
        self._names[meta.uid] = f"{meta.namespace}/{meta.name}"
        event = self._kind.observed(record)
        assert event is not None
        assert not isinstance(event, Malformed)
        self._tell(event)

    def delete(self, record: Pod) -> None:
        """A pod is gone, which does not happen here."""

    def synced(self) -> None:
        """A list is complete, which does not happen here."""

    def _tell(self, event: Event) -> tuple[Effect, ...]:
        return self._engine.handle(event, 1.0)

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, BindPod):
                binding_body(self._names[effect.task], PodId(effect.task), effect.agent, effect.charge)
                self._tell(events.Launched(effect.task, 0, PodId(effect.task), Resources()))
                self.launched += 1


def _news(kind: str, pod: dict[str, Any], version: int) -> bytes:
    name = pod["metadata"]["name"]
    metadata = {**_METADATA, **pod["metadata"], "uid": f"uid-{name}", "resourceVersion": str(version + 1)}
    whole = {**pod, "metadata": metadata, "spec": {**_SPEC, **pod["spec"]}, "status": {"phase": "Pending"}}
    return msgspec.json.encode({"type": kind, "object": whole})

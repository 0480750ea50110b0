"""What a pod says of its own end, and of why it does not begin.

Three parties may have ended it, and each writes elsewhere: whoever disrupted it (an eviction, a preemption, the node's
garbage collection) in the condition DisruptionTarget, the kubelet that refused or evicted it in `status.reason`, the
work itself in the exit code of a container. All three are read; which of them counts is the engine's decision. After a
kubelet's restart a refused pod gains container states that mean nothing, so a container never outweighs the other two.
"""

from collections.abc import Iterator

from entresol.kube.wire_pod import PodSpec, PodStatus, Terminated
from entresol.model.tasks import Ending, Hindrance

NO_ENDING = Ending()
UNHINDERED = Hindrance()

_ORDINARY = frozenset({"", "ContainerCreating", "PodInitializing"})
_ALTERNATING = {"ErrImagePull": "ImagePullBackOff"}


def ending_of(spec: PodSpec, status: PodStatus) -> Ending:
    """The end of a pod in a terminal phase; of a live pod, only what is already disrupting it."""
    target = next((c for c in status.conditions if c.type == "DisruptionTarget" and c.status == "True"), None)
    over = status.phase in ("Failed", "Succeeded")
    if target is None and not over:
        return NO_ENDING
    failed = next(_failures(spec, status), None) if over else None
    return Ending(
        disruption=(target.reason or target.type) if target is not None else "",
        reason=status.reason,
        exit_code=failed.exit_code if failed is not None else None,
        container_reason=failed.reason if failed is not None else "",
        message=(target.message if target is not None else "") or status.message or (failed.message if failed else ""),
    )


def hindrance_of(status: PodStatus) -> Hindrance:
    """Why the first container that waits does, unless it merely has not started yet.

    A kubelet that cannot have an image says so in two words by turns, for as long as it tries; here they are one.
    """
    if status.phase in ("Failed", "Succeeded"):
        return UNHINDERED
    for container in (*status.init_container_statuses, *status.container_statuses):
        waiting = container.state.waiting
        if waiting is not None and waiting.reason not in _ORDINARY:
            return Hindrance(_ALTERNATING.get(waiting.reason, waiting.reason), waiting.message)
    return UNHINDERED


def _failures(spec: PodSpec, status: PodStatus) -> Iterator[Terminated]:
    """Containers that ended badly, in the order in which they ran.

    Sidecars come last: they are killed when the work is over, and then say no more than that.
    """
    sidecars = {container.name for container in spec.init_containers if container.restart_policy == "Always"}
    first = [c for c in status.init_container_statuses if c.name not in sidecars]
    last = [c for c in status.init_container_statuses if c.name in sidecars]
    for container in (*first, *status.container_statuses, *last):
        terminated = container.state.terminated
        if terminated is not None and terminated.exit_code:
            yield terminated

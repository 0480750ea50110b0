"""The bodies of deeds: what is sent to create a Task's pod, to bind a plain pod, to delete something.

A Task's template is passed on as its author wrote it, byte for byte below the few members that Entresol sets itself.
Those are set, not merged: no template chooses its own name, owner, agent or stamp.
"""

from collections.abc import Mapping

import msgspec

from entresol.kube.names import API_VERSION, ATTEMPT, CONTAINER, FRAMEWORK, ROLE, SCHEDULER, TASK, pod_name, split_name
from entresol.kube.wire import ObjectMeta
from entresol.kube.wire_kinds import Task, TaskSpec
from entresol.model.identifiers import AgentId, PodId
from entresol.model.tasks import Charge

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)


def pod_body(task: Task, attempt: int, agent: AgentId, charge: Charge) -> bytes:
    """The pod of a Task's attempt, placed on its agent.

    Raises:
        ValueError: the template is not an object; `task_of` calls such a task invalid, and it is never launched.
    """
    template = _members(task.spec.template)
    spec: Mapping[str, object] = _inside(template, "spec") if template else _short_form(task.spec)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _pod_metadata(_inside(template, "metadata"), task.metadata, attempt, charge),
        "spec": {
            "restartPolicy": "Never",
            **spec,
            "nodeName": agent,
            "schedulerName": SCHEDULER,
        },
    }
    return msgspec.json.encode(pod)


def binding_body(pod: str, uid: PodId, agent: AgentId, charge: Charge) -> bytes:
    """The Binding of a plain pod (`namespace/name`), for the pod of that UID alone; the server adds the stamp to it."""
    namespace, name = split_name(pod)
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "annotations": _stamp(charge)},
        "target": {"apiVersion": "v1", "kind": "Node", "name": agent},
    }
    return msgspec.json.encode(binding)


def delete_body(uid: str, grace: int | None = None) -> bytes:
    """Options to delete the object of that UID alone. `grace` is in seconds; None leaves a pod its own."""
    options: dict[str, object] = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
    if grace is not None:
        options["gracePeriodSeconds"] = grace
    return msgspec.json.encode(options)


def _pod_metadata(
    template: Mapping[str, msgspec.Raw], task: ObjectMeta, attempt: int, charge: Charge
) -> dict[str, object]:
    stamp = _stamp(charge)
    owner = {
        "apiVersion": API_VERSION,
        "kind": "Task",
        "name": task.name,
        "uid": task.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {
        **template,
        "name": pod_name(task.name, task.uid, attempt),
        "namespace": task.namespace,
        "ownerReferences": [owner],
        "labels": {**_inside(template, "labels"), FRAMEWORK: stamp[FRAMEWORK], TASK: task.name},
        "annotations": {**_inside(template, "annotations"), **stamp, ATTEMPT: str(attempt)},
    }


def _short_form(spec: TaskSpec) -> dict[str, object]:
    container = {
        "name": CONTAINER,
        "image": spec.image,
        "command": spec.command,
        "args": spec.args,
        "env": spec.env,
        "resources": msgspec.to_builtins(spec.resources),
    }
    return {"containers": [{name: value for name, value in container.items() if value}]}


def _stamp(charge: Charge) -> dict[str, str]:
    """Who pays; a pod's framework is always of its own namespace, so its bare name is enough."""
    return {ROLE: charge.role, FRAMEWORK: split_name(charge.framework)[1]}


def _inside(members: Mapping[str, msgspec.Raw], name: str) -> dict[str, msgspec.Raw]:
    return _members(members.get(name, msgspec.Raw()))


def _members(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, each untouched; those that are null count as absent, as in any pod."""
    known = (_MEMBERS.decode(raw) if raw else None) or {}
    return {name: value for name, value in known.items() if bytes(value) != b"null"}

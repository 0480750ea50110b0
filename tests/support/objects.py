"""Short words for the API's long JSON: builders of the objects that tests create or judge."""

from collections.abc import Mapping
from typing import Any

from devcluster.kwok import RUN_SECONDS

Json = dict[str, Any]

API_VERSION = "entresol.dev/v1alpha1"
IMAGE = "registry.k8s.io/pause:3.10"
FOREVER = {RUN_SECONDS: "forever"}
"""For pods that would otherwise be over after a second, as those of Tasks are."""


def requests_of(cpu: str | None = "1", memory: str | None = None, **extended: str) -> Json:
    """A container's resources: one CPU unless told otherwise, with extended resources by name."""
    named = {"cpu": cpu, "memory": memory, **extended}
    asked = {name: amount for name, amount in named.items() if amount is not None}
    # The API server wants extended resources and huge pages limited to what is requested.
    limited = {name: amount for name, amount in asked.items() if "/" in name}
    return {"requests": asked} | ({"limits": limited} if limited else {})


def pod_spec(resources: Json | None = None, **fields: Any) -> Json:
    """A pod's spec with one container that asks for one CPU unless told otherwise."""
    container = {"name": "main", "image": IMAGE, "resources": requests_of() if resources is None else resources}
    container |= fields.pop("container", {})
    return {"containers": [container], **fields}


def task(
    name: str,
    namespace: str,
    *,
    framework: str = "default",
    spec: Json | None = None,
    annotations: Mapping[str, str] | None = None,
    **fields: Any,
) -> Json:
    """A Task with a template; further keywords are fields of its spec."""
    template: Json = {"spec": pod_spec() if spec is None else spec}
    if annotations:
        template["metadata"] = {"annotations": dict(annotations)}
    return {
        "apiVersion": API_VERSION,
        "kind": "Task",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"frameworkRef": {"name": framework}, "template": template, **fields},
    }


def pod(name: str, namespace: str, *, spec: Json | None = None, **metadata: Any) -> Json:
    """A plain pod that names Entresol as its scheduler."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"schedulerName": "entresol"} | (pod_spec() if spec is None else spec),
    }


def runs(seconds: float) -> dict[str, str]:
    """Annotations of a pod that runs so long."""
    return {RUN_SECONDS: f"{seconds:g}"}


def role(name: str, **spec: Any) -> Json:
    """A FrameworkRole."""
    return {"apiVersion": API_VERSION, "kind": "FrameworkRole", "metadata": {"name": name}, "spec": spec}


def framework(name: str, namespace: str, **spec: Any) -> Json:
    """A Framework."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": "Framework", "metadata": metadata, "spec": spec}

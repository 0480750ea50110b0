"""Objects of Entresol's kinds as a user writes them: keywords for what a test is about, something good for the rest."""

from typing import Any

Object = dict[str, Any]
NAMESPACE = "tenant"
REQUESTS: Object = {"cpu": "500m", "memory": "64Mi"}
CONTAINER: Object = {"name": "main", "image": "busybox:1.37", "resources": {"requests": REQUESTS}}
TEMPLATE: Object = {"spec": {"containers": [CONTAINER]}}
SHORT: Object = {"image": "busybox:1.37", "resources": {"requests": REQUESTS}}


def role(name: str = "gold", **spec: Any) -> Object:
    """A FrameworkRole."""
    return {"apiVersion": "entresol.dev/v1alpha1", "kind": "FrameworkRole", "metadata": {"name": name}, "spec": spec}


def framework(name: str = "batch", **spec: Any) -> Object:
    """A Framework."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "entresol.dev/v1alpha1", "kind": "Framework", "metadata": metadata, "spec": spec}


def task(name: str = "work", **spec: Any) -> Object:
    """A Task of the framework `batch`, unless the spec says otherwise."""
    metadata = {"name": name, "namespace": NAMESPACE}
    spec = {"frameworkRef": {"name": "batch"}, **spec}
    return {"apiVersion": "entresol.dev/v1alpha1", "kind": "Task", "metadata": metadata, "spec": spec}


def pod(**spec: Any) -> Object:
    """A Task whose pod template has these fields beside one good container."""
    return task(template={"spec": {"containers": [CONTAINER], **spec}})


def short(name: str = "work", **spec: Any) -> Object:
    """A Task in the short form with these fields beside a good image and good resources."""
    return task(name, **{**SHORT, **spec})


def selector(**requirements: Any) -> Object:
    """A FrameworkRole for the namespaces that a selector selects."""
    return role(namespaces={"selector": requirements})

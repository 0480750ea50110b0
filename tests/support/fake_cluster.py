"""The fake API server with a cluster's manners, as far as an operator can tell the difference.

Pods are selected by scheduler, node and phase; creates keep metadata; statuses are merged; a Binding stamps its
annotations; stale writes are refused. Faults can be scripted per kind of deed: `cluster.trouble("create", Refuse(429))`.
"""

import asyncio
from collections import defaultdict, deque
from typing import Any

from aiohttp import web

from entresol.kube.names import SCHEDULER
from entresol.kube.resources import (
    ACCESS_REVIEWS,
    ALL_FRAMEWORK_ROLES,
    ALL_FRAMEWORKS,
    ALL_TASKS,
    EVENTS,
    FRAMEWORK_ROLES,
    FRAMEWORKS,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    TASKS,
    TOKEN_REVIEWS,
    Resource,
)
from tests.support.fake_apiserver import Collection, FakeApiServer, Object, _parse
from tests.support.fake_faults import Cut, Ending, Fault, Refuse

TIME = "2024-05-01T10:00:00Z"
_PODS = PODS.path()
_OWN = (ALL_TASKS, ALL_FRAMEWORKS, ALL_FRAMEWORK_ROLES)
_DEEDS = {"GET": "get", "DELETE": "delete", "PATCH": "status"}


class FakeCluster(FakeApiServer):
    """Use as an asynchronous context manager."""

    def __init__(self) -> None:
        super().__init__()
        self.defined = True  # whether our kinds are installed
        self.deeds: list[tuple[str, str]] = []  # what was asked for, and of which object, in order
        self._troubles: dict[str, deque[Fault | None]] = defaultdict(deque)
        self.hold = ""  # lists and watches with this field selector wait until `let_go`
        self._let_go = asyncio.Event()
        self.lagging = False  # whether watches that are opened now never tell more than was there
        self.tokens: dict[str, str] = {}  # whose each token is
        self.readers: set[tuple[str, str]] = set()  # who may get which path
        self._ours, self._foreign = Collection(), Collection()

    # --- what a test does ---

    def trouble(self, deed: str, *faults: Fault | None) -> None:
        """Let the next deeds of a kind (create, bind, get, delete, status, event, look, hold, review) meet these faults; None is none."""
        self._troubles[deed].extend(faults)

    def let_go(self) -> None:
        """Serve what was held."""
        self._let_go.set()

    async def node(self, name: str, cpu: str = "4", pods: str = "110", **spec: Any) -> None:
        status = {
            "allocatable": {"cpu": cpu, "memory": "16Gi", "pods": pods},
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        await self.put(NODES, name, status=status, spec=spec)

    async def make(self, body: Object, uid: str = "") -> Object:
        """Put an object as `tests.support.objects` builds it."""
        resource = _RESOURCES[body["kind"]]
        metadata = body["metadata"]
        if namespace := metadata.get("namespace"):
            await self.namespace(namespace)
        key = (metadata.get("namespace", ""), metadata["name"])
        return await self._create(resource.path(), key, body, uid)

    async def namespace(self, name: str, **labels: str) -> None:
        if ("", name) not in self._kinds[NAMESPACES.path()].objects:
            fields = {"metadata": {"labels": labels}, "status": {"phase": "Active"}}
            await self._create(NAMESPACES.path(), ("", name), fields)

    async def pod_status(self, namespace: str, name: str, **status: Any) -> None:
        """What a kubelet would write."""
        held = self.object(PODS, namespace, name)
        await self._replace(_PODS, held, {**held, "status": {**held.get("status", {}), **status}})

    async def amend(self, resource: Resource, namespace: str, name: str, **spec: Any) -> None:
        """Change fields of an object's spec, as its author would."""
        held = self.object(resource, namespace, name)
        metadata = {**held["metadata"], "generation": held["metadata"]["generation"] + 1}
        await self._replace(resource.path(), held, {**held, "metadata": metadata, "spec": {**held["spec"], **spec}})

    async def mark_deleted(self, resource: Resource, namespace: str, name: str) -> None:
        held = self.object(resource, namespace, name)
        metadata = {**held["metadata"], "deletionTimestamp": TIME}
        await self._replace(resource.path(), held, {**held, "metadata": metadata})

    def object(self, resource: Resource, namespace: str, name: str) -> Object:
        return self._kinds[resource.path()].objects[namespace, name]

    def objects(self, resource: Resource) -> list[Object]:
        return list(self._kinds[resource.path()].objects.values())

    def status(self, resource: Resource, namespace: str, name: str) -> Object:
        status: Object = self.object(resource, namespace, name).get("status") or {}
        return status

    def count(self, deed: str, name: str = "") -> int:
        """How often a deed was asked for, of this object or of any."""
        return sum(1 for asked, of in self.deeds if asked == deed and name in ("", of))

    # --- manners ---

    def _fault(self, request: web.Request) -> Fault | None:
        fault = super()._fault(request)
        if fault is not None or self._door(request) != "deed" or not request.path.strip("/").split("/")[2:]:
            return fault
        path, _, name, subresource = _parse(request.path)
        deed = _DEEDS.get(request.method) or ("bind" if subresource else "create")
        if path == EVENTS.path():
            deed = "event"
        elif path in (TOKEN_REVIEWS.path(), ACCESS_REVIEWS.path()):
            deed = "review"
        elif path == LEASES.path():
            deed = "look" if deed == "get" else "hold"
        self.deeds.append((deed, name))
        troubles = self._troubles[deed]
        return troubles.popleft() if troubles else None

    def _selected(self, request: web.Request) -> Collection:
        if request.path != _PODS:
            return self._kinds[_parse(request.path)[0]]
        selector = request.query.get("fieldSelector", "")
        return self._ours if selector == f"spec.schedulerName={SCHEDULER}" else self._foreign

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if not self.defined and any(request.path == own.resource.path() for own in _OWN):
            return Refuse(404, "NotFound", "the server could not find the requested resource").response()
        if self.hold and request.query.get("fieldSelector") == self.hold:
            await self._let_go.wait()
        if (found := _discovery(request.path)) is not None:
            return web.json_response(found)
        return await super()._serve(request)

    async def _watch(self, request: web.Request, cut: Cut) -> web.StreamResponse:
        if self.lagging and "sendInitialEvents" in request.query:
            cut = Cut(len(self._selected(request).objects) + 1, Ending.SILENCE)
        return await super()._watch(request, cut)

    async def _tell(self, path: str, event: str, body: Object) -> None:
        if path == _PODS:
            ours = body.get("spec", {}).get("schedulerName") == SCHEDULER
            _show(self._ours, event, body, selected=ours)
            _show(self._foreign, event, body, selected=not ours and _takes_room(body))
        await super()._tell(path, event, body)

    async def _deed(self, request: web.Request, body: Any) -> web.Response:
        path, namespace, _, subresource = _parse(request.path)
        if path == TOKEN_REVIEWS.path():
            user = self.tokens.get(body["spec"]["token"])
            status = {"authenticated": True, "user": {"username": user, "groups": ["g"]}} if user else {"error": "no"}
            return web.json_response({**body, "status": status}, status=201)
        if path == ACCESS_REVIEWS.path():
            wanted = body["spec"]["user"], body["spec"]["nonResourceAttributes"]["path"]
            return web.json_response({**body, "status": {"allowed": wanted in self.readers}}, status=201)
        if request.method == "POST" and not subresource:
            key = namespace, body["metadata"]["name"]
            if key in self._kinds[path].objects:
                return Refuse(409, "AlreadyExists", f"{key[1]} already exists").response()
            return web.json_response(await self._create(path, key, body), status=201)
        return await super()._deed(request, body)

    async def _change(self, method: str, path: str, held: Object, body: Any) -> web.Response:
        if method == "PATCH":
            wanted = body.get("metadata", {}).get("resourceVersion", held["metadata"]["resourceVersion"])
            if wanted != held["metadata"]["resourceVersion"]:
                return Refuse(409, "Conflict", "the object has been modified").response()
            if path == LEASES.path():
                return web.json_response(await self._replace(path, held, _merged(held, body)))
            status = _merged(held.get("status") or {}, body["status"])
            return web.json_response(await self._replace(path, held, {**held, "status": status}))
        if method == "POST" and not held["spec"].get("nodeName"):
            annotations = {**held["metadata"].get("annotations", {}), **body["metadata"].get("annotations", {})}
            metadata = {**held["metadata"], "annotations": annotations}
            spec = {**held["spec"], "nodeName": body["target"]["name"]}
            await self._replace(path, held, {**held, "metadata": metadata, "spec": spec})
            return web.json_response({"kind": "Status", "status": "Success"}, status=201)
        return await super()._change(method, path, held, body)

    async def _create(self, path: str, key: tuple[str, str], body: Object, uid: str = "") -> Object:
        self._version += 1
        given = {
            "namespace": key[0],
            "name": key[1],
            "uid": uid or f"uid-{self._version}",
            "creationTimestamp": TIME,
            "generation": 1,
        }
        fields = {"status": {"phase": "Pending"}, **body} if path == _PODS else body
        return await self._store(path, "ADDED", {**fields, "metadata": {**body.get("metadata", {}), **given}})

    async def _replace(self, path: str, held: Object, new: Object) -> Object:
        self._version += 1
        return await self._store(path, "MODIFIED", {**new, "metadata": {**held["metadata"], **new["metadata"]}})

    async def _store(self, path: str, event: str, body: Object) -> Object:
        stored = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self._version)}}
        self._kinds[path].objects[body["metadata"]["namespace"], body["metadata"]["name"]] = stored
        await self._tell(path, event, stored)
        return stored


_RESOURCES = {"Task": TASKS, "Framework": FRAMEWORKS, "FrameworkRole": FRAMEWORK_ROLES, "Pod": PODS}


def _takes_room(pod: Object) -> bool:
    return bool(pod["spec"].get("nodeName")) and pod["status"]["phase"] not in ("Succeeded", "Failed")


def _show(view: Collection, event: str, body: Object, *, selected: bool) -> None:
    """Let a selection of pods see a change: one that leaves it is deleted there."""
    key = (body["metadata"]["namespace"], body["metadata"]["name"])
    held = key in view.objects
    if event == "DELETED" or not selected:
        if not held:
            return
        event = "DELETED"
        del view.objects[key]
    else:
        event = "MODIFIED" if held else "ADDED"
        view.objects[key] = body
    view.history.append((int(body["metadata"]["resourceVersion"]), event, body))


def _merged(known: Object, patch: Object) -> Object:
    """A JSON merge patch; conditions are merged by type, as a strategic one does."""
    merged = dict(known)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = _merged(merged[name], value)
        else:
            merged[name] = value
    return merged


def _discovery(path: str) -> Object | None:
    """What kopf asks to find out which kinds there are."""
    match path.strip("/").split("/"):
        case ["api"]:
            return {"versions": ["v1"]}
        case ["apis"]:
            version = {"groupVersion": "entresol.dev/v1alpha1", "version": "v1alpha1"}
            group = {"name": "entresol.dev", "versions": [version], "preferredVersion": version}
            return {"groups": [group]}
        case ["api", "v1"]:
            return {"resources": [_kind("namespaces", "Namespace", namespaced=False)]}
        case ["apis", "entresol.dev", "v1alpha1"]:
            kinds = [
                _kind("frameworks", "Framework", namespaced=True),
                _kind("frameworkroles", "FrameworkRole", namespaced=False),
            ]
            return {"resources": kinds}
        case _:
            return None


def _kind(plural: str, kind: str, *, namespaced: bool) -> Object:
    return {
        "name": plural,
        "singularName": kind.lower(),
        "kind": kind,
        "namespaced": namespaced,
        "verbs": ["list", "watch", "patch"],
    }

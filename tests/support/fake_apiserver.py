"""A small API server on loopback, for what a real one cannot be made to do at a given moment.

It keeps objects of any kind, serves lists in pages, streamed lists, watches and bookmarks, and writes with the
preconditions that matter. Selectors are ignored: the real server is asked about those. Faults are scripted per
door, `server.script("watch", Cut(3), None, Refuse(410))`: each request takes the next one, None behaves well.
"""

import asyncio
import json
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from aiohttp import web

from entresol.kube.resources import Resource
from tests.support.fake_faults import Cut, Drop, Ending, Fault, Refuse

Door = Literal["deed", "list", "continue", "watch"]
Object = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Collection:
    """All objects of a kind, and what has happened to them: (version, type, object)."""

    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    history: list[tuple[int, str, Object]] = field(default_factory=list)


class FakeApiServer:
    """Use as an asynchronous context manager; `url` is its address."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Seen] = []
        self.streams_lists = True
        self.open_watches = 0
        self._version = 100
        self._compacted = 0
        self._kinds: dict[str, Collection] = defaultdict(Collection)
        self._faults: dict[str, deque[Fault | None]] = defaultdict(deque)
        self._changed = asyncio.Condition()
        self._bookmarks = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    # --- what a test does to the cluster ---

    def script(self, door: Door, *faults: Fault | None) -> None:
        """Let the next requests at this door meet these faults, in order."""
        self._faults[door].extend(faults)

    def met_all_faults(self) -> bool:
        return not any(self._faults.values())

    async def put(self, resource: Resource, name: str, namespace: str = "", uid: str = "", **fields: Any) -> Object:
        """Create or replace an object; the same name keeps its UID unless another one is given."""
        return await self._put(resource.path(), (namespace, name), fields, uid)

    async def remove(self, resource: Resource, name: str, namespace: str = "") -> None:
        await self._remove(resource.path(), (namespace, name))

    def compact(self) -> None:
        """Forget everything that has happened: watches from before now are refused as expired."""
        self._version += 1
        self._compacted = self._version
        for kind in self._kinds.values():
            kind.history.clear()

    async def bookmark(self) -> None:
        """Send a bookmark on every watch."""
        async with self._changed:
            self._bookmarks += 1
            self._changed.notify_all()

    def requests(self, **query: str) -> list[Seen]:
        """Every request whose query holds these values."""
        return [seen for seen in self.seen if query.items() <= seen.query.items()]

    async def _put(self, path: str, key: tuple[str, str], fields: Object, uid: str = "") -> Object:
        held = self._kinds[path].objects.get(key)
        if held is not None and uid and uid != held["metadata"]["uid"]:
            await self._remove(path, key)
            held = None
        self._version += 1
        uid = held["metadata"]["uid"] if held else uid or f"uid-{self._version}"
        metadata = {"namespace": key[0], "name": key[1], "uid": uid, "resourceVersion": str(self._version)}
        new = {**fields, "metadata": metadata}
        self._kinds[path].objects[key] = new
        await self._tell(path, "MODIFIED" if held else "ADDED", new)
        return new

    async def _remove(self, path: str, key: tuple[str, str]) -> None:
        gone = self._kinds[path].objects.pop(key)
        self._version += 1
        await self._tell(
            path, "DELETED", {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self._version)}}
        )

    async def _tell(self, path: str, event: str, body: Object) -> None:
        async with self._changed:
            self._kinds[path].history.append((int(body["metadata"]["resourceVersion"]), event, body))
            self._changed.notify_all()

    def versions(self, resource: Resource) -> dict[str, str]:
        """UID and version of every object of a kind."""
        heads = [held["metadata"] for held in self._kinds[resource.path()].objects.values()]
        return {head["uid"]: head["resourceVersion"] for head in heads}

    # --- requests ---

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        self.seen.append(Seen(request.method, request.path, dict(request.query), dict(request.headers), body))
        door, fault = self._door(request), self._fault(request)
        if isinstance(fault, Refuse):
            return fault.response()
        if isinstance(fault, Drop):
            if fault.after_doing:
                await self._deed(request, body)
            return await self._end(request, fault.ending)
        match door:
            case "watch":
                return await self._watch(request, fault or Cut(-1))
            case "list" | "continue":
                return self._list(request)
            case "deed":
                return await self._deed(request, body)

    def _fault(self, request: web.Request) -> Fault | None:
        """The fault that this request is to meet."""
        faults = self._faults[self._door(request)]
        return faults.popleft() if faults else None

    def _selected(self, request: web.Request) -> Collection:
        """What a list or watch is about; selectors are ignored here."""
        return self._kinds[request.path]

    @staticmethod
    def _door(request: web.Request) -> Door:
        if "watch" in request.query:
            return "watch"
        if "limit" in request.query:
            return "continue" if "continue" in request.query else "list"
        return "deed"

    @staticmethod
    async def _end(request: web.Request, ending: Ending) -> web.StreamResponse:
        if ending is Ending.SILENCE:
            await asyncio.Event().wait()  # until the client goes away, which cancels the handler
        if ending is Ending.RESET and request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _list(self, request: web.Request) -> web.Response:
        objects = list(self._selected(request).objects.values())
        version, start = (int(part) for part in request.query.get("continue", f"{self._version}:0").split(":"))
        if version < self._compacted:
            return Refuse(410, "Expired", "The provided continue parameter is too old").response()
        end = start + int(request.query["limit"])
        metadata = {"resourceVersion": str(version), "continue": f"{version}:{end}" if end < len(objects) else ""}
        return web.json_response({"metadata": metadata, "items": objects[start:end]})

    async def _watch(self, request: web.Request, cut: Cut) -> web.StreamResponse:
        initial = request.query.get("sendInitialEvents") == "true"
        version = int(request.query.get("resourceVersion", self._version))
        if initial and not self.streams_lists:
            return Refuse(422, "Invalid", "sendInitialEvents is forbidden for watch").response()
        if version < self._compacted:
            return Refuse(410, "Expired", "too old resource version").response()
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        self.open_watches += 1
        try:
            return await self._stream(request, response, cut, version, initial=initial)
        finally:
            self.open_watches -= 1

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, cut: Cut, version: int, *, initial: bool
    ) -> web.StreamResponse:
        kind = self._selected(request)
        bookmarks = self._bookmarks
        lines: deque[Object] = deque()
        if initial:
            lines.extend({"type": "ADDED", "object": held} for held in kind.objects.values())
            lines.append(_bookmark(version, {"k8s.io/initial-events-end": "true"}))
        sent = 0
        while sent != cut.lines:
            async with self._changed:
                while not lines:
                    news = [entry for entry in kind.history if entry[0] > version]
                    lines.extend({"type": event, "object": body} for _, event, body in news)
                    if self._bookmarks > bookmarks:
                        lines.append(_bookmark(self._version))
                    version, bookmarks = max((entry[0] for entry in news), default=version), self._bookmarks
                    if not lines:
                        await self._changed.wait()
            await response.write(json.dumps(lines.popleft()).encode() + b"\n")
            sent += 1
        if isinstance(cut.then, Refuse):
            await response.write(json.dumps({"type": "ERROR", "object": cut.then.status}).encode() + b"\n")
        elif isinstance(cut.then, bytes):
            await response.write(cut.then)
        else:
            await self._end(request, cut.then)
        return response

    async def _deed(self, request: web.Request, body: Any) -> web.Response:
        path, namespace, name, subresource = _parse(request.path)
        if request.method == "POST" and not subresource:
            key = namespace, body["metadata"]["name"]
            if key in self._kinds[path].objects:
                return Refuse(409, "AlreadyExists").response()
            return web.json_response(await self._put(path, key, _without_metadata(body)), status=201)
        held = self._kinds[path].objects.get((namespace, name))
        if held is None:
            return Refuse(404, "NotFound").response()
        if _wanted_uid(body) not in (None, held["metadata"]["uid"]):
            return Refuse(409, "Conflict", "Precondition failed: UID in precondition").response()
        return await self._change(request.method, path, held, body)

    async def _change(self, method: str, path: str, held: Object, body: Any) -> web.Response:
        key = held["metadata"]["namespace"], held["metadata"]["name"]
        fields = _without_metadata(held)
        match method:
            case "GET":
                return web.json_response(held)
            case "DELETE":
                await self._remove(path, key)
                return web.json_response({"kind": "Status", "status": "Success"})
            case "PATCH":
                return web.json_response(await self._put(path, key, {**fields, **_without_metadata(body)}))
            case _:  # a Binding
                spec = fields.get("spec", {})
                if spec.get("nodeName"):
                    return Refuse(409, "Conflict", "pod is already assigned to a node").response()
                await self._put(path, key, {**fields, "spec": {**spec, "nodeName": body["target"]["name"]}})
                return web.json_response({"kind": "Status", "status": "Success"}, status=201)


def _parse(path: str) -> tuple[str, str, str, str]:
    """Collection path over all namespaces, namespace, name and subresource of a request's path."""
    parts = path.strip("/").split("/")
    root = 2 if parts[0] == "api" else 3
    rest, namespace = parts[root:], ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    return "/" + "/".join((*parts[:root], plural)), namespace, name, subresource


def _bookmark(version: int, annotations: dict[str, str] | None = None) -> Object:
    return {
        "type": "BOOKMARK",
        "object": {"metadata": {"resourceVersion": str(version), "annotations": annotations or {}}},
    }


def _without_metadata(body: Object) -> Object:
    return {name: value for name, value in body.items() if name != "metadata"}


def _wanted_uid(body: Any) -> str | None:
    """The UID that a deletion, a binding or a patch insists on."""
    if not body:
        return None
    uid: str | None = body.get("preconditions", {}).get("uid") or body.get("metadata", {}).get("uid")
    return uid

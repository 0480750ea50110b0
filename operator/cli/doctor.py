"""Whether an installation works: its definitions, its leader, its replicas, and one Task from beginning to end.

It asks the API server alone, as whoever runs it, and needs no way to the operator's own pages. Each check is asked
again until it holds, or its time is over, or it never will. What it makes it deletes again.

Nothing here compares a clock with another machine's: a Lease is fresh when its renewals are seen to go on.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from entresol.kube.answers import Answer, Lost, status_of
from entresol.kube.connection import Connection
from entresol.kube.names import API_VERSION, GROUP
from entresol.kube.resources import FRAMEWORK_ROLES, FRAMEWORKS, TASKS, Resource
from entresol.kube.transport import Request, Timeouts, Transport

Object = Mapping[str, Any]

LEASES = Resource("coordination.k8s.io", "v1", "leases")
SLICES = Resource("discovery.k8s.io", "v1", "endpointslices")
DEFINITIONS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")

_PAUSE = 0.2
_NEVER = frozenset((401, 403, 422))  # refusals that no patience mends
_PREFIX = "entresol-doctor-"


@dataclass(frozen=True, slots=True)
class Trial:
    """The Task that is to be run. Without a role, its Framework uses that of the namespace."""

    namespace: str
    image: str
    command: tuple[str, ...] = ()
    role: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is looked at. `lease` and `service` are (namespace, name); `seconds` is for every check anew."""

    lease: tuple[str, str]
    service: tuple[str, str]
    replicas: int
    seconds: float
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. One that is `final` is not asked for again."""

    ok: bool
    text: str
    final: bool = False


class UnansweredError(Exception):
    """The API server did not do what it was asked. `final` when it never will."""

    def __init__(self, text: str, *, final: bool = False) -> None:
        super().__init__(text)
        self.final = final


class ApiServer:
    """Objects in and out; everything but success is an UnansweredError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, path: str) -> Any:
        """An object, or a list."""
        return await self._ask("GET", path)

    async def create(self, resource: Resource, namespace: str, body: Object) -> str:
        """Make an object, and return the name that it was given."""
        made = await self._ask("POST", resource.path(namespace), body)
        return str(made["metadata"]["name"])

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete an object."""
        await self._ask("DELETE", resource.path(namespace, name))

    async def _ask(self, method: str, path: str, body: Object | None = None) -> Any:
        outcome = await self._transport.deed(Request(method, path, json.dumps(body).encode() if body else None))
        match outcome:
            case Lost(reason):
                raise UnansweredError(f"the API server must be reachable: {reason}")
            case Answer(status) if not outcome.ok:
                raise UnansweredError(f"{status} {status_of(outcome).message}", final=status in _NEVER)
            case Answer(_, answered):
                return json.loads(answered)


def run(connection: Connection, plan: Plan, say: Callable[[Finding], None]) -> bool:
    """Make every check over one connection, tell each finding, and return whether all are good."""

    async def main() -> bool:
        transport = Transport(connection, Timeouts(), connections=2)
        try:
            return await examine(ApiServer(transport), plan, say)
        finally:
            await transport.close()

    return asyncio.run(main())


async def examine(server: ApiServer, plan: Plan, say: Callable[[Finding], None]) -> bool:
    """Make every check, tell each finding, and return whether all are good."""
    renewals = _Renewals(server, plan.lease)
    checks: list[Callable[[], Awaitable[Finding]]] = [
        lambda: _definitions(server),
        renewals.look,
        lambda: _replicas(server, plan.service, plan.replicas),
    ]
    findings = []
    for check in checks:
        findings.append(await _insist(check, plan.seconds))
        say(findings[-1])
    if plan.trial is not None:
        findings.append(await _try(server, plan.trial, plan.seconds))
        say(findings[-1])
    return all(finding.ok for finding in findings)


async def _insist(check: Callable[[], Awaitable[Finding]], seconds: float) -> Finding:
    """Ask again until the check is content, or has given up, or the time is over."""
    clock = asyncio.get_running_loop()
    deadline = clock.time() + seconds
    while True:
        try:
            finding = await check()
        except UnansweredError as error:
            finding = Finding(ok=False, text=str(error), final=error.final)
        if finding.ok or finding.final or clock.time() >= deadline:
            return finding
        await asyncio.sleep(_PAUSE)


async def _definitions(server: ApiServer) -> Finding:
    names = [f"{each.plural}.{GROUP}" for each in (FRAMEWORK_ROLES, FRAMEWORKS, TASKS)]
    for name in names:
        definition = await server.get(DEFINITIONS.path(name=name))
        if _condition(definition, "Established") != "True":
            return Finding(ok=False, text=f"the definition of {name} must be established")
    return Finding(ok=True, text=f"the definitions of {', '.join(names)} are established")


class _Renewals:
    """Whether someone holds the Lease and goes on renewing it, told by two looks that differ."""

    def __init__(self, server: ApiServer, lease: tuple[str, str]) -> None:
        self._server = server
        self._lease = lease
        self._seen: tuple[str, str] | None = None

    async def look(self) -> Finding:
        name = "/".join(self._lease)
        lease = await self._server.get(LEASES.path(*self._lease))
        spec = lease.get("spec", {})
        holder, renewed = spec.get("holderIdentity") or "", spec.get("renewTime") or ""
        if not holder:
            return Finding(ok=False, text=f"the Lease {name} must be held by an operator, and nobody holds it")
        before, self._seen = self._seen, (holder, renewed)
        if before is not None and before != self._seen:
            return Finding(ok=True, text=f"the Lease {name} is held by {holder}, who renews it")
        return Finding(ok=False, text=f"the Lease {name} must be renewed; {holder} did so last at {renewed}")


async def _replicas(server: ApiServer, service: tuple[str, str], want: int) -> Finding:
    namespace, name = service
    found = await server.get(f"{SLICES.path(namespace)}?labelSelector=kubernetes.io/service-name%3D{name}")
    ready = sum(
        len(endpoint.get("addresses", ()))
        for one in found["items"]
        for endpoint in one.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready")
    )
    said = f"{ready} of {want} replicas are ready behind the Service {namespace}/{name}"
    return (
        Finding(ok=True, text=said) if ready >= want else Finding(ok=False, text=f"all replicas must be ready: {said}")
    )


async def _try(server: ApiServer, trial: Trial, seconds: float) -> Finding:
    """Make a Framework and a Task, wait for the Task's end, and delete both."""
    namespace = trial.namespace
    spec = {"role": trial.role} if trial.role else {}
    framework = {"apiVersion": API_VERSION, "kind": "Framework", "metadata": {"generateName": _PREFIX}, "spec": spec}
    try:
        name = await server.create(FRAMEWORKS, namespace, framework)
        try:
            return await _run(server, trial, name, seconds)
        finally:
            await server.delete(FRAMEWORKS, namespace, name)
    except UnansweredError as error:
        return Finding(ok=False, text=f"a Task must run in {namespace}: {error}")


async def _run(server: ApiServer, trial: Trial, framework: str, seconds: float) -> Finding:
    name = await server.create(TASKS, trial.namespace, task_body(trial, framework))
    try:
        return await _insist(lambda: _ended(server, trial.namespace, name), seconds)
    finally:
        await server.delete(TASKS, trial.namespace, name)


async def _ended(server: ApiServer, namespace: str, name: str) -> Finding:
    status = (task := await server.get(TASKS.path(namespace, name))).get("status", {})
    told = [status.get(key) for key in ("state", "reason", "message") if status.get(key)]
    text = ": ".join(told) or "no status yet, as if no operator served this namespace"
    succeeded = _condition(task, "Succeeded")
    if succeeded == "True":
        return Finding(ok=True, text=f"a Task in {namespace} ran on {status.get('nodeName')} and ended: {text}")
    return Finding(ok=False, text=f"a Task in {namespace} must end well: {text}", final=succeeded == "False")


def task_body(trial: Trial, framework: str) -> Object:
    """A Task whose pod fits a namespace that enforces Pod Security "restricted"."""
    container = {
        "name": "main",
        "image": trial.image,
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    if trial.command:
        container["command"] = list(trial.command)
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "Task",
        "metadata": {"generateName": _PREFIX},
        "spec": {"frameworkRef": {"name": framework}, "maxAttempts": 1, "template": {"spec": pod}},
    }


def _condition(found: Object, kind: str) -> str:
    conditions = found.get("status", {}).get("conditions") or ()
    return next((str(each["status"]) for each in conditions if each["type"] == kind), "")

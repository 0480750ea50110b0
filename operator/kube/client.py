"""The door to the API server: one method for each thing that Entresol asks of it.

Bodies are bytes that someone else has encoded, and answers are bytes that someone else decodes; which right
each request needs stands in `calls.py`. What is promised about failures stands in `transport.py`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Self
from urllib.parse import quote, urlencode

from entresol.kube import calls
from entresol.kube.answers import Outcome
from entresol.kube.connection import Connection
from entresol.kube.deeds import delete_body
from entresol.kube.resources import Resource, Selection
from entresol.kube.transport import Fence, Request, Timeouts, Transport


class KubeClient:
    """The requests of one operator. Use as an asynchronous context manager, inside a running loop."""

    def __init__(
        self,
        connection: Connection,
        *,
        timeouts: Timeouts | None = None,
        connections: int = 48,
        fence: Fence | None = None,
    ) -> None:
        """Send at most `connections` deeds at a time; further ones queue, and the wait counts as theirs.

        Without a `fence` whatever is asked for is sent.
        """
        self._transport = Transport(connection, timeouts or Timeouts(), connections, fence)

    async def __aenter__(self) -> Self:
        """Return the client; connections are made when they are needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection; what is under way is lost."""
        await self.close()

    async def close(self) -> None:
        """Close every connection; what is under way is lost."""
        await self._transport.close()

    async def create_pod(self, namespace: str, body: bytes) -> Outcome:
        """Create a pod."""
        return await self._do(calls.CREATE_POD, namespace, body=body)

    async def bind_pod(self, namespace: str, name: str, body: bytes) -> Outcome:
        """Post a Binding; its metadata carries the pod's UID, which the server takes as a precondition."""
        return await self._do(calls.BIND_POD, namespace, name, body=body)

    async def get_pod(self, namespace: str, name: str) -> Outcome:
        """Read a pod back."""
        return await self._do(calls.GET_POD, namespace, name)

    async def delete_pod(self, namespace: str, name: str, uid: str, grace_seconds: int | None = None) -> Outcome:
        """Delete the pod of this name and UID; 409 means that the name is another's by now.

        `grace_seconds` None leaves the grace to the pod. Zero removes the object at once, without waiting for
        a kubelet: only for pods whose node is gone.
        """
        return await self._do(calls.DELETE_POD, namespace, name, body=delete_body(uid, grace_seconds))

    async def patch_pod_status(self, namespace: str, name: str, patch: bytes) -> Outcome:
        """Merge into a pod's status strategically: conditions are merged by their type.

        A UID in the patch's metadata that is another pod's is refused with 422, another resource version with 409.
        """
        return await self._do(calls.PATCH_POD_STATUS, namespace, name, body=patch)

    async def patch_status(self, resource: Resource, key: tuple[str, str], patch: bytes) -> Outcome:
        """Merge into the status of the Task, Framework or FrameworkRole at `key` (namespace, name).

        `patch` is a JSON merge patch. What is meant for one object alone must carry its resource version, which
        is refused with 409 when it is another one's or outdated: a UID is silently ignored here.
        """
        return await self._do(calls.PATCH_STATUS[resource], *key, body=patch)

    async def get_task(self, namespace: str, name: str) -> Outcome:
        """Read a Task back."""
        return await self._do(calls.GET_TASK, namespace, name)

    async def delete_task(self, namespace: str, name: str, uid: str) -> Outcome:
        """Delete the Task of this name and UID; its pods follow by their owner references."""
        return await self._do(calls.DELETE_TASK, namespace, name, body=delete_body(uid))

    async def create_event(self, namespace: str, body: bytes) -> Outcome:
        """Create an Event (events.k8s.io/v1)."""
        return await self._do(calls.CREATE_EVENT, namespace, body=body)

    async def get_lease(self, namespace: str, name: str) -> Outcome:
        """Read a Lease."""
        return await self._do(calls.GET_LEASE, namespace, name)

    async def create_lease(self, namespace: str, body: bytes) -> Outcome:
        """Create a Lease; 409 means that there is one."""
        return await self._do(calls.CREATE_LEASE, namespace, body=body)

    async def patch_lease(self, namespace: str, name: str, patch: bytes) -> Outcome:
        """Merge into a Lease; refused with 409 when the version in the patch is not the present one."""
        return await self._do(calls.PATCH_LEASE, namespace, name, body=patch)

    async def review_token(self, body: bytes) -> Outcome:
        """Ask whose token this is."""
        return await self._do(calls.CREATE_TOKEN_REVIEW, "", body=body)

    async def review_access(self, body: bytes) -> Outcome:
        """Ask whether somebody may do something."""
        return await self._do(calls.CREATE_ACCESS_REVIEW, "", body=body)

    async def list_page(self, selection: Selection, *, limit: int, token: str = "") -> Outcome:
        """Read a page of a list of the newest state; `token` continues the list of the page before."""
        parameters = {"limit": str(limit)} | ({"continue": token} if token else {})
        return await self._transport.page(_select(selection, parameters))

    def watch(
        self, selection: Selection, parameters: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Outcome | AsyncIterator[bytes]]:
        """Open a watch: its bytes as they come, or why there are none.

        The stream ends when the server ends it, and raises StreamCutError when it breaks or falls silent.
        """
        return self._transport.stream(_select(selection, {"watch": "true", **parameters}))

    async def _do(self, call: calls.Call, namespace: str, name: str = "", *, body: bytes | None = None) -> Outcome:
        target = quote(call.resource.path(namespace, name, call.subresource))
        return await self._transport.deed(Request(call.method, target, body, call.media_type))


def _select(selection: Selection, parameters: Mapping[str, str]) -> Request:
    path = quote(selection.resource.path(selection.namespace))
    return Request("GET", f"{path}?{urlencode({**selection.selectors, **parameters})}")

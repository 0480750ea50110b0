"""The few plain calls to the API server that running a cluster takes; not a Kubernetes client.

JSON goes in and comes out as Python's dicts and lists: no kind is known here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from devcluster.certificates import KeyPair
from devcluster.errors import DevclusterError


class ApiError(DevclusterError):
    """The API server refused.

    Attributes:
        status: the HTTP status code.
        reason: the machine-readable word of the server's Status (`NotFound`…), or an empty string.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """What a client needs to speak to the API server as somebody, as paths for any HTTP library."""

    url: str
    ca: Path
    pair: KeyPair


class Api:
    """Calls as one identity; safe to use from several threads."""

    def __init__(self, identity: Identity) -> None:
        self._url = identity.url
        self._pool = urllib3.PoolManager(
            maxsize=16,
            ca_certs=str(identity.ca),
            cert_file=str(identity.pair.certificate),
            key_file=str(identity.pair.key),
            retries=False,
        )

    def get(self, path: str) -> Any:
        """The object or list at *path*, such as `/api/v1/nodes`."""
        return self.call("GET", path)

    def create(self, path: str, body: dict[str, Any]) -> Any:
        """POST *body* to the collection (or subresource) at *path*."""
        return self.call("POST", path, body)

    def merge(self, path: str, body: dict[str, Any]) -> Any:
        """JSON merge patch: null removes a field."""
        return self.call("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str) -> Any:
        """Delete the object at *path*, or everything in the collection."""
        return self.call("DELETE", path)

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, content_type: str = "application/json"
    ) -> Any:
        """One request; the answer's JSON, or its text where it is none (`/readyz`).

        Raises:
            ApiError: the answer was 400 or above.
            OSError: there was no answer.
        """
        try:
            answer = self._pool.request(
                method,
                self._url + path,
                body=None if body is None else json.dumps(body).encode(),
                headers={"Content-Type": content_type} if body is not None else None,
                timeout=30.0,
            )
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"{method} {path}: {error}") from error
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        content: Any = answer.json() if is_json else answer.data.decode()
        if answer.status >= 400:
            status = content if isinstance(content, dict) else {}
            raise ApiError(answer.status, status.get("reason", ""), status.get("message", str(content)))
        return content

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.clear()

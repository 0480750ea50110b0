"""The API server's own record of who asked what of it, and what it answered: the witness of rights and of take-overs.

    log = AuditLog(folder)
    with Cluster("test", Options(apiserver_flags=log.flags)) as cluster: …
    [each for each in log.entries() if each.changes]

Kept are requests of ServiceAccounts, hence the operator's, but not those of the controller manager. An entry is written
before the answer is sent, so whoever has seen an answer finds its entry. Times are those of the API server.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import yaml

_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"], "omitManagedFields": True},
        {"level": "None"},
    ],
}
_MEGABYTES = 10_000
"""Larger than any test writes: a rotated log would be read in part only."""
_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})

Right = tuple[str, str, str]
"""API group, resource (with its subresource) and verb, as an access rule names them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer of the API server; a watch has one at its start and another at its end.

    Attributes:
        stage: `ResponseStarted` (of a long answer), `ResponseComplete`, or `Panic`.
        user: who asked, as the API server knows them: `system:serviceaccount:NAMESPACE:NAME`.
        agent: what the client calls itself.
        verb: of the access rules.
        group: API group; empty for the core and for paths that are no resources.
        resource: with its subresource (`pods/binding`); empty for paths that are no resources.
        path: what was asked for, with the query.
        code: HTTP status of the answer; 0 when there was none.
        forbidden: whether the access rules refused it; quotas and policies answer 403 too, and are not meant.
        received: when the request came, in seconds since the epoch.
        answered: when this stage was reached.
    """

    stage: str
    user: str
    agent: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    path: str
    code: int
    forbidden: bool
    received: float
    answered: float

    @property
    def right(self) -> Right:
        """What the access rules must grant for it."""
        return self.group, self.resource, self.verb

    @property
    def changes(self) -> bool:
        """Whether it is a write that was carried out."""
        return self.verb in _WRITES and 200 <= self.code < 300

    @classmethod
    def read(cls, line: str) -> Self:
        """One line of the log."""
        event = json.loads(line)
        what: dict[str, Any] = event.get("objectRef") or {}
        subresource = f"/{what['subresource']}" if what.get("subresource") else ""
        return cls(
            stage=event["stage"],
            user=event["user"]["username"],
            agent=event.get("userAgent", ""),
            verb=event["verb"],
            group=what.get("apiGroup", ""),
            resource=what.get("resource", "") + subresource,
            namespace=what.get("namespace", ""),
            name=what.get("name", ""),
            path=event["requestURI"],
            code=(event.get("responseStatus") or {}).get("code", 0),
            forbidden=(event.get("annotations") or {}).get("authorization.k8s.io/decision") == "forbid",
            received=_seconds(event["requestReceivedTimestamp"]),
            answered=_seconds(event["stageTimestamp"]),
        )


class AuditLog:
    """The audit log of one API server, whose flags must be in place before it starts.

    Args:
        folder: an existing folder for the policy and the log, the test's own.
    """

    def __init__(self, folder: Path) -> None:
        self._policy = folder / "audit-policy.yaml"
        self._policy.write_text(yaml.safe_dump(_POLICY))
        self.path = folder / "audit.log"

    @property
    def flags(self) -> tuple[str, ...]:
        """What kube-apiserver must be told."""
        return (
            f"--audit-policy-file={self._policy}",
            f"--audit-log-path={self.path}",
            f"--audit-log-maxsize={_MEGABYTES}",
        )

    def entries(self, user: str = "") -> Iterator[Entry]:
        """What was written so far, oldest answer first; of one user only, if one is named."""
        if not self.path.exists():
            return
        with self.path.open() as lines:
            for line in lines:
                if not line.endswith("\n"):
                    return  # half written
                if user in line:
                    entry = Entry.read(line)
                    if user in ("", entry.user):
                        yield entry


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()

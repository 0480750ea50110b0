"""Every kind of request that Entresol makes, each with the right it needs.

One table, so that a test can hold it against the access rules in the chart: a right that is missing shows
before the server refuses it, and one that nobody uses is not asked for.
"""

from dataclasses import dataclass

from entresol.kube.resources import (
    ACCESS_REVIEWS,
    EVENTS,
    FOLLOWED,
    FRAMEWORK_ROLES,
    FRAMEWORKS,
    LEASES,
    PODS,
    TASKS,
    TOKEN_REVIEWS,
    Resource,
)

_METHODS = {"create": "POST", "get": "GET", "list": "GET", "watch": "GET", "delete": "DELETE", "patch": "PATCH"}

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of request: the verb of the access rules, what it acts on, and the media type of its body."""

    verb: str
    resource: Resource
    subresource: str = ""
    media_type: str = "application/json"

    @property
    def method(self) -> str:
        """The HTTP method."""
        return _METHODS[self.verb]

    @property
    def right(self) -> tuple[str, str, str]:
        """API group, resource (with its subresource) and verb, as an access rule names them."""
        what = f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural
        return self.resource.group, what, self.verb


CREATE_POD = Call("create", PODS)
BIND_POD = Call("create", PODS, "binding")
GET_POD = Call("get", PODS)
DELETE_POD = Call("delete", PODS)
PATCH_POD_STATUS = Call("patch", PODS, "status", STRATEGIC_MERGE_PATCH)
GET_TASK = Call("get", TASKS)
DELETE_TASK = Call("delete", TASKS)
PATCH_STATUS = {kind: Call("patch", kind, "status", MERGE_PATCH) for kind in (TASKS, FRAMEWORKS, FRAMEWORK_ROLES)}
CREATE_EVENT = Call("create", EVENTS)

CALLS = (
    CREATE_POD,
    BIND_POD,
    GET_POD,
    DELETE_POD,
    PATCH_POD_STATUS,
    GET_TASK,
    DELETE_TASK,
    *PATCH_STATUS.values(),
    CREATE_EVENT,
    *(Call(verb, selection.resource) for selection in FOLLOWED for verb in ("list", "watch")),
)
"""All that scheduling takes."""

CREATE_LEASE = Call("create", LEASES)
GET_LEASE = Call("get", LEASES)
PATCH_LEASE = Call("patch", LEASES, media_type=MERGE_PATCH)
WATCH_LEASE = Call("watch", LEASES)

LEASE_CALLS = (CREATE_LEASE, GET_LEASE, PATCH_LEASE, WATCH_LEASE)
"""All that an election takes, on the one Lease; only where several replicas share the work."""

CREATE_TOKEN_REVIEW = Call("create", TOKEN_REVIEWS)
CREATE_ACCESS_REVIEW = Call("create", ACCESS_REVIEWS)

REVIEW_CALLS = (CREATE_TOKEN_REVIEW, CREATE_ACCESS_REVIEW)
"""All that it takes to know who reads our pages; only where access to them is reviewed."""

RIGHTS = frozenset(call.right for call in CALLS)
"""What an access role must grant, and no more: (API group, resource, verb)."""

LEASE_RIGHTS = frozenset(call.right for call in LEASE_CALLS)
"""The same for the Lease's namespace. All but `create` can be held to the name of the Lease."""

REVIEW_RIGHTS = frozenset(call.right for call in REVIEW_CALLS)
"""The same for the whole cluster, where access is reviewed."""

"""What Entresol speaks of at the API server: kinds, their paths, and the sets of objects that it follows.

Two sets of pods are followed, together every pod that can matter and none twice. A pod names its scheduler
once and for ever, so the selectors below are disjoint. Ours are seen in all phases, because how a pod ended
matters; of the others only those that take up room on a node. A pod that leaves a selection is reported by
the server as deleted, in its last state inside, which for the others is exactly what it means here: its room
is free.
"""

from dataclasses import dataclass

from entresol.kube.names import GROUP, SCHEDULER, VERSION


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server names it in paths and in access rules; the core group is empty."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path of a collection, an object or a subresource; without namespace, of all of them."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        ends = (part for part in (self.plural, name, subresource) if part)
        return "/".join((root + scope, *ends))


PODS = Resource("", "v1", "pods")
NODES = Resource("", "v1", "nodes")
NAMESPACES = Resource("", "v1", "namespaces")
PRIORITY_CLASSES = Resource("scheduling.k8s.io", "v1", "priorityclasses")
EVENTS = Resource("events.k8s.io", "v1", "events")
TASKS = Resource(GROUP, VERSION, "tasks")
FRAMEWORKS = Resource(GROUP, VERSION, "frameworks")
FRAMEWORK_ROLES = Resource(GROUP, VERSION, "frameworkroles")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews")
ACCESS_REVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews")


@dataclass(frozen=True, slots=True)
class Selection:
    """A set of objects that the server filters: a resource, and optionally a namespace and selectors."""

    resource: Resource
    namespace: str = ""
    field_selector: str = ""
    label_selector: str = ""

    @property
    def selectors(self) -> dict[str, str]:
        """The query parameters by which the server filters."""
        both = {"fieldSelector": self.field_selector, "labelSelector": self.label_selector}
        return {name: value for name, value in both.items() if value}


OUR_PODS = Selection(PODS, field_selector=f"spec.schedulerName={SCHEDULER}")
FOREIGN_PODS = Selection(
    PODS,
    field_selector=f"spec.schedulerName!={SCHEDULER},spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed",
)
ALL_NODES = Selection(NODES)
ALL_NAMESPACES = Selection(NAMESPACES)
ALL_PRIORITY_CLASSES = Selection(PRIORITY_CLASSES)
ALL_TASKS = Selection(TASKS)
ALL_FRAMEWORKS = Selection(FRAMEWORKS)
ALL_FRAMEWORK_ROLES = Selection(FRAMEWORK_ROLES)

FOLLOWED = (
    ALL_TASKS,  # before the pods: attempts are recovered from Tasks
    ALL_FRAMEWORKS,
    ALL_FRAMEWORK_ROLES,
    ALL_NAMESPACES,
    ALL_PRIORITY_CLASSES,
    ALL_NODES,
    OUR_PODS,
    FOREIGN_PODS,
)
"""Everything that the operator follows."""

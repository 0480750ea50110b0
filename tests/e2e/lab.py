"""One test's part of the shared cluster: what it adds, what it looks at, and the judgement at its end.

A `Lab` remembers whatever it made and takes it away afterwards, nodes included, so that every test begins with a
cluster that has no capacity and no work. Nothing here knows how the operator works: it is looked at from outside.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pykube

from devcluster.api import ApiError
from devcluster.cluster import Cluster
from devcluster.kwok import NodeShape
from tests.e2e.kinds import Framework, FrameworkRole, Task
from tests.e2e.patience import eventually
from tests.support import auditor, objects
from tests.support.arithmetic import amounts
from tests.support.witness import Witness

Json = dict[str, Any]

_GROUP = "/apis/entresol.dev/v1alpha1"
_COLLECTIONS = {
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
    "Pod": "/api/v1/namespaces/{namespace}/pods",
    "ResourceQuota": "/api/v1/namespaces/{namespace}/resourcequotas",
    "Job": "/apis/batch/v1/namespaces/{namespace}/jobs",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "DaemonSet": "/apis/apps/v1/namespaces/{namespace}/daemonsets",
    "Task": _GROUP + "/namespaces/{namespace}/tasks",
    "Framework": _GROUP + "/namespaces/{namespace}/frameworks",
    "FrameworkRole": _GROUP + "/frameworkroles",
}
# What is taken away at once when a test ends; the namespace follows, and the rest with it.
_WORK = ("Job", "Deployment", "DaemonSet", "Task", "Pod")
_numbers = count()


class Lab:
    """What one test does to the cluster.

    Attributes:
        witness: watches pods and Tasks from before the test on.
        leave: what the test did after pods were bound, and which therefore proves nothing against them.
    """

    def __init__(self, cluster: Cluster, http: pykube.HTTPClient) -> None:
        self.cluster = cluster
        self.api = cluster.api
        self.witness = Witness(cluster.identity())
        self.leave = auditor.Leave()
        self._http = http
        self._namespaces: list[str] = []
        self._nodes: list[str] = []
        self._roles: list[str] = []

    # --- adding ---------------------------------------------------------------------------------

    def namespace(self, prefix: str = "team", labels: Mapping[str, str] | None = None) -> str:
        """A new namespace in which pods may be created at once."""
        name = f"{prefix}-{next(_numbers)}"
        metadata = {"name": name, "labels": dict(labels or {})}
        self.api.create("/api/v1/namespaces", {"metadata": metadata})
        self._namespaces.append(name)
        self.cluster.wait_for_service_account(name)
        return name

    def tenant(self, prefix: str = "team", **role: Any) -> str:
        """A namespace with the role of its own name; keywords are fields of the role's spec."""
        name = self.namespace(prefix)
        self.role(name, **role)
        return name

    def role(self, name: str, **spec: Any) -> str:
        """A FrameworkRole."""
        self.create(objects.role(name, **spec))
        return name

    def nodes(self, number: int, *, prefix: str = "node", **shape: Any) -> list[str]:
        """Nodes of one shape, Ready; keywords as of `NodeShape`."""
        names = self.cluster.add_nodes(number, NodeShape(**shape), prefix=prefix)
        self._nodes += names
        for name in names:
            self.witness.room(name, amounts(self.api.get(f"/api/v1/nodes/{name}")["status"]["allocatable"]))
        return names

    def adopt(self, *, namespaces: Iterable[str] = (), roles: Iterable[str] = ()) -> None:
        """Take away, when the test ends, what it makes by other means than the lab's."""
        self._namespaces += namespaces
        self._roles += roles

    def create(self, *wanted: Json) -> list[Json]:
        """Create objects, several at a time; in the order given when there are only a few."""
        if len(wanted) < 8:
            return [self._create(one) for one in wanted]
        with ThreadPoolExecutor(max_workers=8) as pool:
            return list(pool.map(self._create, wanted))

    def tasks_for(self, namespace: str, number: int, *, prefix: str = "t", **fields: Any) -> None:
        """Several Tasks alike, `t-000` and so on; keywords as of `objects.task`."""
        self.create(*(objects.task(f"{prefix}-{index:03}", namespace, **fields) for index in range(number)))

    # --- changing -------------------------------------------------------------------------------

    def merge(self, kind: str, namespace: str, name: str, change: Json) -> None:
        """A JSON merge patch."""
        self.api.merge(f"{_COLLECTIONS[kind].format(namespace=namespace)}/{name}", change)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete one object; it is no mistake if it is gone already."""
        self._delete(f"{_COLLECTIONS[kind].format(namespace=namespace)}/{name}")

    def delete_all(self, kind: str, namespace: str) -> None:
        """Delete every object of a kind in a namespace."""
        self._delete(_COLLECTIONS[kind].format(namespace=namespace))

    # --- looking --------------------------------------------------------------------------------

    def has_namespace(self, name: str) -> bool:
        """Whether a namespace exists, be it on its way out."""
        return any(each.name == name for each in pykube.Namespace.objects(self._http))

    def task(self, namespace: str, name: str) -> Task:
        """One Task as it is now."""
        found: Task = Task.objects(self._http, namespace=namespace).get_by_name(name)
        return found

    def tasks(self, namespace: str) -> list[Task]:
        """The Tasks of a namespace as they are now."""
        return list(Task.objects(self._http, namespace=namespace))

    def states(self, namespace: str) -> dict[str, int]:
        """How many Tasks of a namespace are in each state; cheap, as it is asked often and of many."""
        found: dict[str, int] = {}
        for task in self.api.get(_COLLECTIONS["Task"].format(namespace=namespace))["items"]:
            state = (task.get("status") or {}).get("state", "")
            found[state] = found.get(state, 0) + 1
        return found

    def framework(self, namespace: str, name: str) -> Framework:
        """One Framework as it is now."""
        found: Framework = Framework.objects(self._http, namespace=namespace).get_by_name(name)
        return found

    def frole(self, name: str) -> FrameworkRole:
        """One FrameworkRole as it is now."""
        found: FrameworkRole = FrameworkRole.objects(self._http).get_by_name(name)
        return found

    def pods(self, namespace: str, **selector: Any) -> list[Json]:
        """The pods of a namespace as they are now; keywords as of pykube's `filter`."""
        query = pykube.Pod.objects(self._http, namespace=namespace).filter(**selector)
        return [pod.obj for pod in query]

    def pod(self, namespace: str, name: str) -> Json:
        """One pod as it is now."""
        found: Json = pykube.Pod.objects(self._http, namespace=namespace).get_by_name(name).obj
        return found

    def bound(self, namespace: str) -> list[Json]:
        """Live pods of a namespace that have a node."""
        return [pod for pod in self.pods(namespace) if auditor.is_live(pod) and pod["spec"].get("nodeName")]

    def held(self, *roles: str) -> dict[str, int]:
        """How many live bound pods are charged to each role."""
        found = dict.fromkeys(roles, 0)
        for pod in self.api.get("/api/v1/pods?fieldSelector=spec.schedulerName=entresol")["items"]:
            payer = auditor.charge(pod)
            if payer in found and auditor.is_live(pod) and pod["spec"].get("nodeName"):
                found[payer] += 1
        return found

    def events(self, namespace: str, regarding: str) -> list[Json]:
        """The Events about an object, oldest first as the API server has them."""
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        listed: list[Json] = self.api.get(path)["items"]
        return [event for event in listed if event["regarding"]["name"] == regarding]

    def world(self) -> auditor.World:
        """A fresh LIST of everything the auditor judges."""
        paths = ("/api/v1/pods", "/api/v1/nodes", _GROUP + "/tasks", _GROUP + "/frameworks", _GROUP + "/frameworkroles")
        pods, nodes, tasks, frameworks, roles = (tuple(self.api.get(path)["items"]) for path in paths)
        return auditor.World(pods=pods, nodes=nodes, tasks=tasks, frameworks=frameworks, roles=roles)

    # --- waiting --------------------------------------------------------------------------------

    def until_held(self, want: Mapping[str, int], seconds: float = 30.0) -> None:
        """Wait until each role holds exactly so many pods."""
        eventually(f"roles hold {dict(want)}", lambda: self.held(*want), lambda seen: seen == want, seconds)

    def until_states(self, namespace: str, want: Mapping[str, int], seconds: float = 30.0) -> None:
        """Wait until the Tasks of a namespace are in these states, and no others."""
        eventually(f"Tasks of {namespace}", lambda: self.states(namespace), lambda seen: seen == want, seconds)

    def until_task(
        self, namespace: str, name: str, holds: Callable[[Task], bool], what: str, seconds: float = 30.0
    ) -> Task:
        """Wait until one Task is as wanted, and return it."""

        def look() -> Json:
            found: Json = self.task(namespace, name).obj
            return found

        seen = eventually(f"{name} {what}", look, lambda thing: holds(Task(self._http, thing)), seconds)
        return Task(self._http, seen)

    # --- ending ---------------------------------------------------------------------------------

    def judge(self) -> None:
        """Fail if the auditor, or the witness, found anything wrong."""
        # Just restarted, the API server refuses for a moment.
        found = auditor.findings(eventually("a LIST of everything", self.world), self.leave)
        assert not found, "the auditor found:\n" + "\n".join(found)
        self.witness.catch_up()
        violations = self.witness.violations()
        assert not violations, "the witness saw:\n" + "\n".join(violations)

    def clean(self) -> None:
        """Take away everything that was added, and wait until no work and no capacity of it is left."""
        for namespace in self._namespaces:
            for kind in _WORK:
                self._delete(_COLLECTIONS[kind].format(namespace=namespace) + "?gracePeriodSeconds=0", background=True)
        for node in self._nodes:
            self._delete(f"/api/v1/nodes/{node}")
        for role in self._roles:
            self._delete(f"{_GROUP}/frameworkroles/{role}")
        for namespace in self._namespaces:
            self._delete(f"/api/v1/namespaces/{namespace}")
        eventually("pods of the test are gone", self._leftovers, lambda pods: not pods, seconds=60)

    def _leftovers(self) -> list[str]:
        left = []
        for pod in self.api.get("/api/v1/pods")["items"]:
            namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
            if namespace in self._namespaces:
                left.append(f"{namespace}/{name}")
                self._delete(f"/api/v1/namespaces/{namespace}/pods/{name}?gracePeriodSeconds=0")
        return left

    def _create(self, wanted: Json) -> Json:
        if wanted["kind"] == "FrameworkRole":
            self._roles.append(wanted["metadata"]["name"])
        path = _COLLECTIONS[wanted["kind"]].format(namespace=wanted["metadata"].get("namespace", ""))
        created: Json = self.api.create(path, wanted)
        return created

    def _delete(self, path: str, *, background: bool = False) -> None:
        separator = "&" if "?" in path else "?"
        try:
            self.api.delete(f"{path}{separator}propagationPolicy=Background" if background else path)
        except ApiError as error:
            if error.status not in (404, 409):
                raise


def names(things: Iterable[Json]) -> list[str]:
    """The sorted names of objects."""
    return sorted(thing["metadata"]["name"] for thing in things)

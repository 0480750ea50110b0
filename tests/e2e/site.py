"""A cluster with the chart's rights and policies in force, and people in it who are not administrators.

No operator runs here: what is asked is what the API server lets whom do. Two tenants stand for all: one may write Tasks
alone, the other may create pods too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from devcluster.api import Api, ApiError
from devcluster.cluster import Cluster
from devcluster.operator_process import OperatorProcess
from devcluster.options import Options
from tests.e2e.patience import eventually
from tests.support import objects
from tests.support.audit_log import Right
from tests.support.payloads import DENIED, OTHER_ACCOUNT, USABLE_ACCOUNT, Payload

Json = dict[str, Any]

GROUP = "/apis/entresol.dev/v1alpha1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ENFORCE = "pod-security.kubernetes.io/enforce"
TASKS_ONLY, WITH_PODS = "tasks-only", "tasks-and-pods"
OUTSIDER = "someone-elses"
DRY = "?dryRun=All"
_numbers = count()


@dataclass(frozen=True)
class Site:
    """A cluster with the policies in force, and a way in for each person."""

    cluster: Cluster
    people: dict[str, Api]

    @property
    def admin(self) -> Api:
        """Who may do everything."""
        return self.cluster.api

    def refusal(self, person: str, path: str, body: Json, method: str = "POST", media: str = "application/json") -> str:
        """Why the server refuses this of a person; empty when it does not. A quota or a lack of rights is one too."""
        try:
            self.people[person].call(method, path, body, media)
        except ApiError as error:
            return str(error)
        return ""

    def namespace(self, level: str = "") -> str:
        """A new namespace with both tenants in it, in which pods may be created at once."""
        name = f"{level or 'team'}-{next(_numbers)}"
        labels = {ENFORCE: level} if level else {}
        self.admin.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        for account in (OTHER_ACCOUNT, USABLE_ACCOUNT):
            self.admin.create(f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": account}})
        for person in (TASKS_ONLY, WITH_PODS):
            self.bind(name, "entresol-editor", {"kind": "User", "name": person})
        self.bind(name, "creates-pods", {"kind": "User", "name": WITH_PODS})
        self.wait_for_right(WITH_PODS, name, ("", "pods", "create"))
        self.cluster.wait_for_service_account(name)
        return name

    def bind(self, namespace: str, role: str, subject: Json) -> None:
        """Give somebody a ClusterRole in a namespace."""
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        body = {"metadata": {"generateName": f"{role}-"}, "roleRef": reference, "subjects": [subject]}
        self.admin.create(f"{RBAC}/namespaces/{namespace}/rolebindings", body)

    def wait_for_right(self, user: str, namespace: str, right: Right) -> None:
        """Wait until the API server has taken note of a binding, and with it of those before."""
        group, resource, verb = right
        what = {"namespace": namespace, "verb": verb, "group": group, "resource": resource}
        review = {"spec": {"user": user, "resourceAttributes": what}}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        eventually(f"{user} may {verb} {resource}", lambda: self.admin.create(path, review)["status"]["allowed"])


@contextmanager
def opened_site(name: str) -> Iterator[Site]:
    """A control plane without nodes, installed as the chart installs it."""
    with Cluster(name, Options(kwok=False)) as cluster:
        OperatorProcess(cluster).install()
        rules = [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]},
            {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["use"], "resourceNames": [USABLE_ACCOUNT]},
        ]
        cluster.api.create(f"{RBAC}/clusterroles", {"metadata": {"name": "creates-pods"}, "rules": rules})
        people = {person: Api(cluster.identity(person)) for person in (TASKS_ONLY, WITH_PODS, OUTSIDER)}
        ready = Site(cluster, people)
        _wait_for_policies(ready)
        yield ready
        for person in people.values():
            person.close()


def _wait_for_policies(site: Site) -> None:
    """Until both policies refuse what they must: the API server takes note of them a moment after they are stored."""
    place = site.namespace("restricted")
    denied = task_with(DENIED["the priority of nodes"], place)
    hardly = objects.task("probe", place)
    eventually("the policy about Tasks is in force", lambda: "system-" in task_refusal(site, "admin", denied))
    eventually("the policy about Pod Security is in force", lambda: "restricted" in task_refusal(site, "admin", hardly))


def task_with(payload: Payload, namespace: str) -> Json:
    """A Task with this template."""
    found = objects.task("work", namespace)
    found["spec"]["template"] = payload.template
    return found


def tasks_in(namespace: str) -> str:
    """Where Tasks are created."""
    return f"{GROUP}/namespaces/{namespace}/tasks"


def task_refusal(site: Site, person: str, found: Json) -> str:
    """Why somebody may not create a Task."""
    who = site.admin if person == "admin" else site.people[person]
    try:
        who.create(tasks_in(found["metadata"]["namespace"]) + DRY, found)
    except ApiError as error:
        return str(error)
    return ""

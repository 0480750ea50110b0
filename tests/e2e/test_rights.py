"""The chart's rights on a real API server, profile by profile: each is used, none is missing, nothing is done beside them.

A short life of everything: whatever the operator ever asks for happens here, so that a right of the chart that stays
unused is one that nothing needs. The operator audits its books all the time, because that is what it lists everything for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count

import pytest
import urllib3

from devcluster import chart
from devcluster.api import Api
from devcluster.cluster import Cluster
from devcluster.kwok import NodeShape
from devcluster.operator_process import OperatorProcess
from devcluster.options import Options
from entresol.kube.names import pod_name
from tests.e2e.patience import eventually
from tests.support.audit_log import AuditLog
from tests.support.objects import FOREVER, framework, pod, pod_spec, requests_of, role, runs, task
from tests.support.rights import NAMESPACES, PROFILES, USER, Json, audited, unused, used

GROUP = "/apis/entresol.dev/v1alpha1"
HERE, _ = NAMESPACES
ELSEWHERE = "elsewhere"
WRITES = frozenset({"create", "update", "patch", "delete"})
TOO_LARGE = pod_spec(requests_of("500"))
_numbers = count()


@dataclass(frozen=True)
class Scene:
    """A cluster in which an operator with the rights of a profile has lived."""

    profile: str
    values: Json
    log: AuditLog
    api: Api
    operator: OperatorProcess

    def unused(self) -> list[str]:
        """Rights of the profile that were not used yet."""
        return unused(self.values, used(self.log))

    def page(self, path: str, token: str = "") -> int:
        """How the operator answers somebody with this token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return urllib3.request("GET", self.operator.url + path, headers=headers, retries=False, timeout=10.0).status

    def token(self, namespace: str) -> str:
        """A token of the namespace's default ServiceAccount."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
        token: str = self.api.create(path, {"spec": {}})["status"]["token"]
        return token


@pytest.fixture(scope="module", params=PROFILES)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two replicas that ask who reads their pages, a node, and everything that the leader can meet."""
    profile: str = request.param
    reader = {"kind": "ServiceAccount", "name": "default", "namespace": HERE}
    values = {**PROFILES[profile], "metrics": {"readers": [reader]}}
    settings: Json = {"lease": f"{chart.NAMESPACE}/{chart.RELEASE}", "access": "Reviewed", "audit_seconds": "2"}
    if served := ",".join(values.get("namespaces", ())):
        settings["namespaces"] = served
    folder = tmp_path_factory.mktemp("audit")
    with audited(folder) as log, Cluster(f"rights-{profile}", Options(apiserver_flags=log.flags)) as cluster:
        for name in (*NAMESPACES, ELSEWHERE):
            cluster.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
            cluster.wait_for_service_account(name)
        leader, standby = OperatorProcess(cluster), OperatorProcess(cluster, "standby")
        leader.install(values)
        leader.start(**settings)
        standby.start(**settings)
        cluster.add_nodes(1, NodeShape(cpu="8"))
        live(cluster.api)
        yield Scene(profile, values, log, cluster.api, leader)
        standby.close()
        leader.close()


def tasks_in(namespace: str) -> str:
    """Where Tasks are created."""
    return f"{GROUP}/namespaces/{namespace}/tasks"


def pods_in(namespace: str) -> str:
    """Where pods are created."""
    return f"/api/v1/namespaces/{namespace}/pods"


def live(api: Api) -> None:
    """Everything that makes the operator act, but for what takes luck."""
    # A guarantee that the cluster cannot hold becomes an Event about an object without namespace.
    api.create(f"{GROUP}/frameworkroles", role(HERE, guarantee={"cpu": "1000"}))
    api.create(f"{GROUP}/namespaces/{HERE}/frameworks", framework("batch", HERE))
    for namespace in (HERE, ELSEWHERE):
        ended = task("ended", namespace, framework="batch", annotations=runs(0.2), ttlSecondsAfterFinished=0)
        api.create(tasks_in(namespace), ended)
        api.create(tasks_in(namespace), task("stopped", namespace, annotations=FOREVER))
        api.create(pods_in(namespace), pod("bound", namespace))
        api.create(pods_in(namespace), pod("waiting", namespace, spec=TOO_LARGE))
    api.create(tasks_in(HERE), task("preceded", HERE, suspend=True))
    precede(api, "preceded")
    stopped = f"{tasks_in(HERE)}/stopped"
    eventually("the Task runs", lambda: api.get(stopped).get("status", {}).get("state") == "TASK_RUNNING")
    api.merge(stopped, {"spec": {"suspend": True}})


def precede(api: Api, name: str) -> None:
    """Give the name of a Task's first pod to another pod, so that the operator must look whose it is."""
    path = f"{tasks_in(HERE)}/{name}"
    taken = pod_name(name, api.get(path)["metadata"]["uid"], 1)
    api.create(pods_in(HERE), pod(taken, HERE, spec={**pod_spec(), "schedulerName": "nobody"}))
    api.merge(path, {"spec": {"suspend": False}})


def disturb(scene: Scene) -> list[str]:
    """Change a Task as often as its status is written, until the operator must read it again; what is unused still."""
    name = f"disturbed-{next(_numbers)}"
    scene.api.create(tasks_in(HERE), task(name, HERE, annotations=runs(0.1)))
    for change in range(30):
        scene.api.merge(f"{tasks_in(HERE)}/{name}", {"metadata": {"labels": {"change": str(change)}}})
    return scene.unused()


def test_the_metrics_are_open_to_who_was_named_and_to_nobody_else(scene: Scene) -> None:
    reader, stranger = scene.token(HERE), scene.token(ELSEWHERE)
    assert scene.page("/readyz") == HTTPStatus.OK
    assert scene.page("/metrics") == HTTPStatus.UNAUTHORIZED
    assert scene.page("/metrics", "forged") == HTTPStatus.UNAUTHORIZED
    assert scene.page("/metrics", stranger) == HTTPStatus.FORBIDDEN
    assert scene.page("/metrics", reader) == HTTPStatus.OK
    assert scene.page("/state", reader) == HTTPStatus.FORBIDDEN


def test_every_right_of_the_chart_is_used(scene: Scene) -> None:
    eventually("every right is used", lambda: disturb(scene), lambda idle: not idle, seconds=60, pause=0.5)


def test_it_writes_where_it_may_and_nowhere_else(scene: Scene) -> None:
    """An attempt that is refused would fail this file at its end."""
    # Events about what lives in no namespace are written to `default`, where that is served.
    beyond = set() if "namespaces" in scene.values else {ELSEWHERE, "default"}

    def written() -> set[str]:
        return {entry.namespace for entry in scene.log.entries(USER) if entry.verb in WRITES and entry.resource}

    eventually("it has written everywhere", written, lambda seen: seen == {"", chart.NAMESPACE, HERE} | beyond)

"""The chart on a real API server: installed, looked at by its doctor, upgraded, rolled back, removed, installed anew.

kube-scheduler and kwok place and play the operator's pods without running anything in them; what the doctor speaks with is
an operator process beside the cluster, which holds the Lease that the release's pods would hold. One story, told in the
order of the tests of this file.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.chart import CHART
from devcluster.cluster import Cluster
from devcluster.helm import HelmError, helm
from devcluster.kwok import NodeShape
from devcluster.operator_process import OperatorProcess
from devcluster.options import Options
from tests.chart.charts import PROFILES, objects
from tests.e2e.patience import eventually

HOME, ELSEWHERE = "entresol-system", "elsewhere"
SERVED = ("research", "vision")  # by the profile `namespaced`
RELEASE = "entresol"
KINDS = ("frameworkroles", "frameworks", "tasks")
DEFINITIONS = CHART.parent / "entresol-crds"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
Json = dict[str, Any]


@dataclass
class Story:
    """The cluster, and Helm with it."""

    cluster: Cluster
    home: Path
    uids: dict[str, str] = field(default_factory=dict)

    def helm(self, *arguments: str, namespace: str = HOME) -> str:
        return helm(*arguments, f"--namespace={namespace}", home=self.home, kubeconfig=self.cluster.kubeconfig())

    def deployment(self, name: str = RELEASE, namespace: str = HOME) -> Json:
        found: Json = self.cluster.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
        return found

    def names(self, kinds: str, namespace: str = "") -> list[str]:
        """Objects of ours of these kinds."""
        where = f"--namespace={namespace}" if namespace else "--all-namespaces"
        listed = self.cluster.kubectl("get", kinds, "--output=name", where)
        return [name for name in listed.split() if "entresol" in name or "second" in name]

    def owners(self) -> set[tuple[str, str]]:
        """The releases that the definitions belong to, by name and namespace."""
        found = [self.cluster.api.get(f"{CRDS}/{kind}.entresol.dev")["metadata"]["annotations"] for kind in KINDS]
        return {(each["meta.helm.sh/release-name"], each["meta.helm.sh/release-namespace"]) for each in found}


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A cluster with nodes, and a namespace that takes restricted pods alone."""
    with Cluster("chart", Options(scheduler=True)) as cluster:
        cluster.add_nodes(3, NodeShape(extended={"ephemeral-storage": "20Gi"}))
        for namespace in (HOME, ELSEWHERE):
            cluster.kubectl("create", "namespace", namespace)
            cluster.kubectl("label", "namespace", namespace, RESTRICTED)
            cluster.wait_for_service_account(namespace)
        for namespace in SERVED:
            cluster.kubectl("create", "namespace", namespace)
        yield Story(cluster, tmp_path_factory.mktemp("helm"))


@pytest.mark.parametrize("profile", PROFILES)
def test_the_api_server_takes_every_object_of_a_profile(story: Story, profile: str) -> None:
    """But for kinds of the Prometheus operator, which are not there; and the test's pod, whose account is not there yet."""
    found = [each for each in objects(profile) if each["kind"] != "Pod"]
    ours = [each for each in found if not each["apiVersion"].startswith("monitoring.coreos.com/")]
    manifest = yaml.safe_dump_all(ours)
    story.cluster.kubectl("create", "--dry-run=server", "--validate=strict", "--filename=-", stdin=manifest)


def test_it_is_installed(story: Story) -> None:
    said = story.helm("install", RELEASE, str(CHART), "--wait", "--timeout=60s")
    assert "helm test entresol --namespace entresol-system" in said
    deployment = story.deployment()
    assert deployment["status"]["readyReplicas"] == 2
    assert story.owners() == {(RELEASE, HOME)}
    story.cluster.apply("{apiVersion: entresol.dev/v1alpha1, kind: FrameworkRole, metadata: {name: gold}, spec: {}}")
    story.uids["gold"] = uid_of(story, "frameworkroles/gold")


def test_its_pods_are_restricted_spread_and_behind_the_service(story: Story) -> None:
    pods = story.cluster.api.get(f"/api/v1/namespaces/{HOME}/pods")["items"]
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 2
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{HOME}/endpointslices?labelSelector=kubernetes.io/service-name%3D"

    def ready() -> int:
        items = story.cluster.api.get(slices + RELEASE)["items"]
        return sum(bool(each["conditions"]["ready"]) for item in items for each in item.get("endpoints") or ())

    eventually("both pods are in the Service", ready, lambda count: count == 2)


def test_the_doctor_is_content_with_the_rights_of_the_hook(story: Story, tmp_path: Path) -> None:
    """Where its pod would run `entresol doctor`, the command itself is run, as the hook's ServiceAccount."""
    hooks = [each for each in yaml.safe_load_all(story.helm("get", "hooks", RELEASE)) if each]
    (pod,) = [each for each in hooks if each["kind"] == "Pod"]
    applied = yaml.safe_dump_all(each for each in hooks if each is not pod)
    story.cluster.apply(applied)
    story.cluster.kubectl("create", "--dry-run=server", "--filename=-", stdin=yaml.safe_dump(pod))
    operator = OperatorProcess(story.cluster)
    operator.start(lease=f"{HOME}/{RELEASE}", identity="beside", advertise="127.0.0.1:1")
    try:
        done = examine(story, pod)
    finally:
        operator.close()
        story.cluster.kubectl("delete", "--filename=-", stdin=applied)  # as the hooks' policy would
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok"] * 4, done.stdout + done.stderr
    assert done.returncode == 0
    assert story.names("tasks.entresol.dev,frameworks.entresol.dev") == []


def examine(story: Story, pod: Json) -> subprocess.CompletedProcess[str]:
    """Run the pod's command as the pod's ServiceAccount. kwok ends the pod of its Task after a second."""
    container, account = pod["spec"]["containers"][0], pod["spec"]["serviceAccountName"]
    kubeconfig = story.cluster.kubeconfig_for_service_account(HOME, account)
    command = [sys.executable, "-m", *container["command"], f"--kubeconfig={kubeconfig}", *container["args"]]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def test_a_second_release_is_refused_while_the_first_is_there(story: Story) -> None:
    with pytest.raises(HelmError, match="invalid ownership metadata"):
        story.helm("install", "second", str(CHART), namespace=ELSEWHERE)
    assert story.names("deployments", ELSEWHERE) == []


def test_it_is_upgraded_and_rolled_back(story: Story) -> None:
    story.helm("upgrade", RELEASE, str(CHART), "--set=replicas=1", "--set=api.access=Open", "--wait", "--timeout=60s")
    assert story.deployment()["spec"]["replicas"] == 1
    assert story.names("poddisruptionbudgets") == []
    story.helm("rollback", RELEASE, "1", "--wait", "--timeout=60s")
    assert story.deployment()["spec"]["replicas"] == 2
    assert len(story.names("poddisruptionbudgets")) == 1
    assert story.owners() == {(RELEASE, HOME)}


def test_uninstalling_leaves_the_definitions_and_their_objects_alone(story: Story) -> None:
    said = story.helm("uninstall", RELEASE, "--wait")
    assert "kept due to the resource policy" in said
    assert uid_of(story, "frameworkroles/gold") == story.uids["gold"]
    left = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"
    assert story.names(left) == []
    assert story.names("deployments,services,serviceaccounts,roles,rolebindings,poddisruptionbudgets", HOME) == []


def test_the_same_release_finds_its_definitions_again(story: Story) -> None:
    story.helm("install", RELEASE, str(CHART))
    assert story.owners() == {(RELEASE, HOME)}
    story.helm("uninstall", RELEASE, "--wait")


def test_a_release_of_another_name_takes_them_over_when_it_is_told_to(story: Story) -> None:
    with pytest.raises(HelmError, match="invalid ownership metadata"):
        story.helm("install", "second", str(CHART), namespace=ELSEWHERE)
    story.helm("install", "second", str(CHART), "--take-ownership", "--wait", "--timeout=60s", namespace=ELSEWHERE)
    assert story.owners() == {("second", ELSEWHERE)}
    assert story.deployment("second-entresol", ELSEWHERE)["status"]["readyReplicas"] == 2
    assert uid_of(story, "frameworkroles/gold") == story.uids["gold"]


def test_the_chart_of_the_definitions_takes_them_over_in_turn(story: Story) -> None:
    """First the owner changes, then the release lets go: nothing is deleted in between."""
    story.helm("install", "kinds", str(DEFINITIONS), "--take-ownership")
    assert story.owners() == {("kinds", HOME)}
    story.helm("upgrade", "second", str(CHART), "--set=crds.enabled=false", namespace=ELSEWHERE)
    story.helm("uninstall", "second", "--wait", namespace=ELSEWHERE)
    assert story.owners() == {("kinds", HOME)}
    assert uid_of(story, "frameworkroles/gold") == story.uids["gold"]


def test_definitions_that_are_not_kept_go_with_the_release(story: Story) -> None:
    story.helm("upgrade", "kinds", str(DEFINITIONS), "--set=crds.keep=false")
    story.helm("uninstall", "kinds", "--wait")
    assert story.cluster.kubectl("get", "crd", "--output=name").count("entresol.dev") == 0


def uid_of(story: Story, what: str) -> str:
    """The UID of a cluster-wide object of ours."""
    found: Json = story.cluster.api.get(f"/apis/entresol.dev/v1alpha1/{what}")
    return str(found["metadata"]["uid"])

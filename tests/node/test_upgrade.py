"""A release is upgraded, rolled back, torn in the middle, removed and installed anew; what runs does not notice.

One story on real containers, told in the order of the tests of this file: they share one release, and each goes on
where the one before ended.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devcluster import binaries
from devcluster.chart import CHART
from devcluster.helm import environment
from devcluster.node.cluster import RealCluster
from devcluster.node.images import BUSYBOX
from devcluster.waiting import wait_until
from tests.node.preparation import OURS, operator_archive
from tests.node.previous import FIELD, TAG, Previous, previous

HOME = "entresol-system"
TEAM = "upgraded"
TASKS = f"/apis/entresol.dev/v1alpha1/namespaces/{TEAM}/tasks"
PODS = f"/api/v1/namespaces/{TEAM}/pods"
DEFINITION = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{FIELD[0]}.entresol.dev"
LIVE = [f"live-{number}" for number in range(6)]
FINISHED = "TASK_FINISHED"
RUNNING = "TASK_RUNNING"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """The cluster, with the version before at hand, and what ran when the story began."""

    real: RealCluster
    before: Previous

    def helm(self, *arguments: str) -> str:
        """Helm, in the operator's namespace."""
        return self.real.helm(*arguments, f"--namespace={HOME}")

    def task(self, name: str, *command: str) -> None:
        """Create a Task."""
        self.real.api.create(TASKS, task_body(name, *command))

    def states(self) -> dict[str, str]:
        """Every Task's state by name."""
        items = self.real.api.get(TASKS)["items"]
        return {item["metadata"]["name"]: item.get("status", {}).get("state", "") for item in items}

    def lives(self) -> dict[str, tuple[Any, ...]]:
        """What must not change of each Task that runs: attempt, pod, its UID, its container and restarts."""
        pods = {pod["metadata"]["name"]: pod for pod in self.real.api.get(PODS)["items"]}
        found = {}
        for item in self.real.api.get(TASKS)["items"]:
            if item["metadata"]["name"] in LIVE:
                status, pod = item["status"], pods[item["status"]["podName"]]
                (container,) = pod["status"]["containerStatuses"]
                life = (status["attempt"], pod["metadata"]["name"], pod["metadata"]["uid"])
                found[item["metadata"]["name"]] = (*life, container["containerID"], container["restartCount"])
        return found

    def wait_state(self, name: str, want: str, seconds: float = 60.0) -> None:
        """Wait for a Task's state."""
        wait_until(lambda: self.states().get(name) == want, f"{want} of {name}", seconds)

    def works(self, name: str) -> None:
        """A new Task runs to its end."""
        self.task(name, "true")
        self.wait_state(name, FINISHED)

    def knows_field(self) -> bool:
        """Whether the definitions in the cluster have the field that the version before has not."""
        (version,) = self.real.api.get(DEFINITION)["spec"]["versions"]
        return FIELD[1] in version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]

    def operators(self) -> dict[str, str]:
        """The image of each operator's pod by name."""
        pods = self.real.api.get(f"/api/v1/namespaces/{HOME}/pods")["items"]
        return {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in pods}

    def wait_no_operators(self) -> None:
        """Wait until none is left: Helm returns while they still end."""
        wait_until(lambda: not self.operators(), "end of the operators", 60)


def task_body(name: str, *command: str) -> Json:
    """A Task of one busybox container."""
    resources = {"requests": {"cpu": "20m", "memory": "8Mi"}}
    spec = {"frameworkRef": {"name": "default"}, "image": BUSYBOX, "command": list(command), "resources": resources}
    metadata = {"name": name, "namespace": TEAM}
    return {"apiVersion": "entresol.dev/v1alpha1", "kind": "Task", "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module")
def story(real: RealCluster) -> Iterator[Story]:
    """The version before, installed, with Tasks that run for as long as the story lasts."""
    told = Story(real, previous())
    real.import_image(told.before.archive)
    real.import_image(operator_archive())
    arguments = (str(told.before.chart), "--create-namespace", f"--set=image.tag={TAG}", "--wait", "--timeout=90s")
    told.helm("install", "entresol", *arguments)
    real.kubectl("create", "namespace", TEAM)
    real.wait_for_service_account(TEAM)
    real.apply(f"{{apiVersion: entresol.dev/v1alpha1, kind: FrameworkRole, metadata: {{name: {TEAM}}}, spec: {{}}}}")
    for name in LIVE:
        told.task(name, "sleep", "3600")
    for name in LIVE:
        told.wait_state(name, RUNNING)
    yield told
    for release in json.loads(told.helm("list", "--all", "--output=json")):
        told.helm("uninstall", release["name"])
    told.wait_no_operators()
    kinds = ("tasks", "frameworks", "frameworkroles")
    real.kubectl("delete", "crd", *(f"{kind}.entresol.dev" for kind in kinds), "--ignore-not-found")
    real.kubectl("delete", "namespace", TEAM, HOME, "--timeout=120s")


@pytest.fixture
def undisturbed(story: Story) -> Iterator[None]:
    """Every Task that ran before the test runs on in the same container after it."""
    before = story.lives()
    assert len(before) == len(LIVE)
    yield
    assert story.lives() == before


def upgrade(story: Story, chart: Path, tag: str, *more: str) -> str:
    """Upgrade the release, and wait."""
    return story.helm("upgrade", "entresol", str(chart), f"--set=image.tag={tag}", "--wait", "--timeout=120s", *more)


@pytest.mark.usefixtures("undisturbed")
def test_an_upgrade_brings_the_new_definitions_and_restarts_nothing(story: Story) -> None:
    assert not story.knows_field()
    upgrade(story, CHART, OURS)
    assert story.knows_field()
    wait_until(lambda: all(image.endswith(f":{OURS}") for image in story.operators().values()), "the new image", 60)
    story.works("after-upgrade")


@pytest.mark.usefixtures("undisturbed")
def test_a_rollback_brings_back_the_version_before_and_restarts_nothing(story: Story) -> None:
    story.helm("rollback", "entresol", "1", "--wait", "--timeout=120s")
    assert not story.knows_field()
    wait_until(lambda: all(image.endswith(f":{TAG}") for image in story.operators().values()), "the old image", 60)
    story.works("after-rollback")


@pytest.mark.usefixtures("undisturbed")
def test_the_upgrade_after_a_rollback_is_as_good_as_the_first(story: Story) -> None:
    upgrade(story, CHART, OURS)
    assert story.knows_field()
    story.works("after-second-upgrade")


@pytest.mark.usefixtures("undisturbed")
def test_a_helm_that_is_killed_in_the_middle_can_be_repaired(story: Story) -> None:
    revision = _last(story)["version"]
    command = [str(binaries.path("helm")), "upgrade", "entresol", str(CHART), f"--namespace={HOME}", "--wait"]
    command += [f"--set=image.tag={OURS}", "--set-string=podAnnotations.torn=yes"]
    surroundings = environment(story.real.run / "helm", story.real.kubeconfig())
    torn = subprocess.Popen(command, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _last(story)["status"] == "pending-upgrade", "the middle of an upgrade", 30)
    finally:
        torn.kill()
        torn.wait()
    assert _last(story)["status"] == "pending-upgrade"
    story.works("while-torn")
    story.helm("rollback", "entresol", str(revision), "--wait", "--timeout=120s")
    upgrade(story, CHART, OURS)
    assert _last(story)["status"] == "deployed"
    story.works("after-repair")


@pytest.mark.usefixtures("undisturbed")
def test_an_uninstall_leaves_what_runs_and_no_finalizer(story: Story) -> None:
    notes = story.helm("get", "notes", "entresol")
    assert "Deleting the definitions deletes all these objects, and with every Task its pod" in " ".join(notes.split())
    story.helm("uninstall", "entresol", "--wait")
    story.wait_no_operators()
    for kind in ("tasks", "frameworks"):
        items = story.real.api.get(f"/apis/entresol.dev/v1alpha1/{kind}")["items"]
        assert not [item for item in items if item["metadata"].get("finalizers")]
    roles = story.real.api.get("/apis/entresol.dev/v1alpha1/frameworkroles")["items"]
    assert not [role for role in roles if role["metadata"].get("finalizers")]
    assert story.knows_field(), "the definitions are kept"
    story.task("waits", "true")
    leftover = story.real.kubectl("get", "clusterrole,clusterrolebinding,validatingadmissionpolicy", "--output=name")
    assert "entresol" not in leftover


@pytest.mark.usefixtures("undisturbed")
def test_a_release_of_another_name_adopts_all_of_it(story: Story) -> None:
    arguments = (str(CHART), f"--set=image.tag={OURS}", "--take-ownership", "--wait", "--timeout=120s")
    story.helm("install", "second", *arguments)
    story.wait_state("waits", FINISHED)
    story.works("after-adoption")
    assert {name: story.states()[name] for name in LIVE} == dict.fromkeys(LIVE, RUNNING)


def test_deleting_the_definitions_deletes_every_pod_of_a_task(story: Story) -> None:
    story.helm("uninstall", "second", "--wait")
    story.wait_no_operators()
    story.real.kubectl("delete", "crd", "tasks.entresol.dev", "--timeout=60s")
    wait_until(lambda: not story.real.api.get(PODS)["items"], "end of the pods", 90)


def _last(story: Story) -> Json:
    """The newest revision of the release, as Helm's secrets say."""
    found = story.real.api.get(f"/api/v1/namespaces/{HOME}/secrets?labelSelector=owner%3Dhelm")["items"]
    revisions = {int(item["metadata"]["labels"]["version"]): item["metadata"]["labels"]["status"] for item in found}
    newest = max(revisions)
    return {"version": newest, "status": revisions[newest]}

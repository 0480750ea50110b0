"""The chart's own test on real containers, in a namespace that takes restricted pods alone."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from devcluster import binaries
from devcluster.chart import CHART
from devcluster.helm import environment
from devcluster.node.cluster import RealCluster
from devcluster.waiting import wait_until
from tests.node.preparation import OURS, operator_archive

HOME, SERVED = "restricted-system", "restricted-team"
RELEASE = "tested"
KINDS = ("tasks", "frameworks", "frameworkroles")
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
PROFILES = {
    "every namespace is served": (),
    "one namespace is served, and it must have a role": (
        f"--set=namespaces={{{SERVED}}}",
        "--set=implicitRoles=false",
        "--set=test.role=restricted",
    ),
    "one replica is open to everybody": ("--set=replicas=1", "--set=api.access=Open"),
}


@pytest.fixture(scope="module")
def home(real: RealCluster) -> Iterator[str]:
    """The operator's namespace, and beside it one that may be served."""
    real.import_image(operator_archive())
    for namespace in (HOME, SERVED):
        real.kubectl("create", "namespace", namespace)
        real.kubectl("label", "namespace", namespace, RESTRICTED)
        real.wait_for_service_account(namespace)
    yield HOME
    if json.loads(real.helm("list", "--all", "--output=json", f"--namespace={HOME}")):
        real.helm("uninstall", RELEASE, f"--namespace={HOME}", "--wait")
    real.kubectl("delete", "crd", *(f"{kind}.entresol.dev" for kind in KINDS), "--ignore-not-found")
    real.kubectl("delete", "namespace", HOME, SERVED, "--timeout=120s")


def helm_test(real: RealCluster) -> list[str]:
    """What the doctor said; Helm prints it where it prints errors."""
    command = [str(binaries.path("helm")), "test", RELEASE, f"--namespace={HOME}", "--timeout=90s"]
    surroundings = environment(real.run / "helm", real.kubeconfig())
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith(("ok ", "FAILED "))]


@pytest.mark.parametrize("settings", PROFILES.values(), ids=PROFILES)
def test_a_release_passes_its_own_test(real: RealCluster, home: str, settings: tuple[str, ...]) -> None:
    arguments = (str(CHART), f"--namespace={home}", f"--set=image.tag={OURS}", *settings, "--wait", "--timeout=120s")
    real.helm("upgrade", "--install", RELEASE, *arguments)
    if "--set=test.role=restricted" in settings:
        real.apply(
            "{apiVersion: entresol.dev/v1alpha1, kind: FrameworkRole, metadata: {name: restricted}, "
            f"spec: {{namespaces: {{names: [{SERVED}]}}}}}}"
        )
    said = helm_test(real)
    assert [line.split()[0] for line in said] == ["ok"] * 4
    wait_until(lambda: not left(real), "end of what the test made", 60)


def left(real: RealCluster) -> list[str]:
    """Objects of the test that are still there."""
    kinds = "pods,serviceaccounts,roles,rolebindings,tasks.entresol.dev,frameworks.entresol.dev"
    found = [
        *(real.kubectl("get", kinds, "--output=name", f"--namespace={each}") for each in (HOME, SERVED)),
        real.kubectl("get", "clusterroles,clusterrolebindings", "--output=name"),
    ]
    return [name for name in "".join(found).split() if "doctor" in name]

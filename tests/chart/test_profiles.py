"""Every profile as the API server, an administrator and a reviewer would look at it."""

import json
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.chart.charts import CHARTS, NAMESPACE, PROFILES, Object, manifest, name_of, objects, pods, run
from tests.support.definitions import definitions

VERSION = "1.34"
OF_OTHERS = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
EXCEPTIONS: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("exceptions.toml").read_text())


def validate(found: Object) -> None:
    """Hold an object against the schema of its kind; a field that does not exist is an error."""
    kubernetes_validate.validate(found, VERSION, strict=True)


@pytest.mark.parametrize("profile", PROFILES)
def test_objects_fit_their_schemas(profile: str) -> None:
    for found in objects(profile):
        if found["kind"] not in OF_OTHERS:
            validate(found)


def test_the_schemas_know_no_other_fields() -> None:
    service = next(each for each in objects("default") if each["kind"] == "Service")
    with pytest.raises(kubernetes_validate.ValidationError):
        validate({**service, "spec": {**service["spec"], "sessionAfinity": "None"}})


@pytest.mark.parametrize("chart", CHARTS)
def test_the_definitions_are_what_they_were_before_helm_read_them(chart: str) -> None:
    rendered = [each for each in objects("default", chart) if each["kind"] == "CustomResourceDefinition"]
    files = {each.document["metadata"]["name"]: each.document for each in definitions().values()}
    assert {each["metadata"]["name"]: each["spec"] for each in rendered} == {
        name: document["spec"] for name, document in files.items()
    }


@pytest.mark.parametrize("profile", PROFILES)
def test_two_releases_share_no_name(profile: str) -> None:
    """But for the definitions, and for what the user named."""
    one, other = (
        {
            (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
            for each in objects(profile, release=release)
            if each["kind"] != "CustomResourceDefinition"
        }
        for release in ("entresol", "second")
    )
    account = {("ServiceAccount", NAMESPACE, "scheduler")} if profile == "everything" else set()
    assert one & other == account


@pytest.mark.parametrize("profile", PROFILES)
def test_what_has_a_namespace_says_which(profile: str) -> None:
    """So that `helm template | kubectl apply` puts it where `helm install` does."""
    without = {each["kind"] for each in objects(profile) if "namespace" not in each["metadata"]}
    assert without <= CLUSTER_WIDE


@pytest.mark.parametrize("profile", PROFILES)
def test_no_right_is_a_wildcard_or_a_secret(profile: str) -> None:
    rules = [(name_of(each), rule) for each in objects(profile) for rule in each.get("rules") or ()]
    assert [
        (name, rule)
        for name, rule in rules
        if "*" in [*rule["verbs"], *rule.get("resources", ()), *rule.get("apiGroups", ())]
        or "secrets" in rule.get("resources", ())
    ] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_pods_fit_the_restricted_standard(profile: str) -> None:
    for spec in pods(objects(profile)).values():
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(spec)
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def findings(profile: str) -> set[str]:
    """What kube-score has to say, as `check: object`."""
    done = run("kube-score", "score", f"--kubernetes-version=v{VERSION}", "-o=json", "-", given=manifest(profile))
    scored: list[Any] = json.loads(done.stdout)
    assert scored, done.stderr
    return {
        f"{check['check']['id']}: {found['type_meta']['kind']}/{found['object_meta']['name']}"
        for found in scored
        for check in found["checks"]
        if not check["skipped"] and check["grade"] < 10
    }


@pytest.fixture(scope="module")
def scores() -> dict[str, set[str]]:
    """The findings of every profile."""
    return {profile: findings(profile) for profile in PROFILES}


def test_every_finding_of_kube_score_is_a_written_exception(scores: dict[str, set[str]]) -> None:
    assert set().union(*scores.values()) <= set(EXCEPTIONS["kube-score"])


def test_every_written_exception_is_still_needed(scores: dict[str, set[str]]) -> None:
    assert set(EXCEPTIONS["kube-score"]) <= set().union(*scores.values())


@pytest.mark.parametrize("tool", EXCEPTIONS)
def test_every_exception_has_a_reason(tool: str) -> None:
    assert [name for name, reason in EXCEPTIONS[tool].items() if len(reason.split()) < 5] == []


def test_dashboards_and_alerts_are_all_there() -> None:
    files = sorted(path.name for path in (CHARTS["entresol"] / "files/dashboards").glob("*.json"))
    installed = [each for each in objects("everything") if each["metadata"]["name"].startswith("entresol-dashboard-")]
    assert sorted(name for each in installed for name in each["data"]) == files
    for each in installed:
        for name, text in each["data"].items():
            shipped = (CHARTS["entresol"] / "files/dashboards" / name).read_text()
            assert json.loads(text) == json.loads(shipped.replace("RUNBOOKS", "https://runbooks.example/entresol"))
    alerts = (CHARTS["entresol"] / "files/alerts.yaml").read_text()
    rule = next(each for each in objects("everything") if each["kind"] == "PrometheusRule")
    assert rule["spec"] == yaml.safe_load(alerts.replace("RUNBOOKS", "https://runbooks.example/entresol"))

"""What is not honoured yet is refused by name: the pod waits, and its status and an Event say which field it is."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.lab import Lab
from tests.e2e.patience import eventually
from tests.support.objects import pod, pod_spec, requests_of, task

Json = dict[str, Any]

_TERM = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}
_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}

FIELDS: Mapping[str, Json] = {
    "spec.volumes[].persistentVolumeClaim": {
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    },
    "spec.volumes[].ephemeral": {
        "volumes": [{"name": "data", "ephemeral": {"volumeClaimTemplate": {"spec": _CLAIM}}}],
    },
    "spec.affinity.podAffinity": {
        "affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_TERM]}},
    },
    "spec.affinity.podAntiAffinity": {
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_TERM]}},
    },
    "spec.topologySpreadConstraints": {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": "db"}},
            }
        ],
    },
    "spec.resourceClaims": {
        "resourceClaims": [{"name": "card", "resourceClaimName": "card"}],
    },
}
PREFERENCES: Json = {
    "affinity": {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": _TERM}],
        },
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}}
            ],
        },
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": "db"}},
        }
    ],
    "volumes": [{"name": "scratch", "emptyDir": {}}],
}


def _name(field: str) -> str:
    return field.rpartition(".")[2].lower().replace("[]", "")


@pytest.fixture(scope="module")
def refused(shared_lab: Lab) -> tuple[Lab, str]:
    """Room for everything; one Task and one pod for each field, and one Task with preferences only."""
    lab = shared_lab
    lab.nodes(2)
    team = lab.tenant()
    for field, spec in FIELDS.items():
        whole = pod_spec(requests_of("100m"), **spec)
        lab.create(
            task(f"{_name(field)}-task", team, spec=whole),
            pod(f"{_name(field)}-pod", team, spec={"schedulerName": "entresol", **whole}),
        )
    lab.create(task("preferences", team, spec=pod_spec(requests_of("100m"), **PREFERENCES)))
    return lab, team


@pytest.mark.parametrize("field", FIELDS)
def test_a_task_that_uses_it_waits_and_names_it(refused: tuple[Lab, str], field: str) -> None:
    lab, team = refused
    waiting = lab.until_task(team, f"{_name(field)}-task", lambda each: bool(each.pending), "says why it waits")
    assert waiting.pending["reason"] == "UnsupportedField"
    assert field in waiting.pending["message"]
    assert waiting.condition("Scheduled").get("status") == "False"
    _told(lab, team, waiting.name, field)


@pytest.mark.parametrize("field", FIELDS)
def test_a_pod_that_uses_it_waits_and_names_it(refused: tuple[Lab, str], field: str) -> None:
    lab, team = refused
    name = f"{_name(field)}-pod"

    def condition() -> Json:
        conditions = lab.pod(team, name)["status"].get("conditions") or []
        return next((each for each in conditions if each["type"] == "PodScheduled"), {})

    waiting = eventually(f"the condition of {name}", condition)
    assert (waiting["status"], waiting["reason"]) == ("False", "UnsupportedField")
    assert field in waiting["message"]
    assert not lab.pod(team, name)["spec"].get("nodeName")
    _told(lab, team, name, field)


def test_mere_preferences_do_not_hold_work_back(refused: tuple[Lab, str]) -> None:
    lab, team = refused
    lab.until_task(team, "preferences", lambda each: each.state == "TASK_FINISHED", "finishes")


def _told(lab: Lab, namespace: str, name: str, field: str) -> None:
    def notes() -> list[str]:
        return [each["note"] for each in lab.events(namespace, name) if each["reason"] == "FailedScheduling"]

    eventually(f"an Event about {name} names {field}", notes, lambda seen: any(field in note for note in seen))

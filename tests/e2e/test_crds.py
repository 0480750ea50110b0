"""The definitions on a real API server: what it refuses, takes, fills in, forgets and shows.

The control plane is one of its own, without controllers and nodes: nothing but the API server has a hand in this.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from devcluster.api import ApiError
from devcluster.cluster import Cluster
from devcluster.options import Options
from tests.e2e.patience import eventually
from tests.support.amendments import CHANGES, TAKEN, Change, Taken
from tests.support.bodies import NAMESPACE, Object, framework, role, short
from tests.support.definitions import CRDS, definitions, walk
from tests.support.refusals import REFUSED, Refused
from tests.support.shows import at

DEFINITIONS = definitions()
KINDS = sorted(DEFINITIONS)
GROUP = "/apis/entresol.dev/v1alpha1"
SHORT_NAMES = {"FrameworkRole": "frole", "Framework": "fw", "Task": "etask"}
OBJECTS = {"FrameworkRole": role, "Framework": framework, "Task": short}
SINCE = "2026-01-02T03:04:05Z"
FORGED = {"dominantShare": "0.0000", "state": "TASK_FINISHED"}

STATUSES: dict[str, Object] = {
    "FrameworkRole": {
        "dominantShare": "0.2500",
        "entitlement": "0.3333",
        "dominantResource": "memory",
        "pendingTasks": 7,
        "frameworks": 2,
        "floor": "0.1000",
        "conditions": [
            {
                "type": "GuaranteePlaceable",
                "status": "False",
                "lastTransitionTime": SINCE,
                "reason": "GuaranteesExceedCluster",
                "message": "",
            }
        ],
    },
    "Framework": {
        "role": "gold",
        "tasks": {"running": 5, "pending": 3},
        "dominantShare": "0.1250",
        "entitlement": "0.5000",
        "head": {"task": "tenant/work", "reason": "NoRoomNow", "message": "", "since": SINCE},
        "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": SINCE, "reason": "Admitted", "message": ""}
        ],
    },
    "Task": {
        "state": "TASK_PENDING",
        "reason": "NeverFits",
        "message": "too large",
        "attempt": 2,
        "failures": 1,
        "podName": "work-2",
        "nodeName": "node-9",
        "requests": {"cpu": "500m", "memory": "64Mi"},
    },
}
WANT_ROWS = {
    "FrameworkRole": "seen 1 0.2500 0.3333 memory 7 2 0.1000 False AGE",
    "Framework": "seen gold 1 5 3 0.1250 0.5000 True BuiltIn false tenant/work NoRoomNow AGE",
    "Task": "seen batch TASK_PENDING NeverFits node-9 500m 64Mi 4 2 1 work-2 too large AGE",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """An API server that serves the three kinds, and a namespace."""
    with Cluster("crds", Options(controller_manager=False, kwok=False)) as running:
        running.apply(CRDS)
        names = [d.document["metadata"]["name"] for d in DEFINITIONS.values()]
        running.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", *names)
        running.kubectl("create", "namespace", NAMESPACE)
        yield running


def collection(found: Object) -> str:
    """Where objects of this kind are created; unknown fields are an error, as kubectl asks for it."""
    namespace = found["metadata"].get("namespace")
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{GROUP}{inside}/{DEFINITIONS[found['kind']].plural}"


def create(server: Cluster, found: Object, query: str = "?fieldValidation=Strict") -> Object:
    """Create an object, or learn why not."""
    made: Object = server.api.create(collection(found) + query, without_nulls(found))
    return made


def without_nulls(found: Object) -> Object:
    """An object whose absent parts are absent."""
    return {k: without_nulls(v) if isinstance(v, dict) else v for k, v in found.items() if v is not None}


@pytest.fixture
def made(server: Cluster) -> Iterator[dict[str, str]]:
    """One object of each kind, called `seen`, by kind; gone after the test."""
    paths = {}
    for kind, found in (
        ("FrameworkRole", role("seen")),
        ("Framework", framework("seen")),
        ("Task", short("seen", priority=4)),
    ):
        create(server, found)
        paths[kind] = f"{collection(found)}/seen"
    yield paths
    for path in paths.values():
        server.api.delete(path)


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(server: Cluster, case: Refused) -> None:
    with pytest.raises(ApiError) as refusal:
        create(server, case.found, "?fieldValidation=Strict&dryRun=All")
    assert refusal.value.status in (400, 422)
    assert case.want in str(refusal.value)


@pytest.mark.parametrize("case", TAKEN.values(), ids=TAKEN.keys())
def test_what_is_taken(server: Cluster, case: Taken) -> None:
    taken = create(server, case.found, "?fieldValidation=Strict&dryRun=All")
    assert {path: at(taken, path) for path in case.want} == case.want


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES.keys())
def test_what_may_change(server: Cluster, case: Change) -> None:
    create(server, case.found)
    path = f"{collection(case.found)}/{case.found['metadata']['name']}"
    try:
        if case.want:
            with pytest.raises(ApiError) as refusal:
                server.api.merge(path, case.patch)
            assert refusal.value.status == 422
            assert case.want in str(refusal.value)
        else:
            changed = server.api.merge(path, case.patch)
            assert changed["metadata"]["generation"] == 2
    finally:
        server.api.delete(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_status_that_comes_with_a_new_object_is_forgotten(server: Cluster, kind: str) -> None:
    found = {**OBJECTS[kind](), "status": FORGED}
    assert "status" not in create(server, found, "?dryRun=All")


@pytest.mark.parametrize("kind", KINDS)
def test_a_status_is_written_through_its_own_door_only(server: Cluster, made: dict[str, str], kind: str) -> None:
    forged = server.api.merge(made[kind], {"status": FORGED})
    assert "status" not in forged
    told = server.api.merge(f"{made[kind]}/status", {"status": STATUSES[kind], "spec": {"weight": 9, "priority": 9}})
    assert told["status"] == STATUSES[kind]
    assert told["spec"] == forged["spec"]
    assert told["metadata"]["generation"] == 1
    assert server.api.merge(made[kind], {"status": None})["status"] == STATUSES[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_what_kubectl_shows(server: Cluster, made: dict[str, str], kind: str) -> None:
    server.api.merge(f"{made[kind]}/status", {"status": STATUSES[kind]})
    table = server.kubectl("get", SHORT_NAMES[kind], "seen", "-o", "wide", f"--namespace={NAMESPACE}")
    header, row = table.strip().splitlines()
    columns = [column["name"].upper() for column in DEFINITIONS[kind].version["additionalPrinterColumns"]]
    assert header.split() == ["NAME", *columns]
    assert re.sub(r"\S+$", "AGE", " ".join(row.split())) == WANT_ROWS[kind]


@pytest.mark.usefixtures("made")
def test_the_category_lists_all_kinds(server: Cluster) -> None:
    listed = server.kubectl("get", "entresol", "-o", "name", f"--namespace={NAMESPACE}").split()
    assert listed == ["frameworkrole.entresol.dev/seen", "framework.entresol.dev/seen", "task.entresol.dev/seen"]


@pytest.mark.parametrize(
    ("kind", "selector", "want"),
    [
        ("Task", "spec.frameworkRef.name=batch", True),
        ("Task", "spec.frameworkRef.name=other", False),
        ("Task", "status.state=TASK_PENDING,status.nodeName=node-9", True),
        ("Task", "status.state!=TASK_PENDING", False),
        ("Framework", "spec.role=gold", False),
        ("Framework", "spec.role=", True),
    ],
)
def test_objects_are_selected_by_field(
    server: Cluster, made: dict[str, str], kind: str, selector: str, want: bool
) -> None:
    server.api.merge(f"{made[kind]}/status", {"status": STATUSES[kind]})
    arguments = ("get", SHORT_NAMES[kind], "-o", "name", f"--namespace={NAMESPACE}", f"--field-selector={selector}")
    assert bool(server.kubectl(*arguments).strip()) == want


@pytest.mark.parametrize("kind", KINDS)
def test_kubectl_explains_every_field(server: Cluster, kind: str) -> None:
    """By the document that `kubectl explain` reads, and by what it prints of it."""

    def undescribed() -> list[str]:
        schemas = server.api.get(f"/openapi/v3{GROUP}")["components"]["schemas"]
        served = schemas[f"dev.entresol.v1alpha1.{kind}"]
        have = {path: schema.get("description", "") for path, schema in walk(served)}
        return [path for path, _ in walk(DEFINITIONS[kind].schema) if path != ".metadata" and not have.get(path)]

    eventually("the API server publishes the schema", undescribed, lambda missing: missing == [])
    printed = server.kubectl("explain", SHORT_NAMES[kind], "--recursive")
    want = {re.sub(r"\[\]|\{\}", "", path) for path, _ in walk(DEFINITIONS[kind].schema)} - {""}
    assert want - explained(printed) == set()


def explained(printed: str) -> set[str]:
    """The paths that `kubectl explain --recursive` prints, told by their indentation."""
    paths, above = set(), [""]
    for line in printed.partition("FIELDS:")[2].splitlines():
        entry = re.match(r"^( +)(\w+)\t<", line)
        if entry:
            depth = len(entry[1]) // 2
            above[depth:] = [f"{above[depth - 1]}.{entry[2]}"]
            paths.add(above[depth])
    return paths


def test_kubectl_explains_one_field_in_words(server: Cluster) -> None:
    printed = " ".join(server.kubectl("explain", "etask.spec.maxAttempts").split())
    assert "How many attempts of this task may fail before the task has failed." in printed


def test_an_unknown_field_without_strict_checking_is_dropped(server: Cluster) -> None:
    taken: Any = create(server, framework(colour="red"), "?dryRun=All")
    assert "colour" not in taken["spec"]

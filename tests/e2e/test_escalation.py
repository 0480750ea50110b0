"""Nobody gets through a Task what they would not get without it, on a real API server with the policies in force.

No operator runs: what it would create is built by its own code, and asked of the server as a dry run of the same user.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from devcluster.api import Api
from entresol.kube.deeds import pod_body
from entresol.kube.wire_kinds import Task as WireTask
from entresol.model.identifiers import AgentId, FrameworkId, RoleId
from entresol.model.tasks import Charge
from tests.e2e.patience import eventually
from tests.e2e.site import (
    DRY,
    GROUP,
    OUTSIDER,
    TASKS_ONLY,
    WITH_PODS,
    Site,
    opened_site,
    task_refusal,
    task_with,
    tasks_in,
)
from tests.support import objects
from tests.support.payloads import DENIED, HARMLESS, LEVELS, PAYLOADS, POD_SECURITY

Json = dict[str, Any]

WITHOUT_PODS = "must also be allowed to create pods"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A control plane of these tests' own."""
    with opened_site("escalation") as opened:
        yield opened


@pytest.fixture(scope="module")
def places(site: Site) -> dict[str, str]:
    """One namespace for each Pod Security Standard."""
    return {level: site.namespace(level) for level in LEVELS}


def pod_refusal(site: Site, person: str, found: Json) -> str:
    """Why the same person may not create the pod that the operator would make of a Task."""
    named = {**found, "metadata": {**found["metadata"], "uid": "6a9f0a52-0000-4000-8000-000000000000"}}
    read = msgspec.json.decode(msgspec.json.encode(named), type=WireTask)
    namespace = found["metadata"]["namespace"]
    charge = Charge(RoleId(namespace), FrameworkId(f"{namespace}/default"))
    body: Json = msgspec.json.decode(pod_body(read, 1, AgentId("node-1"), charge))
    return site.refusal(person, f"/api/v1/namespaces/{namespace}/pods{DRY}", body)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("person", [TASKS_ONLY, WITH_PODS])
@pytest.mark.parametrize("wish", PAYLOADS)
def test_a_task_gives_nobody_a_pod_that_they_may_not_create(
    site: Site, places: dict[str, str], wish: str, person: str, level: str
) -> None:
    found = task_with(PAYLOADS[wish], places[level])
    of_task, of_pod = task_refusal(site, person, found), pod_refusal(site, person, found)
    assert of_task or not of_pod, f"the Task is accepted, the pod refused: {of_pod}"
    expected = person == WITH_PODS and level in PAYLOADS[wish].accepted
    assert (not of_task) == expected, of_task or "the Task is accepted"
    if wish in POD_SECURITY:
        assert bool(of_task) == bool(of_pod), "the policy is not the standard"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("wish", DENIED)
def test_what_is_denied_is_denied_to_administrators_too(
    site: Site, places: dict[str, str], wish: str, level: str
) -> None:
    assert task_refusal(site, "admin", task_with(DENIED[wish], places[level]))


@pytest.mark.parametrize("wish", HARMLESS)
def test_who_may_not_create_pods_is_told_so(site: Site, places: dict[str, str], wish: str) -> None:
    assert WITHOUT_PODS in task_refusal(site, TASKS_ONLY, task_with(HARMLESS[wish], places["privileged"]))


def test_the_short_form_is_judged_like_the_template_it_stands_for(site: Site, places: dict[str, str]) -> None:
    accepted = {}
    for level, place in places.items():
        found = objects.task("short", place)
        found["spec"] = {"frameworkRef": {"name": "default"}, "image": "i", "resources": objects.requests_of()}
        accepted[level] = task_refusal(site, WITH_PODS, found)
        assert bool(accepted[level]) == bool(pod_refusal(site, WITH_PODS, found))
        assert task_refusal(site, TASKS_ONLY, found)
    assert (accepted["privileged"], accepted["baseline"]) == ("", "")
    assert "the short form cannot say so" in accepted["restricted"]


def test_pods_are_none_of_our_policies(site: Site, places: dict[str, str]) -> None:
    """What a Task is denied, a pod of the same person still gets from the cluster."""
    spec = DENIED["the priority of nodes"].template["spec"]
    body = {"metadata": {"name": "plain"}, "spec": spec}
    assert not site.refusal(WITH_PODS, f"/api/v1/namespaces/{places['restricted']}/pods{DRY}", body)


def test_the_api_server_finds_no_fault_with_the_policies(site: Site) -> None:
    def checked() -> list[Json]:
        policies = site.admin.get("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies")["items"]
        return [each.get("status", {}).get("typeChecking") for each in policies]

    assert eventually("types are checked", checked, lambda found: None not in found) == [{}, {}]


# --- shares -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def held(site: Site) -> Iterator[tuple[str, str]]:
    """A role of 1:1 weight, and the namespace of a tenant that holds a Framework and a Task in it."""
    place = site.namespace()
    site.admin.create(f"{GROUP}/frameworkroles", objects.role(place, weight=1))
    site.admin.create(f"{GROUP}/namespaces/{place}/frameworks", objects.framework("batch", place))
    site.admin.create(tasks_in(place), task_with(HARMLESS["a hardened pod"], place))
    yield f"{GROUP}/frameworkroles/{place}", place
    site.admin.delete(f"{GROUP}/frameworkroles/{place}")


FORGED = {"status": {"dominantShare": "0.0000", "state": "TASK_FINISHED"}}
MERGE = "application/merge-patch+json"


@pytest.mark.parametrize("person", [TASKS_ONLY, WITH_PODS])
@pytest.mark.parametrize(
    ("method", "what", "body"),
    [
        ("PATCH", "tasks/work/status", FORGED),
        ("PATCH", "frameworks/batch/status", FORGED),
        ("PATCH", "role/status", FORGED),
        ("PATCH", "role", {"spec": {"weight": 1_000_000}}),
        ("PATCH", "role", {"spec": {"guarantee": {"cpu": "1000"}}}),
        ("PATCH", "role", {"spec": {"namespaces": {"names": ["mine"]}}}),
        ("DELETE", "role", {}),
        ("POST", "roles", objects.role("minted", weight=1_000_000)),
    ],
    ids=[
        "status of a Task",
        "status of a Framework",
        "status of a role",
        "weight of a role",
        "guarantee of a role",
        "admission to a role",
        "end of a role",
        "a role of one's own",
    ],
)
def test_no_tenant_writes_statuses_or_shares(
    site: Site, held: tuple[str, str], person: str, method: str, what: str, body: Json
) -> None:
    role, place = held
    path = f"{GROUP}/namespaces/{place}/{what}"
    if what.startswith("role"):
        path = role + what.removeprefix("role") if what != "roles" else f"{GROUP}/frameworkroles"
    assert "403 Forbidden" in site.refusal(person, path, body, method, MERGE if method == "PATCH" else "")


def test_a_forged_status_beside_the_spec_is_ignored(site: Site, held: tuple[str, str]) -> None:
    _, place = held
    found = task_with(HARMLESS["a hardened pod"], place) | FORGED
    found["metadata"]["name"] = "forged"
    made = site.people[WITH_PODS].create(tasks_in(place), found)
    assert "state" not in made.get("status", {})
    changed = site.people[WITH_PODS].merge(f"{tasks_in(place)}/forged", {**FORGED, "spec": {"maxAttempts": 2}})
    assert "state" not in changed.get("status", {})
    assert changed["spec"]["maxAttempts"] == 2


@pytest.mark.parametrize("kind", ["tasks", "frameworks"])
def test_another_tenants_namespace_is_closed(site: Site, held: tuple[str, str], kind: str) -> None:
    _, place = held
    body = task_with(HARMLESS["a hardened pod"], place) if kind == "tasks" else objects.framework("mine", place)
    collection = f"{GROUP}/namespaces/{place}/{kind}"
    assert "403 Forbidden" in site.refusal(OUTSIDER, collection, body)
    assert "403 Forbidden" in site.refusal(OUTSIDER, collection, {}, "GET")


@pytest.mark.parametrize("name", ["other/batch", "../other/batch", "\u043ether", "other%2Fbatch", ""])
def test_a_framework_is_named_within_the_namespace(site: Site, places: dict[str, str], name: str) -> None:
    found = task_with(HARMLESS["a hardened pod"], places["privileged"])
    found["spec"]["frameworkRef"]["name"] = name
    assert "spec.frameworkRef.name" in task_refusal(site, WITH_PODS, found)


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [("view", True, False), ("edit", True, True), ("admin", True, True)],
    ids=["view reads", "edit writes", "admin writes"],
)
def test_the_roles_of_the_cluster_know_our_kinds(site: Site, role: str, *, reads: bool, writes: bool) -> None:
    place = site.namespace()
    person = f"member-who-may-{role}"
    site.people[person] = Api(site.cluster.identity(person))
    site.bind(place, role, {"kind": "User", "name": person})
    found = task_with(HARMLESS["a hardened pod"], place)

    def may() -> tuple[bool, bool]:
        read = not site.refusal(person, tasks_in(place), {}, "GET")
        return read, not task_refusal(site, person, found)

    eventually(f"what {role} may", may, lambda seen: seen == (reads, writes))
    assert "403 Forbidden" in site.refusal(person, f"{GROUP}/frameworkroles", objects.role("minted"))
    assert site.refusal(person, f"{tasks_in(place)}/work/status", FORGED, "PATCH", MERGE)

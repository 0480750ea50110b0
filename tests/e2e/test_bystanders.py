"""Policies stand in nobody's way who changes no spec: garbage collector, namespace controller, tools that apply again.

Each test begins with a Task that was accepted and would be refused today, because its namespace has become stricter
since. Whoever changes its spec is refused; whoever does not is not even asked.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.access import KubectlError
from tests.e2e.patience import eventually
from tests.e2e.site import ENFORCE, WITH_PODS, Json, Site, opened_site, tasks_in
from tests.support import objects

MERGE = "application/merge-patch+json"
OWNER = "owner"
GITOPS = "gitops"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A control plane of these tests' own."""
    with opened_site("bystanders") as opened:
        yield opened


def made_strict(site: Site, namespace: str) -> None:
    """Have a namespace enforce what its Tasks do not meet, and wait until the API server knows."""
    site.admin.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {ENFORCE: "restricted"}}})
    change = {"spec": {"maxAttempts": 3}}
    path = f"{tasks_in(namespace)}/work"
    eventually(
        "a changed spec is refused",
        lambda: site.refusal(WITH_PODS, path, change, "PATCH", MERGE),
        lambda said: "restricted" in said,
    )


@pytest.fixture
def strict(site: Site) -> str:
    """A namespace that has become strict, with a Task that a ConfigMap owns and a finalizer keeps."""
    place = site.namespace()
    owner = site.admin.create(f"/api/v1/namespaces/{place}/configmaps", {"metadata": {"name": OWNER}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": OWNER, "uid": owner["metadata"]["uid"]}
    found = objects.task("work", place)
    found["metadata"] |= {"ownerReferences": [reference], "finalizers": ["example.com/stay"]}
    site.people[WITH_PODS].create(tasks_in(place), found)
    made_strict(site, place)
    return place


def task_is_there(site: Site, namespace: str) -> Json | None:
    """The Task, if it is there."""
    return next(iter(site.admin.get(tasks_in(namespace))["items"]), None)


def test_metadata_may_be_changed(site: Site, strict: str) -> None:
    change = {"metadata": {"labels": {"team": "a"}, "finalizers": None}}
    assert not site.refusal(WITH_PODS, f"{tasks_in(strict)}/work", change, "PATCH", MERGE)


def test_the_garbage_collector_takes_it_with_its_owner(site: Site, strict: str) -> None:
    site.admin.delete(f"/api/v1/namespaces/{strict}/configmaps/{OWNER}")
    eventually(
        "the collector deletes it",
        lambda: task_is_there(site, strict),
        lambda found: found is not None and "deletionTimestamp" in found["metadata"],
    )
    assert not site.refusal(
        WITH_PODS, f"{tasks_in(strict)}/work", {"metadata": {"finalizers": None}}, "PATCH", MERGE
    ), "its finalizer must come off"
    eventually("it is gone", lambda: task_is_there(site, strict) is None)


def test_the_garbage_collector_orphans_it(site: Site, strict: str) -> None:
    """The collector then writes to the Task: it takes the owner away."""
    path = f"/api/v1/namespaces/{strict}/configmaps/{OWNER}"
    site.admin.call("DELETE", path, {"propagationPolicy": "Orphan"})

    def orphaned() -> bool:
        found = task_is_there(site, strict)
        return found is not None and "ownerReferences" not in found["metadata"]

    eventually("the Task has lost its owner", orphaned)


def test_the_namespace_goes_with_it(site: Site, strict: str) -> None:
    site.admin.delete(f"/api/v1/namespaces/{strict}")
    site.admin.merge(f"{tasks_in(strict)}/work", {"metadata": {"finalizers": None}})
    listed = f"/api/v1/namespaces?fieldSelector=metadata.name={strict}"
    eventually("the namespace is gone", lambda: not site.admin.get(listed)["items"], seconds=60)


# --- tools --------------------------------------------------------------------------------------


def applied(site: Site, config: Path, *found: Json) -> str:
    """What server-side apply says to the account of this kubeconfig."""
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(found)})
    return site.cluster.kubectl("apply", "--server-side", "--filename=-", stdin=manifest, config=config)


def tool_with(site: Site, *roles: str) -> tuple[Path, str]:
    """A ServiceAccount with these roles in a namespace of its own, the first of which lets it write Frameworks."""
    place = site.namespace()
    site.admin.create(f"/api/v1/namespaces/{place}/serviceaccounts", {"metadata": {"name": GITOPS}})
    for role in reversed(roles):
        site.bind(place, role, {"kind": "ServiceAccount", "name": GITOPS, "namespace": place})
    site.wait_for_right(f"system:serviceaccount:{place}:{GITOPS}", place, ("entresol.dev", "frameworks", "create"))
    return site.cluster.kubeconfig_for_service_account(place, GITOPS), place


@pytest.fixture
def tool(site: Site) -> tuple[Path, str]:
    """A ServiceAccount that may write Tasks and create pods, and its namespace."""
    return tool_with(site, "entresol-editor", "creates-pods")


def test_a_tool_applies_again_what_is_there(site: Site, tool: tuple[Path, str]) -> None:
    config, place = tool
    wanted = (objects.framework("batch", place), objects.task("work", place))
    assert "serverside-applied" in applied(site, config, *wanted)
    made_strict(site, place)
    assert "serverside-applied" in applied(site, config, *wanted)


def test_a_tool_changes_what_may_be_changed(site: Site, tool: tuple[Path, str]) -> None:
    config, place = tool
    applied(site, config, objects.task("work", place))
    assert "serverside-applied" in applied(site, config, objects.task("work", place, suspend=True))
    made_strict(site, place)
    with pytest.raises(KubectlError, match="enforces Pod Security restricted"):
        applied(site, config, objects.task("work", place, suspend=False))


def test_a_tool_without_pods_writes_frameworks_and_no_tasks(site: Site) -> None:
    config, place = tool_with(site, "entresol-editor")
    assert "serverside-applied" in applied(site, config, objects.framework("batch", place))
    with pytest.raises(KubectlError, match="must also be allowed to create pods"):
        applied(site, config, objects.task("work", place))

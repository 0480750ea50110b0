"""The chart grants the operator what its client can ask for, and nothing else; and nobody a right over everything."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import chart
from entresol.kube.calls import LEASE_RIGHTS, REVIEW_RIGHTS, RIGHTS
from tests.support.audit_log import Right
from tests.support.rights import NAMESPACES, PROFILES, Json, granted, rules

READING = frozenset({"list", "watch"})
ROLE_STATUS: Right = ("entresol.dev", "frameworkroles/status", "patch")

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "security.md"
GUIDE_COLUMNS = 4  # of the table of rights
VERBS = frozenset({"get", "list", "watch", "create", "update", "patch", "delete"})

ALL_SWITCHES = {
    **PROFILES,
    "open": {"api": {"access": "Open"}},
    "readers": {"metrics": {"readers": [{"kind": "ServiceAccount", "name": "scraper", "namespace": "watching"}]}},
    "not aggregated": {"rbac": {"aggregate": False}},
}


def placed(values: Json) -> dict[str, set[Right]]:
    """The operator's rights by the namespace in which they hold; under the empty name those that hold everywhere."""
    grants = granted(values)
    assert len(grants) == len(set(grants)), "a right is granted twice"
    found: dict[str, set[Right]] = {}
    for grant in grants:
        found.setdefault(grant.namespace, set()).add(grant.right)
    return found


def test_by_default_it_may_do_everywhere_what_its_client_can_ask_for() -> None:
    assert placed({}) == {"": RIGHTS | REVIEW_RIGHTS, chart.NAMESPACE: LEASE_RIGHTS}


def test_in_namespaced_mode_it_reads_everywhere_and_writes_where_it_serves() -> None:
    reads = {right for right in RIGHTS if right[2] in READING}
    writes = RIGHTS - reads - {ROLE_STATUS}
    assert placed(PROFILES["namespaced"]) == {
        "": reads | {ROLE_STATUS} | REVIEW_RIGHTS,
        chart.NAMESPACE: LEASE_RIGHTS,
        **dict.fromkeys(NAMESPACES, writes),
    }


def test_without_reviewed_access_it_may_review_nobody() -> None:
    assert placed({"api": {"access": "Open"}})[""] == RIGHTS


def test_without_rbac_nothing_is_granted() -> None:
    assert granted({"rbac": {"create": False}}) == []


def roles(values: Json) -> Iterator[Json]:
    """Every role of the chart, whoever it is for."""
    yield from (each for each in chart.rendered(values) if each["kind"] in ("Role", "ClusterRole"))


@pytest.mark.parametrize("profile", ALL_SWITCHES)
def test_no_role_grants_everything_of_anything_secrets_or_rights_over_rights(profile: str) -> None:
    for role in roles(ALL_SWITCHES[profile]):
        for group, resource, verb in rules(role):
            right = f"{role['metadata']['name']}: {verb} {resource}.{group}"
            assert "*" not in (group, resource, verb), right
            assert resource.partition("/")[0] not in ("secrets", "roles", "clusterroles"), right
            assert verb not in ("escalate", "bind", "impersonate"), right
        assert not any("*" in url for rule in role["rules"] for url in rule.get("nonResourceURLs", ()))


def test_only_the_operator_may_write_a_status() -> None:
    writers = {role["metadata"]["name"] for role in roles({}) if any("/" in resource for _, resource, _ in rules(role))}
    assert writers == {chart.RELEASE}


def test_who_uses_it_is_given_no_share_to_write() -> None:
    """Of all roles that join those of the cluster, none knows FrameworkRoles."""
    label = "rbac.authorization.k8s.io/aggregate-to-"
    joining = {
        role["metadata"]["name"]: {resource for _, resource, _ in rules(role)}
        for role in roles({})
        if any(key.startswith(label) for key in role["metadata"]["labels"])
    }
    assert joining == {
        "entresol-viewer": {"tasks", "frameworks"},
        "entresol-editor": {"tasks", "frameworks"},
        "entresol-admin": {"tasks", "frameworks", "serviceaccounts"},
    }
    assert not any(label in str(role["metadata"]["labels"]) for role in roles(ALL_SWITCHES["not aggregated"]))


def test_the_lease_is_the_only_one_that_it_may_touch() -> None:
    """A rule for `create` cannot name what does not exist yet; every other one must."""
    (lease,) = (role for role in roles({}) if role["metadata"]["name"] == "entresol-lease")
    for rule in lease["rules"]:
        assert rule["verbs"] == ["create"] or rule["resourceNames"] == ["entresol"]


def test_policies_match_tasks_and_no_other_kind() -> None:
    policies = [each["spec"] for each in chart.rendered({}) if each["kind"] == "ValidatingAdmissionPolicy"]
    assert len(policies) == 2
    for policy in policies:
        (rule,) = policy["matchConstraints"]["resourceRules"]
        assert (rule["apiGroups"], rule["resources"]) == (["entresol.dev"], ["tasks"])
        assert policy["failurePolicy"] == "Fail"


@pytest.mark.parametrize(
    ("values", "want"),
    [({"policies": {"enabled": False}}, 0), ({"policies": {"podSecurity": False}}, 1)],
    ids=["without policies there is none", "without Pod Security one is left"],
)
def test_policies_can_be_switched_off(values: Json, want: int) -> None:
    kinds = [each["kind"] for each in chart.rendered(values)]
    assert kinds.count("ValidatingAdmissionPolicy") == kinds.count("ValidatingAdmissionPolicyBinding") == want


def documented() -> set[Right]:
    """The rights in the table of the guide: verbs and resources as code, then the group."""
    found: set[Right] = set()
    for line in GUIDE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == GUIDE_COLUMNS and (words := re.findall(r"`([^`]+)`", cells[0])):
            group = "" if cells[1] == "core" else cells[1]
            verbs = [word for word in words if word in VERBS]
            found |= {(group, word, verb) for word in words if word not in VERBS for verb in verbs}
    return found


def test_the_guide_names_every_right_of_the_operator() -> None:
    assert documented() == {grant.right for grant in granted({})}

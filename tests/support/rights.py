"""The rights that the chart grants the operator, profile by profile, as the access rules of Kubernetes name them.

A profile is a set of values that changes rights. Tests hold the grants against the calls that the client can make, and
against those that the API server's audit log saw it make.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster import chart
from tests.support.audit_log import AuditLog, Right

Json = dict[str, Any]

NAMESPACES = ("served-a", "served-b")
PROFILES: dict[str, Json] = {"default": {}, "namespaced": {"namespaces": list(NAMESPACES)}}
"""Values of each profile; what an unknown name stands for is a mistake."""

SERVED = "a served namespace"

USER = f"system:serviceaccount:{chart.NAMESPACE}:{chart.RELEASE}"
"""The operator, as the API server knows it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One right, and where it holds: a namespace, or everywhere when that is empty."""

    namespace: str
    right: Right


def rules(found: Json) -> Iterable[Right]:
    """Every right that the rules of a role name."""
    for rule in found.get("rules") or ():
        for group in rule.get("apiGroups", ()):
            for resource in rule.get("resources", ()):
                for verb in rule["verbs"]:
                    yield group, resource, verb


def granted(values: Json) -> list[Grant]:
    """What the bindings of the operator's ServiceAccount grant it, through the roles they name."""
    objects = chart.groundwork(values)
    roles = {(each["kind"], _place(each), each["metadata"]["name"]): each for each in objects if "rules" in each}
    grants: list[Grant] = []
    for binding in objects:
        if _binds_operator(binding):
            reference, place = binding["roleRef"], _place(binding)
            role = roles[reference["kind"], place if reference["kind"] == "Role" else "", reference["name"]]
            grants += (Grant(place, right) for right in rules(role))
    return grants


def _place(found: Json) -> str:
    return str(found["metadata"].get("namespace", ""))


def _binds_operator(found: Json) -> bool:
    return any(
        (subject["kind"], subject.get("namespace"), subject["name"])
        == ("ServiceAccount", chart.NAMESPACE, chart.RELEASE)
        for subject in found.get("subjects") or ()
    )


# --- what was seen --------------------------------------------------------------------------------


def used(log: AuditLog) -> set[Grant]:
    """What the operator asked and was not refused by the access rules, each with the namespace that it asked in."""
    return {Grant(each.namespace, each.right) for each in log.entries(USER) if each.resource and not each.forbidden}


def refused(log: AuditLog) -> list[str]:
    """What the access rules refused the operator, in words.

    An API server that has just started refuses everybody before it has read its rules. So what it granted at another
    time of the same run does not count: a right that is missing is never granted.
    """
    granted_once = used(log)
    entries = [each for each in log.entries(USER) if each.forbidden]
    missing = [each for each in entries if Grant(each.namespace, each.right) not in granted_once]
    return sorted({f"{each.verb} {each.path}" for each in missing})


def unused(values: Json, seen: Iterable[Grant]) -> list[str]:
    """The rights of a profile that were not used, in words. One served namespace stands for all."""
    served = frozenset(values.get("namespaces", ()))
    seen = set(seen)
    known = seen | {Grant("", grant.right) for grant in seen}
    known |= {Grant(SERVED, grant.right) for grant in seen if grant.namespace in served}
    idle = {Grant(SERVED, each.right) if each.namespace in served else each for each in granted(values)} - known
    return sorted(f"{' '.join(reversed(each.right))} in {each.namespace or 'the whole cluster'}" for each in idle)


@contextmanager
def audited(folder: Path) -> Iterator[AuditLog]:
    """The audit log of a cluster in which the operator must be refused nothing.

    Raises:
        AssertionError: at the end, if the access rules refused it something.
    """
    log = AuditLog(folder)
    yield log
    assert refused(log) == [], "the operator asked for what it has no right to"

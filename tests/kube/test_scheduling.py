"""Where a pod may run, and which wishes are named because they cannot be granted."""

from typing import Any

import pytest

from entresol.kube.scheduling import constraints_of, label_expressions, taints_of, unsupported_fields
from entresol.kube.wire import LabelSelector, NodeSpec
from entresol.kube.wire_pod import PodSpec
from entresol.model.constraints import Constraints, Effect, Expression, HostPort, Operator, Taint, Term, Toleration
from entresol.model.identifiers import AgentId
from tests.support.reading import read

Json = dict[str, Any]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def node_affinity(*terms: Json) -> Json:
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": list(terms)}}}}


def in_(key: str, *values: str) -> Json:
    return {"key": key, "operator": "In", "values": list(values)}


TRANSLATED: dict[str, tuple[Json, Constraints]] = {
    "nothing asked": ({}, Constraints()),
    "a node selector, sorted": (
        {"nodeSelector": {"b": "2", "a": "1"}},
        Constraints(selector=(("a", "1"), ("b", "2"))),
    ),
    "required node affinity": (
        node_affinity({"matchExpressions": [in_("zone", "a", "b"), {"key": "gpu", "operator": "Exists"}]}),
        Constraints(
            affinity=(Term((Expression("zone", Operator.IN, ("a", "b")), Expression("gpu", Operator.EXISTS))),)
        ),
    ),
    "a DaemonSet's affinity to one node by name": (
        node_affinity({"matchFields": [in_("metadata.name", "n1")]}),
        Constraints(affinity=(Term(names=(Expression("metadata.name", Operator.IN, ("n1",)),)),)),
    ),
    "numbers are compared": (
        node_affinity({"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["4"]}]}),
        Constraints(affinity=(Term((Expression("cores", Operator.GREATER, ("4",)),)),)),
    ),
    "what is merely preferred is not read": (
        {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}}},
        Constraints(),
    ),
    "tolerations": (
        {
            "tolerations": [
                {"key": "gpu", "value": "only", "effect": "NoSchedule"},
                {"key": "gpu", "operator": "Equal", "value": "only"},
                {"operator": "Exists"},
            ]
        },
        Constraints(
            tolerations=(
                Toleration("gpu", "only", effect=Effect.NO_SCHEDULE),
                Toleration("gpu", "only"),
                Toleration(exists=True),
            )
        ),
    ),
    "host ports": (
        {"containers": [{"name": "c", "ports": [{"hostPort": 80}]}]},
        Constraints(ports=(HostPort(80),)),
    ),
}


@pytest.mark.parametrize(("spec", "want"), TRANSLATED.values(), ids=TRANSLATED.keys())
def test_constraints(spec: Json, want: Constraints) -> None:
    assert constraints_of(read(PodSpec, spec)) == want


@pytest.mark.parametrize("terms", [[], [{}]], ids=["no term", "a term that says nothing"])
def test_an_affinity_that_names_nothing_selects_nothing(terms: list[Json]) -> None:
    constraints = constraints_of(read(PodSpec, node_affinity(*terms)))
    assert constraints.exclusion(AgentId("n"), {"any": "label"}, ()) is not None


SENSELESS = {
    "an operator that does not exist": {"matchExpressions": [{"key": "a", "operator": "Like"}]},
    "no operator": {"matchExpressions": [{"key": "a"}]},
    "a field that nodes are not selected by": {"matchFields": [in_("spec.podCIDR", "x")]},
}


@pytest.mark.parametrize("term", SENSELESS.values(), ids=SENSELESS.keys())
def test_an_affinity_without_sense_is_refused_in_words(term: Json) -> None:
    with pytest.raises(ValueError, match="must be"):
        constraints_of(read(PodSpec, node_affinity(term)))


UNSUPPORTED: dict[str, tuple[Json, list[str]]] = {
    "nothing unusual": ({"volumes": [{"name": "v", "emptyDir": {}}]}, []),
    "a volume claim": (
        {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "p"}}]},
        ["spec.volumes[].persistentVolumeClaim"],
    ),
    "an ephemeral claim": ({"volumes": [{"name": "v", "ephemeral": {}}]}, ["spec.volumes[].ephemeral"]),
    "several are named, each once": (
        {"volumes": [{"ephemeral": {}}, {"ephemeral": {}}, {"persistentVolumeClaim": {}}]},
        ["spec.volumes[].persistentVolumeClaim", "spec.volumes[].ephemeral"],
    ),
    "required affinity to pods": (
        {"affinity": {"podAffinity": {REQUIRED: [{"topologyKey": "zone"}]}}},
        [f"spec.affinity.podAffinity.{REQUIRED}"],
    ),
    "required anti-affinity to pods": (
        {"affinity": {"podAntiAffinity": {REQUIRED: [{"topologyKey": "zone"}]}}},
        [f"spec.affinity.podAntiAffinity.{REQUIRED}"],
    ),
    "preferred affinity to pods is passed over": (
        {"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}}},
        [],
    ),
    "a spread that is demanded": (
        {"topologySpreadConstraints": [{"whenUnsatisfiable": "DoNotSchedule"}]},
        ["spec.topologySpreadConstraints[].whenUnsatisfiable: DoNotSchedule"],
    ),
    "a spread that is only wished for": ({"topologySpreadConstraints": [{"whenUnsatisfiable": "ScheduleAnyway"}]}, []),
    "a claim of dynamic resources": ({"resourceClaims": [{"name": "gpu"}]}, ["spec.resourceClaims"]),
    "a claim that only a container names": (
        {"initContainers": [{"name": "i", "resources": {"claims": [{"name": "gpu"}]}}]},
        ["spec.containers[].resources.claims"],
    ),
    "an operator of tolerations that is yet to come": (
        {"tolerations": [{"key": "a", "operator": "Lt", "value": "3"}]},
        ["spec.tolerations[].operator"],
    ),
    "an effect of tolerations that is yet to come": (
        {"tolerations": [{"key": "a", "operator": "Exists", "effect": "Slow"}]},
        ["spec.tolerations[].effect"],
    ),
}


@pytest.mark.parametrize(("spec", "want"), UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
def test_unsupported_fields_are_named_as_their_author_wrote_them(spec: Json, want: list[str]) -> None:
    assert list(unsupported_fields(read(PodSpec, spec))) == want


CORDON = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
TAINTS: dict[str, tuple[Json, list[Taint]]] = {
    "none": ({}, []),
    "as written": (
        {"taints": [{"key": "gpu", "value": "only", "effect": "NoExecute"}]},
        [Taint("gpu", "only", Effect.NO_EXECUTE)],
    ),
    "a cordon is a taint at once": ({"unschedulable": True}, [Taint(CORDON["key"])]),
    "and not twice": ({"unschedulable": True, "taints": [CORDON]}, [Taint(CORDON["key"])]),
    "the same key with another effect is another taint": (
        {"unschedulable": True, "taints": [{**CORDON, "effect": "NoExecute"}]},
        [Taint(CORDON["key"], "", Effect.NO_EXECUTE), Taint(CORDON["key"])],
    ),
    "an effect that is yet to come keeps work away": ({"taints": [{"key": "a", "effect": "Freeze"}]}, [Taint("a")]),
}


@pytest.mark.parametrize(("spec", "want"), TAINTS.values(), ids=TAINTS.keys())
def test_taints(spec: Json, want: list[Taint]) -> None:
    node = read(NodeSpec, spec)
    assert list(taints_of(node.taints, unschedulable=node.unschedulable)) == want


SELECTORS: dict[str, tuple[Json, list[Expression]]] = {
    "an empty selector demands nothing": ({}, []),
    "labels and expressions together": (
        {"matchLabels": {"b": "2", "a": "1"}, "matchExpressions": [{"key": "c", "operator": "DoesNotExist"}]},
        [
            Expression("a", Operator.IN, ("1",)),
            Expression("b", Operator.IN, ("2",)),
            Expression("c", Operator.DOES_NOT_EXIST),
        ],
    ),
}


@pytest.mark.parametrize(("selector", "want"), SELECTORS.values(), ids=SELECTORS.keys())
def test_label_selectors(selector: Json, want: list[Expression]) -> None:
    assert list(label_expressions(read(LabelSelector, selector))) == want


def test_labels_are_not_compared_as_numbers() -> None:
    selector = read(LabelSelector, {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]})
    with pytest.raises(ValueError, match="must be one of In, NotIn, Exists, DoesNotExist, not 'Gt'"):
        label_expressions(selector)

"""Where a pod may run, and which of its wishes cannot be granted yet.

What is required is translated; what is merely preferred is not read. Whatever is required and not honoured is named,
in the words in which its author wrote it, so that the pod waits instead of running otherwise than asked.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain

from entresol.kube.requests import host_ports
from entresol.kube.wire import LabelSelector, Requirement
from entresol.kube.wire import Taint as WireTaint
from entresol.kube.wire_pod import NodeSelector, NodeSelectorTerm, PodSpec
from entresol.kube.wire_pod import Toleration as WireToleration
from entresol.model.constraints import Constraints, Effect, Expression, HostPort, Operator, Taint, Term, Toleration

UNSCHEDULABLE = Taint("node.kubernetes.io/unschedulable", "", Effect.NO_SCHEDULE)
"""A cordon. The node controller writes this taint too, but a moment later."""

_EFFECTS = {effect.value: effect for effect in Effect}
_OPERATORS = {operator.value: operator for operator in Operator}
_LABEL_OPERATORS = (Operator.IN, Operator.NOT_IN, Operator.EXISTS, Operator.DOES_NOT_EXIST)
_TOLERATION_OPERATORS = ("", "Equal", "Exists")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_SHAPES = 4096
"""So many different sets of constraints are remembered, and shared by the pods that have them."""
_ORDINARY = 64
"""Parts of a set that is remembered: what any tenant can write must not fill our memory."""


def constraints_of(spec: PodSpec) -> Constraints:
    """Where a pod may run.

    Raises:
        ValueError: node affinity uses an operator or a field that does not exist. The API server lets neither pass in
            a pod, but nobody has checked a template.
    """
    selector = tuple(sorted(spec.node_selector.items()))
    required, ports = spec.affinity.node_affinity.required, host_ports(spec)
    parts = len(selector) + len(spec.tolerations) + len(ports) + (0 if required is None else _parts(required))
    translate = _constraints if parts <= _ORDINARY else _constraints.__wrapped__
    return translate(selector, required, spec.tolerations, ports)


@lru_cache(_SHAPES)
def _constraints(
    selector: tuple[tuple[str, str], ...],
    required: NodeSelector | None,
    tolerations: tuple[WireToleration, ...],
    ports: tuple[HostPort, ...],
) -> Constraints:
    terms: tuple[Term, ...] = ()
    if required is not None:
        # No term at all selects nothing in Kubernetes; here, no term means no demand.
        terms = tuple(_term(term) for term in required.node_selector_terms) or (Term(),)
    return Constraints(
        selector=selector,
        affinity=terms,
        tolerations=tuple(_toleration(toleration) for toleration in tolerations),
        ports=ports,
    )


def _parts(required: NodeSelector) -> int:
    terms = required.node_selector_terms
    return len(terms) + sum(
        1 + len(one.values) for term in terms for one in (*term.match_expressions, *term.match_fields)
    )


def unsupported_fields(spec: PodSpec) -> tuple[str, ...]:
    """Names of the fields in use that are not honoured yet, each once, as paths from the pod's root."""
    found = (
        (any(v.persistent_volume_claim is not None for v in spec.volumes), "spec.volumes[].persistentVolumeClaim"),
        (any(v.ephemeral is not None for v in spec.volumes), "spec.volumes[].ephemeral"),
        (bool(spec.affinity.pod_affinity.required), f"spec.affinity.podAffinity.{_REQUIRED}"),
        (bool(spec.affinity.pod_anti_affinity.required), f"spec.affinity.podAntiAffinity.{_REQUIRED}"),
        (
            any(c.when_unsatisfiable == "DoNotSchedule" for c in spec.topology_spread_constraints),
            "spec.topologySpreadConstraints[].whenUnsatisfiable: DoNotSchedule",
        ),
        (bool(spec.resource_claims), "spec.resourceClaims"),
        (
            any(c.resources.claims for c in chain(spec.containers, spec.init_containers)),
            "spec.containers[].resources.claims",
        ),
        (any(t.operator not in _TOLERATION_OPERATORS for t in spec.tolerations), "spec.tolerations[].operator"),
        (any(t.effect and t.effect not in _EFFECTS for t in spec.tolerations), "spec.tolerations[].effect"),
    )
    return tuple(name for used, name in found if used)


def taints_of(taints: Iterable[WireTaint], *, unschedulable: bool) -> tuple[Taint, ...]:
    """A node's taints; a cordon counts as one at once.

    An effect that we do not know keeps work away: to run where something new forbids it would be the worse mistake.
    """
    known = tuple(Taint(t.key, t.value, _EFFECTS.get(t.effect, Effect.NO_SCHEDULE)) for t in taints)
    if unschedulable and not any(t.key == UNSCHEDULABLE.key and t.effect is UNSCHEDULABLE.effect for t in known):
        return (*known, UNSCHEDULABLE)
    return known


def label_expressions(selector: LabelSelector) -> tuple[Expression, ...]:
    """A label selector as expressions that must all hold; none for the empty selector, which selects everything.

    Raises:
        ValueError: an operator is none that label selectors have.
    """
    exact = (Expression(key, Operator.IN, (value,)) for key, value in sorted(selector.match_labels.items()))
    return (*exact, *(_expression(requirement, _LABEL_OPERATORS) for requirement in selector.match_expressions))


def sorted_pairs(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Labels to match as a value that compares and hashes by content."""
    return tuple(sorted(labels.items()))


def _term(term: NodeSelectorTerm) -> Term:
    for requirement in term.match_fields:
        if requirement.key != "metadata.name":
            raise ValueError(f"the key of `matchFields` must be metadata.name, not {requirement.key!r}")
    return Term(
        attributes=tuple(_expression(requirement) for requirement in term.match_expressions),
        names=tuple(_expression(requirement) for requirement in term.match_fields),
    )


def _expression(requirement: Requirement, allowed: tuple[Operator, ...] = tuple(Operator)) -> Expression:
    operator = _OPERATORS.get(requirement.operator)
    if operator is None or operator not in allowed:
        known = ", ".join(operator.value for operator in allowed)
        raise ValueError(f"`operator` must be one of {known}, not {requirement.operator!r}")
    return Expression(requirement.key, operator, requirement.values)


def _toleration(toleration: WireToleration) -> Toleration:
    # What is unknown here is named by `unsupported_fields`, so the pod waits whatever this says.
    return Toleration(
        toleration.key, toleration.value, toleration.operator == "Exists", _EFFECTS.get(toleration.effect)
    )

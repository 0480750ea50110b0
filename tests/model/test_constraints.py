"""Where work may run: selectors, affinity, taints, host ports, and the first thing that stands in the way."""

import pytest

from entresol.model.constraints import (
    Barrier,
    Effect,
    Exclusion,
    Expression,
    HostPort,
    Operator,
    Taint,
    Term,
    Toleration,
    port_clash,
)
from entresol.model.work import TaskClass
from tests.support.builders import agent, work

LABELS = {"zone": "a", "cores": "8", "empty": "", "word": "many"}

EXPRESSIONS = {
    "In: the value is listed": (Expression("zone", Operator.IN, ("a", "b")), True),
    "In: the value is not listed": (Expression("zone", Operator.IN, ("b",)), False),
    "In: the key is missing": (Expression("disk", Operator.IN, ("a",)), False),
    "NotIn: the value is listed": (Expression("zone", Operator.NOT_IN, ("a",)), False),
    "NotIn: the value is not listed": (Expression("zone", Operator.NOT_IN, ("b",)), True),
    "NotIn: a missing key satisfies it": (Expression("disk", Operator.NOT_IN, ("a",)), True),
    "Exists: it does, though empty": (Expression("empty", Operator.EXISTS), True),
    "Exists: it does not": (Expression("disk", Operator.EXISTS), False),
    "DoesNotExist: it does": (Expression("zone", Operator.DOES_NOT_EXIST), False),
    "DoesNotExist: it does not": (Expression("disk", Operator.DOES_NOT_EXIST), True),
    "Gt: larger": (Expression("cores", Operator.GREATER, ("7",)), True),
    "Gt: equal is not larger": (Expression("cores", Operator.GREATER, ("8",)), False),
    "Lt: smaller": (Expression("cores", Operator.LESS, ("9",)), True),
    "Lt: equal is not smaller": (Expression("cores", Operator.LESS, ("8",)), False),
    "Gt: what is not a number never matches": (Expression("word", Operator.GREATER, ("1",)), False),
    "Lt: nor does a bound that is not one": (Expression("cores", Operator.LESS, ("many",)), False),
    "Gt: a missing key never matches": (Expression("disk", Operator.GREATER, ("1",)), False),
    "Gt: two bounds never match": (Expression("cores", Operator.GREATER, ("1", "2")), False),
}


@pytest.mark.parametrize(("expression", "want"), EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_expression(expression: Expression, want: bool) -> None:
    assert expression.holds(LABELS) is want


ZONE_A = Expression("zone", Operator.IN, ("a",))
ZONE_B = Expression("zone", Operator.IN, ("b",))
THIS = Expression("metadata.name", Operator.IN, ("n1",))

TERMS = {
    "all expressions hold": (Term((ZONE_A,), (THIS,)), True),
    "one does not": (Term((ZONE_A, ZONE_B)), False),
    "the name alone": (Term((), (THIS,)), True),
    "another name": (Term((), (Expression("metadata.name", Operator.IN, ("n2",)),)), False),
    "nothing selects nothing": (Term(), False),
}


@pytest.mark.parametrize(("term", "want"), TERMS.values(), ids=TERMS.keys())
def test_term(term: Term, want: bool) -> None:
    name = agent("n1").agent.id
    assert term.holds(name, LABELS) is want


GPU = Taint("gpu", "big")

TOLERATIONS = {
    "the same key and value": (Toleration("gpu", "big"), GPU, True),
    "another value": (Toleration("gpu", "small"), GPU, False),
    "another key": (Toleration("disk", "big"), GPU, False),
    "the key exists": (Toleration("gpu", exists=True), GPU, True),
    "everything": (Toleration(exists=True), GPU, True),
    "an empty key without exists accepts nothing": (Toleration(), Taint(""), False),
    "the same effect": (Toleration("gpu", "big", effect=Effect.NO_SCHEDULE), GPU, True),
    "another effect": (Toleration("gpu", "big", effect=Effect.NO_EXECUTE), GPU, False),
    "everything of another effect": (Toleration(exists=True, effect=Effect.NO_EXECUTE), GPU, False),
}


@pytest.mark.parametrize(("toleration", "taint", "want"), TOLERATIONS.values(), ids=TOLERATIONS.keys())
def test_toleration(toleration: Toleration, taint: Taint, want: bool) -> None:
    assert toleration.accepts(taint) is want


PORTS = {
    "the same": (HostPort(80), HostPort(80), True),
    "another number": (HostPort(80), HostPort(81), False),
    "another protocol": (HostPort(80), HostPort(80, "UDP"), False),
    "all addresses and one": (HostPort(80), HostPort(80, address="10.0.0.1"), True),
    "one address and all": (HostPort(80, address="10.0.0.1"), HostPort(80), True),
    "two addresses": (HostPort(80, address="10.0.0.1"), HostPort(80, address="10.0.0.2"), False),
}


@pytest.mark.parametrize(("one", "other", "want"), PORTS.values(), ids=PORTS.keys())
def test_ports_clash(one: HostPort, other: HostPort, want: bool) -> None:
    assert one.clashes(other) is want
    assert (port_clash((HostPort(9), one), frozenset({other})) == one) is want


def test_no_ports_never_clash() -> None:
    assert port_clash((), frozenset({HostPort(80)})) is None


EXCLUSIONS: dict[str, tuple[TaskClass, Exclusion | None]] = {
    "nothing in the way": (work(selector={"zone": "a"}, affinity=[Term((ZONE_A,))], partition={"pool": "red"}), None),
    "the selector": (work(selector={"zone": "b"}), Exclusion(Barrier.SELECTOR, "zone=b")),
    "one term is enough": (work(affinity=[Term((ZONE_B,)), Term((), (THIS,))]), None),
    "no term matches": (work(affinity=[Term((ZONE_B,))]), Exclusion(Barrier.AFFINITY)),
    "the partition, before the class's own words": (
        work(selector={"zone": "b"}, partition={"pool": "blue"}),
        Exclusion(Barrier.PARTITION, "pool=blue"),
    ),
    "avoided": (work(avoid=["n1"]), Exclusion(Barrier.AVOIDED)),
    "avoided comes last, because it passes": (
        work(avoid=["n1"], selector={"zone": "b"}),
        Exclusion(Barrier.SELECTOR, "zone=b"),
    ),
}


@pytest.mark.parametrize(("shape", "want"), EXCLUSIONS.values(), ids=EXCLUSIONS.keys())
def test_exclusion(shape: TaskClass, want: Exclusion | None) -> None:
    here = agent("n1", labels={"zone": "a", "pool": "red"}).agent
    assert shape.exclusion(here) == want


TAINTED: dict[str, tuple[Taint, TaskClass, Exclusion | None]] = {
    "a taint keeps away": (Taint("x"), work(), Exclusion(Barrier.TAINT, "x")),
    "so does one that evicts": (Taint("x", "", Effect.NO_EXECUTE), work(), Exclusion(Barrier.TAINT, "x")),
    "one that is a preference does not": (Taint("x", "", Effect.PREFER_NOT), work(), None),
    "nor one that is tolerated": (Taint("x"), work(tolerations=[Toleration("x", exists=True)]), None),
}


@pytest.mark.parametrize(("taint", "shape", "want"), TAINTED.values(), ids=TAINTED.keys())
def test_taints(taint: Taint, shape: TaskClass, want: Exclusion | None) -> None:
    assert shape.exclusion(agent("n1", taints=[taint]).agent) == want


def test_a_closed_agent_takes_nothing_whatever_is_tolerated() -> None:
    shape = work(tolerations=[Toleration(exists=True)])
    assert shape.exclusion(agent("n1", is_open=False).agent) == Exclusion(Barrier.CLOSED)


def test_barriers_that_pass_by_themselves() -> None:
    assert {barrier for barrier in Barrier if barrier.passing} == {Barrier.PORT, Barrier.AVOIDED, Barrier.REFUSED}

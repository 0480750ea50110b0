"""Who may use a role, and the small facts about frameworks, units and reasons."""

import pytest

from entresol.model.constraints import Barrier, Exclusion, Expression, Operator
from entresol.model.identifiers import FrameworkId, RoleId, TaskId
from entresol.model.reasons import Shortage
from entresol.model.tenants import Admission, Framework
from entresol.model.work import Unit

TEAMS = (Expression("kind", Operator.IN, ("team",)), Expression("closed", Operator.DOES_NOT_EXIST))

ADMITTED = {
    "nothing said: the namespace of the same name": (Admission(), "blue", {}, True),
    "nothing said: no other": (Admission(), "red", {}, False),
    "named": (Admission(names=frozenset({"red"})), "red", {}, True),
    "not named, not even the namespace of the same name": (Admission(names=frozenset({"red"})), "blue", {}, False),
    "selected by every expression": (Admission(selector=TEAMS), "red", {"kind": "team"}, True),
    "one expression fails": (Admission(selector=TEAMS), "red", {"kind": "team", "closed": ""}, False),
    "named though not selected": (Admission(names=frozenset({"red"}), selector=TEAMS), "red", {}, True),
    "an empty selector admits everybody": (Admission(selector=()), "red", {}, True),
}


@pytest.mark.parametrize(("admission", "namespace", "labels", "want"), ADMITTED.values(), ids=ADMITTED.keys())
def test_admits(admission: Admission, namespace: str, labels: dict[str, str], want: bool) -> None:
    assert admission.admits(RoleId("blue"), namespace, labels) is want


def test_a_framework_lives_in_a_namespace() -> None:
    assert Framework(id=FrameworkId("team/spark"), role=RoleId("r")).namespace == "team"


def test_units_are_ordered_by_rank() -> None:
    early, late = Unit(((1.0,), 0.0, "b"), TaskId("x"), 9.0), Unit(((1.0,), 1.0, "a"), TaskId("a"), 0.0)
    urgent = Unit(((0.0,), 9.0, "z"), TaskId("z"), 9.0)
    assert sorted([late, early, urgent]) == [urgent, early, late]


HOPE = {
    "nothing at all": (Shortage(), 0, True),
    "only too small": (Shortage(agents=3, too_small=(("cpu", 3),)), 0, True),
    "only lasting barriers": (Shortage(agents=1, excluded=((Exclusion(Barrier.TAINT, "x"), 1),)), 0, True),
    "some are busy": (Shortage(agents=5, too_small=(("cpu", 3),), busy=(("cpu", 1), ("memory", 1))), 2, False),
    "a barrier that passes": (Shortage(agents=2, excluded=((Exclusion(Barrier.PORT, "80/TCP"), 2),)), 2, False),
}


@pytest.mark.parametrize(("shortage", "fits", "never"), HOPE.values(), ids=HOPE.keys())
def test_never_fits_means_no_agent_could_hold_it_even_empty(shortage: Shortage, fits: int, never: bool) -> None:
    assert (shortage.fits_when_empty, shortage.never) == (fits, never)

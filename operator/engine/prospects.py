"""What could become of a framework's waiting work: how much of it asks for something, and how much could have it.

Units in line share their class's verdict of the last cycle, so classes are looked at and never units: ten thousand that
wait cost no more than one. A class that no cycle has looked at yet is taken to fit.
"""

from collections.abc import Iterator
from typing import NamedTuple

from entresol.allocator.plan import OverLimit
from entresol.engine.cycle import kind
from entresol.engine.state import State
from entresol.model.identifiers import FrameworkId, RoleId
from entresol.model.reasons import Reason
from entresol.model.resources import Resources, total
from entresol.model.work import TaskClass


class Prospects(NamedTuple):
    """One framework's.

    Attributes:
        wanted: what its waiting work asks together, as far as some agent could hold it.
        placeable: how many units that is, as far as the framework takes grants now; limits are not looked at.
        claims: whether one of them, within the limit, is first in line by the role's guarantee.
    """

    wanted: Resources = Resources()
    placeable: int = 0
    claims: bool = False


NONE = Prospects()


def prospects(state: State, framework: FrameworkId) -> Prospects:
    """Those of a framework that may be granted something."""
    charge = state.tenants.charge(framework)
    held, guarantee = state.ledger.of_role(charge.role), state.tenants.role(charge.role).guarantee
    known = state.tenants.framework(framework)
    takes = known is None or not known.external or state.listens(framework)
    wanted, placeable, claims = [], 0, False
    for work, count, limited in _hopeful(state, framework):
        wanted.append(work.demand.times(count))
        if takes:
            placeable += count
            claims = claims or (not limited and guaranteed(work.demand, held, guarantee))
    return Prospects(total(wanted), placeable, claims)


def guaranteed(demand: Resources, held: Resources, guarantee: Resources) -> bool:
    """Whether one more unit is covered by a guarantee: it asks for something guaranteed, and passes it nowhere."""
    asked = [(name, amount) for name, amount in demand if guarantee.get(name)]
    return bool(asked) and all(held.get(name) + amount <= guarantee.get(name) for name, amount in asked)


def placeable(state: State, role: RoleId, units: int) -> int:
    """How many of a role's so many placeable units stay within its limit, one after the other."""
    if not state.tenants.role(role).limit:
        return units
    admission = state.findings.admissions.get(role)
    return min(units, len(admission[1])) if admission is not None else 0


def _hopeful(state: State, framework: FrameworkId) -> Iterator[tuple[TaskClass, int, bool]]:
    """The classes that some agent could hold, with their units, and whether one more would pass the role's limit."""
    verdicts = state.findings.verdicts
    for work, count in state.backlog.sizes(framework):
        verdict = verdicts.get((framework, work))
        if verdict is None or kind(verdict) is not Reason.NEVER_FITS:
            yield work, count, isinstance(verdict, OverLimit)

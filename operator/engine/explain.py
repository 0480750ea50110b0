"""Why does this task wait? The answer is put together from what the last cycle found; nothing is guessed.

The question goes from the inside out: the task itself, its framework and role, then the cycle's verdict on its class,
and last the order. So the first thing that somebody would have to change is what is named.
"""

from typing import assert_never

from entresol.allocator.plan import CutShort, OverLimit
from entresol.engine.cycle import grantable, kind
from entresol.engine.state import Entry, State
from entresol.engine.waiting import aside
from entresol.model.identifiers import FrameworkId
from entresol.model.reasons import Reason, Shortage, Turn, Waiting


def why(state: State, entry: Entry, at: float) -> Waiting | None:
    """Why the task waits; None when it does not wait."""
    if entry.over or entry.live is not None or entry.gone:
        return None
    if not state.synced:
        return Waiting(reason=Reason.RECOVERING)
    own = aside(entry, at)
    if own is not None:
        return own
    blocked = grantable(state, entry.task.framework)
    if blocked is not None:
        return blocked
    place = state.backlog.place(entry.task.id)
    if place is None:
        return Waiting(reason=Reason.NOT_CONSIDERED)
    verdict = state.findings.verdicts.get((place.framework, place.work))
    ahead = state.backlog.ahead(entry.task.id)
    turn = turn_before(state, place.framework)
    match verdict:
        case None:
            return Waiting(reason=Reason.NOT_CONSIDERED, ahead=ahead)
        case OverLimit(resources=names):
            return Waiting(reason=Reason.LIMIT_REACHED, detail=", ".join(names), ahead=ahead)
        case CutShort():
            return Waiting(reason=Reason.BEHIND, turn=turn, ahead=ahead)
        case Shortage():
            return _short_of_room(state, entry, verdict, turn, ahead)
        case _:
            assert_never(verdict)


def more_agents_help(state: State, entry: Entry, waiting: Waiting) -> bool:
    """Whether more agents, and nothing else, would let the task run: what an autoscaler may act on (decisions.md 17)."""
    if waiting.shortage is None or waiting.shortage.never:
        return False
    role = state.tenants.charge(entry.task.framework).role
    return role not in state.findings.admissions or entry.task.id in state.findings.admissible


def turn_before(state: State, framework: FrameworkId) -> Turn | None:
    """Who is due before this framework; None when it is first, or over its limit."""
    standings = state.findings.standings
    if not standings or standings[0].framework == framework:
        return None
    own = next((one for one in standings if one.framework == framework), None)
    if own is None:
        return None
    first = standings[0]
    # Holders are compared at the first level where they differ: two roles, or two frameworks of one role.
    level = next((i for i, (a, b) in enumerate(zip(first.keys, own.keys, strict=False)) if a.name != b.name), 0)
    return Turn(first.framework, first.keys[level].share, own.keys[level].share)


def _short_of_room(state: State, entry: Entry, shortage: Shortage, turn: Turn | None, ahead: int) -> Waiting:
    reason = kind(shortage)
    if reason is Reason.NEVER_FITS:
        return Waiting(reason=reason, shortage=shortage)
    place = state.backlog.place(entry.task.id)
    first = None if place is None else state.backlog.first(place.framework, place.work)
    if turn is not None or first is None or first.task != entry.task.id:
        reason = Reason.BEHIND
    return Waiting(reason=reason, shortage=shortage, turn=turn, ahead=ahead)

"""Reasons and ends in sentences for people. The only place where they are put into words.

A sentence says what is the case, with the figures of the decision, and where its reader can change something, what.
Each group of reasons is a closed type: a new reason fails type checking until somebody gives it words.
"""

from collections.abc import Iterator
from typing import Literal, TypeAlias, assert_never

from entresol.kube.names import RUNTIME_FIELD
from entresol.kube.times import format_time
from entresol.model.constraints import Barrier, Exclusion
from entresol.model.reasons import Reason, Shortage, Turn, Waiting
from entresol.model.tasks import DROPPED, ERROR, FAILED, FINISHED, GONE, KILLED, LOST, UNREACHABLE, Attempt

_OfTask: TypeAlias = Literal[Reason.SUSPENDED, Reason.GATED, Reason.UNSUPPORTED, Reason.INVALID]
_OfTenant: TypeAlias = Literal[
    Reason.FRAMEWORK_NOT_FOUND, Reason.FRAMEWORK_SUSPENDED, Reason.ROLE_NOT_FOUND, Reason.ROLE_NOT_ALLOWED
]
_OfTime: TypeAlias = Literal[
    Reason.RECOVERING, Reason.NOT_CONSIDERED, Reason.BACKING_OFF, Reason.QUOTA_EXCEEDED, Reason.FORBIDDEN
]

_SPELT_OUT = 8
"""So many barriers are spelt out, the commonest first; the rest is summed up."""

_ENDS = {
    FINISHED: "finished",
    FAILED: "failed",
    KILLED: "was killed",
    ERROR: "could not be run",
    LOST: "was lost",
    DROPPED: "was refused",
    GONE: "was lost with its node",
    UNREACHABLE: "cannot be reached",
}


def waiting_sentence(waiting: Waiting) -> str:
    """Why a unit of work waits, in one line."""
    said = [_because(waiting)]
    if waiting.turn is not None:
        said.append(_due(waiting.turn))
    if waiting.ahead:
        noun, verb = ("task", "is") if waiting.ahead == 1 else ("tasks", "are")
        said.append(f"{waiting.ahead} {noun} of this framework {verb} before it.")
    if waiting.until is not None:
        said.append(f"Next try at {format_time(waiting.until)}.")
    return " ".join(said)


def attempt_sentence(attempt: Attempt) -> str:
    """How an attempt ended, and whether it counts."""
    end = _ENDS.get(attempt.state, f"ended as {attempt.state}")
    where = f" on {attempt.agent}" if attempt.agent else ""
    code = f"exit code {attempt.exit_code}" if attempt.exit_code is not None else ""
    why = ", ".join(filter(None, (attempt.reason, code, _clause(attempt.message))))
    said = f"Attempt {attempt.number} {end}{where}{': ' if why else ''}{why}."
    if attempt.state == FINISHED:
        return said
    return f"{said} It {'counts' if attempt.charged else 'does not count'} against `maxAttempts`."


def _because(waiting: Waiting) -> str:
    reason, detail = waiting.reason, waiting.detail
    match reason:
        case Reason.NEVER_FITS:
            return _never_fits(waiting.shortage)
        case Reason.NO_ROOM:
            return _no_room(waiting.shortage)
        case Reason.BEHIND:
            room = f" {_no_room(waiting.shortage)}" if waiting.shortage is not None else ""
            return f"Others are due first.{room}"
        case Reason.LIMIT_REACHED:
            return f"One more task would pass the limit of its role{_about(detail)}."
        case Reason.SUSPENDED | Reason.GATED | Reason.UNSUPPORTED | Reason.INVALID:
            return _because_of_task(reason, detail)
        case Reason.FRAMEWORK_NOT_FOUND | Reason.FRAMEWORK_SUSPENDED | Reason.ROLE_NOT_FOUND | Reason.ROLE_NOT_ALLOWED:
            return _because_of_tenant(reason, detail)
        case Reason.RECOVERING | Reason.NOT_CONSIDERED | Reason.BACKING_OFF | Reason.QUOTA_EXCEEDED | Reason.FORBIDDEN:
            return _because_of_time(reason, detail)
        case _:
            assert_never(reason)


def _because_of_task(reason: _OfTask, detail: str) -> str:
    match reason:
        case Reason.SUSPENDED:
            return "The Task is suspended; set `spec.suspend` to false to let it run."
        case Reason.GATED:
            return f"The pod is held by its scheduling gates{_about(detail)}; it is considered when all are removed."
        case Reason.UNSUPPORTED:
            return " ".join(_unsupported(detail))
        case Reason.INVALID:
            return f"It cannot run as it is written{': ' if detail else ''}{_clause(detail)}."
        case _:
            assert_never(reason)


def _because_of_tenant(reason: _OfTenant, detail: str) -> str:
    name = f" {detail}" if detail else ""
    match reason:
        case Reason.FRAMEWORK_NOT_FOUND:
            return f"Framework{name} does not exist in this namespace; create it, or name another."
        case Reason.FRAMEWORK_SUSPENDED:
            return f"Framework{name} is suspended; set its `spec.suspend` to false to let its work start."
        case Reason.ROLE_NOT_FOUND:
            return f"Role{name} does not exist; an administrator must create a FrameworkRole of that name."
        case Reason.ROLE_NOT_ALLOWED:
            return f"Role{name} does not admit this namespace; an administrator must add it to `spec.namespaces`."
        case _:
            assert_never(reason)


def _because_of_time(reason: _OfTime, detail: str) -> str:
    match reason:
        case Reason.RECOVERING:
            return "Entresol is reading the cluster and grants nothing until it has seen all of it."
        case Reason.NOT_CONSIDERED:
            return "No allocation cycle has considered it yet."
        case Reason.BACKING_OFF:
            return (
                f"An attempt ended through no fault of its own, and there is a pause before the next{_about(detail)}."
            )
        case Reason.QUOTA_EXCEEDED:
            return f"A ResourceQuota of the namespace does not allow the pod{_about(detail)}."
        case Reason.FORBIDDEN:
            return f"Admission does not allow the pod{_about(detail)}."
        case _:
            assert_never(reason)


def _unsupported(detail: str) -> Iterator[str]:
    """What to do about fields that are not honoured; a run time that cannot be read is one of them."""
    fields = [field for field in detail.split(", ") if field]
    if RUNTIME_FIELD in fields:
        fields.remove(RUNTIME_FIELD)
        yield f"`{RUNTIME_FIELD}` must be whole seconds or a duration such as 90s, 5m or 1h30m, of at most a year."
    if fields or not detail:
        named = ", ".join(f"`{field}`" for field in fields) or "a field"
        yield f"It uses {named}, which Entresol does not honour yet; it must be absent for this to be scheduled."


def _never_fits(shortage: Shortage | None) -> str:
    if shortage is None or not shortage.agents:
        return "No agent could hold it even when empty."
    said = f"No agent could hold it even when empty: of {_agents(shortage.agents)}, {_list(shortage)}."
    return f"{said} Waiting does not help; it must ask for less, or an agent that fits must join."


def _no_room(shortage: Shortage | None) -> str:
    if shortage is None:
        return "No agent has room now."
    listed = _list(shortage)
    return f"0/{_agents(shortage.agents)} fit now{': ' if listed else ''}{listed}."


def _due(turn: Turn) -> str:
    return (
        f"Framework {turn.due} is due first (share {turn.due_share:.4f} after its next task, "
        f"this framework {turn.own_share:.4f})."
    )


def _list(shortage: Shortage) -> str:
    """What keeps how many agents out, each agent counted once."""
    barriers = sorted(shortage.excluded, key=lambda counted: -counted[1])
    said = [f"{count} {_barrier(exclusion, count)}" for exclusion, count in barriers[:_SPELT_OUT]]
    if rest := sum(count for _, count in barriers[_SPELT_OUT:]):
        said.append(f"{rest} kept out by other barriers")
    said += [f"{count} too small ({resource})" for resource, count in shortage.too_small]
    said += [f"{count} busy now ({resource})" for resource, count in shortage.busy]
    return ", ".join(said)


def _barrier(exclusion: Exclusion, count: int) -> str:
    detail = exclusion.detail
    has, does = ("has", "does") if count == 1 else ("have", "do")
    match exclusion.barrier:
        case Barrier.CLOSED:
            return "closed"
        case Barrier.PARTITION:
            return f"outside the `nodeSelector` of the framework{_about(detail)}"
        case Barrier.SELECTOR:
            return f"without the label {detail}" if detail else "without the labels of its `nodeSelector`"
        case Barrier.AFFINITY:
            return f"{does} not match its node affinity"
        case Barrier.TAINT:
            return f"{has} {f'taint {detail}' if detail else 'a taint'} that is not tolerated"
        case Barrier.PORT:
            return f"{has} {f'host port {detail}' if detail else 'a host port of it'} taken"
        case Barrier.AVOIDED:
            return "refused it lately"
        case Barrier.REFUSED:
            return "declined by the framework lately"
        case _:
            assert_never(exclusion.barrier)


def _agents(count: int) -> str:
    return f"{count} agent" if count == 1 else f"{count} agents"


def _about(detail: str) -> str:
    return f" ({_clause(detail)})" if detail else ""


def _clause(text: str) -> str:
    """Somebody's words made fit to stand inside a sentence: on one line, without its full stop."""
    return " ".join(text.split()).rstrip(".")

"""Conditions, as Kubernetes' API conventions want them: a list by type, whose times tell when a status changed.

A condition that says the same as before keeps its time, also when its reason or message is new. Conditions of types
that are not ours belong to somebody else and are left as they are.
"""

import re
from collections.abc import Collection, Sequence

from msgspec.structs import replace

from entresol.kube.times import format_time
from entresol.kube.wire import Condition

TRUE = "True"
FALSE = "False"
UNKNOWN = "Unknown"

_REASON = re.compile(r"[A-Za-z](?:[A-Za-z0-9_,:]*[A-Za-z0-9_])?", re.ASCII)
_MAX_REASON = 128
_MAX_MESSAGE = 4096


def renewed(
    previous: Sequence[Condition], wanted: Sequence[Condition], owned: Collection[str], at: float
) -> tuple[Condition, ...]:
    """The conditions to publish.

    Args:
        previous: what is published now.
        wanted: ours as they should be, in this order, without times.
        owned: every type that is ours; of these, what is not wanted disappears.
        at: now; the time of those whose status changes.
    """
    before = {condition.type: condition for condition in previous}
    others = tuple(condition for condition in previous if condition.type not in owned)
    return (*(timed(condition, before.get(condition.type), at) for condition in wanted), *others)


def condition(kind: str, status: str, reason: str, message: str, generation: int) -> Condition:
    """A condition without its time. Reason and message are made to fit what the kinds' definitions allow."""
    return Condition(
        type=kind,
        status=status,
        reason=word(reason),
        message=clipped(message, _MAX_MESSAGE),
        observed_generation=generation,
    )


def word(reason: str, default: str = "Unspecified") -> str:
    """A reason as conditions require it, in one word: what is not a letter or digit is left out of others' reasons."""
    if len(reason) > _MAX_REASON or not _REASON.fullmatch(reason):
        reason = "".join(c for c in reason if c.isascii() and c.isalnum()).lstrip("0123456789")[:_MAX_REASON]
    return reason or default


def clipped(text: str, limit: int) -> str:
    """The text, cut with an ellipsis so that it takes at most `limit` bytes (three or more) in UTF-8."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - 3].decode(errors="ignore") + "…"


def timed(wanted: Condition, before: Condition | None, at: float) -> Condition:
    """A condition with the time of its last change of status: the published one's, or now."""
    if before is not None and before.status == wanted.status and before.last_transition_time:
        return replace(wanted, last_transition_time=before.last_transition_time)
    return replace(wanted, last_transition_time=format_time(at))

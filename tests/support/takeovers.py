"""What an audit log tells of a take-over: when the old leader last changed anything, and when the new one first did.

Renewals of the Lease are not counted as changes: they say who may work, and not that anybody does.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.support.audit_log import Entry

LEASES = "leases"


@dataclass(frozen=True, slots=True)
class Takeover:
    """One change of leaders. Times are the API server's, in seconds since the epoch.

    Attributes:
        last: when the last change by the old leader came in that was carried out before the new one's first.
        won: when the API server gave the Lease to the new leader.
        first: when the new leader's first change came in.
        late: changes by the old leader that came in after that, and were carried out: writes past the fence.
    """

    last: float
    won: float
    first: float
    late: tuple[Entry, ...]

    @property
    def seconds(self) -> float:
        """For how long nobody changed anything."""
        return self.first - self.last


def takeover(entries: Iterable[Entry], old: str, new: str) -> Takeover | None:
    """The change from one identity to another; None while the new one has not changed anything yet.

    Raises ValueError when the old one never changed anything: then there is nothing to measure from.
    """
    changes = [each for each in entries if each.changes]
    theirs = {who: [each for each in changes if each.agent == f"entresol/{who}"] for who in (old, new)}
    held = {who: [each for each in of if each.resource == LEASES] for who, of in theirs.items()}
    work = {who: [each for each in of if each.resource != LEASES] for who, of in theirs.items()}
    if not work[new] or not held[new]:
        return None
    first = min(each.received for each in work[new])
    before = [each.received for each in work[old] if each.received <= first]
    if not before:
        raise ValueError(f"{old} must have changed something before {new} took over")
    late = tuple(each for each in work[old] if each.received > first)
    return Takeover(max(before), min(each.answered for each in held[new]), first, late)

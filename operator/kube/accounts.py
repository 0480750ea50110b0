"""A role's account in the fairness ledger <-> `status.ledger` of its FrameworkRole.

What is read was written by Entresol, perhaps by another version of it. A ledger that cannot be understood is as good as
none: the account begins anew, and `since` says so.
"""

import re

from entresol.kube.times import format_time_exactly, parse_time
from entresol.kube.wire_kinds import FrameworkRole, RoleLedger
from entresol.model.accounts import Account, Rates, Saved

LEDGER_SECONDS = 60.0
"""An account that has grown is written so often when nothing else is new."""

_DECIMAL = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,6})?", re.ASCII)


def saved_of(role: FrameworkRole) -> Saved | None:
    """The account in a role's status, with the rates that held when it was written; None when there is none."""
    status, ledger = role.status, role.status.ledger
    if ledger is None:
        return None
    since, as_of = parse_time(ledger.since), parse_time(ledger.as_of)
    sums = [
        _decimal(text)
        for text in (
            ledger.entitled_share_seconds,
            ledger.held_share_seconds,
            ledger.deficit_share_seconds,
            ledger.leaderless_seconds,
        )
    ]
    if since is None or as_of is None or None in sums:
        return None
    entitled, held, deficit, leaderless = (number or 0.0 for number in sums)
    return Saved(
        Account(since=since, as_of=as_of, entitled=entitled, held=held, deficit=deficit, leaderless=leaderless),
        Rates(
            _decimal(status.entitlement) or 0.0, _decimal(status.dominant_share) or 0.0, bool(status.placeable_tasks)
        ),
    )


def ledger_of(account: Account) -> RoleLedger:
    """An account as it is published."""
    return RoleLedger(
        since=format_time_exactly(account.since),
        as_of=format_time_exactly(account.as_of),
        entitled_share_seconds=_text(account.entitled),
        held_share_seconds=_text(account.held),
        deficit_share_seconds=_text(account.deficit),
        leaderless_seconds=_text(account.leaderless),
    )


def outdated(published: RoleLedger | None, newest: RoleLedger | None) -> bool:
    """Whether an account is worth a write of its own: it has grown, and was not written for a while."""
    if newest is None or published is None:
        return newest is not published
    if _sums(published) == _sums(newest):
        return False
    then, now = parse_time(published.as_of), parse_time(newest.as_of)
    return then is None or now is None or now - then >= LEDGER_SECONDS or now < then


def _sums(ledger: RoleLedger) -> tuple[str, ...]:
    return ledger.entitled_share_seconds, ledger.held_share_seconds, ledger.deficit_share_seconds


def _decimal(text: str) -> float | None:
    return float(text) if _DECIMAL.fullmatch(text) else None


def _text(number: float) -> str:
    return f"{number:.3f}"

"""A role's account as its status has it: read back as it was written, and written no oftener than it must be."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from entresol.kube.accounts import LEDGER_SECONDS, ledger_of, outdated, saved_of
from entresol.kube.wire_kinds import FrameworkRole, RoleLedger
from entresol.model.accounts import Account, Rates, Saved
from tests.support.reading import read

AT = 1_790_000_000.25
ACCOUNT = Account(since=AT, as_of=AT + 100.5, entitled=50.25, held=30.125, deficit=1e-9, leaderless=4.0)


def role(ledger: Any, **status: Any) -> FrameworkRole:
    written = msgspec.to_builtins(ledger) if isinstance(ledger, RoleLedger) else ledger
    return read(FrameworkRole, {"metadata": {"name": "r"}, "status": {"ledger": written, **status}})


def test_what_is_written_is_read_back() -> None:
    record = role(ledger_of(ACCOUNT), entitlement="0.5000", dominantShare="0.2500", placeableTasks=3)
    assert saved_of(record) == Saved(replace(ACCOUNT, deficit=0.0), Rates(0.5, 0.25, wanting=True))


def test_as_it_looks() -> None:
    assert msgspec.to_builtins(ledger_of(ACCOUNT)) == {
        "since": "2026-09-21T14:13:20.250000Z",
        "asOf": "2026-09-21T14:15:00.750000Z",
        "entitledShareSeconds": "50.250",
        "heldShareSeconds": "30.125",
        "deficitShareSeconds": "0.000",
        "leaderlessSeconds": "4.000",
    }


def test_nothing_waits_and_nothing_is_held() -> None:
    found = saved_of(role(ledger_of(ACCOUNT)))
    assert found is not None
    assert found.rates == Rates()


WHOLE = msgspec.to_builtins(ledger_of(ACCOUNT))
UNREADABLE: dict[str, Any] = {
    "there is none": None,
    "a time is no time": WHOLE | {"asOf": "yesterday"},
    "a time is missing": {name: text for name, text in WHOLE.items() if name != "since"},
    "a sum is no number": WHOLE | {"heldShareSeconds": "NaN"},
    "a sum is negative": WHOLE | {"deficitShareSeconds": "-1"},
    "a sum is endless": WHOLE | {"entitledShareSeconds": "1" * 400},
}


@pytest.mark.parametrize("ledger", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_account_begins_anew_when(ledger: Any) -> None:
    assert saved_of(role(ledger)) is None


def later(seconds: float, *, grown: bool = True) -> RoleLedger:
    sums = {"entitled": 60.0} if grown else {}
    return ledger_of(replace(ACCOUNT, as_of=ACCOUNT.as_of + seconds, **sums))


OUTDATED: dict[str, tuple[RoleLedger | None, RoleLedger | None, bool]] = {
    "there is none yet": (None, later(0.0), True),
    "there is nothing to write": (later(0.0), None, True),
    "neither": (None, None, False),
    "it has grown for long enough": (later(0.0, grown=False), later(LEDGER_SECONDS), True),
    "it has grown for a moment": (later(0.0, grown=False), later(LEDGER_SECONDS - 1), False),
    "it has not grown": (later(0.0), later(1000.0), False),
    "it is of the future": (later(0.0, grown=False), later(-5.0), True),
    "its time is no time": (msgspec.structs.replace(later(0.0, grown=False), as_of="?"), later(0.0), True),
}


@pytest.mark.parametrize(("published", "newest", "want"), OUTDATED.values(), ids=OUTDATED.keys())
def test_worth_a_write_of_its_own(published: RoleLedger | None, newest: RoleLedger | None, want: bool) -> None:
    assert outdated(published, newest) is want

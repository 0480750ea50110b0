"""The fairness ledger: for each role, what it was due and what it held, added up over time (ADR 0012).

How much a role holds changes with every launch and every end, so each such change is noted with its time. What it is due
follows from what everybody holds and wants, which is dear to work out: that is done at a tick, at most once a second and
only when something changed since. What is found then holds since the last change that can have made it so, and until the
first one what was found before; in between it is taken to have moved evenly from one to the other. So a change that comes
alone is entered at its own time and not at the tick's, and of many nothing is counted too early or too late on average.

An account is therefore final up to the first change that no tick has answered yet. Whoever asks is given it up to there,
never a guess that would have to be taken back: these sums are counters.

After a restart accounts go on from what the roles' statuses say (`Saved`). For as long as somebody still led, the rates
that were saved are carried on; from then on it is time without a leader, which is counted apart. What one status says of
itself is never believed about the others where anything better is known: clocks are wrong, and statuses are edited.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from entresol.engine.ledger import NOTHING
from entresol.model.accounts import Account, Rates, Saved
from entresol.model.identifiers import RoleId
from entresol.model.resources import Resources

PERIOD = 0.9
"""Seconds between two looks at what is due. Ticks come every second, give or take."""

REMINDER = 15.0
"""Seconds between two hints that accounts have grown; how often they are written is the publisher's to say."""

MOST_MOVES = 4096
"""Changes of one role's holding that are kept between two looks; further ones are entered as one."""

MOST_RESTING = 10_000
"""Accounts that are kept of roles without an object that hold and want nothing now; the oldest go first."""

SKEW = 60.0
"""Seconds by which the clock of whoever led before may be ahead of ours."""

_IDLE = Rates()


class Due(NamedTuple):
    """What one role is due now, whether it wants more than it holds and could have it, and what it holds."""

    entitlement: float = 0.0
    wanting: bool = False
    holding: Resources = NOTHING


_NOTHING_DUE = Due()


@dataclass(slots=True)
class _Line:
    """One role's account as of the last look, the rates since then, and what it held then.

    `told` is what was in the account at the last hint.
    """

    account: Account
    rates: Rates = _IDLE
    holding: Resources = NOTHING
    told: float = -1.0


class Fairness:
    """All accounts.

    Attributes:
        leaderless: seconds without a leader in all, as far as is known.
    """

    def __init__(self) -> None:
        self.leaderless = 0.0
        self._lines: dict[RoleId, _Line] = {}
        self._resting: dict[RoleId, Account] = {}
        self._saved: dict[RoleId, Saved] = {}
        self._moves: dict[RoleId, list[tuple[float, Resources]]] = {}
        self._stirred: float | None = None  # when what is shown may first have become untrue
        self._demands: tuple[float, float] | None = None  # when what is due may first and last have changed
        self._settled = 0.0
        self._reminded = 0.0

    def found(self, role: RoleId, saved: Saved | None) -> None:
        """A role's status says this; it counts if nobody knows better when accounts are resumed."""
        if saved is None:
            self._saved.pop(role, None)
        else:
            self._saved[role] = saved

    def forget(self, role: RoleId) -> None:
        """The role's object is gone: whoever makes one of that name begins at zero."""
        self._saved.pop(role, None)
        self._lines.pop(role, None)
        self._resting.pop(role, None)

    def resume(self, at: float, led_until: float | None) -> None:
        """Go on from what was found; a look at what is due must follow.

        `led_until` is until when somebody is known to have led. Where nobody knows, it is the newest that any status
        says: whoever wrote it led. An account that reaches further goes on from its own end.
        """
        if led_until is None:
            said = (saved.account.as_of for saved in self._saved.values())
            led_until = max((as_of for as_of in said if as_of <= at + SKEW), default=at)
        led = min(led_until, at)
        for role, saved in self._saved.items():
            account = saved.account.plausible(at).carried(saved.rates, led).without_leader(at)
            self._lines[role] = _Line(account)
        known = [line.account.leaderless for line in self._lines.values()]
        self.leaderless = max(known, default=at - led)
        self._saved.clear()

    def stir(self, at: float, moved: Mapping[RoleId, Resources], *, demands: bool = True) -> None:
        """These roles hold this from now on, and with `demands` something changed that may change what is due."""
        if self._stirred is None:
            self._stirred = at
        if demands:
            self._demands = (at if self._demands is None else self._demands[0], at)
        for role, holding in moved.items():
            moves = self._moves.setdefault(role, [])
            if len(moves) < MOST_MOVES:
                moves.append((at, holding))
            else:
                moves[-1] = (moves[-1][0], holding)

    def due(self, at: float) -> bool:
        """Whether it is time to look again at what everybody is due."""
        return self._stirred is not None and at - self._settled >= PERIOD

    def settle(self, at: float, dues: Mapping[RoleId, Due], share_of: Callable[[Resources], float]) -> None:
        """Enter what everybody is due: `dues` names every role there is, and has held since the first change."""
        begun = at if self._stirred is None else self._stirred
        first, last = (at, at) if self._demands is None else self._demands

        def enter(role: RoleId, line: _Line, due: Due) -> None:
            _catch_up(line, due, (first, last, at), self._moves.get(role, []), share_of)

        for gone in self._lines.keys() - dues.keys():
            line = self._lines.pop(gone)
            enter(gone, line, _NOTHING_DUE)
            self._rest(gone, line.account)
        for role, due in dues.items():
            if role not in self._lines:
                rested = self._resting.pop(role, None)
                self._lines[role] = _Line(rested.carried(_IDLE, begun) if rested else Account.opened(begun))
            enter(role, self._lines[role], due)
        self._moves.clear()
        self._stirred = self._demands = None
        self._settled = at

    def account(self, role: RoleId, at: float) -> Account | None:
        """One role's account, as far as it is final; None when it has none yet."""
        line = self._lines.get(role)
        if line is None:
            return None
        return line.account.carried(line.rates, at if self._stirred is None else self._stirred)

    def grown(self, at: float) -> Iterator[RoleId]:
        """The roles whose accounts have grown since the last hint; nobody when that was a moment ago."""
        if at - self._reminded < REMINDER:
            return
        self._reminded = at
        for role, line in self._lines.items():
            account = line.account.carried(line.rates, at)
            size = account.entitled + account.held
            if size != line.told:
                line.told = size
                yield role

    def holdings(self) -> Iterator[tuple[RoleId, Resources]]:
        """What each role is taken to hold now."""
        for role, line in self._lines.items():
            moves = self._moves.get(role)
            yield role, moves[-1][1] if moves else line.holding

    def _rest(self, role: RoleId, account: Account) -> None:
        self._resting[role] = account
        if len(self._resting) > MOST_RESTING:
            del self._resting[next(iter(self._resting))]


def _catch_up(
    line: _Line,
    due: Due,
    span: tuple[float, float, float],
    moves: list[tuple[float, Resources]],
    share_of: Callable[[Resources], float],
) -> None:
    """Carry one account over a span: when what is due first and last changed, and its end."""
    if line.rates == _IDLE and due == _NOTHING_DUE and not moves:
        return  # most roles of a large cluster, most of the time
    first, last, end = span
    holding = line.holding if moves else due.holding
    changes: list[_Change] = []
    for when, held in moves:
        changes.append(_Change(when, share=share_of(held)))
        if when <= first:
            holding = held
    # Where what is due changed, the cluster may have, too, and with it what the same holding amounts to.
    midway = (line.rates.entitlement + due.entitlement) / 2
    changes.append(_Change(first, midway, share_of(holding)))
    changes.append(_Change(last, due.entitlement))
    account, rates = line.account, line.rates
    for change in sorted(changes, key=_time_of):
        account = account.carried(rates, change.when)
        rates = Rates(
            rates.entitlement if change.entitlement is None else change.entitlement,
            rates.share if change.share is None else change.share,
            wanting=due.wanting if change.when >= first else rates.wanting,
        )
    line.account, line.rates, line.holding = account.carried(rates, end), rates, due.holding


class _Change(NamedTuple):
    """What is true of one account from some time on; None where nothing changed."""

    when: float
    entitlement: float | None = None
    share: float | None = None


def _time_of(change: _Change) -> float:
    return change.when

"""What a role was due and what it held, added up over time.

The unit is the share-second: the whole cluster for one second, or half of it for two. Everything is constant between two
changes, so an account is carried from one point in time to the next by what held in between (`Rates`).
"""

from dataclasses import dataclass, replace
from typing import NamedTuple


class Rates(NamedTuple):
    """What an account grows by, per second.

    Attributes:
        entitlement: the dominant share that is the role's due.
        share: the dominant share that it holds.
        wanting: whether work of it waits that could be placed, so that what it lacks is missed.
    """

    entitlement: float = 0.0
    share: float = 0.0
    wanting: bool = False

    @property
    def lack(self) -> float:
        """The part of the due that is missed: nothing while the role wants nothing that it could have."""
        return max(0.0, self.entitlement - self.share) if self.wanting else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One role's sums. Times in seconds since the epoch, sums in share-seconds.

    Attributes:
        since: when the account was opened.
        as_of: until when it is added up.
        entitled: what was due.
        held: what was held.
        deficit: what was due, not held, and missed.
        leaderless: seconds in which nobody led, and which count in none of the sums.
    """

    since: float
    as_of: float
    entitled: float = 0.0
    held: float = 0.0
    deficit: float = 0.0
    leaderless: float = 0.0

    @staticmethod
    def opened(at: float) -> "Account":
        """An empty one."""
        return Account(since=at, as_of=at)

    def carried(self, rates: Rates, until: float) -> "Account":
        """The account at a later time, with these rates all the while; itself when the time is not later."""
        seconds = until - self.as_of
        if seconds <= 0.0:
            return self
        return Account(
            since=self.since,
            as_of=until,
            entitled=self.entitled + rates.entitlement * seconds,
            held=self.held + rates.share * seconds,
            deficit=self.deficit + rates.lack * seconds,
            leaderless=self.leaderless,
        )

    def without_leader(self, until: float) -> "Account":
        """The account at a later time up to which nobody led."""
        return Account(
            since=self.since,
            as_of=until,
            entitled=self.entitled,
            held=self.held,
            deficit=self.deficit,
            leaderless=self.leaderless + max(0.0, until - self.as_of),
        )

    def plausible(self, at: float) -> "Account":
        """The account without more time without a leader than there can have been until now."""
        return replace(self, leaderless=min(self.leaderless, max(0.0, at - self.since)))


class Saved(NamedTuple):
    """An account as the role's status has it, with the rates that held when it was written."""

    account: Account
    rates: Rates

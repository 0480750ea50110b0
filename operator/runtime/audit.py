"""Is what we hold in memory what is in the cluster? From time to time everything is listed once more, and compared.

A reflector is gapless by its theory; the audit is there for the day on which the theory, the server or the network is
wrong. It asks for small pages, at its leisure, and keeps nothing of them. An object differs when it is there and not
held, is held and not there, or is held as it was before. A watch may lag, so that proves nothing by itself: whoever
differs is looked at again after a while, and only what still differs counts, an older version only when it is older than
what was listed the first time.

What drifted is repaired by listing the kind afresh, which tells the engine of every difference. The engine's own sums are
added up anew as well (`engine.recount`). They cannot be repaired by telling, so sums that are wrong in two audits in a
row end the process: the next one, or the other replica, builds them from the cluster. A pod without a holding is told
and counted only: its next life would make the same of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from entresol import metrics
from entresol.engine.recount import Recount
from entresol.engine.state import State
from entresol.kube.answers import Answer
from entresol.kube.client import KubeClient
from entresol.kube.holdings import HasMetadata
from entresol.kube.resources import Selection
from entresol.kube.rolls import Roll, readable
from entresol.metrics import Metrics

PAGE = 250
"""Objects in one page, about a megabyte of pods."""

BREATH = 0.1
"""Seconds between two pages: whoever allocates goes first, here and at the API server."""

AGAIN = 10.0
"""Seconds after which what differs is looked at again; no healthy watch lags so long."""

REPAIR = 120.0
"""Seconds that a repair may take before the audit goes on."""

MOST = 10_000
"""Differences of one kind that are remembered between two looks."""

BOOKS = "books"
CLEAN, DRIFTED, FAILED = "clean", "drift", "failed"

_NAMED = 5
_GONE = ""

Sleep = Callable[[float], Awaitable[object]]
Differences = dict[str, str]
"""By UID the version that was listed; empty for what is held and was not listed."""

_log = logging.getLogger(__name__)


class BooksBrokenError(Exception):
    """The engine's sums are not what they are sums of; the process must end."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One followed kind.

    Attributes:
        records: everything held, by UID; a live view.
        trouble: why the kind cannot be followed at the moment; empty while it can.
        list_afresh: lists it anew, and returns when that is complete.
    """

    name: str
    selection: Selection
    wire: type[Any]
    records: Mapping[str, HasMetadata]
    trouble: Callable[[], str]
    list_afresh: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Routine:
    """How an audit goes about it.

    Attributes:
        period: seconds between two audits; 0 for none.
        leads: whether this operator leads; others do not audit.
    """

    period: float
    leads: Callable[[], bool]
    sleep: Sleep = asyncio.sleep


@dataclass(slots=True)
class Audit:
    """The auditor of one operator."""

    client: KubeClient
    holders: Iterable[Holder]
    state: State
    metrics: Metrics
    routine: Routine
    drift: dict[str, int] = field(default_factory=dict)
    """How many objects of each kind drifted, as the last audit found that could list it."""
    _sums_differed: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Audit until cancelled. Raises BooksBrokenError."""
        while self.routine.period:
            await self.routine.sleep(self.routine.period)
            if self.routine.leads():
                await self.once()

    async def once(self) -> str:
        """One audit of everything; returns and counts what came of it. Raises BooksBrokenError."""
        found: dict[str, int] = {}
        failed = False
        for holder in self.holders:
            differences = await self._examine(holder)
            if differences is None:
                failed = True
            else:
                found[holder.name] = len(differences)
        found[BOOKS] = await self._recount()
        self.drift |= found
        outcome = DRIFTED if any(found.values()) else FAILED if failed else CLEAN
        self.metrics.add(metrics.AUDITS, outcome)
        return outcome

    async def _examine(self, holder: Holder) -> Differences | None:
        """What of a kind has drifted, which is then repaired; None when it could not be listed."""
        first = await self._look(holder)
        if not first:
            return first
        await self.routine.sleep(AGAIN)
        second = await self._look(holder)
        if second is None:
            return None
        both = {uid: version for uid, version in first.items() if uid in second}
        lasting = {uid: version for uid, version in both.items() if _differs(holder, uid, version, second[uid])}
        if lasting:
            await self._repair(holder, lasting)
        return lasting

    async def _look(self, holder: Holder) -> Differences | None:
        found: Differences = {}
        unlisted = set(holder.records)
        token = _GONE
        while True:
            outcome = await self.client.list_page(holder.selection, limit=PAGE, token=token)
            if holder.trouble() or not isinstance(outcome, Answer) or not outcome.ok:
                return None
            try:
                token = self._compare(holder, Roll(outcome.body), found, unlisted)
            except msgspec.DecodeError:
                return None
            if not token:
                break
            await self.routine.sleep(BREATH)
        # What went while we looked is not held any more, either.
        ghosts = [uid for uid in unlisted if uid in holder.records]
        return found | dict.fromkeys(ghosts[:MOST], _GONE)

    def _compare(self, holder: Holder, roll: Roll, found: Differences, unlisted: set[str]) -> str:
        for meta, raw in roll.heads():
            unlisted.discard(meta.uid)
            held = holder.records.get(meta.uid)
            # What cannot be read is not held for good, and counted as malformed already.
            behind = _is_behind(held, meta.resource_version) and readable(raw, holder.wire)
            if behind and len(found) < MOST:
                found[meta.uid] = meta.resource_version
        return roll.token

    async def _repair(self, holder: Holder, lasting: Differences) -> None:
        for uid, version in list(lasting.items())[:_NAMED]:
            held = holder.records.get(uid)
            have = held.metadata.resource_version if held is not None else "nothing"
            want = version or "nothing"
            _log.error("%s %s has drifted: %s is held, %s was listed", holder.name, uid, have, want)
        _log.error("%d of %s have drifted; they are listed afresh", len(lasting), holder.name)
        try:
            async with asyncio.timeout(REPAIR):
                await holder.list_afresh()
        except TimeoutError:
            _log.warning("%s could not be listed afresh in %.0f s; that goes on", holder.name, REPAIR)

    async def _recount(self) -> int:
        recount = Recount(self.state)
        for _ in recount.steps():
            await self.routine.sleep(0)
        found = [*recount.differences, *recount.unheld]
        for words in found[:_NAMED]:
            _log.critical("the books are wrong: %s", words)
        if recount.differences and self._sums_differed:
            raise BooksBrokenError(f"the books are wrong, and were before: {recount.differences[0]}")
        self._sums_differed = bool(recount.differences)
        return len(found)


def _differs(holder: Holder, uid: str, first: str, second: str) -> bool:
    """Whether an object that differed in both looks did not move in between."""
    if _GONE in (first, second):
        return first == second
    return _is_behind(holder.records.get(uid), first)


def _is_behind(held: HasMetadata | None, version: str) -> bool:
    """Whether what is held is older than a version that was listed. Versions grow (see `records.py`)."""
    have = held.metadata.resource_version if held is not None else ""
    if have.isdecimal() and version.isdecimal():
        return int(have) < int(version)
    return have != version

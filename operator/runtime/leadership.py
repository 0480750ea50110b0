"""Which replica decides and writes: the one that holds the Lease.

Every replica follows the cluster and answers its probes. One that stands by waits until the Lease is given up, or has not
changed for as long as it lasts, and takes it; then it renews it again and again, and each renewal that succeeds opens
the fence until `renew` seconds after the request was sent. A leader that cannot renew in time, or finds its record
changed by somebody else, ends as a process: its next life is a candidate without memories.

Whether a write of ours was carried out when its answer was lost is told by the time stamp in the record, to the
microsecond: a record that bears one of ours is ours. So a second replica that was given the same name is a rival too.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NoReturn, Protocol

from entresol import metrics
from entresol.gauges import Standing
from entresol.kube.answers import Answer, Lost, Outcome
from entresol.kube.client import KubeClient
from entresol.kube.lease import ADDRESS, Claim, released
from entresol.kube.times import format_time_exactly, parse_time
from entresol.metrics import Metrics
from entresol.runtime.fence import Fence
from entresol.runtime.lookout import Lookout, Terms, words_of

_NOT_FOUND = 404
_CONFLICT = 409
_JITTER = 0.2
_log = logging.getLogger(__name__)


class DeposedError(Exception):
    """This replica does not, or may not, lead any more; the process must end."""


class Leadership(Protocol):
    """What others ask about who leads."""

    @property
    def won(self) -> asyncio.Event:
        """Set, for good, when this replica leads."""

    @property
    def address(self) -> str | None:
        """Where the leader is to be asked, as HOST:PORT; None when nobody is known to lead."""

    @property
    def led_until(self) -> float | None:
        """When the leader before us last said that it led, as it told the time; None when there was none."""

    def standing(self) -> Standing:
        """What metrics say about it."""

    async def run(self, ready: asyncio.Event) -> NoReturn:
        """Stand for election once it is `ready`, and lead until cancelled. Raises DeposedError, in a group."""

    async def release(self) -> None:
        """Give the lead away, after the last write."""


class Alone:
    """The leadership of a replica that has no others beside it."""

    def __init__(self) -> None:
        self.won = asyncio.Event()
        self.won.set()

    @property
    def address(self) -> str | None:
        """Nobody else is ever asked."""
        return None

    @property
    def led_until(self) -> float | None:
        """Nobody says."""
        return None

    def standing(self) -> Standing:
        """It always leads."""
        return Standing(leads=True)

    async def run(self, ready: asyncio.Event) -> NoReturn:
        """There is nothing to do."""
        await ready.wait()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets this")

    async def release(self) -> None:
        """There is nobody to give it to."""


@dataclass(frozen=True, slots=True)
class Means:
    """What an election is held with: a client of its own, the fence, two clocks, and dice.

    Attributes:
        now: the clock of the fence: neither jumps, nor stands still while the machine sleeps.
        wall: for the time stamps that people read.
    """

    client: KubeClient
    fence: Fence
    metrics: Metrics
    now: Callable[[], float]
    wall: Callable[[], float]
    generator: Random = field(default_factory=Random)


class Elector:
    """A candidate, and later perhaps the leader."""

    def __init__(self, terms: Terms, means: Means) -> None:
        self.won = asyncio.Event()
        self.advertised = ""
        """Where this replica is to be asked once it leads, as HOST:PORT."""
        self._terms = terms
        self._means = means
        self._lookout = Lookout(means.client, terms, means.now)
        self._written: dict[str, float] = {}  # time stamp of a record that may be ours -> when it was sent
        self._renewed = 0.0
        self._led_until: float | None = None

    @property
    def led_until(self) -> float | None:
        """When the leader before us last said that it led, as it told the time; None when there was none."""
        return self._led_until

    @property
    def address(self) -> str | None:
        """Where the leader is to be asked, as HOST:PORT; None when nobody is known to lead."""
        lease = self._lookout.sight.holder(self._means.now())
        return (lease.metadata.annotations.get(ADDRESS) or None) if lease is not None else None

    def standing(self) -> Standing:
        """Whether we lead, and how old our last renewal is."""
        leads = self.won.is_set()
        return Standing(leads=leads, age=self._means.now() - self._renewed if leads else None)

    async def run(self, ready: asyncio.Event) -> NoReturn:
        """Stand for election once it is `ready`, and lead until cancelled. Raises DeposedError, in a group."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._guard(), name="fence")
            following = group.create_task(self._lookout.run(), name="follow the Lease")
            await ready.wait()
            await self._campaign()
            following.cancel()
            _log.info("%s holds the Lease and leads", self._terms.identity)
            self._means.metrics.add(metrics.LEASE_TRANSITIONS)
            self.won.set()
            await self._reign()
        raise AssertionError("a reign ended without an error")

    async def release(self) -> None:
        """Let nothing be written any more, and let somebody else lead at once."""
        left, lookout = self._means.fence.left, self._lookout
        self._means.fence.close()
        for _ in range(2):
            lease = lookout.sight.lease
            if not self.won.is_set() or left <= 0 or lease is None or self._is_ours() is None:
                return
            outcome = await self._patch(released(lease, self._means.wall()), left)
            _log.info("the Lease is given up: %s", words_of(outcome))
            # The renewal that was under way when we were told to end may have been carried out: then once more.
            if _kind(outcome) != "conflict" or not await lookout.look():
                return

    # --- the election ---

    async def _campaign(self) -> None:
        """Return when the Lease is ours."""
        news = self._lookout.news
        while True:
            news.clear()
            # Ours already: the answer was lost. It is written once more, to know the version and the time.
            patience = 0.0 if self._is_ours() is not None else self._lookout.sight.patience(self._means.now())
            if patience <= 0:
                if await self._take():
                    return
                patience = self._terms.retry
            try:
                async with asyncio.timeout(self._jittered(min(patience, self._terms.retry))):
                    await news.wait()
            except TimeoutError:
                pass

    async def _take(self) -> bool:
        terms, lease, claim = self._terms, self._lookout.sight.lease, self._claim()
        if lease is not None and self._is_ours() is None:
            self._led_until = parse_time(lease.spec.renew_time)
        sent, at = self._note()
        if lease is None:
            body = claim.made(terms.name, at)
            outcome = await self._lookout.call(self._means.client.create_lease(terms.namespace, body))
        else:
            outcome = await self._patch(claim.taken(lease, at))
        if isinstance(outcome, Answer) and outcome.ok and self._lookout.see(outcome.body):
            self._extend(sent)
            return True
        _log.info("the Lease was not to be had: %s", words_of(outcome))
        await self._lookout.look()
        return False

    # --- the lead ---

    async def _reign(self) -> NoReturn:
        fence, terms = self._means.fence, self._terms
        pause = terms.retry
        while True:
            await asyncio.sleep(max(0.0, min(pause, fence.left)))
            if fence.left <= 0:
                raise self._deposed(f"the Lease could not be renewed for {terms.renew:g} s")
            outcome = await self._renew()
            renewed = isinstance(outcome, Answer) and outcome.ok
            self._means.metrics.add(metrics.LEASE_RENEWALS, "renewed" if renewed else _kind(outcome))
            if not renewed:
                _log.warning("the Lease is not renewed: %s", words_of(outcome))
            pause = terms.retry if renewed else terms.retry / 3

    async def _renew(self) -> Outcome:
        lookout = self._lookout
        assert lookout.sight.lease is not None, "who leads has seen the Lease"
        sent, at = self._note()
        outcome = await self._patch(self._claim().renewed(lookout.sight.lease, at), self._means.fence.left)
        if not isinstance(outcome, Answer):
            return outcome
        if outcome.ok and lookout.see(outcome.body):
            self._extend(sent)
        elif outcome.status == _NOT_FOUND:
            raise self._deposed("the Lease was deleted")
        elif outcome.status == _CONFLICT and await lookout.look():
            since = self._is_ours()
            if since is None:
                raise self._deposed(f"the Lease is held by {lookout.sight.lease.spec.holder_identity or 'nobody'}")
            self._extend(since)  # the answer to a renewal was lost, or somebody noted something on the object
        return outcome

    async def _guard(self) -> NoReturn:
        await self._means.fence.shut.wait()
        raise DeposedError("a write was held back: this replica does not hold the Lease")

    def _deposed(self, words: str) -> DeposedError:
        """Let nothing be written while everything else is still being ended."""
        self._means.fence.close()
        return DeposedError(words)

    # --- both ---

    async def _patch(self, body: bytes, most: float | None = None) -> Outcome:
        terms = self._terms
        request = self._means.client.patch_lease(terms.namespace, terms.name, body)
        return await self._lookout.call(request, terms.call if most is None else most)

    def _note(self) -> tuple[float, float]:
        """Remember that a record with the present time stamp is ours; returns when it is sent, by both clocks."""
        sent, at = self._means.now(), self._means.wall()
        self._written[format_time_exactly(at)] = sent
        return sent, at

    def _is_ours(self) -> float | None:
        """When the record that was last seen was sent by us; None when it was not."""
        lease = self._lookout.sight.lease
        if lease is None or lease.spec.holder_identity != self._terms.identity:
            return None
        return self._written.get(lease.spec.renew_time)

    def _extend(self, sent: float) -> None:
        """The record that was sent then stands: what was sent before it never will any more."""
        self._written = {stamp: when for stamp, when in self._written.items() if when >= sent}
        self._renewed = max(self._renewed, sent)
        self._means.fence.extend(sent + self._terms.renew)

    def _claim(self) -> Claim:
        return Claim(self._terms.identity, self._terms.lease, self.advertised)

    def _jittered(self, seconds: float) -> float:
        return seconds * self._means.generator.uniform(1.0, 1.0 + _JITTER)


def _kind(outcome: Outcome) -> str:
    if isinstance(outcome, Lost):
        return "lost"
    return "conflict" if outcome.status == _CONFLICT else "refused"

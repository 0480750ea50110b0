"""Keeps an eye on the Lease: what it says, and since when.

Who stands by watches that one object, so that a release is seen at once; where the watch fails it is read again and
again. That a watch is silent proves nothing by itself: a candidate that takes a dead connection for a dead leader is
corrected by the version of the record, which its write carries.

Calls go through a client of their own, so that no burst of deeds keeps a renewal waiting, and none takes long.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

import msgspec

from entresol.kube.answers import Answer, Lost, Outcome
from entresol.kube.client import KubeClient
from entresol.kube.lease import Lease, Sight, lease_decoder
from entresol.kube.lines import LineSplitter
from entresol.kube.resources import LEASES, Selection
from entresol.kube.transport import StreamCutError
from entresol.kube.wire import WatchLine

_NOT_FOUND = 404
_LONGEST_CALL = 2.0
_line = msgspec.json.Decoder(WatchLine)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Which Lease, and how patiently. Times in seconds.

    Attributes:
        identity: by which name this replica holds it.
        lease: for how long others leave a record alone that does not change.
        renew: for how long the leader may write after it sent a renewal that succeeded; less than `lease`.
        retry: between two renewals; less than `renew`.
    """

    namespace: str
    name: str
    identity: str
    lease: int
    renew: float
    retry: float

    @property
    def call(self) -> float:
        """The time that one call may take: after a first one that hangs, a second finds room before the deadline."""
        return min(_LONGEST_CALL, (self.renew - self.retry) / 2)


class Lookout:
    """What is seen of one Lease. `run` for news; `look` to see it now."""

    def __init__(self, client: KubeClient, terms: Terms, now: Callable[[], float]) -> None:
        """Go by the clock `now`, which must neither jump nor stand still while the machine sleeps."""
        self.sight = Sight(terms.lease)
        self.news = asyncio.Event()
        """Set whenever the Lease is seen."""
        self._client = client
        self._terms = terms
        self._now = now

    async def run(self) -> NoReturn:
        """Follow the Lease until cancelled."""
        while True:
            if await self.look():
                await self._watch()
            await asyncio.sleep(self._terms.retry / 3)

    async def look(self) -> bool:
        """Read the Lease; returns whether it is there."""
        outcome = await self.call(self._client.get_lease(self._terms.namespace, self._terms.name))
        if isinstance(outcome, Answer) and outcome.ok:
            return self.see(outcome.body)
        if isinstance(outcome, Answer) and outcome.status == _NOT_FOUND:
            self._note(None)
        else:
            _log.warning("the Lease cannot be read: %s", words_of(outcome))
        return False

    def see(self, body: bytes | msgspec.Raw) -> bool:
        """Take note of the Lease as an answer or an event has it; returns whether it could be read."""
        try:
            self._note(lease_decoder.decode(body))
        except msgspec.DecodeError as error:
            _log.warning("the Lease is unreadable: %s", error)
            return False
        return True

    async def call(self, request: Awaitable[Outcome], most: float = _LONGEST_CALL) -> Outcome:
        """The outcome of a call that must not take long, whatever it is that hangs."""
        try:
            async with asyncio.timeout(max(0.0, min(self._terms.call, most))):
                return await request
        except TimeoutError:
            return Lost("no answer in time")

    def _note(self, lease: Lease | None) -> None:
        self.sight.see(lease, self._now())
        self.news.set()

    async def _watch(self) -> None:
        """Follow the Lease from where it was read; returns when that ends, for whatever reason."""
        lease, splitter = self.sight.lease, LineSplitter()
        version = lease.metadata.resource_version if lease is not None else ""
        selection = Selection(LEASES, self._terms.namespace, f"metadata.name={self._terms.name}")
        async with self._client.watch(selection, {"resourceVersion": version}) as opened:
            if isinstance(opened, Answer | Lost):
                return
            try:
                async for piece in opened:
                    for line in splitter.feed(piece):
                        event = _line.decode(line)
                        if event.type not in ("ADDED", "MODIFIED") or not self.see(event.object):
                            return  # it was deleted, or the watch expired: to read it tells
            except (StreamCutError, msgspec.DecodeError):
                return


def words_of(outcome: Outcome) -> str:
    """What came of a call, for the log."""
    if isinstance(outcome, Lost):
        return outcome.reason
    return f"{outcome.status} {outcome.body[:200].decode(errors='replace')}"

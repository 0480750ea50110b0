"""A set of Kubernetes objects, kept here as it is there.

The reflector lists its set, follows the watch from there, and tells a listener what changes. It is the only
source of what Entresol knows of the cluster. The theory:

* A list and a watch from its version are together gapless. Where the thread is lost (410: the server has
  forgotten that version), only a new list helps, and `holdings.py` finds what vanished in the gap.
* The list itself is streamed: the server sends every object, then a bookmark that says "these were all". One
  that does not know this is asked for pages instead.
* A watch that ends is ordinary: the server ends each after some minutes. It is resumed from the last version
  heard of, as after a broken connection. Before the first bookmark there is no such version, so a list that is
  cut starts over; what it has told already stays told, and the next complete list corrects it.
* Errors are met with growing, jittered pauses, which only progress resets. A resumption that the server keeps
  refusing is given up for a new list. A missing kind is waited for. Missing rights are reported as an
  error, because waiting does not mend them.
* A silent connection looks like a quiet cluster. Bookmarks tell them apart: `age` is the time since the last
  sign of life.

What an object means it does not know.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, NoReturn, assert_never

import msgspec

from entresol.kube.answers import Lost, Outcome, status_of
from entresol.kube.client import KubeClient
from entresol.kube.holdings import Listener, T
from entresol.kube.intake import Counts, Intake
from entresol.kube.lines import LineSplitter
from entresol.kube.pace import Backoff, Pace
from entresol.kube.resources import Selection
from entresol.kube.transport import StreamCutError, StreamSilentError
from entresol.kube.wire import Status

PAGE_SIZE = 500

_STREAMED_LIST = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
_GONE = 410
_NOT_FOUND = 404
_DENIED = frozenset((401, 403))
_NOT_UNDERSTOOD = frozenset((400, 405, 406, 415, 422))

_log = logging.getLogger(__name__)


class AccessDeniedError(Exception):
    """The API server goes on refusing to let us follow a kind; the message says what it said."""


class _Ending(Enum):
    """How an attempt at listing or watching came to its end."""

    ENDED = auto()  # the server ended the watch, as it does
    BROKEN = auto()  # no connection, or one that broke or fell silent
    REFUSED = auto()  # an error that may pass
    THREAD_LOST = auto()  # the version is forgotten or the kind is missing: only a new list helps
    NOT_UNDERSTOOD = auto()  # the server does not stream lists
    DENIED = auto()  # we may not


@dataclass(frozen=True, slots=True)
class _End:
    ending: _Ending
    words: str = ""
    retry_after: float | None = None


class Reflector(Generic[T]):
    """Follows one selection and tells its listener. Start `run` once; the rest may be read at any time."""

    def __init__(
        self, client: KubeClient, selection: Selection, kind: type[T], listener: Listener[T], pace: Pace | None = None
    ) -> None:
        self.selection = selection
        self.problem = ""
        """Why the selection cannot be followed at the moment, in words; empty while it can."""
        self.list_began = 0.0
        """When the newest list was asked for, by the pace's clock: it holds all that was there by then."""
        self._client = client
        self._intake = Intake(kind, listener)
        self._pace = pace or Pace()
        self._backoff = Backoff(self._pace)
        self._heard_at = self._pace.clock()
        self._version = ""  # where to resume; empty until a list is complete, and again when the thread is lost
        self._streams_lists = True
        self._progress = False  # whether the attempt under way has moved the version
        self._refusals = 0  # in a row
        self._denials = 0  # in a row

    @property
    def synced(self) -> bool:
        """Whether a list has ever been complete."""
        return self._intake.counts.lists > 0

    @property
    def counts(self) -> Counts:
        """What has happened since the start."""
        return self._intake.counts

    @property
    def records(self) -> Mapping[str, T]:
        """Everything held, by UID; a live view."""
        return self._intake.holdings.records

    def age(self) -> float:
        """Return the seconds since the last sign of life: an event, a bookmark, a page or an opened watch."""
        return self._pace.clock() - self._heard_at

    async def run(self) -> NoReturn:
        """Follow the selection until cancelled. Raises AccessDeniedError when the rights stay missing."""
        while True:
            self._progress = False
            pause = self._judge(await self._attempt())
            if pause:
                await self._pace.sleep(pause)

    def start_over(self) -> None:
        """List everything again when `run` is next called; it must not be running. What is held is compared with it."""
        self._version = ""

    # --- an attempt ---

    async def _attempt(self) -> _End:
        if not self._version:
            self.list_began = self._pace.clock()
            self._intake.begin_list()
            if self._streams_lists:
                return await self._watch(_STREAMED_LIST)
            end = await self._list()
            if end is not None:
                return end
        return await self._watch({"resourceVersion": self._version})

    async def _list(self) -> _End | None:
        token = ""
        while True:
            outcome = await self._client.list_page(self.selection, limit=PAGE_SIZE, token=token)
            if isinstance(outcome, Lost) or not outcome.ok:
                return _end_of(outcome)
            try:
                head = self._intake.page(outcome.body)
            except msgspec.DecodeError as error:
                return _End(_Ending.REFUSED, f"unreadable page of a list: {error}")
            self._heard_at = self._pace.clock()
            token = head.continue_
            if not token:
                self._complete_list(head.resource_version)
                return None

    async def _watch(self, parameters: Mapping[str, str]) -> _End:
        lifetime = str(self._pace.generator.randint(*self._pace.lifetime))
        options = {**parameters, "allowWatchBookmarks": "true", "timeoutSeconds": lifetime}
        async with self._client.watch(self.selection, options) as opened:
            if not isinstance(opened, AsyncIterator):
                return self._unopened(opened)
            self.counts.watches += 1
            self._heard_at = self._pace.clock()  # where nothing ever happens, bookmarks may not come either
            self.problem = ""
            try:
                return await self._read(opened)
            except StreamSilentError as error:
                # Nothing may have happened; opening the watch again tells a quiet kind from a dead connection.
                if not self._version:
                    return _End(_Ending.BROKEN, str(error))
                self._backoff.reset()
                return _End(_Ending.ENDED)
            except StreamCutError as error:
                return _End(_Ending.BROKEN, str(error))
            except msgspec.DecodeError as error:
                return _End(_Ending.REFUSED, f"unreadable line of a watch: {error}")

    async def _read(self, pieces: AsyncIterator[bytes]) -> _End:
        splitter = LineSplitter()
        async for piece in pieces:
            for line in splitter.feed(piece):
                event = self._intake.line(line)
                if isinstance(event, Status):
                    return _end_of_status(event)
                self._heard_at = self._pace.clock()
                if event.ends_list:
                    self._complete_list(event.version)
                elif self._version:  # not while a list is streamed: it cannot be resumed in its middle
                    self._version = event.version
                    self._progress = True
        return _End(_Ending.ENDED)

    def _complete_list(self, version: str) -> None:
        self._version = version
        self._progress = True
        self.problem = ""
        self._intake.end_list()

    # --- what follows from its end ---

    def _unopened(self, outcome: Outcome) -> _End:
        """Say why a watch was not opened."""
        end = _end_of(outcome)
        streamed = not self._version
        if streamed and not isinstance(outcome, Lost) and outcome.status in _NOT_UNDERSTOOD:
            return _End(_Ending.NOT_UNDERSTOOD, end.words)
        return end

    def _judge(self, end: _End) -> float:
        """Decide how to go on, and return the pause before that in seconds."""
        if self._progress:
            self._backoff.reset()
            self._refusals = self._denials = 0
        match end.ending:
            case _Ending.ENDED if self._progress:
                return 0.0
            case _Ending.ENDED | _Ending.BROKEN:
                pass
            case _Ending.REFUSED:
                self._refusals += 1
                if self._refusals >= self._pace.refusals:
                    self._list_again()
            case _Ending.THREAD_LOST:
                self._list_again()
            case _Ending.NOT_UNDERSTOOD:
                self._streams_lists = False
                return 0.0
            case _Ending.DENIED:
                self._denials += 1
                if self._denials >= self._pace.denials:
                    raise AccessDeniedError(f"must be allowed to list and watch {self._what}: {end.words}")
            case _:
                assert_never(end.ending)
        return self._pause(end)

    def _list_again(self) -> None:
        if self._version:
            self.counts.expired += 1
        self._version = ""
        self._refusals = 0

    def _pause(self, end: _End) -> float:
        pause = self._backoff.next(end.retry_after)
        if end.words:
            self.counts.failures += 1
            self.problem = end.words
            _log.warning("cannot follow %s: %s; again in %.1f s", self._what, end.words, pause)
        return pause

    @property
    def _what(self) -> str:
        """The selection in words."""
        resource = self.selection.resource
        selectors = ",".join(self.selection.selectors.values())
        name = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
        return f"{name} ({selectors})" if selectors else name


def _end_of(outcome: Outcome) -> _End:
    """Say what a failed request means."""
    if isinstance(outcome, Lost):
        return _End(_Ending.BROKEN, outcome.reason)
    return _end_of_status(status_of(outcome), outcome.retry_after)


def _end_of_status(status: Status, retry_after: float | None = None) -> _End:
    if status.code in {_GONE, _NOT_FOUND}:
        ending = _Ending.THREAD_LOST
    elif status.code in _DENIED:
        ending = _Ending.DENIED
    else:
        ending = _Ending.REFUSED
    return _End(ending, f"{status.code} {status.reason} {status.message}".strip(), retry_after)

"""From the bytes of lists and watches into what is held.

An object that cannot be decoded is counted and logged, never fatal: one tenant's object must not blind the
operator to all others. What was held of it stays, until it is seen to be gone.

No I/O of its own; which request the bytes belong to, and what follows from their end, is the reflector's.
"""

import logging
from dataclasses import dataclass
from typing import Generic

import msgspec

from entresol.kube.holdings import Holdings, Listener, T
from entresol.kube.wire import Headed, ListMeta, ListPage, Status, WatchLine, without_nulls

INITIAL_EVENTS_END = "k8s.io/initial-events-end"

_log = logging.getLogger(__name__)
_line = msgspec.json.Decoder(WatchLine)
_page = msgspec.json.Decoder(ListPage)
_headed = msgspec.json.Decoder(Headed)
_status = msgspec.json.Decoder(Status)


@dataclass(slots=True)
class Counts:
    """What has happened since the start; for metrics."""

    lists: int = 0  # complete ones
    watches: int = 0  # opened ones, streamed lists among them
    events: int = 0  # additions, changes and deletions received
    bookmarks: int = 0
    expired: int = 0  # times the thread was lost, so that only a new list helped
    failures: int = 0  # attempts that ended in an error
    vanished: int = 0  # deletions that only a list brought to light
    unreadable: int = 0  # objects that could not be decoded


@dataclass(frozen=True, slots=True)
class Progress:
    """The watch can be resumed from `version`; `ends_list` is set on the bookmark that ends a streamed list."""

    version: str
    ends_list: bool = False


class Intake(Generic[T]):
    """Decodes one kind and keeps its holdings."""

    def __init__(self, kind: type[T], listener: Listener[T]) -> None:
        self.counts = Counts()
        self.holdings = Holdings(listener)
        self._name = kind.__name__
        self._decoder = msgspec.json.Decoder(kind)

    def page(self, body: bytes) -> ListMeta:
        """Take in a page of a list. Raises msgspec.DecodeError when it is none."""
        page = _page.decode(body)
        for item in page.items or ():
            self._observe(item)
        return page.metadata

    def line(self, line: bytes) -> Progress | Status:
        """Take in a line of a watch; a Status is the error that ends it.

        Raises msgspec.DecodeError when it is no line of a watch.
        """
        event = _line.decode(line)
        match event.type:
            case "ADDED" | "MODIFIED":
                self.counts.events += 1
                return Progress(self._observe(event.object))
            case "DELETED":
                self.counts.events += 1
                return Progress(self._forget(event.object))
            case "BOOKMARK":
                self.counts.bookmarks += 1
                meta = _headed.decode(event.object).metadata
                if not meta.resource_version:
                    raise msgspec.DecodeError("a bookmark without a version")
                return Progress(meta.resource_version, meta.annotations.get(INITIAL_EVENTS_END) == "true")
            case "ERROR":
                return _status.decode(event.object)
            case _:
                raise msgspec.DecodeError(f"unknown type of event {event.type!r}")

    def begin_list(self) -> None:
        """Start a list, or start it over."""
        self.holdings.begin_list()

    def end_list(self) -> None:
        """Complete a list."""
        self.counts.lists += 1
        self.counts.vanished += self.holdings.end_list()

    def _observe(self, raw: msgspec.Raw) -> str:
        """Take note of an object as it is now, and return its version."""
        record = self._decode(raw)
        if isinstance(record, Headed):
            self.holdings.keep(record.metadata.uid)
        else:
            self.holdings.observe(record)
        return record.metadata.resource_version

    def _forget(self, raw: msgspec.Raw) -> str:
        """Take note that an object is gone, and return the version of its end."""
        record = self._decode(raw)
        self.holdings.drop(record.metadata.uid, None if isinstance(record, Headed) else record)
        return record.metadata.resource_version

    def _decode(self, raw: msgspec.Raw) -> T | Headed:
        """Decode an object, or at least its head."""
        try:
            return self._decoder.decode(raw)
        except msgspec.ValidationError:
            pass
        try:
            return self._decoder.decode(without_nulls(raw))
        except msgspec.ValidationError as error:
            self.counts.unreadable += 1
            head = _headed.decode(without_nulls(raw))
            _log.warning("cannot read %s %s/%s: %s", self._name, head.metadata.namespace, head.metadata.name, error)
            return head

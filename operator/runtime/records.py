"""The newest record of each object of a kind, as read from the API server, by the name that the engine uses for it.

What is newest comes two ways: from the watch, and in the answers to our own writes. A watch may still bring the state
before a write when its answer is long here, so versions are compared. That is allowed: the API server's versions of
one kind are numbers that grow (KEP-5504 made it a promise; it has always been so with etcd). Where they are no numbers,
what came last counts.

Whatever is written is compared with the newest record first. Comparing with an older one would not only repeat writes:
a status that changed there and back would be taken for unchanged, and stay wrong in the cluster.
"""

from collections.abc import Callable, Iterator
from typing import Generic

from entresol.kube.holdings import T

REMEMBERED = 4096
"""So many objects that are gone are remembered; the answer to a create comes within seconds of the watch's news."""


class Records(Generic[T]):
    """One kind's newest records."""

    def __init__(self, key: Callable[[T], str]) -> None:
        self._key = key
        self._records: dict[str, T] = {}
        self._gone: dict[str, None] = {}  # UIDs, the longest gone first

    def get(self, key: str) -> T | None:
        """The newest record of an object; None when it is not there."""
        return self._records.get(key)

    def __iter__(self) -> Iterator[T]:
        """All newest records; the store must not change meanwhile."""
        return iter(self._records.values())

    def put(self, record: T) -> None:
        """An object was seen."""
        key = self._key(record)
        held = self._records.get(key)
        if held is None or held.metadata.uid != record.metadata.uid or not _is_older(record, held):
            self._records[key] = record

    def learn(self, record: T) -> None:
        """A write was answered with this record. An object that is gone meanwhile does not come back by it."""
        held = self._records.get(self._key(record))
        if held is not None and held.metadata.uid == record.metadata.uid and not _is_same(record, held):
            self.put(record)

    def made(self, record: T) -> None:
        """A create was answered with this record. The watch may have told the object's whole life already."""
        held = self._records.get(self._key(record))
        if record.metadata.uid not in self._gone and (held is None or not _is_same(record, held)):
            self.put(record)

    def drop(self, record: T) -> None:
        """An object is gone."""
        self._gone[record.metadata.uid] = None
        if len(self._gone) > REMEMBERED:
            del self._gone[next(iter(self._gone))]
        key = self._key(record)
        held = self._records.get(key)
        if held is not None and held.metadata.uid == record.metadata.uid:
            del self._records[key]


def _is_same(record: T, held: T) -> bool:
    """Whether the watch told as much already; what it tells has shed what nobody asks for, an answer has not."""
    new, old = record.metadata, held.metadata
    return new.uid == old.uid and new.resource_version == old.resource_version != ""


def _is_older(record: T, held: T) -> bool:
    new, old = record.metadata.resource_version, held.metadata.resource_version
    return new.isdecimal() and old.isdecimal() and int(new) < int(old)

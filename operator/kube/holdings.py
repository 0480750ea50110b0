"""What one reflector holds: every object of its set by UID, and what changed since it last looked.

A watch tells what changes, but whoever lost its thread must list again, and a list does not tell what is
gone. So every list is compared with what is held, and what it no longer contains is reported as deleted. Until
the list is complete nothing is concluded from absence.

A name may pass to a new object while nobody looks. Its listener hears of the end of the old one first, so that
it never sees two objects of one name.

Pure bookkeeping: no I/O, no clock.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from entresol.kube.wire import ObjectMeta


class HasMetadata(Protocol):
    """Any Kubernetes object."""

    @property
    def metadata(self) -> ObjectMeta:
        """Identity and version."""
        ...


T = TypeVar("T", bound=HasMetadata)
T_contra = TypeVar("T_contra", bound=HasMetadata, contravariant=True)


class Listener(Protocol[T_contra]):
    """Who is told of changes: in order, on the loop, one at a time. It must not raise."""

    def upsert(self, record: T_contra) -> None:
        """An object is there, or has changed; what it was like before is the listener's to know."""

    def delete(self, record: T_contra) -> None:
        """An object is gone; `record` is the last that was seen of it."""

    def synced(self) -> None:
        """A list is complete: what has been told is all there is. Said once after every list."""


class Holdings(Generic[T]):
    """The objects of one set, and the listener that follows them."""

    def __init__(self, listener: Listener[T]) -> None:
        self._listener = listener
        self._records: dict[str, T] = {}
        self._uids: dict[tuple[str, str], str] = {}  # by namespace and name
        self._seen: set[str] | None = None  # UIDs of the list under way

    @property
    def records(self) -> Mapping[str, T]:
        """Everything held, by UID; a live view."""
        return MappingProxyType(self._records)

    def begin_list(self) -> None:
        """Start a list, or start it over."""
        self._seen = set()

    def observe(self, record: T) -> bool:
        """Take note of an object, and return whether that was news.

        A list repeats what is known; an object of the same version is not told again.
        """
        meta = record.metadata
        holder = self._uids.get((meta.namespace, meta.name))
        if holder is not None and holder != meta.uid:
            self.drop(holder)
        self.keep(meta.uid)
        held = self._records.get(meta.uid)
        if held is not None and held.metadata.resource_version == meta.resource_version:
            return False
        self._records[meta.uid] = record
        self._uids[meta.namespace, meta.name] = meta.uid
        self._listener.upsert(record)
        return True

    def keep(self, uid: str) -> None:
        """Note that the list under way contains this object, whatever else is known of it."""
        if self._seen is not None:
            self._seen.add(uid)

    def drop(self, uid: str, last: T | None = None) -> bool:
        """Forget an object, and return whether it was held; `last` is its last state, if newer than what is held."""
        held = self._records.pop(uid, None)
        if held is None:
            return False
        key = held.metadata.namespace, held.metadata.name
        if self._uids.get(key) == uid:
            del self._uids[key]
        if self._seen is not None:
            self._seen.discard(uid)
        self._listener.delete(held if last is None else last)
        return True

    def end_list(self) -> int:
        """Complete the list: drop what it did not contain, and return how many that were."""
        gone = list(self._missing())
        self._seen = None
        for uid in gone:
            self.drop(uid)
        self._listener.synced()
        return len(gone)

    def _missing(self) -> Iterator[str]:
        if self._seen is not None:
            yield from (uid for uid in self._records if uid not in self._seen)

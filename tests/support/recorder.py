"""A listener that remembers what it was told, and a way to wait for it."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from entresol.kube.holdings import HasMetadata

T = TypeVar("T", bound=HasMetadata)


class Recorder(Generic[T]):
    """Keeps every call in order, and what they add up to."""

    def __init__(self) -> None:
        self.told: list[str] = []
        """For example "+a" for an addition, "~a" for a change, "-a" for a deletion, "synced"."""
        self.present: dict[str, T] = {}
        """What is there according to the calls, by name."""
        self.last: dict[str, T] = {}
        """The last state told of each name, deletions included."""

    def upsert(self, record: T) -> None:
        name = record.metadata.name
        self.told.append(f"~{name}" if name in self.present else f"+{name}")
        self.present[name] = self.last[name] = record

    def delete(self, record: T) -> None:
        name = record.metadata.name
        assert self.present.pop(name).metadata.uid == record.metadata.uid, "told to delete what is not there"
        self.told.append(f"-{name}")
        self.last[name] = record

    def synced(self) -> None:
        self.told.append("synced")

    def count(self, entry: str) -> int:
        return self.told.count(entry)


async def until(condition: Callable[[], bool], deadline: float = 10.0) -> None:
    """Wait for a condition, and fail at the deadline (seconds)."""
    async with asyncio.timeout(deadline):
        while not condition():  # noqa: ASYNC110 - conditions of any kind, also on a server in another process
            await asyncio.sleep(0.002)

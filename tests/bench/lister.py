"""The lists that an operator reads at its start, read by a client that makes nothing of them.

    python -m tests.bench.lister --kubeconfig FILE [--decode]

It asks for the same kinds in the same way and order as the product: streamed lists, pods after everything else. With
`--decode` every object is decoded into the product's structures and thrown away. Prints one line of JSON.
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.intake import INITIAL_EVENTS_END, Intake
from entresol.kube.lines import LineSplitter
from entresol.kube.reflector import _STREAMED_LIST
from entresol.kube.scope import EVERYTHING
from entresol.runtime.kinds import Elsewhere, Kind, Priorities, early_kinds, pod_kinds

_OPTIONS = {**_STREAMED_LIST, "allowWatchBookmarks": "true", "timeoutSeconds": "300"}
_MARK = INITIAL_EVENTS_END.encode()


class Deaf:
    """A listener that keeps nothing."""

    def upsert(self, _: Any) -> None:
        """Ignore it."""

    delete = upsert

    def synced(self) -> None:
        """Ignore it."""


async def run(connection: Connection, *, decode: bool) -> dict[str, float]:
    """Read every list once; seconds, megabytes and CPU seconds."""
    began, size = time.monotonic(), 0
    async with KubeClient(connection) as client:
        for kinds in (early_kinds(Priorities(), EVERYTHING), pod_kinds(EVERYTHING, Elsewhere())):
            size += sum(await asyncio.gather(*(_read(client, kind, decode=decode) for kind in kinds)))
    return {"seconds": time.monotonic() - began, "megabytes": size / 1e6, "cpu_seconds": time.process_time()}


async def _read(client: KubeClient, kind: Kind[Any], *, decode: bool) -> int:
    """Read one kind; its size in bytes."""
    async with client.watch(kind.selection, _OPTIONS) as opened:
        if not isinstance(opened, AsyncIterator):
            raise TypeError(f"{kind.name} cannot be listed: {opened}")
        return await (_decoded(opened, kind) if decode else _raw(opened))


async def _raw(pieces: AsyncIterator[bytes]) -> int:
    size, tail = 0, b""
    async for piece in pieces:
        size += len(piece)
        if _MARK in tail + piece:
            return size
        tail = piece[-len(_MARK) :]
    raise RuntimeError("the list was cut")


async def _decoded(pieces: AsyncIterator[bytes], kind: Kind[Any]) -> int:
    size, splitter, intake = 0, LineSplitter(), Intake(kind.wire, Deaf())
    async for piece in pieces:
        size += len(piece)
        for line in splitter.feed(piece):
            if getattr(intake.line(line), "ends_list", False):
                return size
        intake.holdings._records.clear()  # what is kept is not this client's business
    raise RuntimeError("the list was cut")


def main() -> None:
    """Parse the command line, read, and tell."""
    parser = argparse.ArgumentParser(description="Read the lists that an operator starts with.")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--decode", action="store_true")
    told = parser.parse_args()
    connection = Connection.from_kubeconfig(told.kubeconfig)
    print(json.dumps(asyncio.run(run(connection, decode=told.decode))))  # noqa: T201 - read by who started it


if __name__ == "__main__":
    main()

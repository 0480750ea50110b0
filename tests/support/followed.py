"""A reflector at work on a fake API server, with its pauses in the test's hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.pace import Pace
from entresol.kube.reflector import Reflector
from entresol.kube.resources import ALL_TASKS, TASKS, Selection
from entresol.kube.transport import Timeouts
from entresol.kube.wire_kinds import Task
from tests.support.fake_apiserver import FakeApiServer
from tests.support.recorder import Recorder, until


class Gate:
    """A sleep that lasts until the test lets it end, and notes how long it should have been."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self._open = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self._open.wait()

    def open(self) -> None:
        """Let this and all further pauses end at once."""
        self._open.set()


@dataclass(frozen=True)
class Followed:
    """The server, the reflector that follows its Tasks, and what the listener was told."""

    server: FakeApiServer
    reflector: Reflector[Task]
    recorder: Recorder[Task]
    gate: Gate
    run: asyncio.Task[None]

    async def told(self, entry: str, times: int = 1) -> None:
        """Wait until the listener was told something this many times."""
        await until(lambda: self.run.done() or self.recorder.count(entry) >= times)
        assert not self.run.done(), "the reflector ended"

    async def agrees(self) -> None:
        """Wait until the listener knows exactly what the server holds."""
        await until(lambda: self.versions() == self.server.versions(TASKS))

    def versions(self) -> dict[str, str]:
        """UID and version of everything the listener was told of."""
        return {task.metadata.uid: task.metadata.resource_version for task in self.recorder.present.values()}


@asynccontextmanager
async def follow(
    server: FakeApiServer, *, silence: float = 30.0, denials: int = 3, selection: Selection = ALL_TASKS
) -> AsyncIterator[Followed]:
    """Follow the server's Tasks while the block lasts; silence and hanging pages are given up after `silence` s."""
    recorder, gate = Recorder[Task](), Gate()
    pace = Pace(sleep=gate.sleep, generator=Random(1), denials=denials)
    timeouts = Timeouts(page=silence, silence=silence)
    async with KubeClient(Connection(server.url), timeouts=timeouts) as client:
        reflector = Reflector(client, selection, Task, recorder, pace)
        run: asyncio.Task[None] = asyncio.create_task(reflector.run())
        try:
            yield Followed(server, reflector, recorder, gate, run)
        finally:
            run.cancel()
            await asyncio.wait([run])

"""Sends many requests fast, from a process of its own, so that the load shares no interpreter with what is measured.

    python -m tests.bench.load PLAN --kubeconfig FILE [--connections 48] [--rate 500] [--report FILE]

A plan is a file with an `Errand` on each line; `write` makes one. Errands leave in the order of the plan, over as many
connections as there are workers, with the very connection settings of the product's client. With a rate each leaves at
its own moment, whether or not the server keeps up (an open loop). A 429 is sent again after the pause it asks for.

These are also the bare contenders: what one aiohttp client can do that decides nothing and follows nothing.
"""

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from aiohttp import ClientError, ClientSession
from yarl import URL

from entresol.kube import transport
from entresol.kube.connection import Connection
from entresol.settings import Settings

CONNECTIONS = Settings().connections
TOO_MANY = 429
_PAUSE = 1.0


NOTHING = msgspec.Raw(b"null")
"""The body of a request without one."""


class Errand(msgspec.Struct, array_like=True):
    """One request. `path` is relative to the server; `body` is JSON that goes out as it stands."""

    method: str
    path: str
    body: msgspec.Raw = NOTHING
    media_type: str = transport.JSON


class Report(msgspec.Struct, kw_only=True):
    """What became of a plan. Moments are of the monotonic clock, which all processes of a machine share.

    Attributes:
        sent: how many requests were answered, repetitions not counted.
        refused: how often the server said 429.
        failures: answers of 400 and above and lost requests by what was said, shortened; nothing is repeated.
        began: when the first left.
        ended: when the last was answered.
    """

    sent: int
    refused: int
    failures: dict[str, int]
    began: float
    ended: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.sent / (self.ended - self.began) if self.ended > self.began else 0.0


_encoder = msgspec.json.Encoder()


def errand(method: str, path: str, body: object) -> Errand:
    """An errand with a body that is still to be encoded."""
    return Errand(method, path, msgspec.Raw(_encoder.encode(body)))


def write(plan: Path, errands: Iterable[Errand]) -> Path:
    """Write a plan; returns where."""
    plan.write_bytes(_encoder.encode_lines(errands))
    return plan


def read(plan: Path) -> list[Errand]:
    """Read a plan."""
    return msgspec.json.Decoder(Errand).decode_lines(plan.read_bytes())


class Sender:
    """Sends the errands of a plan."""

    def __init__(self, connection: Connection, connections: int, rate: float | None) -> None:
        self._connection = connection
        self._connections = connections
        self._rate = rate
        self._sent = 0
        self._refused = 0
        self._failures: Counter[str] = Counter()

    async def send(self, errands: list[Errand]) -> Report:
        """Send them all; returns when the last was answered."""
        began = time.monotonic()
        queue = iter(enumerate(errands))
        # With a rate, requests that wait for a slow server must not delay those that are due after them.
        workers = self._connections if self._rate is None else 4 * self._connections
        async with transport._session(self._connection, self._connections) as session, asyncio.TaskGroup() as group:
            for _ in range(min(workers, len(errands))):
                group.create_task(self._work(session, queue, began))
        failures = dict(self._failures.most_common(20))
        return Report(sent=self._sent, refused=self._refused, failures=failures, began=began, ended=time.monotonic())

    async def _work(self, session: ClientSession, queue: Iterator[tuple[int, Errand]], began: float) -> None:
        base = self._connection.base_url
        for number, one in queue:
            if self._rate is not None:
                await asyncio.sleep(began + number / self._rate - time.monotonic())
            headers = {**await self._connection.bearer.headers(), "Content-Type": one.media_type}
            await self._one(session, one, URL(base + one.path, encoded=True), headers)

    async def _one(self, session: ClientSession, one: Errand, url: URL, headers: dict[str, str]) -> None:
        body = None if one.body == NOTHING else bytes(one.body)
        while True:
            try:
                async with session.request(one.method, url, data=body, headers=headers) as answer:
                    said = await answer.read()
            except (ClientError, OSError) as error:
                self._failures[f"{type(error).__name__}: {error}"[:200]] += 1
                return
            if answer.status != TOO_MANY:
                break
            self._refused += 1
            await asyncio.sleep(float(answer.headers.get("Retry-After", _PAUSE)))
        self._sent += 1
        if answer.status >= 400:
            self._failures[f"{answer.status} {said[:200].decode(errors='replace')}"] += 1


async def run(plan: Path, kubeconfig: str, connections: int, rate: float | None) -> Report:
    """Send a plan as the user of a kubeconfig."""
    return await Sender(Connection.from_kubeconfig(kubeconfig), connections, rate).send(read(plan))


def main() -> None:
    """Parse the command line and send."""
    parser = argparse.ArgumentParser(description="Send a plan of requests.")
    parser.add_argument("plan", type=Path)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--report", type=Path)
    told = parser.parse_args()
    report = asyncio.run(run(told.plan, told.kubeconfig, told.connections, told.rate))
    if told.report is not None:
        whole = told.report.with_suffix(".part")
        whole.write_bytes(_encoder.encode(report))
        whole.rename(told.report)


if __name__ == "__main__":
    main()

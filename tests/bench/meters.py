"""What something costs: CPU and memory of processes, from `/proc`, and requests, from the API server's own count.

Reading `/proc` costs microseconds, so it is done on a clock. Rendering the API server's metrics costs it a tenth of a
second of CPU, so that is asked a few times per round, at the same moments for every contender.
"""

import os
import re
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from devcluster.access import Access

_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 1024 * 1024
_SAMPLE = re.compile(r"^apiserver_request_total\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_UNCOUNTED = frozenset({"WATCH", "WATCHLIST", "CONNECT"})
_TOO_MANY = "429"

Key = tuple[str, str, str]
"""Verb in capitals, resource, subresource."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One process: CPU seconds since it began, memory now and at its highest, in MiB."""

    cpu_seconds: float
    rss: float
    peak_rss: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Read it. Raises OSError when the process is gone."""
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        resident, peak = (int(status[key].split()[0]) * 1024 / _MIB for key in ("VmRSS", "VmHWM"))
        return cls(cpu_seconds(pid), resident, peak)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process since it began, its dead children not counted. Raises OSError."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    user, system = stat[stat.rindex(")") + 2 :].split()[11:13]  # the name may hold spaces and brackets
    return (int(user) + int(system)) / _TICKS


MACHINE = "machine"
"""The name under which a meter counts the CPU seconds of everything that runs, metered or not."""


def busy_seconds() -> float:
    """CPU seconds of everything since the machine began, idle time not counted."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = Path("/proc/stat").read_text().split(maxsplit=8)[1:8]
    return (int(user) + int(nice) + int(system) + int(irq) + int(softirq)) / _TICKS


class Meter:
    """The usage of named processes between its making and `stop`, sampled on a clock by a thread.

    Args:
        pids: by name, of which `MACHINE` is taken; a process that ends keeps its last sample.
        period: seconds between two samples.
    """

    def __init__(self, pids: Mapping[str, int], period: float = 0.1) -> None:
        self._pids = dict(pids)
        self._period = period
        self._times: list[float] = []
        self._cpu: dict[str, list[float]] = {name: [] for name in (*pids, MACHINE)}
        self._peak: dict[str, float] = dict.fromkeys(pids, 0.0)
        self._done = threading.Event()
        self._sample()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the last sample; nothing is counted after it."""
        if not self._done.is_set():
            self._done.set()
            self._thread.join()
            self._sample()

    def cpu(self, name: str, since: float | None = None, until: float | None = None) -> float:
        """CPU seconds of a process between two moments of the monotonic clock, by default all of them."""
        first = self._times[0] if since is None else since
        last = self._times[-1] if until is None else until
        return at(self._times, self._cpu[name], last) - at(self._times, self._cpu[name], first)

    def elsewhere(self, since: float | None = None, until: float | None = None) -> float:
        """CPU seconds that went to anything that is not metered: whether somebody else disturbed a measurement."""
        return self.cpu(MACHINE, since, until) - sum(self.cpu(name, since, until) for name in self._pids)

    def peak(self, name: str) -> float:
        """The most memory that a process ever held, in MiB."""
        return self._peak[name]

    def _run(self) -> None:
        while not self._done.wait(self._period):
            self._sample()

    def _sample(self) -> None:
        self._times.append(time.monotonic())
        self._cpu[MACHINE].append(busy_seconds())
        for name, pid in self._pids.items():
            track = self._cpu[name]
            try:
                usage = Usage.of(pid)
            except (OSError, KeyError):  # a process that has ended, but is not collected yet, has no memory
                track.append(track[-1] if track else 0.0)
            else:
                track.append(usage.cpu_seconds)
                self._peak[name] = max(self._peak[name], usage.peak_rss)


def at(times: list[float], values: list[float], moment: float) -> float:
    """A growing value at a moment between its samples, linearly; outside of them, the nearest."""
    after = bisect_right(times, moment)
    if after == 0:
        return values[0]
    if after == len(times):
        return values[-1]
    span = times[after] - times[after - 1]
    part = (moment - times[after - 1]) / span if span else 0.0
    return values[after - 1] + part * (values[after] - values[after - 1])


@dataclass(frozen=True, slots=True)
class Requests:
    """How many requests the API server has answered, and how many of them with 429: too many.

    Watches are not counted, because they are answered when they end; nor is what asks for no resource (probes, metrics).
    Who asked is not told, so only one client may be at work.
    """

    counts: Counter[Key]
    refused: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read them out of the API server's metrics."""
        counts: Counter[Key] = Counter()
        refused = 0
        for labels, value in _SAMPLE.findall(text):
            label = dict(_LABEL.findall(labels))
            if label["verb"] in _UNCOUNTED or not label["resource"]:
                continue
            number = int(float(value))
            counts[label["verb"], label["resource"], label["subresource"]] += number
            refused += number * (label["code"] == _TOO_MANY)
        return cls(counts, refused)

    def __sub__(self, before: "Requests") -> "Requests":
        return Requests(self.counts - before.counts, self.refused - before.refused)

    @property
    def total(self) -> int:
        """All of them."""
        return self.counts.total()

    def of(self, verb: str, resource: str, subresource: str = "") -> int:
        """Those of one kind."""
        return self.counts[verb, resource, subresource]

    @property
    def writes(self) -> int:
        """Those that change something."""
        return sum(number for (verb, *_), number in self.counts.items() if verb not in ("GET", "LIST"))

    def lines(self) -> list[str]:
        """The kinds of request, the most frequent first."""
        return [
            f"{number} {verb} {'/'.join(filter(None, what))}" for (verb, *what), number in self.counts.most_common()
        ]


def requests(cluster: Access) -> Requests:
    """What the API server has answered so far."""
    return Requests.parse(str(cluster.api.get("/metrics")))

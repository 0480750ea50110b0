"""Every metric that Entresol exports: one table, and one collector that reads a picture at scrape time.

Gauges (`gauges.py`) mirror the present and are never set: when Prometheus asks, the collector reads one picture of the
books and renders it, so a series vanishes with what it spoke of and no two gauges of a scrape disagree. Where several
replicas run, the gauges of the cluster come from the leader alone; what is the process's own comes from each. Counters
and histograms are counted where things happen.

Labels hold only what is few and bounded: roles, frameworks, resources, reasons, kinds, verbs, codes. Never the name of
a task, a pod or an offer: those come and go by the thousand, and a series lives for ever.

`python -m entresol.metrics` prints the page that documents all of this.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from entresol import gauges
from entresol.gauges import COUNTER, HISTOGRAM, Picture, Row, families

CONTENT_TYPE = CONTENT_TYPE_LATEST

# They are a second series for every counter, which says only when this process began.
disable_created_metrics()  # type: ignore[no-untyped-call]

_BRIEF = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
_NETWORK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

HANDLED = Row("entresol_engine_events_total", COUNTER, "Events that the engine handled.", ("event",))
HANDLE_SECONDS = Row("entresol_engine_handle_seconds", HISTOGRAM, "Time in the engine for one event.", buckets=_BRIEF)
CYCLES = Row("entresol_cycle_seconds", HISTOGRAM, "Work in one allocation cycle, its pauses left out.", buckets=_BRIEF)
STRETCHES = Row(
    "entresol_cycle_longest_stretch_seconds",
    HISTOGRAM,
    "Longest time in a cycle without looking at the network.",
    buckets=_BRIEF,
)
GRANTS = Row("entresol_grants_total", COUNTER, "Units of work that were given an agent.")
REFUSALS = Row(
    "entresol_launches_refused_total", COUNTER, "Launches that the cluster did not let happen.", ("refusal",)
)
LAUNCHED = Row("entresol_launched_total", COUNTER, "Pods created or bound.")
ATTEMPTS = Row("entresol_attempts_ended_total", COUNTER, "Attempts that ended, by their state.", ("state", "charged"))
DEEDS = Row(
    "entresol_deeds_total",
    COUNTER,
    "Requests that change the cluster, by the code of the answer; `lost` without one.",
    ("verb", "code"),
)
DEED_SECONDS = Row(
    "entresol_deed_seconds", HISTOGRAM, "Time from a request to its answer.", ("verb",), buckets=_NETWORK
)
STATUS_WRITES = Row(
    "entresol_status_writes_total", COUNTER, "Statuses written, by kind and the code of the answer.", ("kind", "code")
)
STATUS_SPARED = Row(
    "entresol_status_spared_total", COUNTER, "Statuses not written because nothing in them was new.", ("kind",)
)
LEASE_TRANSITIONS = Row("entresol_lease_transitions_total", COUNTER, "Times this replica took the Lease.")
LEASE_RENEWALS = Row(
    "entresol_lease_renewals_total",
    COUNTER,
    "Renewals by what came of them: `renewed`, `conflict`, `refused`, or `lost` without an answer.",
    ("outcome",),
)
WRITES_FENCED = Row(
    "entresol_writes_fenced_total", COUNTER, "Writes held back because this replica does not hold the Lease any more."
)
PASSED_ON = Row(
    "entresol_passed_on_total",
    COUNTER,
    "Requests to a standby, by the code of the answer that the leader gave; `lost` without one.",
    ("code",),
)
AUDITS = Row(
    "entresol_audits_total",
    COUNTER,
    "Audits of what is held in memory: clean, drift, or failed when a kind could not be listed.",
    ("outcome",),
)
EVENTS_WRITTEN = Row("entresol_events_total", COUNTER, "Kubernetes Events written.")
EVENTS_DROPPED = Row("entresol_events_dropped_total", COUNTER, "Kubernetes Events left out in a burst.")

TABLE = (*gauges.TABLE, *(value for value in list(globals().values()) if isinstance(value, Row)))
"""Every metric, in the order of the page that documents them."""


M = TypeVar("M", Counter, Histogram)


class Metrics:
    """The counters and histograms of one process, and the collector of its gauges."""

    def __init__(self, picture: Callable[[], Picture]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Gauges(picture))
        ProcessCollector(registry=self._registry)  # CPU, memory and files, by the names that everybody's boards know
        self._children: dict[tuple[Row, tuple[str, ...]], Any] = {}  # found once; the library looks anew each time
        self._counters = {
            row: Counter(row.name, row.help, row.labels, registry=self._registry)
            for row in TABLE
            if row.kind == COUNTER and row not in gauges.TABLE
        }
        self._histograms = {
            row: Histogram(row.name, row.help, row.labels, registry=self._registry, buckets=row.buckets)
            for row in TABLE
            if row.kind == HISTOGRAM
        }

    def add(self, row: Row, *labels: str, amount: float = 1) -> None:
        """Count."""
        self._child(self._counters, row, labels).inc(amount)

    def observe(self, row: Row, value: float, *labels: str) -> None:
        """Enter a value into a histogram."""
        self._child(self._histograms, row, labels).observe(value)

    def render(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _child(self, parents: Mapping[Row, M], row: Row, labels: tuple[str, ...]) -> M:
        """The counter or histogram for these values of its labels."""
        child: M | None = self._children.get((row, labels))
        if child is None:
            parent = parents[row]
            child = self._children[row, labels] = parent.labels(*labels) if labels else parent
        return child


class _Gauges(Collector):
    """Renders a picture. Registered like a metric, asked at every scrape."""

    def __init__(self, picture: Callable[[], Picture]) -> None:
        self._picture = picture

    def describe(self) -> list[Metric]:
        """Nothing, so that registering does not ask for a picture before there is one."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every gauge, and the counters that are kept elsewhere."""
        for row, values in families(self._picture()).items():
            family = Metric(row.name.removesuffix("_total"), row.help, row.kind)
            for labels, value in values.items():
                family.add_sample(row.name, dict(zip(row.labels, labels, strict=True)), value)
            yield family


def page() -> str:
    """The page that documents every metric, in Markdown."""
    lines = [
        "# Metrics",
        "",
        "<!-- Written by `python -m entresol.metrics > docs/metrics.md`; a test compares. -->",
        "",
        "Served in Prometheus' text format at `/metrics`. Labels hold roles, frameworks, resources, reasons and the like,",
        "never the name of a task, a pod or an offer. `resource` comes with its `unit`: `core`, `byte` or `integer`.",
        "Beside these stands what the metrics library tells of every process on Linux: `process_cpu_seconds_total`,",
        "`process_resident_memory_bytes`, `process_open_fds` and the like.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    for row in TABLE:
        labels = ", ".join(f"`{label}`" for label in row.labels)
        lines.append(f"| `{row.name}` | {row.kind} | {labels} | {row.help} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - a command

"""Every metric that Entresol exports: one table, and one collector that reads a picture at scrape time.

Gauges mirror the present and are never set: when Prometheus asks, the collector reads one picture of the books and
renders it, so a series vanishes with what it spoke of and no two gauges of a scrape disagree. Counters and histograms
are counted where things happen.

Labels hold only what is few and bounded: roles, frameworks, resources, reasons, kinds, verbs, codes. Never the name of
a task, a pod or an offer: those come and go by the thousand, and a series lives for ever.

`python -m entresol.metrics` prints the page that documents all of this.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from entresol.engine.status import Summary
from entresol.model.resources import CPU, MEMORY, Resources

CONTENT_TYPE = CONTENT_TYPE_LATEST

# They are a second series for every counter, which says only when this process began.
disable_created_metrics()  # type: ignore[no-untyped-call]

GAUGE = "gauge"
COUNTER = "counter"
HISTOGRAM = "histogram"

_BRIEF = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
_NETWORK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One metric. `buckets` are upper bounds in the metric's unit, of histograms only."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


AGENTS = Row("entresol_agents", GAUGE, "Nodes in the books, whatever their state.")
CLUSTER = Row(
    "entresol_cluster_resources",
    GAUGE,
    "What all shares are fractions of: allocatable resources less what other schedulers' pods take.",
    ("resource", "unit"),
)
ROLE_WEIGHT = Row("entresol_role_weight", GAUGE, "Weight of the role.", ("role",))
ROLE_SHARE = Row("entresol_role_dominant_share_ratio", GAUGE, "Dominant share that the role holds, 0 to 1.", ("role",))
ROLE_ENTITLEMENT = Row(
    "entresol_role_entitlement_ratio",
    GAUGE,
    "Dominant share that weighted fairness gives the role, given what everyone holds and wants, 0 to 1.",
    ("role",),
)
ROLE_FLOOR = Row("entresol_role_floor_ratio", GAUGE, "The role's weight over all weights in play, 0 to 1.", ("role",))
ROLE_ALLOCATED = Row(
    "entresol_role_allocated_resources",
    GAUGE,
    "What the role holds, launches under way and outstanding offers included.",
    ("role", "resource", "unit"),
)
ROLE_WAITING = Row("entresol_role_waiting_tasks", GAUGE, "Tasks and pods of the role that wait.", ("role",))
ROLE_WANTED = Row(
    "entresol_role_waiting_resources",
    GAUGE,
    "What the role's waiting work asks together, as far as it may be granted anything.",
    ("role", "resource", "unit"),
)
ROLE_OLDEST = Row(
    "entresol_role_oldest_waiting_seconds", GAUGE, "How long the role's oldest waiting task has waited.", ("role",)
)
ROLE_FRAMEWORKS = Row("entresol_role_frameworks", GAUGE, "Frameworks of the role.", ("role",))
ROLE_FITS = Row(
    "entresol_role_guarantee_placeable",
    GAUGE,
    "0 while the guarantees of all roles together exceed the cluster, else 1.",
    ("role",),
)
FRAMEWORK_SHARE = Row(
    "entresol_framework_dominant_share_ratio",
    GAUGE,
    "Dominant share that the framework holds, 0 to 1.",
    ("framework", "role"),
)
FRAMEWORK_ENTITLEMENT = Row(
    "entresol_framework_entitlement_ratio",
    GAUGE,
    "The framework's part of its role's entitlement, 0 to 1.",
    ("framework", "role"),
)
FRAMEWORK_ALLOCATED = Row(
    "entresol_framework_allocated_resources",
    GAUGE,
    "What the framework holds, launches under way and outstanding offers included.",
    ("framework", "role", "resource", "unit"),
)
FRAMEWORK_TASKS = Row(
    "entresol_framework_tasks", GAUGE, "Tasks and pods of the framework by state.", ("framework", "role", "state")
)
WAITING = Row(
    "entresol_waiting_tasks",
    GAUGE,
    "Tasks and pods that wait, by the reason why.",
    ("framework", "reason"),
)
OFFERS = Row("entresol_offers", GAUGE, "Outstanding offers.")
LAUNCHES = Row("entresol_launches_under_way", GAUGE, "Launches that are decided but not confirmed.")
DEEDS_UNDER_WAY = Row("entresol_deeds_under_way", GAUGE, "Requests that change the cluster and are not answered yet.")
RECOVERING = Row("entresol_recovering", GAUGE, "1 until the whole cluster is listed and allocation begins, then 0.")
UNSERVED = Row(
    "entresol_unserved_pods",
    GAUGE,
    "Pods that name this scheduler in namespaces that it does not serve; nobody else will start those that wait.",
)
WATCH_AGE = Row(
    "entresol_watch_age_seconds", GAUGE, "Time since the last sign of life of the watch on a kind.", ("kind",)
)
OBJECTS = Row("entresol_watched_objects", GAUGE, "Objects of a kind that are held in memory.", ("kind",))
LISTS = Row("entresol_lists_total", COUNTER, "Complete lists of a kind, of which a quiet day needs one.", ("kind",))
RESTARTS = Row("entresol_watch_restarts_total", COUNTER, "Times the watch on a kind was opened again.", ("kind",))
MALFORMED = Row(
    "entresol_malformed_objects_total", COUNTER, "Objects, or versions of them, that could not be read.", ("kind",)
)

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
EVENTS_WRITTEN = Row("entresol_events_total", COUNTER, "Kubernetes Events written.")
EVENTS_DROPPED = Row("entresol_events_dropped_total", COUNTER, "Kubernetes Events left out in a burst.")

TABLE = tuple(value for value in list(globals().values()) if isinstance(value, Row))
"""Every metric, in the order of the page that documents them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One followed kind: seconds since its last sign of life, objects held, lists completed, watches opened again."""

    age: float
    objects: int
    lists: int
    restarts: int
    malformed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the gauges show: read once per scrape."""

    summary: Summary
    recovering: bool
    deeds: int
    streams: Mapping[str, Stream] = field(default_factory=dict)
    unserved_pods: int = 0


Family = Mapping[tuple[str, ...], float]
M = TypeVar("M", Counter, Histogram)


class Metrics:
    """The counters and histograms of one process, and the collector of its gauges."""

    def __init__(self, picture: Callable[[], Picture]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Gauges(picture))
        self._children: dict[tuple[Row, tuple[str, ...]], Any] = {}  # found once; the library looks anew each time
        self._counters = {
            row: Counter(row.name, row.help, row.labels, registry=self._registry)
            for row in TABLE
            if row.kind == COUNTER and row not in FROM_STREAMS
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
        """Every gauge, and the counters that reflectors keep themselves."""
        picture = self._picture()
        for row, values in (_cluster(picture) | _roles(picture.summary) | _frameworks(picture.summary)).items():
            family = Metric(row.name.removesuffix("_total"), row.help, row.kind)
            for labels, value in values.items():
                family.add_sample(row.name, dict(zip(row.labels, labels, strict=True)), value)
            yield family


def _cluster(picture: Picture) -> dict[Row, Family]:
    summary = picture.summary
    streams = picture.streams.items()
    return {
        AGENTS: {(): summary.agents},
        CLUSTER: dict(_amounts(summary.totals)),
        WAITING: {(framework, reason): count for (framework, reason), count in summary.reasons.items()},
        OFFERS: {(): summary.offers},
        LAUNCHES: {(): summary.launches},
        DEEDS_UNDER_WAY: {(): picture.deeds},
        RECOVERING: {(): int(picture.recovering)},
        UNSERVED: {(): picture.unserved_pods},
        WATCH_AGE: {(kind,): stream.age for kind, stream in streams},
        OBJECTS: {(kind,): stream.objects for kind, stream in streams},
        LISTS: {(kind,): stream.lists for kind, stream in streams},
        RESTARTS: {(kind,): stream.restarts for kind, stream in streams},
        MALFORMED: {(kind,): stream.malformed for kind, stream in streams},
    }


FROM_STREAMS = frozenset((LISTS, RESTARTS, MALFORMED))


def _roles(summary: Summary) -> dict[Row, Family]:
    roles = summary.roles
    return {
        ROLE_WEIGHT: {(role.id,): role.weight for role in roles},
        ROLE_SHARE: {(role.id,): role.share.fraction for role in roles},
        ROLE_ENTITLEMENT: {(role.id,): role.entitlement for role in roles},
        ROLE_FLOOR: {(role.id,): role.floor for role in roles},
        ROLE_ALLOCATED: {(role.id, *labels): value for role in roles for labels, value in _amounts(role.held)},
        ROLE_WAITING: {(role.id,): role.waiting for role in roles},
        ROLE_WANTED: {(role.id, *labels): value for role in roles for labels, value in _amounts(role.wanted)},
        ROLE_OLDEST: {(role.id,): role.oldest_wait for role in roles},
        ROLE_FRAMEWORKS: {(role.id,): role.frameworks for role in roles},
        ROLE_FITS: {(role.id,): int(role.guarantee_fits) for role in roles},
    }


def _frameworks(summary: Summary) -> dict[Row, Family]:
    every = summary.frameworks
    return {
        FRAMEWORK_SHARE: {(one.id, one.role): one.share.fraction for one in every},
        FRAMEWORK_ENTITLEMENT: {(one.id, one.role): one.entitlement for one in every},
        FRAMEWORK_ALLOCATED: {
            (one.id, one.role, *labels): value for one in every for labels, value in _amounts(one.held)
        },
        FRAMEWORK_TASKS: {(one.id, one.role, state): count for one in every for state, count in one.counts.items()},
    }


def _amounts(resources: Resources) -> Iterator[tuple[tuple[str, str], float]]:
    """(resource, unit) and the amount in that unit. Prometheus counts in base units: cores, not thousandths."""
    for name, amount in resources:
        if name == CPU:
            yield (name, "core"), amount / 1000
        else:
            yield (name, "byte" if name in (MEMORY, "ephemeral-storage") or "hugepages" in name else "integer"), amount


def page() -> str:
    """The page that documents every metric, in Markdown."""
    lines = [
        "# Metrics",
        "",
        "<!-- Written by `python -m entresol.metrics > docs/metrics.md`; a test compares. -->",
        "",
        "Served in Prometheus' text format at `/metrics`. Labels hold roles, frameworks, resources, reasons and the like,",
        "never the name of a task, a pod or an offer. `resource` comes with its `unit`: `core`, `byte` or `integer`.",
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

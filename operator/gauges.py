"""What a scrape shows of the present: the gauges, and the counters that others keep and that are only read.

One picture of the books is read per scrape and rendered here into samples. Counters and histograms that are counted
where things happen are in `metrics.py`, which serves both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from entresol.engine.status import Summary
from entresol.model.resources import CPU, MEMORY, Resources

GAUGE = "gauge"
COUNTER = "counter"
HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One metric. `buckets` are upper bounds in the metric's unit, of histograms only."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


AGENTS = Row("entresol_agents", GAUGE, "Nodes that are agents, whatever their state.")
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
ROLE_PLACEABLE = Row(
    "entresol_role_placeable_tasks",
    GAUGE,
    "Waiting tasks and pods of the role that are within its limit and that some agent could hold if it were empty.",
    ("role",),
)
ROLE_UNMET = Row(
    "entresol_role_guarantee_unmet",
    GAUGE,
    "1 while placeable work of the role waits that its guarantee covers, else 0.",
    ("role",),
)
ROLE_ENTITLED_SECONDS = Row(
    "entresol_role_entitled_share_seconds_total",
    COUNTER,
    "Entitlement of the role, added up over time; one share-second is the whole cluster for a second.",
    ("role",),
)
ROLE_HELD_SECONDS = Row(
    "entresol_role_held_share_seconds_total", COUNTER, "Dominant share of the role, added up over time.", ("role",)
)
ROLE_DEFICIT_SECONDS = Row(
    "entresol_role_deficit_share_seconds_total",
    COUNTER,
    "By how much the share was below the entitlement, added up over the time in which the role had placeable work.",
    ("role",),
)
LEADERLESS_SECONDS = Row(
    "entresol_ledger_leaderless_seconds_total",
    COUNTER,
    "Time in which nobody led, as far as the roles' ledgers and the Lease tell; it counts in none of their sums.",
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
BUILD = Row("entresol_build_info", GAUGE, "Always 1; the label says which version runs.", ("version",))
LEADER = Row("entresol_leader", GAUGE, "1 if this replica decides and writes, else 0.")
LEASE_AGE = Row(
    "entresol_lease_age_seconds", GAUGE, "Time since the leader's last renewal of the Lease that succeeded."
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
DRIFT = Row(
    "entresol_drift_objects",
    GAUGE,
    "Objects that the last audit found otherwise in the cluster than in memory, twice; `books` are sums that differ.",
    ("kind",),
)

TABLE = tuple(value for value in list(globals().values()) if isinstance(value, Row))
"""All of them, in the order of the page that documents them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One followed kind: seconds since its last sign of life, objects held, lists completed, watches opened again."""

    age: float
    objects: int
    lists: int
    restarts: int
    malformed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whether this replica leads, and how many seconds ago it last renewed its Lease; None where there is no Lease."""

    leads: bool
    age: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the gauges show: read once per scrape. A replica that stands by has no summary, hence no gauges of it."""

    summary: Summary | None
    recovering: bool
    deeds: int
    streams: Mapping[str, Stream] = field(default_factory=dict)
    drift: Mapping[str, int] = field(default_factory=dict)
    unserved_pods: int = 0
    standing: Standing = Standing(leads=True)


Family = Mapping[tuple[str, ...], float]
"""A metric's samples, by the values of its labels."""


def families(picture: Picture) -> Mapping[Row, Family]:
    """The samples of every metric that the picture speaks of."""
    found = _process(picture)
    if (summary := picture.summary) is not None:
        found |= _cluster(picture, summary) | _roles(summary) | _frameworks(summary)
    return found


def _process(picture: Picture) -> dict[Row, Family]:
    streams = picture.streams.items()
    age = picture.standing.age
    return {
        BUILD: {(version("entresol"),): 1},
        LEADER: {(): int(picture.standing.leads)},
        LEASE_AGE: {} if age is None else {(): age},
        WATCH_AGE: {(kind,): stream.age for kind, stream in streams},
        OBJECTS: {(kind,): stream.objects for kind, stream in streams},
        LISTS: {(kind,): stream.lists for kind, stream in streams},
        RESTARTS: {(kind,): stream.restarts for kind, stream in streams},
        MALFORMED: {(kind,): stream.malformed for kind, stream in streams},
    }


def _cluster(picture: Picture, summary: Summary) -> dict[Row, Family]:
    return {
        AGENTS: {(): summary.agents},
        CLUSTER: dict(_amounts(summary.totals)),
        WAITING: {(framework, reason): count for (framework, reason), count in summary.reasons.items()},
        OFFERS: {(): summary.offers},
        LAUNCHES: {(): summary.launches},
        DEEDS_UNDER_WAY: {(): picture.deeds},
        RECOVERING: {(): int(picture.recovering)},
        UNSERVED: {(): picture.unserved_pods},
        LEADERLESS_SECONDS: {(): summary.leaderless},
        DRIFT: {(kind,): count for kind, count in picture.drift.items()},
    }


def _roles(summary: Summary) -> dict[Row, Family]:
    roles = summary.roles
    accounts = [(role.id, role.account) for role in roles if role.account is not None]
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
        ROLE_PLACEABLE: {(role.id,): role.placeable for role in roles},
        ROLE_UNMET: {(role.id,): int(role.guarantee_unmet) for role in roles},
        ROLE_ENTITLED_SECONDS: {(role,): account.entitled for role, account in accounts},
        ROLE_HELD_SECONDS: {(role,): account.held for role, account in accounts},
        ROLE_DEFICIT_SECONDS: {(role,): account.deficit for role, account in accounts},
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

"""Operator health: who leads, whether it hears the cluster, how fast it decides and acts, and what it costs."""

from monitoring.model import Dashboard, Panel, Query, Row, Shape
from monitoring.promql import per_second, quantile, select, state, worst

_POD = ("pod", "instance")
_EACH = "{{pod}} {{instance}}"
FAILED = 'code!~"2..|404|409"'
"""Answers that mean trouble. What is gone already, or done already, is no failure: 404 and 409."""

_LEADERSHIP = Row(
    "Leadership",
    (
        Panel("Leaders", "short", "1 is right. 0: nobody decides.", (Query(f"sum ({select('leader')})", "leaders"),),
              Shape.STAT, width=4, runbook="EntresolNoLeader"),
        Panel("Replicas", "short", "Replicas that answer a scrape, by version.",
              (Query(f"count by (version) ({select('build_info')})", "{{version}}"),),
              Shape.STAT, width=4, runbook="EntresolDown"),
        Panel(
            "Lease renewed",
            "s",
            "Time since the leader last renewed its lease. At the length of the lease it stops writing and another takes "
            "over.",
            (Query(state("lease_age_seconds"), "age"),),
            Shape.STAT,
            width=4,
            may_be_empty="a single replica without a lease",
        ),
        Panel("Leader", "bool", "1 for the replica that leads, 0 for those that stand by.", (Query(state("leader", *_POD), _EACH),),
              width=12, ceiling=1, runbook="EntresolNoLeader"),
        Panel(
            "Lease taken and renewed",
            "ops",
            "Renewals by how they went, and how often a replica took the lease.",
            (
                Query(per_second("lease_renewals_total", "outcome"), "renewal: {{outcome}}"),
                Query(per_second("lease_transitions_total"), "taken"),
            ),
            may_be_empty="a single replica without a lease",
        ),
        Panel(
            "Held back and passed on",
            "ops",
            "Writes that a replica did not send because its lease had run out, and requests that a standby passed to the "
            "leader, by the code of the answer.",
            (
                Query(per_second("writes_fenced_total"), "fenced writes"),
                Query(per_second("passed_on_total", "code"), "passed on: {{code}}"),
            ),
        ),
    ),
)  # fmt: skip

_SIGHT = Row(
    "What it sees",
    (
        Panel(
            "Watch age",
            "s",
            "Time since the last sign of life of the watch on each kind, the worst of all replicas. A quiet kind is heard "
            "of about once a minute; far more is a watch that is cut off.",
            (Query(worst("watch_age_seconds", "kind"), "{{kind}}"),),
            width=8,
            runbook="EntresolWatchStale",
        ),
        Panel(
            "Lists and watches opened again",
            "ops",
            "A quiet day needs one list of each kind for each replica. Watches are opened again every few minutes.",
            (
                Query(per_second("lists_total", "kind"), "list {{kind}}"),
                Query(per_second("watch_restarts_total"), "watches opened again"),
                Query(per_second("malformed_objects_total"), "unreadable objects"),
            ),
            width=8,
            runbook="EntresolWatchStale",
        ),
        Panel("Objects in memory", "short", "By kind, the most of all replicas.",
              (Query(worst("watched_objects", "kind"), "{{kind}}"),), width=8),
        Panel(
            "Drift",
            "short",
            "Objects in which the operator's books differed from a fresh list at the last audit. 0 is right.",
            (Query(state("drift_objects", "kind"), "{{kind}}"),),
            width=8,
            runbook="EntresolDrift",
            may_be_empty="no audit has ended yet, or audits are switched off",
        ),
        Panel(
            "Audits",
            "ops",
            "How often books are held against a fresh list, by outcome.",
            (Query(per_second("audits_total", "outcome"), "{{outcome}}"),),
            width=8,
            runbook="EntresolDrift",
            may_be_empty="no audit has ended yet, or audits are switched off",
        ),
        Panel("Recovering", "bool_yes_no", "Yes: the leader still lists the cluster and grants nothing.",
              (Query(state("recovering"), "recovering"),), Shape.STAT, width=8),
    ),
)  # fmt: skip

_DECISIONS = Row(
    "Deciding",
    (
        Panel(
            "Allocation cycle",
            "s",
            "Work in one cycle, and the longest time in it without a look at the network.",
            (
                Query(quantile(0.5, "cycle_seconds"), "cycle p50"),
                Query(quantile(0.99, "cycle_seconds"), "cycle p99"),
                Query(quantile(0.99, "cycle_longest_stretch_seconds"), "stretch p99"),
            ),
            width=8,
            may_be_empty="no cycle lately",
        ),
        Panel(
            "One event",
            "s",
            "Time in the engine for one event.",
            (
                Query(quantile(0.5, "engine_handle_seconds"), "p50"),
                Query(quantile(0.99, "engine_handle_seconds"), "p99"),
            ),
            width=8,
            may_be_empty="no event lately",
        ),
        Panel("Events handled", "ops", "What the engine was told, by kind of event.",
              (Query(per_second("engine_events_total", "event"), "{{event}}"),), width=8),
    ),
)  # fmt: skip

_DEEDS = Row(
    "Acting",
    (
        Panel(
            "Requests that change the cluster",
            "ops",
            "By verb and code of the answer; `lost` had none.",
            (Query(per_second("deeds_total", "verb", "code"), "{{verb}} {{code}}"),),
            width=8,
            may_be_empty="nothing has been written yet",
        ),
        Panel(
            "Part that failed",
            "percentunit",
            "Without 404 and 409: what is gone already or done already is no failure.",
            (
                Query(
                    f"({per_second('deeds_total', 'verb', match=FAILED)} or 0 * {per_second('deeds_total', 'verb')})"
                    f" / ({per_second('deeds_total', 'verb')} > 0)",
                    "{{verb}}",
                ),
            ),
            width=8,
            ceiling=1,
            runbook="EntresolBindErrors",
            may_be_empty="nothing was written lately",
        ),
        Panel(
            "Time to the answer",
            "s",
            "The slowest hundredth, by verb.",
            (Query(quantile(0.99, "deed_seconds", "verb"), "{{verb}} p99"),),
            width=8,
            may_be_empty="nothing was written lately",
        ),
        Panel(
            "Backlog of the operator",
            "short",
            "Requests not answered yet, and launches not confirmed. A line that only rises is an API server that does not "
            "keep up.",
            (
                Query(state("deeds_under_way"), "requests under way"),
                Query(state("launches_under_way"), "launches under way"),
            ),
            width=8,
        ),
        Panel(
            "Statuses written and spared",
            "ops",
            "Written by kind and code; spared because nothing in them was new.",
            (
                Query(per_second("status_writes_total", "kind", "code"), "{{kind}} {{code}}"),
                Query(per_second("status_spared_total"), "spared"),
            ),
            width=8,
            may_be_empty="nothing has been written yet",
        ),
        Panel(
            "Kubernetes Events",
            "ops",
            "Written, and left out because there were too many at once; what they would say is in the status all the same.",
            (
                Query(per_second("events_total"), "written"),
                Query(per_second("events_dropped_total"), "dropped"),
            ),
            width=8,
        ),
    ),
)

_COST = Row(
    "What it costs",
    (
        Panel("CPU", "short", "Cores used, by replica.",
              (Query(per_second("process_cpu_seconds_total", *_POD), _EACH),), width=8),
        Panel("Memory", "bytes", "Resident memory, by replica.",
              (Query(worst("process_resident_memory_bytes", *_POD), _EACH),), width=8),
        Panel("Open files", "short", "Sockets among them, by replica.",
              (Query(worst("process_open_fds", *_POD), _EACH),), width=8),
    ),
)  # fmt: skip

DASHBOARD = Dashboard(
    name="health",
    title="Entresol / Operator health",
    description="Leader and lease, watches, drift, decisions, requests, and cost of the operator's replicas.",
    rows=(_LEADERSHIP, _SIGHT, _DECISIONS, _DEEDS, _COST),
)

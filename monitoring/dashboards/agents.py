"""Agents: how large the cluster is for Entresol, who holds it, and what others take of it."""

from monitoring.model import Dashboard, Panel, Query, Row, Shape
from monitoring.promql import of_all_roles, state, total, worst

_CORES, _BYTES, _UNITS = 'unit="core"', 'unit="byte"', 'unit="integer"'
_HELD = of_all_roles("role_allocated_resources", "resource")
_ALL = state("cluster_resources", "resource")


def _against(title: str, unit: str, match: str, words: str) -> Panel:
    """What roles hold of the resources of one unit, stacked, below what there is."""
    return Panel(
        title,
        unit,
        words,
        (
            Query(state("role_allocated_resources", "role", "resource", match=match), "{{role}} {{resource}}"),
            Query(state("cluster_resources", "resource", match=match), "all {{resource}}", dashed=True),
        ),
        width=8,
        may_be_empty="no agent has such a resource",
    )


_SIZE = Row(
    "The cluster as Entresol counts it",
    (
        Panel("Agents", "short", "Nodes in the books, whatever their state.", (Query(state("agents"), "agents"),),
              Shape.STAT, width=4),
        Panel(
            "Pods of other schedulers",
            "short",
            "Live pods on agents that Entresol did not place: foreign use. What they request is taken off the cluster "
            "before shares are counted.",
            (Query(worst("watched_objects", match='kind="foreignpods"'), "foreign pods"),),
            Shape.STAT,
            width=4,
        ),
        Panel(
            "In use",
            "percentunit",
            "What all roles hold together, over what all shares are fractions of.",
            (Query(f"{_HELD} / ({_ALL} > 0)", "{{resource}}"),),
            Shape.BARS,
            width=16,
            ceiling=1,
        ),
    ),
)  # fmt: skip

_HOLDINGS = Row(
    "Held by role",
    (
        _against(
            "Cores", "short", _CORES, "CPU that each role holds, launches under way and offers included; dashed is all."
        ),
        _against("Memory and storage", "bytes", _BYTES, "The same for what is counted in bytes."),
        _against("Pods and devices", "short", _UNITS, "The same for what is counted in pieces: pods, GPUs."),
    ),
)

_TREND = Row(
    "Free, foreign and running",
    (
        Panel(
            "Free",
            "percentunit",
            "What nobody holds. Free room while placeable work waits is fragmentation, or taints and selectors that keep "
            "the work out; its reason says which.",
            (Query(f"1 - {_HELD} / ({_ALL} > 0)", "{{resource}}"),),
            width=8,
        ),
        Panel(
            "Room of one agent on average",
            "short",
            "Cores that count in shares, per agent. It falls when other schedulers' pods take more, as long as the agents "
            "stay alike.",
            (Query(f"{state('cluster_resources', 'resource', match=_CORES)} / on () group_left () ({state('agents')} > 0)",
                   "{{resource}}"),),
            width=8,
        ),
        Panel(
            "Tasks and pods by state",
            "short",
            "Of the chosen frameworks.",
            (Query(total("framework_tasks", "state"), "{{state}}"),),
            Shape.STACK,
            width=8,
            may_be_empty="there is no work",
        ),
    ),
)  # fmt: skip

_UNDER_WAY = Row(
    "Under way",
    (
        Panel(
            "Decided, not yet seen",
            "short",
            "Launches that are decided but not confirmed, and offers that nobody has answered. Both are held by their "
            "role.",
            (
                Query(state("launches_under_way"), "launches"),
                Query(state("offers"), "offers"),
            ),
        ),
        Panel(
            "Frameworks by role",
            "short",
            "How many frameworks share each role.",
            (Query(state("role_frameworks", "role"), "{{role}}"),),
            Shape.BARS,
        ),
    ),
)

DASHBOARD = Dashboard(
    name="agents",
    title="Entresol / Agents",
    description="Size of the cluster, what each role holds of it, foreign use, and what is free.",
    rows=(_SIZE, _HOLDINGS, _TREND, _UNDER_WAY),
)

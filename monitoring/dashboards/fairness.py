"""Fairness: does every role get what it is entitled to, and what did it get over time?"""

from monitoring.model import Dashboard, Panel, Query, Row, Shape
from monitoring.promql import grown, per_second, state, total

_SHARE_OF_EACH = (
    f"{state('role_allocated_resources', 'role', 'resource')}"
    f" / on (resource) group_left () ({state('cluster_resources', 'resource')} > 0)"
)

_NOW = Row(
    "Shares now",
    (
        Panel(
            "Share against entitlement",
            "percentunit",
            "Plain: the dominant share that each role holds. Dashed: what weighted fairness gives it, given what everyone "
            "holds and wants. A plain line that stays below its dashed one while another is above is a role that waits "
            "for its turn.",
            (
                Query(state("role_dominant_share_ratio", "role"), "{{role}}"),
                Query(state("role_entitlement_ratio", "role"), "{{role}} due", dashed=True),
            ),
            width=16,
            runbook="EntresolRoleStarved",
        ),
        Panel(
            "Dominant resource",
            "percentunit",
            "Of each role, the resource of which it holds the greatest part of the cluster: the one its share is "
            "measured by. Resources that the operator was told to leave out of shares are shown all the same.",
            (Query(f"topk by (role) (1, {_SHARE_OF_EACH}) > 0", "{{role}}: {{resource}}"),),
            Shape.BARS,
            width=8,
            ceiling=1,
            may_be_empty="no role holds anything",
        ),
        Panel(
            "Above or below entitlement",
            "percentunit",
            "Share less entitlement, in parts of the cluster. All at zero is fair. Nothing is taken back from those "
            "above: they fall as their tasks end.",
            (
                Query(
                    f"{state('role_dominant_share_ratio', 'role')} - {state('role_entitlement_ratio', 'role')}",
                    "{{role}}",
                ),
            ),
        ),
        Panel(
            "Frameworks: share against entitlement",
            "percentunit",
            "The same one level down: plain is what a framework holds, dashed its part of its role's entitlement.",
            (
                Query(state("framework_dominant_share_ratio", "framework"), "{{framework}}"),
                Query(state("framework_entitlement_ratio", "framework"), "{{framework}} due", dashed=True),
            ),
        ),
    ),
)

_OVER_TIME = Row(
    "Over time: the ledger",
    (
        Panel(
            "Deficit",
            "s",
            "Share-seconds that each role was short of its entitlement since the ledger began. One second at half of the "
            "cluster too little is half a share-second. The ledger goes on over restarts and changes of the leader.",
            (Query(state("role_deficit_share_seconds_total", "role"), "{{role}}"),),
            width=8,
            runbook="EntresolRoleStarved",
        ),
        Panel(
            "Short of entitlement, lately",
            "percentunit",
            "The mean part of the cluster by which each role was short: how fast its deficit grows.",
            (Query(per_second("role_deficit_share_seconds_total", "role"), "{{role}}"),),
            width=8,
        ),
        Panel(
            "Received of what was due",
            "percentunit",
            "Share-seconds held over share-seconds entitled, in the time shown. More than 1: the role also used what "
            "nobody else wanted, or kept what it held when others came.",
            (
                Query(
                    f"{grown('role_held_share_seconds_total', 'role')}"
                    f" / ({grown('role_entitled_share_seconds_total', 'role')} > 0)",
                    "{{role}}",
                ),
            ),
            Shape.BARS,
            width=8,
            may_be_empty="no role was entitled to anything",
        ),
    ),
)

_CLAIMS = Row(
    "Floors, guarantees and demand",
    (
        Panel(
            "Floors by weight",
            "percentunit",
            "Each role's weight over all weights in play: what it may have even when everybody wants everything.",
            (Query(state("role_floor_ratio", "role"), "{{role}}"),),
            Shape.BARS,
            width=6,
            ceiling=1,
        ),
        Panel(
            "Guarantee unmet",
            "bool_yes_no",
            "Yes: the role has work waiting and holds less than its guarantee.",
            (Query(state("role_guarantee_unmet", "role"), "{{role}}"),),
            Shape.BARS,
            width=6,
            ceiling=1,
            runbook="EntresolGuaranteeUnmet",
        ),
        Panel(
            "All guarantees fit",
            "bool_yes_no",
            "No: the guarantees of all roles together exceed the cluster, so that not all of them can be met.",
            (Query(f"min ({state('role_guarantee_placeable', 'role')})", "fit"),),
            Shape.STAT,
            width=3,
            runbook="EntresolGuaranteeUnmet",
        ),
        Panel(
            "Not counted",
            "s",
            "Time in which no leader kept the ledger; it is in nobody's deficit.",
            (Query(state("ledger_leaderless_seconds_total"), "without a leader"),),
            Shape.STAT,
            width=3,
            runbook="EntresolNoLeader",
        ),
        Panel(
            "Waiting work that could be placed",
            "short",
            "Tasks of each role that wait, are within its limits and would fit some agent.",
            (Query(total("role_placeable_tasks", "role"), "{{role}}"),),
            width=6,
        ),
    ),
)

DASHBOARD = Dashboard(
    name="fairness",
    title="Entresol / Fairness",
    description="Shares against entitlement per role and framework, deficits over time, floors and guarantees.",
    rows=(_NOW, _OVER_TIME, _CLAIMS),
)

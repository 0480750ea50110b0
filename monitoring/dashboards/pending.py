"""Why pending: how much waits, for which reason, for how long, and whether it could ever run."""

from monitoring.model import Dashboard, Panel, Query, Row, Shape
from monitoring.promql import per_second, state, total

NEVER = 'reason="NeverFits"'
_BLOCKED = 'reason!~"NeverFits|NoRoomNow|WaitingForTurn|NotConsidered|Recovering|BackingOff"'

_AT_A_GLANCE = Row(
    "At a glance",
    (
        Panel(
            "Waiting",
            "short",
            "Tasks and pods of the chosen roles that wait, for whatever reason.",
            (Query(f"sum ({state('role_waiting_tasks', 'role')})", "waiting"),),
            Shape.STAT,
            width=5,
        ),
        Panel(
            "Could be placed",
            "short",
            "Of these: within the limits of their role, and some agent could hold them. They wait for room or for their "
            "turn.",
            (Query(f"sum ({state('role_placeable_tasks', 'role')})", "placeable"),),
            Shape.STAT,
            width=5,
        ),
        Panel(
            "Never fit",
            "short",
            "No agent could hold them, even empty. They wait until the task or the cluster changes.",
            (Query(f"{total('waiting_tasks', match=NEVER)} or vector(0)", "never fit"),),
            Shape.STAT,
            width=5,
            runbook="EntresolTasksNeverFit",
        ),
        Panel(
            "Oldest",
            "s",
            "How long the task that has waited longest has waited.",
            (Query(f"max ({state('role_oldest_waiting_seconds', 'role')})", "oldest"),),
            Shape.STAT,
            width=5,
        ),
        Panel(
            "Not served",
            "short",
            "Pods that name Entresol as their scheduler in namespaces that it was told not to serve. Nobody will start "
            "them.",
            (Query(state("unserved_pods"), "pods"),),
            Shape.STAT,
            width=4,
        ),
    ),
)

_WHY = Row(
    "Why",
    (
        Panel(
            "Waiting by reason",
            "short",
            "The reason that the decision itself gave; a Task shows the same word in `status.pending.reason`.",
            (Query(total("waiting_tasks", "reason"), "{{reason}}"),),
            Shape.STACK,
            may_be_empty="nothing waits",
        ),
        Panel(
            "Waiting by framework",
            "short",
            "The same work by whose it is.",
            (Query(total("waiting_tasks", "framework"), "{{framework}}"),),
            Shape.STACK,
            may_be_empty="nothing waits",
        ),
        Panel(
            "Placeable, blocked, or never",
            "short",
            "Placeable work waits for room or its turn, which passes by itself. Blocked work waits for somebody: a limit, "
            "a quota, a suspended framework, a missing role. What never fits waits for another cluster.",
            (
                Query(f"sum ({state('role_placeable_tasks', 'role')})", "placeable"),
                Query(f"{total('waiting_tasks', match=_BLOCKED)} or vector(0)", "blocked"),
                Query(f"{total('waiting_tasks', match=NEVER)} or vector(0)", "never fit"),
            ),
            runbook="EntresolTasksNeverFit",
        ),
        Panel(
            "By framework and reason, now",
            "short",
            "The longest lines first.",
            (Query(f"topk(12, {state('waiting_tasks', 'framework', 'reason')})", "{{framework}}: {{reason}}"),),
            Shape.BARS,
            may_be_empty="nothing waits",
        ),
    ),
)

_HOW_LONG = Row(
    "How long, and for what",
    (
        Panel(
            "Oldest waiting",
            "s",
            "Of each role. A line that rises without end while the role gets its share is a task that is passed over, "
            "because it is large or fits few agents.",
            (Query(state("role_oldest_waiting_seconds", "role"), "{{role}}"),),
        ),
        Panel(
            "Waiting demand in parts of the cluster",
            "percentunit",
            "What each role's waiting work asks, over all that there is. More than 1 cannot run at the same time.",
            (
                Query(
                    f"topk(12, {state('role_waiting_resources', 'role', 'resource')}"
                    f" / on (resource) group_left () ({state('cluster_resources', 'resource')} > 0)) > 0",
                    "{{role}}: {{resource}}",
                ),
            ),
            Shape.BARS,
            may_be_empty="nothing waits",
        ),
        Panel(
            "Granted",
            "ops",
            "Units of work that were given an agent, and those that then had a pod bound or created.",
            (
                Query(per_second("grants_total"), "granted"),
                Query(per_second("launched_total"), "launched"),
            ),
            width=8,
        ),
        Panel(
            "Launches refused by the cluster",
            "ops",
            "By what the API server said no with: a quota, admission, an object that is invalid.",
            (Query(per_second("launches_refused_total", "refusal"), "{{refusal}}"),),
            width=8,
            runbook="EntresolBindErrors",
            may_be_empty="no launch was ever refused",
        ),
        Panel(
            "Attempts that ended",
            "ops",
            "By state. Attempts that are charged count against the task's own limit of failures.",
            (Query(per_second("attempts_ended_total", "state", "charged"), "{{state}} charged={{charged}}"),),
            width=8,
            may_be_empty="no task has ended yet",
        ),
    ),
)

DASHBOARD = Dashboard(
    name="pending",
    title="Entresol / Why pending",
    description="What waits, by reason, framework and age; what could be placed and what never fits.",
    rows=(_AT_A_GLANCE, _WHY, _HOW_LONG),
)

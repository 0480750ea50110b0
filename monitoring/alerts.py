"""The alerts, as rules for Prometheus and as the page that lists them.

An alert says that somebody should look, so each is about an effect: work that does not get what it is due, a process
that does not see, decide or act. Each stands for a page of its name in docs/runbooks, which says what to do.

State comes from the leader alone, and the leader may change: `max by` over everything that names the thing but not the
pod makes one alert of it, which goes on when another pod goes on telling the same. What every replica tells for itself
(the age of its watches) is judged replica by replica. See `promql` for the same rule on dashboards.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from monitoring.model import RUNBOOKS

SCRAPE = "job, namespace"
"""What tells one installation from another, by the usual labels of a scrape."""


@dataclass(frozen=True, slots=True)
class Holds:
    """For how long a thing must be so before somebody is called. A test that cannot wait gives shorter ones."""

    starved: str = "15m"
    unmet: str = "15m"
    drift: str = "1m"
    stale: str = "1m"
    leaderless: str = "2m"
    failing: str = "10m"
    never: str = "30m"
    down: str = "5m"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `hold` is Prometheus' `for`; summary and description may use its templates."""

    name: str
    severity: str
    hold: str
    expr: str
    summary: str
    description: str

    @property
    def runbook(self) -> str:
        """Where to read what to do."""
        return f"{RUNBOOKS}/{self.name}.md"


def alerts(holds: Holds = Holds()) -> tuple[Alert, ...]:
    """All of them: first what tenants feel, then what ails the operator."""
    return (*_of_tenants(holds), *_of_the_operator(holds))


def _of_tenants(holds: Holds) -> Iterator[Alert]:
    yield Alert(
        "EntresolRoleStarved",
        "warning",
        holds.starved,
        _STARVED,
        "Role {{ $labels.role }} is starved",
        "Role {{ $labels.role }} holds {{ $value | humanizePercentage }} of its entitlement although work of it waits that "
        "would fit, while another role holds more than its own entitlement.",
    )
    yield Alert(
        "EntresolGuaranteeUnmet",
        "warning",
        holds.unmet,
        f"max by ({SCRAPE}, role) (entresol_role_guarantee_unmet) > 0",
        "The guarantee of role {{ $labels.role }} is not met",
        "Role {{ $labels.role }} has work waiting and holds less than its guarantee.",
    )
    yield Alert(
        "EntresolTasksNeverFit",
        "info",
        holds.never,
        f"""
sum by ({SCRAPE}, framework) (
  max by ({SCRAPE}, framework, reason) (entresol_waiting_tasks{{reason="NeverFits"}})
) > 0""",
        "Tasks of framework {{ $labels.framework }} fit no agent",
        "{{ $value | humanize }} tasks of framework {{ $labels.framework }} wait although no agent could hold them, even "
        "empty.",
    )


def _of_the_operator(holds: Holds) -> Iterator[Alert]:
    yield Alert(
        "EntresolBindErrors",
        "warning",
        holds.failing,
        _FAILING,
        "Entresol's requests fail",
        "{{ $value | humanizePercentage }} of the requests `{{ $labels.verb }}` by which Entresol starts and ends pods are "
        "refused or lost.",
    )
    yield Alert(
        "EntresolDrift",
        "warning",
        holds.drift,
        f"max by ({SCRAPE}, kind) (entresol_drift_objects) > 0",
        "Entresol's books differ from the cluster",
        "The last audit found {{ $value | humanize }} {{ $labels.kind }} of which Entresol's books do not say what a fresh "
        "list says.",
    )
    yield Alert(
        "EntresolWatchStale",
        "warning",
        holds.stale,
        f"max by ({SCRAPE}, pod, instance, kind) (entresol_watch_age_seconds) > {STALE_SECONDS}",
        "Entresol does not hear of {{ $labels.kind }}",
        "Replica {{ $labels.pod }} ({{ $labels.instance }}) has heard nothing of {{ $labels.kind }} for "
        "{{ $value | humanizeDuration }}.",
    )
    yield Alert(
        "EntresolNoLeader",
        "critical",
        holds.leaderless,
        _vanished("entresol_leader", f"max by ({SCRAPE}) (entresol_leader) < 1"),
        "No replica of Entresol leads",
        "No replica of Entresol leads: nothing that waits is started.",
    )
    yield Alert(
        "EntresolDown",
        "critical",
        holds.down,
        _vanished("entresol_build_info"),
        "Entresol is down",
        "No replica of Entresol answers Prometheus.",
    )


STALE_SECONDS = 100
"""A quiet watch is heard of once a minute, and one that is silent for 75 seconds is opened again, which is a sign of life."""

_SHARE = f"max by ({SCRAPE}, role) (entresol_role_dominant_share_ratio)"
_ENTITLEMENT = f"max by ({SCRAPE}, role) (entresol_role_entitlement_ratio)"

# A fifth less than due, and somebody a twentieth above: one task more or less is no injustice.
_STARVED = f"""
(
  {_SHARE}
    / {_ENTITLEMENT} < 0.8
)
and max by ({SCRAPE}, role) (entresol_role_placeable_tasks) > 0
and on ({SCRAPE}) max by ({SCRAPE}) (
  {_SHARE}
    / {_ENTITLEMENT}
) > 1.05"""

# Gone already (404) and done already (409) are no failures.
_FAILING = f"""
sum by ({SCRAPE}, verb) (rate(entresol_deeds_total{{verb=~"bind|create|delete",code!~"2..|404|409"}}[5m]))
  / sum by ({SCRAPE}, verb) (rate(entresol_deeds_total{{verb=~"bind|create|delete"}}[5m])) > 0.1"""


def _vanished(metric: str, wrong: str = "") -> str:
    """A metric that every replica has is gone, by installation; without a word of it for long, no label is left to say.

    The two windows overlap, so that an alert that changes its labels does not end in between.
    """
    gone = f"""group by ({SCRAPE}) (last_over_time({metric}[1h]))
    unless group by ({SCRAPE}) ({metric})"""
    first = f"{wrong}\nor\n" if wrong else ""
    return f"\n{first}(\n  {gone}\n)\nor absent_over_time({metric}[45m])"


def render(holds: Holds = Holds()) -> str:
    """The rule file."""
    return _HEAD + yaml.dump({"groups": [{"name": "entresol", "rules": _rules(holds)}]}, Dumper=_Plain, width=1000)


_HEAD = "# Written by `python -m monitoring alerts`; a test compares.\n"


class _Plain(yaml.SafeDumper):
    """Keeps the order, and writes what has several lines as such."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _mapping(dumper: yaml.SafeDumper, mapping: dict[str, object]) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", mapping.items())


_Plain.add_representer(str, _text)
_Plain.add_representer(dict, _mapping)


def _rules(holds: Holds) -> list[dict[str, object]]:
    return [
        {
            "alert": alert.name,
            "expr": alert.expr.strip() + ("\n" if "\n" in alert.expr.strip() else ""),
            "for": alert.hold,
            "labels": {"severity": alert.severity},
            "annotations": {
                "summary": alert.summary,
                "description": alert.description,
                "runbook_url": alert.runbook,
            },
        }
        for alert in alerts(holds)
    ]


def page() -> str:
    """The page that lists all alerts, in Markdown."""
    lines = [
        "# Alerts and their runbooks",
        "",
        "<!-- Written by `python -m monitoring runbooks`; a test compares. -->",
        "",
        "The chart installs these rules with `metrics.rules.enabled`; [monitoring](../guide/monitoring.md) says how to",
        "use them without it.",
        "",
        "| alert | severity | after | what it says |",
        "|---|---|---|---|",
    ]
    for alert in alerts():
        words = alert.description.replace("{{ $value | humanizePercentage }}", "…").replace(
            "{{ $value | humanize }}", "…"
        )
        lines.append(f"| [{alert.name}]({alert.name}.md) | {alert.severity} | {alert.hold} | {_spoken(words)} |")
    return "\n".join(lines) + "\n"


def _spoken(words: str) -> str:
    """A description without its templates."""
    parts = words.replace("{{ $labels.", "*").replace(" }}", "*").replace("{{ $value | humanizeDuration*", "…")
    return parts.replace("`*", "*").replace("*`", "*")

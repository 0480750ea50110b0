"""Every alert fires when it should and is silent when it should be, by promtool's own engine."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from devcluster import binaries
from monitoring.alerts import STALE_SECONDS, alerts, render
from monitoring.model import RUNBOOKS
from tests.architecture.repository import ROOT

HEADINGS = ["Meaning", "Impact", "Look", "Act", "False alarm"]
SEVERITIES = {"critical", "warning", "info"}
ALERTS = {alert.name: alert for alert in alerts()}

A = 'job="entresol",namespace="system",pod="a",instance="1:8080"'
B = 'job="entresol",namespace="system",pod="b",instance="2:8080"'
OTHER = 'job="entresol",namespace="elsewhere",pod="c",instance="3:8080"'

Input = dict[str, str]
"""Values of series over time, one a minute, in promtool's notation."""


def roles(at: str = A, **figures: tuple[float, float, float]) -> Input:
    """(share, entitlement, placeable tasks) by role, constant for two hours."""
    found: Input = {}
    for role, values in figures.items():
        names = ("dominant_share_ratio", "entitlement_ratio", "placeable_tasks")
        for name, value in zip(names, values, strict=True):
            found[f'entresol_role_{name}{{role="{role}",{at}}}'] = f"{value}x120"
    return found


def handed_over(metric: str, before: str, after: str) -> Input:
    """One figure that goes on under another pod after eight minutes, and for a minute under both."""
    labels = metric.partition("{")[2].rstrip("}")
    name = metric.partition("{")[0]
    more = f",{labels}" if labels else ""
    return {f"{name}{{{A}{more}}}": before, f"{name}{{{B}{more}}}": after}


@dataclass(frozen=True, slots=True)
class Case:
    """What Prometheus sees, when it is asked, and the alerts that fire then: their labels, but for name and severity."""

    alert: str
    series: Input
    minutes: int
    want: tuple[dict[str, str], ...] = ()


HERE = {"job": "entresol", "namespace": "system"}
THERE = {"job": "entresol", "namespace": "elsewhere"}
HUNGRY = {**HERE, "role": "hungry"}
UNMET = 'entresol_role_guarantee_unmet{role="gold"}'
GOLD = {**HERE, "role": "gold"}
REFUSED = {
    f'entresol_deeds_total{{verb="create",code="201",{A}}}': "0+10x120",
    f'entresol_deeds_total{{verb="create",code="403",{A}}}': "0+5x120",
}

CASES = {
    # --- starved
    "a role below its entitlement while another is above": Case(
        "EntresolRoleStarved", roles(hungry=(0.2, 0.5, 3), hog=(0.8, 0.5, 9)), 20, (HUNGRY,)
    ),
    "not before a quarter of an hour": Case("EntresolRoleStarved", roles(hungry=(0.2, 0.5, 3), hog=(0.8, 0.5, 0)), 14),
    "nothing waits that would fit": Case("EntresolRoleStarved", roles(hungry=(0.2, 0.5, 0), hog=(0.8, 0.5, 0)), 60),
    "nobody is above: the cluster is in pieces": Case(
        "EntresolRoleStarved", roles(hungry=(0.2, 0.5, 3), other=(0.5, 0.5, 0)), 60
    ),
    "one task less than due": Case("EntresolRoleStarved", roles(hungry=(0.45, 0.5, 3), hog=(0.55, 0.5, 0)), 60),
    "who is above is of another installation": Case(
        "EntresolRoleStarved", roles(hungry=(0.2, 0.5, 3)) | roles(OTHER, hog=(0.8, 0.5, 0)), 60
    ),
    "a role that is due nothing and holds nothing": Case(
        "EntresolRoleStarved", roles(idle=(0, 0, 1), hog=(0.8, 0.5, 0)), 60
    ),
    "a hog that is due nothing at all": Case(
        "EntresolRoleStarved", roles(hungry=(0.2, 0.9, 3), hog=(0.8, 0, 0)), 20, (HUNGRY,)
    ),
    "starved through a change of the leader": Case(
        "EntresolRoleStarved",
        {
            series: "_x8 " + values if 'pod="b"' in series else values.replace("x120", "x8 stale")
            for at in (A, B)
            for series, values in roles(at, hungry=(0.2, 0.5, 3), hog=(0.8, 0.5, 9)).items()
        },
        17,
        (HUNGRY,),
    ),
    # --- guarantee
    "a guarantee unmet": Case("EntresolGuaranteeUnmet", {UNMET[:-1] + f",{A}}}": "1x120"}, 16, (GOLD,)),
    "a guarantee met": Case("EntresolGuaranteeUnmet", {UNMET[:-1] + f",{A}}}": "0x120"}, 60),
    "a guarantee met in between": Case("EntresolGuaranteeUnmet", {UNMET[:-1] + f",{A}}}": "1x10 0 1x60"}, 20),
    "unmet through a change of the leader": Case(
        "EntresolGuaranteeUnmet", handed_over(UNMET, "1x8 stale", "_x8 1x60"), 16, (GOLD,)
    ),
    # --- never fits
    "tasks that fit no agent": Case(
        "EntresolTasksNeverFit",
        {f'entresol_waiting_tasks{{framework="t/huge",reason="NeverFits",{A}}}': "2x120"},
        31,
        ({**HERE, "framework": "t/huge"},),
    ),
    "tasks that fit, but not now": Case(
        "EntresolTasksNeverFit", {f'entresol_waiting_tasks{{framework="t/x",reason="NoRoomNow",{A}}}': "2x120"}, 100
    ),
    # --- requests
    "a third of all creations refused": Case("EntresolBindErrors", REFUSED, 16, ({**HERE, "verb": "create"},)),
    "done already is no failure": Case(
        "EntresolBindErrors", {series.replace("403", "409"): values for series, values in REFUSED.items()}, 60
    ),
    "few refusals among many": Case(
        "EntresolBindErrors",
        {series: values if "403" in series else "0+500x120" for series, values in REFUSED.items()},
        60,
    ),
    "statuses do not count": Case(
        "EntresolBindErrors", {f'entresol_deeds_total{{verb="status",code="500",{A}}}': "0+5x120"}, 60
    ),
    "refusals that have ended": Case(
        "EntresolBindErrors",
        {series: values if "201" in series else "0+5x20 100x100" for series, values in REFUSED.items()},
        60,
    ),
    # --- drift
    "drift that an audit found": Case(
        "EntresolDrift", {f'entresol_drift_objects{{kind="pods",{A}}}': "3x4 0x120"}, 3, ({**HERE, "kind": "pods"},)
    ),
    "drift that the next audit does not find": Case(
        "EntresolDrift", {f'entresol_drift_objects{{kind="pods",{A}}}': "3x4 0x120"}, 6
    ),
    "no drift": Case("EntresolDrift", {f'entresol_drift_objects{{kind="pods",{A}}}': "0x120"}, 60),
    # --- watches
    "a watch of a standby that is silent": Case(
        "EntresolWatchStale",
        {
            f'entresol_watch_age_seconds{{kind="pods",{A}}}': "5x60",
            f'entresol_watch_age_seconds{{kind="pods",{B}}}': "0+60x60",
        },
        5,
        ({**HERE, "pod": "b", "instance": "2:8080", "kind": "pods"},),
    ),
    "a quiet kind": Case("EntresolWatchStale", {f'entresol_watch_age_seconds{{kind="nodes",{A}}}': "74x60"}, 30),
    # --- leader
    "two replicas, and none leads": Case(
        "EntresolNoLeader", {f"entresol_leader{{{A}}}": "0x60", f"entresol_leader{{{B}}}": "0x60"}, 3, (HERE,)
    ),
    "one of two leads": Case(
        "EntresolNoLeader", {f"entresol_leader{{{A}}}": "0x60", f"entresol_leader{{{B}}}": "1x60"}, 30
    ),
    "leadership changes hands": Case("EntresolNoLeader", handed_over("entresol_leader", "1x8 0x60", "0x8 1x60"), 12),
    "the only replica is gone": Case("EntresolNoLeader", {f"entresol_leader{{{A}}}": "1x8 stale"}, 12, (HERE,)),
    "one of two installations has no leader": Case(
        "EntresolNoLeader", {f"entresol_leader{{{A}}}": "1x60", f"entresol_leader{{{OTHER}}}": "0x60"}, 3, (THERE,)
    ),
    "nobody was ever heard of": Case("EntresolNoLeader", {"up": "1x60"}, 50, ({},)),
    # --- down
    "all replicas are gone": Case(
        "EntresolDown", {f'entresol_build_info{{version="1",{A}}}': "1x8 stale"}, 15, (HERE,)
    ),
    "gone for longer than labels are remembered": Case(
        "EntresolDown", {f'entresol_build_info{{version="1",{A}}}': "1x8 stale"}, 80, ({},)
    ),
    "one of two replicas is gone": Case(
        "EntresolDown",
        {f'entresol_build_info{{version="1",{A}}}': "1x8 stale", f'entresol_build_info{{version="1",{B}}}': "1x60"},
        30,
    ),
    "an upgrade is rolled out": Case(
        "EntresolDown",
        {f'entresol_build_info{{version="1",{A}}}': "1x8 stale", f'entresol_build_info{{version="2",{B}}}': "_x9 1x60"},
        30,
    ),
    "one of two installations is gone": Case(
        "EntresolDown",
        {
            f'entresol_build_info{{version="1",{A}}}': "1x60",
            f'entresol_build_info{{version="1",{OTHER}}}': "1x8 stale",
        },
        20,
        (THERE,),
    ),
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "alerts.yaml"
    path.write_text(render())
    return path


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([binaries.promtool(), *words], capture_output=True, text=True, check=False)


def test_promtool_finds_nothing_wrong(rules: Path) -> None:
    checked = promtool("check", "rules", rules)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    assert f"{len(ALERTS)} rules found" in checked.stdout


@pytest.mark.parametrize("sentence", CASES)
def test_an_alert(sentence: str, rules: Path, tmp_path: Path) -> None:
    case = CASES[sentence]
    firing = [label_set(case.alert, labels) for labels in case.want]
    told = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}',
                        "eval_time": f"{case.minutes}m",
                        "exp_samples": [{"labels": labels, "value": 1} for labels in firing],
                    }
                ],
            }
        ],
    }
    path = tmp_path / "case.yaml"
    path.write_text(json.dumps(told))
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def label_set(alert: str, labels: dict[str, str]) -> str:
    """The series that Prometheus keeps of an alert that fires."""
    every = {"alertname": alert, "alertstate": "firing", "severity": ALERTS[alert].severity, **labels}
    return "ALERTS{" + ",".join(f'{name}="{value}"' for name, value in every.items()) + "}"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_cases_of_both_kinds(name: str) -> None:
    wanted = {bool(case.want) for case in CASES.values() if case.alert == name}
    assert wanted == {True, False}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_must(name: str) -> None:
    alert = ALERTS[name]
    assert name.startswith("Entresol")
    assert alert.severity in SEVERITIES
    assert re.fullmatch(r"\d+m", alert.hold)
    assert alert.description.endswith(".")
    assert not alert.summary.endswith(".")
    assert alert.runbook == f"{RUNBOOKS}/{name}.md"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_runbook(name: str) -> None:
    page = (ROOT / "docs" / "runbooks" / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == HEADINGS


def test_runbooks_are_of_alerts() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert pages == {*ALERTS, "README"}


def test_a_runbook_names_the_limits_of_the_rules() -> None:
    """Numbers in prose age; these are the ones that would."""
    spoken = {
        "EntresolWatchStale": f"{STALE_SECONDS} seconds",
        "EntresolRoleStarved": "four fifths",
        "EntresolBindErrors": "a tenth",
    }
    for name, words in spoken.items():
        assert words in (ROOT / "docs" / "runbooks" / f"{name}.md").read_text()
    assert ("< 0.8" in ALERTS["EntresolRoleStarved"].expr, "> 0.1" in ALERTS["EntresolBindErrors"].expr) == (True, True)


def test_the_rule_file_is_what_a_reader_expects() -> None:
    read = yaml.safe_load(render())
    assert [rule["alert"] for rule in read["groups"][0]["rules"]] == list(ALERTS)
    assert all(rule["expr"].strip() == ALERTS[rule["alert"]].expr.strip() for rule in read["groups"][0]["rules"])

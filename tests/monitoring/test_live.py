"""Dashboards and alerts against a Prometheus that scrapes a live operator: nothing is empty, and every alert fires once.

One scene goes through four acts, each a fixture that stands on the one before: quiet, busy, cut off, gone. Alerts hold
for two seconds instead of minutes; all else about them is what is shipped.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring import draw
from monitoring.alerts import Holds, alerts, render
from monitoring.catalog import DASHBOARDS
from monitoring.model import Panel, Variable
from monitoring.prometheus import Series, substituted
from monitoring.promql import VARIABLES
from tests.architecture.repository import ROOT
from tests.e2e.patience import eventually, stays
from tests.monitoring.reading import ANY, selectors
from tests.monitoring.scene import ROLES, Scene
from tests.support import chromium

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(420),
    # As everywhere where an API server is stopped: a connection that breaks then is collected at some later time.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BRIEF = Holds(**dict.fromkeys(Holds.__dataclass_fields__, "2s"))
OF_LOAD = {
    "EntresolRoleStarved", "EntresolGuaranteeUnmet", "EntresolTasksNeverFit", "EntresolBindErrors", "EntresolDrift",
}  # fmt: skip
MOST_SERIES = 40
"""More lines than that in a panel nobody can read; the load has six roles."""

PANELS = {f"{page.name}: {panel.title}": panel for page in DASHBOARDS.values() for panel in page.panels}
PAGE = ROOT / "build" / "monitoring.html"


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Agents, and nothing to do."""
    rules = tmp_path_factory.mktemp("rules") / "alerts.yaml"
    rules.write_text(render(BRIEF))
    with Scene(rules) as scene:
        leaders = "sum(entresol_leader) == 1 and count(entresol_leader) == 2"
        eventually("both replicas scraped, and one leads", lambda: scene.prometheus.instant(leaders))
        eventually("what absence had raised has ended", scene.firing, lambda names: not names)
        yield scene


@pytest.fixture(scope="module")
def busy(quiet: Scene) -> Scene:
    """Every kind of trouble that a load can make."""
    quiet.fill()
    quiet.ask_the_standby()
    eventually("alerts of the load", quiet.firing, lambda names: names >= OF_LOAD, seconds=60)
    eventually("starved by the hog", lambda: starved(quiet), lambda roles: roles >= {"analytics", "training"}, 60)
    return quiet


def starved(scene: Scene) -> set[str]:
    return {one["role"] for one in scene.prometheus.alerts() if one["alertname"] == "EntresolRoleStarved"}


@pytest.fixture(scope="module")
def shown(busy: Scene) -> dict[str, list[tuple[Panel, list[Series]]]]:
    """What every panel shows, asked for within one short time."""
    time.sleep(2)  # a rate takes two scrapes of everything that the last act brought
    choices, window = busy.choices(), draw.recent(60, time.time())
    return {
        name: [(panel, busy.prometheus.answers(panel, query, choices, window)) for query in panel.queries]
        for name, panel in PANELS.items()
    }


def test_no_alert_fires_while_all_is_well(quiet: Scene) -> None:
    stays("no alert", quiet.firing, lambda names: not names, seconds=4)


def test_alerts_of_the_load_fire_and_no_others(busy: Scene) -> None:
    assert busy.firing() == OF_LOAD
    assert starved(busy) <= set(ROLES) - {"hog", "giant"}


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_shows_something(name: str, shown: dict[str, list[tuple[Panel, list[Series]]]]) -> None:
    for panel, found in shown[name]:
        assert any(series.is_number for series in found), f"empty: {panel.may_be_empty or 'without an excuse'}"
        assert len(found) <= MOST_SERIES
    assert all(series.labels.get("pod") != "" for _, found in shown[name] for series in found)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_a_variable_offers_something(variable: Variable, busy: Scene) -> None:
    assert busy.prometheus.values(variable, busy.choices())


def test_every_selector_matches(busy: Scene) -> None:
    choices = ANY | busy.choices()
    expressions = [query.expr for panel in PANELS.values() for query in panel.queries]
    expressions += [variable.selector for variable in VARIABLES] + [alert.expr for alert in alerts()]
    asked = {each.text for expr in expressions for each in selectors(expr, choices)}
    assert len(asked) > 50
    assert {text for text in asked if not busy.prometheus.instant(f"count({text})")} == set()


def test_state_comes_from_one_replica_and_process_figures_from_both(busy: Scene) -> None:
    def pods(metric: str) -> int:
        return len(busy.prometheus.instant(f"count by (pod) ({metric})"))

    assert (pods("entresol_role_weight"), pods("entresol_drift_objects")) == (1, 1)
    assert {pods(name) for name in ("entresol_leader", "entresol_watch_age_seconds", "process_open_fds")} == {2}


def test_dashboards_can_be_looked_at(busy: Scene, tmp_path: Path) -> None:
    """The page is left in build/, for people."""
    window = draw.recent(time.time() - busy.began, time.time())
    html = draw.page(draw.Studio(busy.prometheus, busy.choices(), window))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(html)
    assert "Nothing:" not in html
    assert all(panel.title.replace("&", "&amp;") in html for panel in PANELS.values())
    if (obstacle := chromium.obstacle()) is not None:
        pytest.skip(obstacle)
    picture = PAGE.with_suffix(".png")
    chromium.photograph(PAGE, picture, 1440, draw.height())
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000, "a blank page is smaller"


@pytest.fixture(scope="module")
def cut_off(busy: Scene) -> Iterator[tuple[Scene, set[str]]]:
    """The API server stands still: no news, and no lease. Also gives the alerts that fired in this time."""
    busy.cluster.apiserver.pause()
    seen: set[str] = set()
    try:
        yield busy, seen
    finally:
        busy.cluster.apiserver.resume()


def test_a_cluster_that_cannot_be_heard(cut_off: tuple[Scene, set[str]]) -> None:
    scene, seen = cut_off

    def look() -> set[str]:
        seen.update(scene.firing())
        return seen

    eventually("alerts of silence", look, lambda names: names >= {"EntresolNoLeader", "EntresolWatchStale"}, 150, 1.0)
    assert "EntresolDown" not in seen
    scene.cluster.apiserver.resume()
    gone = {"EntresolNoLeader", "EntresolWatchStale"}
    eventually("these alerts end", scene.firing, lambda names: not names & gone, 60)


def test_an_operator_that_is_gone(busy: Scene) -> None:
    for replica in busy.replicas:
        replica.kill()
    want = {"EntresolDown", "EntresolNoLeader"}
    # What failed in the last five minutes is a fact that outlives who did it.
    eventually("alerts of absence alone", lambda: busy.firing() - {"EntresolBindErrors"}, lambda names: names == want)


def test_every_alert_is_provoked_above() -> None:
    provoked = OF_LOAD | {"EntresolNoLeader", "EntresolWatchStale", "EntresolDown"}
    assert {alert.name for alert in alerts()} == provoked
    assert all(substituted(alert.expr, {}) == alert.expr for alert in alerts())

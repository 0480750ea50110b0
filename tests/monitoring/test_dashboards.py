"""What is asked of every dashboard: Grafana's own lint rules, as far as they say something, and some of the house's."""

import json
from itertools import chain
from typing import Any

import pytest

from monitoring import grafana
from monitoring.catalog import DASHBOARDS
from monitoring.model import RUNBOOKS, WIDTH, Dashboard, Panel
from scripts.docs import PAGES
from tests.architecture.repository import ROOT
from tests.monitoring.reading import is_counter, selectors

UNITS = {"bool", "bool_yes_no", "bytes", "ops", "percentunit", "s", "short"}
READ_AS_THEY_ARE = {
    "entresol_role_deficit_share_seconds_total": "what has gathered since the ledger began is what is shown",
    "entresol_ledger_leaderless_seconds_total": "same",
}
OF_PROCESSES = ("entresol_leader", "entresol_build_info")
LARGEST = 60_000  # bytes; a ConfigMap holds all of them together

JSONS: dict[str, dict[str, Any]] = {name: json.loads(grafana.render(page)) for name, page in DASHBOARDS.items()}
PANELS = {f"{page.name}: {panel.title}": panel for page in DASHBOARDS.values() for panel in page.panels}
BUILT = {
    f"{name}: {panel['title']}": panel
    for name, page in JSONS.items()
    for panel in page["panels"]
    if panel["type"] != "row"
}


def test_every_dashboard_is_shipped() -> None:
    shipped = {page for page in PAGES if page.startswith("helm/entresol/files/dashboards/")}
    assert {f"helm/entresol/files/dashboards/{name}.json" for name in DASHBOARDS} == shipped
    assert {path.relative_to(ROOT).as_posix() for path in ROOT.glob("helm/entresol/files/dashboards/*")} == shipped


def test_titles_and_identities_are_unique() -> None:
    assert len(PANELS) == sum(len(list(page.panels)) for page in DASHBOARDS.values())
    assert (
        len({page["uid"] for page in JSONS.values()}) == len({page["title"] for page in JSONS.values()}) == len(JSONS)
    )


@pytest.mark.parametrize("name", JSONS)
def test_a_dashboard_can_be_read_and_not_edited(name: str) -> None:
    page = JSONS[name]
    assert page["editable"] is False
    assert page["title"].startswith("Entresol / ")
    assert page["description"].endswith(".")
    assert page["tags"] == ["entresol"]
    assert len(grafana.render(DASHBOARDS[name])) < LARGEST
    numbers = [panel["id"] for panel in page["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", JSONS)
def test_what_is_looked_at_can_be_chosen(name: str) -> None:
    variables = {each["name"]: each for each in JSONS[name]["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "namespace", "role", "framework"]
    assert variables.pop("datasource")["query"] == "prometheus"
    for variable in variables.values():
        assert variable["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert variable["label"]
        assert variable.get("allValue") == (None if variable["name"] == "job" else ".*")


@pytest.mark.parametrize("where", BUILT)
def test_a_panel_says_what_it_shows(where: str) -> None:
    panel = BUILT[where]
    assert panel["title"]
    assert len(panel["description"]) > 20
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert [target["refId"] for target in panel["targets"]] == list("ABCDEF"[: len(panel["targets"])])
    assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("page", DASHBOARDS.values(), ids=DASHBOARDS)
def test_lines_of_panels_fill_the_grid(page: Dashboard) -> None:
    assert [sum(panel.width for panel in line) for row in page.rows for line in row.lines] == [
        WIDTH for row in page.rows for line in row.lines
    ]


@pytest.mark.parametrize("where", BUILT)
def test_a_panel_lies_where_no_other_does(where: str) -> None:
    page = JSONS[where.partition(":")[0]]
    taken = [
        (column, line)
        for panel in page["panels"]
        for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for line in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("where", PANELS)
def test_a_query_looks_at_what_was_chosen_and_at_nothing_fixed(where: str) -> None:
    for query in PANELS[where].queries:
        chosen = query.expr.count('job="$job",namespace=~"$namespace"')
        assert chosen == query.expr.count("job=") == len(selectors(query.expr))


@pytest.mark.parametrize("where", PANELS)
def test_counters_are_read_as_rates(where: str) -> None:
    found = list(chain.from_iterable(selectors(query.expr) for query in PANELS[where].queries))
    as_is = {each.metric for each in found if is_counter(each.metric) and each.function not in {"rate", "increase"}}
    assert as_is <= set(READ_AS_THEY_ARE)
    assert {each.metric for each in found if each.function and not is_counter(each.metric)} == set()


@pytest.mark.parametrize("where", PANELS)
def test_no_series_carries_the_name_of_a_pod_unless_it_is_about_pods(where: str) -> None:
    """A figure of the leader goes on under another pod when the lease changes hands."""
    panel: Panel = PANELS[where]
    by_pod = [query for query in panel.queries if "pod, instance" in query.expr]
    assert all(query.expr.count("process_") or OF_PROCESSES[0] in query.expr for query in by_pod)
    bare = [
        query
        for query in panel.queries
        if not query.expr.lstrip("(1 -").startswith(("max", "min", "sum", "topk", "count", "histogram_quantile"))
    ]
    assert bare == []


@pytest.mark.parametrize("where", [where for where, panel in PANELS.items() if panel.runbook])
def test_a_runbook_is_linked_and_exists(where: str) -> None:
    links = BUILT[where]["links"]
    assert [link["url"] for link in links] == [f"{RUNBOOKS}/{PANELS[where].runbook}.md"]
    assert (ROOT / "docs" / "runbooks" / f"{PANELS[where].runbook}.md").exists()

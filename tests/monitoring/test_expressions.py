"""Every expression is PromQL, and speaks only of metrics and labels that the product has."""

import re

import pytest

from monitoring.alerts import alerts
from monitoring.catalog import DASHBOARDS
from monitoring.promql import VARIABLES
from tests.monitoring import reading
from tests.monitoring.reading import PROCESS, kept, labels_of, named_labels, parsed, row_of, selectors

QUERIES = {
    f"{page.name}: {panel.title} {number}": query
    for page in DASHBOARDS.values()
    for panel in page.panels
    for number, query in enumerate(panel.queries)
}
EXPRESSIONS = (
    {name: query.expr for name, query in QUERIES.items()}
    | {f"variable {each.name}": each.selector for each in VARIABLES}
    | {alert.name: alert.expr for alert in alerts()}
)


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_metrics_exist(where: str) -> None:
    asked = {each.metric for each in selectors(EXPRESSIONS[where])}
    assert asked
    assert {metric for metric in asked if row_of(metric) is None and metric not in PROCESS} == set()


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_labels_exist(where: str) -> None:
    found = selectors(EXPRESSIONS[where])
    missing = {(each.metric, label) for each in found for label in each.labels if label not in labels_of(each.metric)}
    assert missing == set()
    known = set().union(*(labels_of(each.metric) for each in found))
    assert named_labels(EXPRESSIONS[where]) <= known


@pytest.mark.parametrize("where", QUERIES)
def test_a_legend_names_what_its_series_have(where: str) -> None:
    query = QUERIES[where]
    named = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
    assert named == kept(parsed(query.expr)), "a label left out makes names that are the same"


@pytest.mark.parametrize("name", [alert.name for alert in alerts()])
def test_an_alert_speaks_of_labels_that_it_has(name: str) -> None:
    alert = next(each for each in alerts() if each.name == name)
    spoken = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))
    assert spoken <= kept(parsed(alert.expr))


@pytest.mark.parametrize(
    ("expr", "want"),
    [
        pytest.param("max by (role) (a{role='x'}) / sum(b)", {"role"}, id="an operation keeps the left side's labels"),
        pytest.param(
            "topk by (role) (1, sum by (role, resource) (a))", {"role", "resource"}, id="topk takes none away"
        ),
        pytest.param(
            "histogram_quantile(0.9, sum by (le, verb) (rate(a_bucket[1m])))", {"verb"}, id="a quantile eats le"
        ),
        pytest.param("sum(a) or vector(0)", set(), id="nothing is left"),
    ],
)
def test_reading_labels(expr: str, want: set[str]) -> None:
    assert kept(parsed(expr)) == want


def test_reading_selectors() -> None:
    found = selectors('sum(rate(a_total{job="$job"}[$__rate_interval])) / on (x) max by (role) (b)')
    assert found == [
        reading.Selector("a_total", ("job",), 'a_total{job="x"}', "rate"),
        reading.Selector("b", (), "b"),
    ]
    assert named_labels("sum by (y) (a) / on (x) max by (role) (b)") == {"x", "y", "role"}
    with pytest.raises(ValueError, match="unexpected character"):
        parsed("sum(a{)")

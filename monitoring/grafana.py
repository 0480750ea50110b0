"""A dashboard as Grafana's JSON, by the types of Grafana's own SDK (model of Grafana 11.6; older 11 and newer ones read it).

Everything that is not said here has Grafana's default. The output depends on the description alone, so that a
regenerated file changes only where the description did.
"""

import json
from collections.abc import Iterator
from itertools import count

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DynamicConfigValue,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from monitoring.model import RUNBOOKS, Dashboard, Panel, Query, Row, Shape, Variable
from monitoring.promql import VARIABLES

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_TAG = "entresol"
_LOW, _HIGH = 4, 8  # rows of the grid

_Builder = timeseries.Panel | stat.Panel | bargauge.Panel


def render(page: Dashboard) -> str:
    """The JSON of a dashboard, with a newline at its end."""
    built = (
        dashboard.Dashboard(page.title)
        .uid(f"entresol-{page.name}")
        .description(page.description)
        .tags([_TAG])
        .readonly()
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(_siblings())
        .with_variable(_datasource())
    )
    for variable in VARIABLES:
        built = built.with_variable(_choice(variable))
    numbers = count(1)  # Grafana addresses panels by number, so that a link to one stays good
    for row in page.rows:
        built = _with_row(built, row, numbers)
    return json.dumps(json.loads(JSONEncoder().encode(built.build())), indent=1, sort_keys=True) + "\n"


def _with_row(built: dashboard.Dashboard, row: Row, numbers: Iterator[int]) -> dashboard.Dashboard:
    built = built.with_row(dashboard.Row(row.title).id(next(numbers)))
    for line in row.lines:
        height = _LOW if all(panel.shape is Shape.STAT for panel in line) else _HIGH
        for panel in line:
            built = built.with_panel(_panel(panel).height(height).id(next(numbers)))
    return built


def _panel(panel: Panel) -> _Builder:
    shaped = _shaped(panel)
    shaped.title(panel.title).description(panel.description).unit(panel.unit).span(panel.width).datasource(SOURCE)
    if panel.ceiling is not None:
        shaped.min(0).max(panel.ceiling)
    if panel.may_be_empty:
        shaped.no_value(f"Nothing: {panel.may_be_empty}.")
    if panel.runbook:
        shaped.links([_runbook(panel.runbook)])
    for number, query in enumerate(panel.queries):
        shaped.with_target(_target(query, number, instant=panel.shape.instant))
    return shaped


def _shaped(panel: Panel) -> _Builder:
    match panel.shape:
        case Shape.STAT:
            return stat.Panel().graph_mode(BigValueGraphMode.NONE)
        case Shape.BARS:
            return bargauge.Panel().orientation(VizOrientation.HORIZONTAL)
        case Shape.LINES | Shape.STACK:
            return _lines(panel)


def _lines(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
    shaped = (
        timeseries.Panel()
        .legend(legend.placement(LegendPlacement.BOTTOM))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .show_points(VisibilityMode.NEVER)
    )
    if panel.shape is Shape.STACK:
        shaped.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(40)
    for number, query in enumerate(panel.queries):
        if query.dashed:
            dashes = {"fill": "dash", "dash": [6, 6]}
            shaped.override_by_query(_ref(number), [DynamicConfigValue("custom.lineStyle", dashes)])
    return shaped


def _target(query: Query, number: int, *, instant: bool) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(_ref(number)).expr(query.expr).legend_format(query.legend)
    return target.instant() if instant else target.range()


def _ref(number: int) -> str:
    return chr(ord("A") + number)


def _runbook(alert: str) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(f"Runbook: {alert}").type(DashboardLinkType.LINK)
    return link.url(f"{RUNBOOKS}/{alert}.md").target_blank(True)


def _siblings() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Entresol").type(DashboardLinkType.DASHBOARDS).tags([_TAG])
    return link.as_dropdown(True).include_vars(True).keep_time(True)


def _datasource() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _choice(variable: Variable) -> dashboard.QueryVariable:
    choice = (
        dashboard.QueryVariable(variable.name)
        .label(variable.title)
        .datasource(SOURCE)
        .query(variable.query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )
    if not variable.many:
        return choice
    # `.*` also finds series without the label: a Prometheus without Kubernetes sets no namespace.
    everything = VariableOption(selected=True, text="All", value="$__all")
    return choice.multi(True).include_all(True).all_value(".*").current(everything)

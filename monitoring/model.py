"""What a dashboard is, before it is Grafana's JSON or a drawn page: rows of panels, each with its queries.

One description serves three readers: `grafana` writes the JSON, the live test runs every query against Prometheus, and
`draw` draws the answers. So what was tested and looked at is what is shipped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

RUNBOOKS = "RUNBOOKS"
"""Stands for the base address of the runbooks in everything generated; the chart puts the real one in its place."""

WIDTH = 24
"""Columns of Grafana's grid."""


class Shape(Enum):
    """How answers are shown. LINES and STACK ask for a range of time, STAT and BARS for the newest value alone."""

    LINES = auto()
    STACK = auto()
    STAT = auto()
    BARS = auto()

    @property
    def instant(self) -> bool:
        """Whether only the newest value is asked for."""
        return self in {Shape.STAT, Shape.BARS}


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression with Grafana's variables in it, and the legend of its series with `{{label}}` in it.

    A dashed line is what should be, a plain one what is.
    """

    expr: str
    legend: str = ""
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        unit: Grafana's name of a unit.
        description: what is shown and what to conclude, in words.
        width: of the 24 columns of the grid.
        ceiling: upper end of the axis, when it is known.
        runbook: the alert whose runbook it is linked to.
        may_be_empty: why a healthy cluster may have nothing to show here; empty when it always has.
    """

    title: str
    unit: str
    description: str
    queries: tuple[Query, ...]
    shape: Shape = Shape.LINES
    width: int = 12
    ceiling: float | None = None
    runbook: str = ""
    may_be_empty: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one title."""

    title: str
    panels: tuple[Panel, ...]

    @property
    def lines(self) -> Iterator[list[Panel]]:
        """The panels side by side, as the grid breaks them: each line is as wide as the grid."""
        line: list[Panel] = []
        for panel in self.panels:
            line.append(panel)
            if sum(each.width for each in line) >= WIDTH:
                yield line
                line = []
        if line:
            yield line


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of a dashboard, filled with the values of a label.

    Attributes:
        selector: the series whose label is read.
        many: whether several values, or all, may be chosen.
    """

    name: str
    title: str
    selector: str
    label: str
    many: bool = False

    @property
    def query(self) -> str:
        """As Grafana writes it."""
        return f"label_values({self.selector}, {self.label})"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of rows. `name` is that of its file and, with a prefix, its identity in Grafana."""

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> Iterator[Panel]:
        """All panels, in order."""
        return (panel for row in self.rows for panel in row.panels)

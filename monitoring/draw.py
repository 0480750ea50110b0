"""The dashboards' own queries drawn on one page: `python -m monitoring.draw URL FILE.html [--minutes N]`.

Grafana is not needed to see whether a panel shows what it says. The page is one file with inline SVG, without script,
font or anything else from outside. With `--panel TITLE` one panel is drawn alone, as an SVG file.
"""

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

from monitoring import charts
from monitoring.catalog import DASHBOARDS
from monitoring.charts import COLOURS, Frame, Line
from monitoring.model import Dashboard, Panel, Shape
from monitoring.prometheus import Prometheus, Window
from monitoring.promql import JOB, VARIABLES

EVERYTHING = ".*"
_COLUMN = 56  # pixels
_POINTS = 240
_LOW, _HIGH = 90, 220  # pixels of a chart

_STYLE = """
body { font: 13px "DejaVu Sans", Helvetica, Arial, sans-serif; color: #1f2733; background: #f3f5f8; margin: 20px; width: 1400px }
h1 { font-size: 20px; margin: 26px 0 2px } h2 { font-size: 14px; margin: 16px 0 6px; color: #556 } p { margin: 0; color: #556 }
.row { display: grid; grid-template-columns: repeat(24, 1fr); gap: 8px }
.panel { background: #fff; border: 1px solid #dde2e8; border-radius: 4px; padding: 8px }
h3 { font-size: 12.5px; margin: 0 0 4px }
ul { list-style: none; margin: 4px 0 0; padding: 0; font-size: 10.5px; display: flex; flex-wrap: wrap; gap: 1px 12px }
i { display: inline-block; width: 15px; margin-right: 4px; vertical-align: middle; border-top: 3px solid }
i.dashed { border-top-style: dashed; border-top-width: 2px }
"""


@dataclass(slots=True)
class Palette:
    """Colours of things: what should be has that of what is, and a role has the same on every panel."""

    roles: dict[str, str] = field(default_factory=dict)
    others: dict[tuple[str, ...], str] = field(default_factory=dict)

    def of_panel(self) -> "Palette":
        """One that knows the roles, and nothing else yet."""
        return Palette(self.roles)

    def colour(self, labels: Mapping[str, str]) -> str:
        """The colour of whatever these labels speak of."""
        if set(labels) == {"role"}:
            return self.roles.setdefault(labels["role"], COLOURS[len(self.roles) % len(COLOURS)])
        thing = tuple(sorted(labels.values()))
        return self.others.setdefault(thing, COLOURS[len(self.others) % len(COLOURS)])


@dataclass(frozen=True, slots=True)
class Studio:
    """What is drawn from: whom to ask, what is chosen, which time is shown, and the colours given so far."""

    prometheus: Prometheus
    choices: Mapping[str, str]
    window: Window
    palette: Palette = field(default_factory=Palette)

    def lines(self, panel: Panel) -> Iterator[Line]:
        """What a panel shows."""
        palette = self.palette.of_panel()
        for number, query in enumerate(panel.queries):
            for each in self.prometheus.answers(panel, query, self.choices, self.window):
                # Queries that leave no label differ by their name alone.
                thing = each.labels or {"": str(number)}
                yield Line(each.named(query.legend), each.points, palette.colour(thing), query.dashed)

    def frame(self, panel: Panel, height: int) -> Frame:
        """The frame of a panel that is as wide as the grid says."""
        return Frame(panel.width * _COLUMN, height, self.window.start, self.window.end, panel.unit, panel.ceiling)


def page(studio: Studio) -> str:
    """All dashboards as HTML."""
    html = Element("html", {"lang": "en"})
    head = SubElement(html, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "title").text = "Entresol"
    SubElement(head, "style").text = _STYLE
    body = SubElement(html, "body")
    for dashboard in DASHBOARDS.values():
        _draw(body, dashboard, studio)
    return "<!DOCTYPE html>\n" + tostring(html, encoding="unicode", method="html")


def _draw(body: Element, dashboard: Dashboard, studio: Studio) -> None:
    SubElement(body, "h1").text = dashboard.title
    SubElement(body, "p").text = dashboard.description
    for row in dashboard.rows:
        SubElement(body, "h2").text = row.title
        grid = SubElement(body, "div", {"class": "row"})
        for line in row.lines:
            high = _LOW if _is_low(line) else _HIGH
            for panel in line:
                box = SubElement(grid, "div", {"class": "panel", "style": f"grid-column: span {panel.width}"})
                SubElement(box, "h3", {"title": panel.description}).text = panel.title
                drawn = list(studio.lines(panel))
                box.append(chart(panel, studio.frame(panel, high), drawn))
                if not panel.shape.instant:
                    _legend(box, drawn)


def portrait(studio: Studio, title: str) -> str:
    """One panel as SVG; LookupError for a title that no panel has."""
    panel = next((each for page in DASHBOARDS.values() for each in page.panels if each.title == title), None)
    if panel is None:
        raise LookupError(f"panel must be the title of one, not {title!r}")
    drawn, frame = list(studio.lines(panel)), studio.frame(panel, _HIGH)
    return tostring(charts.titled(chart(panel, frame, drawn), frame, title, drawn), encoding="unicode") + "\n"


def height() -> int:
    """About how many pixels the page is high."""
    pages = list(DASHBOARDS.values())
    titles = 70 * len(pages) + 40 * sum(len(page.rows) for page in pages)
    return titles + sum(
        (_LOW if _is_low(line) else _HIGH) + 62 for page in pages for row in page.rows for line in row.lines
    )


def chart(panel: Panel, frame: Frame, drawn: list[Line]) -> Element:
    """The picture of a panel."""
    if not drawn:
        return charts.nothing(frame, f"Nothing: {panel.may_be_empty or 'no data'}.")
    draw = {Shape.LINES: charts.lines, Shape.STACK: charts.stack, Shape.BARS: charts.bars, Shape.STAT: charts.stat}
    return draw[panel.shape](frame, drawn)


def _is_low(line: list[Panel]) -> bool:
    return all(panel.shape is Shape.STAT for panel in line)


def _legend(box: Element, drawn: list[Line]) -> None:
    listed = SubElement(box, "ul")
    for line in drawn:
        entry = SubElement(listed, "li")
        mark = SubElement(
            entry, "i", {"style": f"border-color: {line.colour}", "class": "dashed" if line.dashed else ""}
        )
        mark.tail = line.name


def everything(prometheus: Prometheus) -> dict[str, str]:
    """The choices of somebody who has chosen nothing: the first job, and all of the rest."""
    jobs = prometheus.values(JOB, {})
    if not jobs:
        raise SystemExit("Prometheus must have scraped Entresol: it knows no series of it")
    return {variable.name: jobs[0] if variable is JOB else EVERYTHING for variable in VARIABLES}


def recent(seconds: float, now: float) -> Window:
    """The last seconds, in as many points as a chart has use for."""
    return Window(now - seconds, now, max(1.0, seconds / _POINTS))


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description="Draw the dashboards on one page.")
    parser.add_argument("url", help="of Prometheus, such as http://127.0.0.1:9090")
    parser.add_argument("file", type=Path, help="the file to write")
    parser.add_argument("--minutes", type=float, default=15, help="how much time to show")
    parser.add_argument("--panel", help="draw this one alone, as SVG")
    told = parser.parse_args()
    prometheus = Prometheus(told.url)
    try:
        studio = Studio(prometheus, everything(prometheus), recent(told.minutes * 60, time.time()))
        told.file.write_text(page(studio) if told.panel is None else portrait(studio, told.panel))
    finally:
        prometheus.close()


if __name__ == "__main__":
    main()

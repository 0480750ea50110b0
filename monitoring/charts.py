"""Small charts as SVG: lines, stacks, bars and single numbers. Pure: data in, elements out.

Whatever comes from outside, such as the name of a role, becomes a text node or nothing.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement

COLOURS = ("#2f6fb7", "#e07b39", "#3c9d6b", "#b2486e", "#7a63b8", "#a58a2a", "#3aa0ad", "#8a5a44", "#5c6f82", "#c2438f")

_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 22, 8, 20
_INK, _GRID = "#39424e", "#e3e7ec"

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """One series to draw: its name, its points, its colour, and whether it says what should be."""

    name: str
    points: Points
    colour: str
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a chart in pixels and what its axes show: a span of time in seconds, values in a unit."""

    width: int
    height: int
    start: float
    end: float
    unit: str
    ceiling: float | None = None

    def x(self, at: float) -> float:
        """Where a moment lies."""
        inner = self.width - _LEFT - _RIGHT
        return _LEFT + inner * (at - self.start) / max(self.end - self.start, 1e-9)


@dataclass(frozen=True, slots=True)
class _Scale:
    frame: Frame
    low: float
    high: float

    def y(self, value: float) -> float:
        inner = self.frame.height - _TOP - _BOTTOM
        return _TOP + inner * (self.high - value) / (self.high - self.low)


def said(value: float, unit: str) -> str:
    """A value as people read it; units are named as Grafana names them."""
    match unit:
        case _ if math.isnan(value):
            return "-"
        case "percentunit":
            return f"{value * 100:.3g} %"
        case "bool_yes_no":
            return "yes" if value else "no"
        case "s":
            return _span(value)
        case "bytes":
            return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))
        case "ops":
            return f"{value:.3g}/s"
        case _:
            return _scaled(value, 1000, ("", "k", "M", "G"))


def lines(frame: Frame, drawn: Sequence[Line]) -> Element:
    """Series over time."""
    scale = _scale(frame, [value for line in drawn for _, value in line.points])
    picture = _ground(frame, scale)
    for line in drawn:
        for run in _unbroken(line.points):
            spots = " ".join(f"{frame.x(at):.1f},{scale.y(value):.1f}" for at, value in run)
            style = {"stroke-dasharray": "5 4", "stroke-width": "1.3"} if line.dashed else {"stroke-width": "1.8"}
            SubElement(picture, "polyline", {"points": spots, "fill": "none", "stroke": line.colour, **style})
    return picture


def stack(frame: Frame, drawn: Sequence[Line]) -> Element:
    """Series over time, one on the other."""
    moments = sorted({at for line in drawn for at, _ in line.points})
    floor = dict.fromkeys(moments, 0.0)
    layers = []
    for line in drawn:
        own = {at: value for at, value in line.points if not math.isnan(value)}
        roof = {at: floor[at] + own.get(at, 0.0) for at in moments}
        layers.append((line, floor, roof))
        floor = roof
    scale = _scale(frame, list(floor.values()))
    picture = _ground(frame, scale)
    for line, low, high in layers:
        upper = [f"{frame.x(at):.1f},{scale.y(high[at]):.1f}" for at in moments]
        lower = [f"{frame.x(at):.1f},{scale.y(low[at]):.1f}" for at in reversed(moments)]
        style = {"fill": line.colour, "fill-opacity": "0.45", "stroke": line.colour, "stroke-width": "0.6"}
        SubElement(picture, "polygon", {"points": " ".join(upper + lower), **style})
    return picture


def bars(frame: Frame, drawn: Sequence[Line]) -> Element:
    """The newest values side by side."""
    picture = _picture(frame)
    most = frame.ceiling or max((abs(line.points[-1][1]) for line in drawn), default=0.0) or 1.0
    step = min(26.0, (frame.height - _TOP) / max(len(drawn), 1))
    half = frame.width * 0.45
    for number, line in enumerate(drawn):
        top = _TOP + number * step
        value = line.points[-1][1]
        length = max(0.0, min(1.0, 0.0 if math.isnan(value) else value / most)) * (frame.width - half - 70)
        _words(picture, half - 8, top + step * 0.62, line.name, anchor="end")
        place = {"x": f"{half:.1f}", "y": f"{top + step * 0.15:.1f}", "width": f"{length:.1f}"}
        SubElement(picture, "rect", {**place, "height": f"{step * 0.66:.1f}", "fill": line.colour})
        _words(picture, half + length + 6, top + step * 0.62, said(value, frame.unit))
    return picture


def stat(frame: Frame, drawn: Sequence[Line]) -> Element:
    """The newest values in large figures."""
    picture = _picture(frame)
    for number, line in enumerate(drawn):
        middle = frame.width * (number + 0.5) / len(drawn)
        words = said(line.points[-1][1], frame.unit)
        _words(picture, middle, frame.height * 0.55, words, anchor="middle", size=28)
        _words(picture, middle, frame.height * 0.85, line.name, anchor="middle")
    return picture


def nothing(frame: Frame, why: str) -> Element:
    """In place of a chart without data."""
    picture = _picture(frame)
    _words(picture, frame.width / 2, frame.height / 2, why, anchor="middle")
    return picture


def titled(picture: Element, frame: Frame, title: str, drawn: Sequence[Line]) -> Element:
    """A chart that stands alone: with its title above and its legend below, on white."""
    below = frame.height + 44
    whole = Element("svg", {**picture.attrib, "viewBox": f"0 0 {frame.width} {below + 24}", "width": str(frame.width)})
    SubElement(whole, "rect", {"width": "100%", "height": "100%", "fill": "#fff"})
    _words(whole, 12, 20, title, size=13)
    moved = SubElement(whole, "g", {"transform": "translate(0 28)"})
    moved.extend(picture)
    x = float(_LEFT)
    for line in drawn:
        style = {"stroke": line.colour, "stroke-width": "2"} | ({"stroke-dasharray": "5 3"} if line.dashed else {})
        SubElement(
            whole, "line", {"x1": f"{x:.0f}", "x2": f"{x + 18:.0f}", "y1": str(below), "y2": str(below), **style}
        )
        _words(whole, x + 23, below + 4, line.name)
        x += 42 + 6.6 * len(line.name)
    return whole


def _picture(frame: Frame) -> Element:
    size = {"width": "100%", "viewBox": f"0 0 {frame.width} {frame.height}", "xmlns": "http://www.w3.org/2000/svg"}
    return Element("svg", {**size, "font-family": "DejaVu Sans, Helvetica, Arial, sans-serif"})


def _ground(frame: Frame, scale: _Scale) -> Element:
    """The axes with their ticks."""
    picture = _picture(frame)
    for tick in _ticks(scale.low, scale.high, max(2, frame.height // 45), 1024 if frame.unit == "bytes" else 1000):
        y = scale.y(tick)
        ends = {"x1": str(_LEFT), "x2": str(frame.width - _RIGHT), "y1": f"{y:.1f}", "y2": f"{y:.1f}"}
        SubElement(picture, "line", {**ends, "stroke": _INK if tick == 0 else _GRID, "stroke-width": "0.8"})
        _words(picture, _LEFT - 6, y + 3.5, said(tick, frame.unit), anchor="end")
    for tick in _ticks(0, frame.end - frame.start, max(2, frame.width // 130)):
        _words(picture, frame.x(frame.start + tick), frame.height - 5, said(tick, "s"), anchor="middle")
    return picture


def _words(picture: Element, x: float, y: float, words: str, *, anchor: str = "start", size: int = 11) -> None:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor, "font-size": str(size), "fill": _INK}
    SubElement(picture, "text", place).text = words


def _scale(frame: Frame, values: Sequence[float]) -> _Scale:
    known = [value for value in values if math.isfinite(value)]
    low = min(0.0, *known) if known else 0.0
    high = frame.ceiling if frame.ceiling is not None else max(0.0, *known) if known else 1.0
    if high - low < 1e-12:
        high = low + 1.0
    room = 0.06 * (high - low)
    return _Scale(frame, low - (room if low < 0 else 0.0), high + room)


def _unbroken(points: Points) -> Iterator[list[tuple[float, float]]]:
    """The stretches of a series without a hole: a hole is three usual steps long."""
    known = [point for point in points if math.isfinite(point[1])]
    steps = sorted(after[0] - before[0] for before, after in pairwise(known))
    longest = 3 * steps[len(steps) // 2] if steps else 0.0
    run: list[tuple[float, float]] = []
    for point in known:
        if run and point[0] - run[-1][0] > longest:
            yield run
            run = []
        run.append(point)
    if run:
        yield run


def _ticks(low: float, high: float, number: int, thousand: int = 1000) -> list[float]:
    """Round values in a range, as they are round in units that are each so many of the next smaller one."""
    unit = float(thousand) ** max(0, math.floor(math.log(max(high, 1.0), thousand) + 1e-9))
    rough = (high - low) / unit / number
    base = 10.0 ** math.floor(math.log10(rough))
    step = unit * next(base * each for each in (1, 2, 2.5, 5, 10) if base * each >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [step * each for each in range(first, math.floor(high / step + 1e-9) + 1)]


def _scaled(value: float, base: int, names: Sequence[str]) -> str:
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value /= base
        power += 1
    return f"{value:.3g} {names[power]}".strip()


def _span(seconds: float) -> str:
    size = abs(seconds)
    if size == 0:
        return "0"
    if size < 1:
        return f"{seconds * 1000:.3g} ms"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if size < limit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 86_400:.3g} d"

"""The drawing of charts: values as people read them, round ticks, holes that stay holes, and names that stay names."""

import math
from xml.etree.ElementTree import fromstring, tostring

import pytest

from monitoring import charts
from monitoring.charts import Frame, Line, said
from monitoring.draw import Palette
from monitoring.prometheus import Series, Window, substituted

FRAME = Frame(600, 200, 0.0, 60.0, "short")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("value", "unit", "want"),
    [
        pytest.param(0.333, "percentunit", "33.3 %", id="a part"),
        pytest.param(0.0042, "s", "4.2 ms", id="milliseconds"),
        pytest.param(600.0, "s", "10 min", id="minutes"),
        pytest.param(3.0 * 86_400, "s", "3 d", id="days"),
        pytest.param(0.0, "s", "0", id="no time"),
        pytest.param(1.5 * 2**30, "bytes", "1.5 GiB", id="bytes"),
        pytest.param(12_345.0, "short", "12.3 k", id="thousands"),
        pytest.param(0.5, "ops", "0.5/s", id="a rate"),
        pytest.param(1.0, "bool_yes_no", "yes", id="yes"),
        pytest.param(math.nan, "short", "-", id="no number"),
    ],
)
def test_values_are_said_as_people_read_them(value: float, unit: str, want: str) -> None:
    assert said(value, unit) == want


@pytest.mark.parametrize(
    ("frame", "values", "want"),
    [
        pytest.param(FRAME, (0.0, 100.0), ["0", "50", "100"], id="from zero"),
        pytest.param(FRAME, (-0.5, 0.5), ["-0.5", "0", "0.5"], id="around zero"),
        pytest.param(FRAME, (0.0,), ["0", "0.5", "1"], id="nothing but zero"),
        pytest.param(FRAME, (math.nan,), ["0", "0.5", "1"], id="nothing but no number"),
        pytest.param(
            Frame(600, 200, 0.0, 60.0, "bytes"), (0.0, 2**31), ["0 B", "1 GiB", "2 GiB"], id="bytes in powers of two"
        ),
    ],
)
def test_ticks_are_round(frame: Frame, values: tuple[float, ...], want: list[str]) -> None:
    drawn = charts.lines(frame, [Line("a", [(float(at), value) for at, value in enumerate(values)], "#000")])
    ticks = [element.text for element in drawn.iter("text") if element.get("text-anchor") == "end"]
    assert [tick for tick in want if tick not in ticks] == []


def test_a_hole_in_a_series_is_not_bridged() -> None:
    points = [(float(at), 1.0) for at in (*range(10), *range(40, 50))]
    assert len(list(charts.lines(FRAME, [Line("a", points, "#000")]).iter("polyline"))) == 2


def test_what_is_not_a_number_is_left_out() -> None:
    drawn = charts.lines(FRAME, [Line("a", [(0.0, 1.0), (1.0, math.nan), (2.0, 1.0)], "#000")])
    assert "nan" not in tostring(drawn, encoding="unicode")


def test_a_stack_adds_up() -> None:
    drawn = charts.stack(FRAME, [Line("a", [(0.0, 30.0), (60.0, 30.0)], "#000"), Line("b", [(0.0, 70.0)], "#111")])
    ticks = [element.text for element in drawn.iter("text")]
    assert "100" in ticks
    assert len(list(drawn.iter("polygon"))) == 2


def test_names_from_outside_are_text() -> None:
    hostile = '<script>alert("x")</script>'
    drawn = charts.bars(FRAME, [Line(hostile, [(0.0, 1.0)], "#000")])
    whole = fromstring(tostring(charts.titled(drawn, FRAME, hostile, []), encoding="unicode"))
    assert {element.tag for element in whole.iter()} == {f"{SVG}{tag}" for tag in ("svg", "rect", "g", "text")}
    assert [element.text for element in whole.iter(f"{SVG}text")].count(hostile) == 2


def test_a_role_has_one_colour_on_all_panels() -> None:
    page = Palette()
    colours = [page.of_panel().colour({"role": name}) for name in ("a", "b", "a")]
    assert colours[0] == colours[2] != colours[1]
    assert page.of_panel().colour({"role": "a", "resource": "cpu"}) == page.of_panel().colour({"kind": "pods"})


def test_variables_are_put_in() -> None:
    choices = {"job": "x", "role": ".*", **Window(0, 60, 1).choices}
    asked = substituted('rate(a{job="$job",role=~"${role}"}[$__rate_interval]) / b[$__range]', choices)
    assert asked == 'rate(a{job="x",role=~".*"}[15s]) / b[60s]'
    with pytest.raises(KeyError):
        substituted("$unknown", choices)


def test_a_series_is_named_by_its_legend() -> None:
    series = Series({"role": "a", "kind": "b"}, ((0.0, math.nan), (1.0, 2.0)))
    assert series.named("{{role}} of {{kind}} {{none}}") == "a of b"
    assert (series.newest, series.is_number) == (2.0, True)
    assert not Series({}, ((0.0, math.nan),)).is_number

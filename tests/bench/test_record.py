"""A record keeps every value, and its aims say plainly whether they are reached."""

import json
import math
from pathlib import Path

import pytest

from tests.bench.record import Aim, Record, shown, table

AIMS = {
    "above a lower bound": (Aim("x", 3.1, at_least=3.0), True),
    "on a lower bound": (Aim("x", 3.0, at_least=3.0), True),
    "below a lower bound": (Aim("x", 2.9, at_least=3.0), False),
    "below an upper bound": (Aim("x", 0.4, at_most=0.45), True),
    "above an upper bound": (Aim("x", 0.5, at_most=0.45), False),
    "an upper bound of zero": (Aim("x", 1, at_most=0), False),
    "not measured": (Aim("x", None, at_least=3.0), None),
}
WORDS = {True: "reached", False: "NOT reached", None: "not measured"}


@pytest.mark.parametrize(("aim", "want_reached"), AIMS.values(), ids=AIMS)
def test_an_aim(aim: Aim, want_reached: bool | None) -> None:
    assert aim.reached is want_reached
    assert str(aim).startswith(f"{WORDS[want_reached]} ")


@pytest.mark.parametrize("bounds", [{}, {"at_least": 1.0, "at_most": 2.0}], ids=["none", "two"])
def test_an_aim_has_one_bound(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must have either"):
        Aim("x", 1.0, **bounds)


def filled(folder: Path) -> Record:
    record = Record("demo", folder)
    for rate in (900.0, 1100.0, 1000.0):
        record.round("ours", {"rate": rate})
    record.round("theirs", {"rate": 400.0, "memory": 265.0})
    record.round("theirs", {"rate": 600.0})
    return record


def test_medians_are_over_the_rounds_that_have_the_value(tmp_path: Path) -> None:
    record = filled(tmp_path)
    assert record.medians() == {"ours": {"rate": 1000.0}, "theirs": {"rate": 500.0, "memory": 265.0}}


def test_a_quotient_is_of_medians_and_is_none_when_one_is_missing(tmp_path: Path) -> None:
    record = filled(tmp_path)
    assert record.quotient("rate", "ours", "theirs") == 2.0
    assert record.quotient("memory", "theirs", "ours") is None
    assert record.quotient("rate", "ours", "nobody") is None


def test_what_is_written_holds_all_that_was_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = filled(tmp_path)
    record.ratio("ours_vs_theirs", record.quotient("rate", "ours", "theirs"))
    record.note("on a quiet machine")
    record.extra("curve", [1, 2])
    path = record.finish([Aim("ours against theirs", 2.0, at_least=3.0)])
    written = json.loads(path.read_text())
    assert path == tmp_path / "demo.json"
    assert [one["rate"] for one in written["rounds"]["ours"]] == [900.0, 1100.0, 1000.0]
    assert written["ratios"] == {"ours_vs_theirs": 2.0}
    assert (written["notes"], written["extra"]) == (["on a quiet machine"], {"curve": [1, 2]})
    assert written["aims"][0]["reached"] is False
    assert {"cpus", "cpu_model", "memory_mib", "kernel"} <= written["machine"].keys()
    assert {"python", "kubernetes", "etcd", "entresol", "aiohttp", "msgspec", "numpy"} <= written["versions"].keys()
    assert "NOT reached   ours against theirs: 2 (at least 3)" in capsys.readouterr().out


def test_a_value_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be finite; of ours these are not: settled"):
        Record("demo", tmp_path).round("ours", {"rate": 1.0, "settled": math.nan})


def test_a_table_has_a_dash_where_a_contender_has_no_value() -> None:
    lines = table({"ours": {"rate": 1000.0}, "theirs": {"rate": 12.345, "memory": 265.0}}, {"ours": 3, "theirs": 1})
    assert [line.split() for line in lines] == [
        ["ours", "theirs"],
        ["rounds", "3", "1"],
        ["rate", "1,000", "12.3"],
        ["memory", "-", "265"],
    ]


FIGURES = {1234.5: "1,234", 3.0: "3", 0.4512: "0.451", 0.0: "0"}


@pytest.mark.parametrize(("value", "want_text"), FIGURES.items())
def test_a_figure_has_the_digits_it_deserves(value: float, want_text: str) -> None:
    assert shown(value) == want_text

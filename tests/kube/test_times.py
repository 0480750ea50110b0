"""Times and lengths of time, between text and seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.kube.times import format_time, format_time_exactly, parse_duration, parse_time

LAST_SECOND = 253402300799

TIMES = {
    "as objects carry it": ("2026-03-01T12:00:00Z", 1772366400.0),
    "as Events carry it": ("2026-03-01T12:00:00.250000Z", 1772366400.25),
    "with another zone": ("2026-03-01T13:00:00+01:00", 1772366400.0),
    "an empty text is no time": ("", None),
    "nor is a time without a zone": ("2026-03-01T12:00:00", None),
    "nor a word": ("yesterday", None),
    "nor a thirteenth month": ("2026-13-01T12:00:00Z", None),
}


@pytest.mark.parametrize(("text", "want"), TIMES.values(), ids=TIMES.keys())
def test_reading_a_time(text: str, want: float | None) -> None:
    assert parse_time(text) == want


@given(st.integers(0, LAST_SECOND))
def test_seconds_survive(at: int) -> None:
    assert parse_time(format_time(at)) == at


@given(st.integers(0, LAST_SECOND), st.integers(0, 63))
def test_exact_times_survive_and_plain_ones_are_cut_off(at: int, parts: int) -> None:
    exact = at + parts / 64
    read = parse_time(format_time_exactly(exact))
    assert read is not None
    assert abs(read - exact) < 1e-5
    assert parse_time(format_time(exact)) == at


DURATIONS = {
    "seconds": ("90", 90.0),
    "seconds with a unit": ("90s", 90.0),
    "minutes": ("5m", 300.0),
    "hours": ("1h", 3600.0),
    "days": ("2d", 172800.0),
    "several parts": ("1h30m10s", 5410.0),
    "spaces around it": (" 5m ", 300.0),
    "a year": ("365d", 31536000.0),
    "more than a year": ("366d", None),
    "nothing": ("0", None),
    "no time at all": ("0s", None),
    "empty": ("", None),
    "below zero": ("-5m", None),
    "a fraction": ("1.5h", None),
    "an unknown unit": ("5w", None),
    "a word": ("long", None),
    "a unit alone": ("m", None),
    "absurdly many digits": ("9" * 1000 + "s", None),
    "digits of another script": ("٣", None),
}


@pytest.mark.parametrize(("text", "want"), DURATIONS.values(), ids=DURATIONS.keys())
def test_reading_a_length_of_time(text: str, want: float | None) -> None:
    assert parse_duration(text) == want

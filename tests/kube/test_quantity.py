"""Quantities: exact reading into canonical integers, rounding up, and writing back."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.kube.quantity import MAX_UNITS, format_quantity, parse_quantity

READ = {
    "a core is a thousand thousandths": ("cpu", "1", 1000),
    "thousandths stay as they are": ("cpu", "250m", 250),
    "half a core": ("cpu", "0.5", 500),
    "a leading dot is a number": ("cpu", ".1", 100),
    "a trailing dot is a number": ("cpu", "2.", 2000),
    "less than a thousandth is rounded up": ("cpu", "100u", 1),
    "nano cores of a usage figure are rounded up": ("cpu", "1000001n", 2),
    "an integer of a custom resource": ("cpu", 3, 3000),
    "a leading plus is allowed": ("cpu", "+2", 2000),
    "a negative zero is zero": ("cpu", "-0", 0),
    "binary memory": ("memory", "64Mi", 64 * 2**20),
    "a fraction of a binary unit": ("memory", "1.5Gi", 3 * 2**29),
    "decimal memory": ("memory", "1G", 10**9),
    "kilo is a small k": ("memory", "5k", 5000),
    "milli bytes, as some clients send them, are rounded up": ("memory", "128974848100m", 128974849),
    "an exponent": ("memory", "12e6", 12_000_000),
    "a capital exponent is not exa": ("memory", "1E3", 1000),
    "a capital E alone is exa": ("memory", "1E", 10**18),
    "a negative exponent": ("memory", "1500e-3", 2),
    "whole devices": ("nvidia.com/gpu", "8", 8),
    "half a device takes a whole one": ("nvidia.com/gpu", "500m", 1),
    "pods": ("pods", "110", 110),
    "more than can be expressed is the most that can": ("memory", "9Ei", MAX_UNITS),
    "the same in thousandths": ("cpu", "1e30", MAX_UNITS * 1000),
    "an absurd exponent costs nothing": ("memory", "1e999999999", MAX_UNITS),
    "an absurd negative exponent still counts": ("memory", "1e-999999999", 1),
    "zero times anything is zero": ("memory", "0e999999999", 0),
}


@pytest.mark.parametrize(("resource", "text", "want_amount"), READ.values(), ids=READ.keys())
def test_reads(resource: str, text: str | int, want_amount: int) -> None:
    """A quantity becomes the integer that Kubernetes means by it, never less."""
    assert parse_quantity(resource, text) == want_amount


MUST_BE_A_NUMBER = "must be a number with an optional suffix"

REFUSED = {
    "nothing": ("", MUST_BE_A_NUMBER),
    "a suffix alone": ("Gi", MUST_BE_A_NUMBER),
    "a dot alone": (".", MUST_BE_A_NUMBER),
    "a sign alone": ("-", MUST_BE_A_NUMBER),
    "two signs": ("+-1", MUST_BE_A_NUMBER),
    "two dots": ("1.2.3", MUST_BE_A_NUMBER),
    "an unknown suffix": ("1GB", MUST_BE_A_NUMBER),
    "a capital kilo": ("1K", MUST_BE_A_NUMBER),
    "a small binary suffix": ("1ki", MUST_BE_A_NUMBER),
    "a space": ("1 Gi", MUST_BE_A_NUMBER),
    "a trailing line break": ("1\n", MUST_BE_A_NUMBER),
    "an exponent with a suffix": ("1e3k", MUST_BE_A_NUMBER),
    "a broken exponent": ("1e1.5", MUST_BE_A_NUMBER),
    "digits of another script": ("٣", MUST_BE_A_NUMBER),
    "infinity": ("inf", MUST_BE_A_NUMBER),
    "a hexadecimal number": ("0x10", MUST_BE_A_NUMBER),
    "an endless number": ("1" * 65, MUST_BE_A_NUMBER),
    "less than nothing": ("-1", "must be zero or more"),
}


@pytest.mark.parametrize(("text", "want_message"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses_in_words(text: str, want_message: str) -> None:
    """What is no amount is refused with a message that says what is allowed."""
    with pytest.raises(ValueError, match=want_message):
        parse_quantity("memory", text)


WRITTEN = {
    "whole cores have no suffix": ("cpu", 2000, "2"),
    "broken cores are thousandths": ("cpu", 1500, "1500m"),
    "no cpu": ("cpu", 0, "0"),
    "memory takes the largest suffix that divides": ("memory", 2 * 2**30, "2Gi"),
    "memory that no suffix divides": ("memory", 1001, "1001"),
    "storage is written like memory": ("ephemeral-storage", 3 * 2**20, "3Mi"),
    "huge pages are written like memory": ("hugepages-2Mi", 2**31, "2Gi"),
    "no memory": ("memory", 0, "0"),
    "devices are counted": ("nvidia.com/gpu", 1024, "1024"),
}


@pytest.mark.parametrize(("resource", "amount", "want_text"), WRITTEN.values(), ids=WRITTEN.keys())
def test_writes(resource: str, amount: int, want_text: str) -> None:
    """An amount is written the way people write it."""
    assert format_quantity(resource, amount) == want_text


def test_a_negative_amount_is_not_written() -> None:
    """Amounts are never negative; writing one is a mistake of the caller."""
    with pytest.raises(ValueError, match="must be zero or more"):
        format_quantity("cpu", -1)


resources = st.sampled_from(["cpu", "memory", "ephemeral-storage", "hugepages-1Gi", "pods", "nvidia.com/gpu"])
SCALES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9}


@given(resources, st.integers(0, MAX_UNITS))
def test_what_is_written_reads_back(resource: str, amount: int) -> None:
    """Writing and reading an amount changes nothing."""
    assert parse_quantity(resource, format_quantity(resource, amount)) == amount


@given(st.decimals(0, 10**6, places=4), st.sampled_from(list(SCALES)))
def test_reading_is_exact_and_rounds_up(number: Decimal, suffix: str) -> None:
    """The amount is the smallest integer not below the exact value, for any decimal number and scale."""
    exact = Fraction(number) * Fraction(10) ** SCALES[suffix]
    amount = parse_quantity("memory", f"{number:f}{suffix}")
    assert amount - 1 < exact <= amount


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_reading_keeps_order(one: int, other: int) -> None:
    """A larger quantity never reads as a smaller amount."""
    low, high = sorted((one, other))
    assert parse_quantity("cpu", f"{low}u") <= parse_quantity("cpu", f"{high}u")

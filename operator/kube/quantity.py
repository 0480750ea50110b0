"""Kubernetes quantities, read exactly into integers and written back.

A quantity is a decimal number with a scale: a binary suffix (Ki to Ei), a decimal one (n to E) or an
exponent. Amounts in Entresol are integers in one canonical unit per resource: thousandths for `cpu`, whole
units (bytes, devices, pods) for everything else. What does not divide evenly is rounded up, so that nobody
holds more than is counted. No floating point takes part: 0.1 has no exact one.

Like the API server, anything above 2^63-1 whole units counts as 2^63-1.
"""

import re
from functools import lru_cache

CPU = "cpu"

MAX_UNITS = 2**63 - 1
"""The largest number of whole units that Kubernetes itself can express."""

_MAX_LENGTH = 64
_SHAPE = re.compile(r"([+-]?)([0-9]*)\.?([0-9]*)(?:([numkMGTPE]?|[KMGTPE]i)|[eE]([+-]?[0-9]+))", re.ASCII)
_DIGIT = re.compile(r"\.?[0-9]", re.ASCII)
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BYTES = ("memory", "ephemeral-storage")
_HUGE_PAGES = "hugepages-"


def parse_quantity(resource: str, value: str | int) -> int:
    """Return `value` in the canonical unit of `resource`, rounded up.

    Raises ValueError, in words that say what is allowed, for anything that Kubernetes would not take as an
    amount of a resource; amounts below zero are among that.
    """
    return _parse(str(value), _scale(resource))


def format_quantity(resource: str, amount: int) -> str:
    """Return a canonical amount (zero or more) as the shortest exact quantity of the kind people write.

    CPU is written in whole cores or thousandths, memory and storage with a binary suffix where one divides
    evenly, everything else as a plain number. Reading the result gives `amount` again.
    """
    if amount < 0:
        raise ValueError(f"amount must be zero or more, not {amount}")
    if resource == CPU:
        cores, thousandths = divmod(amount, 1000)
        return f"{amount}m" if thousandths else str(cores)
    if resource in _BYTES or resource.startswith(_HUGE_PAGES):
        for suffix, shift in reversed(_BINARY.items()):
            if amount and not amount & ((1 << shift) - 1):
                return f"{amount >> shift}{suffix}"
    return str(amount)


def _scale(resource: str) -> int:
    """Decimal places kept for a resource."""
    return 3 if resource == CPU else 0


@lru_cache(maxsize=4096)  # a cluster uses few distinct quantities, and reads each of them per event
def _parse(text: str, places: int) -> int:
    match = _SHAPE.fullmatch(text)
    if match is None or len(text) > _MAX_LENGTH or not _DIGIT.match(text.lstrip("+-")):
        shown = text[:_MAX_LENGTH]
        raise ValueError(f"quantity must be a number with an optional suffix, such as 500m, 2 or 4Gi, not {shown!r}")
    sign, whole, fraction, suffix, exponent = match.groups()
    mantissa = int(whole + fraction)
    if mantissa and sign == "-":
        raise ValueError(f"quantity must be zero or more, not {text!r}")
    shift = _BINARY.get(suffix or "", 0)
    tens = int(exponent) if exponent else 0 if shift else _DECIMAL[suffix or ""]
    amount = _scaled(mantissa << shift, _clip(tens) + places - len(fraction))
    return min(amount, _scaled(MAX_UNITS, places))


def _clip(exponent: int) -> int:
    """Bound an exponent where more would change nothing, so that `1e999999999` costs no time and no memory."""
    return max(-2 * _MAX_LENGTH, min(exponent, 2 * _MAX_LENGTH))


def _scaled(number: int, tens: int) -> int:
    """Return number x 10^tens, rounded up."""
    power: int = 10 ** abs(tens)
    return number * power if tens >= 0 else -(-number // power)

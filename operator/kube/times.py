"""Points in time and lengths of time, between text and seconds. Nothing here knows what time it is.

Kubernetes writes times as RFC 3339, to the second in most places and to the microsecond in Events. Inside, a time is
a float: seconds since 1970 in UTC.
"""

import re
from datetime import UTC, datetime

_LONGEST = 365 * 24 * 3600
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:[0-9]{1,9}[dhms])+", re.ASCII)
_PART = re.compile(r"([0-9]+)([dhms])", re.ASCII)
_PLAIN = re.compile(r"[0-9]{1,9}", re.ASCII)


def parse_time(text: str) -> float | None:
    """Seconds since 1970; None for an empty text and for what is no time with a zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.timestamp() if time.tzinfo is not None else None


def format_time(at: float) -> str:
    """A time to the second, cut off rather than rounded so that it never lies in the future."""
    return datetime.fromtimestamp(int(at), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_time_exactly(at: float) -> str:
    """A time to the microsecond (meta/v1 MicroTime, which Events require)."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_duration(text: str) -> float | None:
    """Seconds of a length of time: whole seconds (`90`) or parts with units (`90s`, `5m`, `1h30m`, `2d`).

    None when it is neither, or not between a second and a year: the bounds of `expectedRuntimeSeconds`.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text):
        seconds = int(text)
    elif _DURATION.fullmatch(text):
        seconds = sum(int(count) * _SECONDS[unit] for count, unit in _PART.findall(text))
    else:
        return None
    return float(seconds) if 1 <= seconds <= _LONGEST else None

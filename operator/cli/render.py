"""Tables for people, from the JSON that an operator serves at `/state`. Pure: JSON in, text out."""

from collections.abc import Mapping, Sequence
from typing import Any

_ROLE_HEADS = ("ROLE", "WEIGHT", "SHARE", "ENTITLED", "FLOOR", "OF", "TASKS", "WAITING", "OLDEST")
_NUMBERS = frozenset(("WEIGHT", "SHARE", "ENTITLED", "FLOOR", "TASKS", "WAITING", "OLDEST", "COUNT"))


def shares(state: Mapping[str, Any]) -> str:
    """Who holds how much of the cluster, and what each is entitled to; then what waits, and why."""
    lines = [_head(state)]
    lines += table(_ROLE_HEADS, [_role(role) for role in state["roles"]])
    if state["waiting"]:
        rows = [(one["framework"], one["reason"], str(one["count"])) for one in state["waiting"]]
        lines += ["", *table(("WAITS IN", "BECAUSE OF", "COUNT"), rows)]
    return "\n".join(lines) + "\n"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of even width, numbers to the right, in the manner of kubectl."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    return ["   ".join(_cells(heads, row, widths)).rstrip() for row in (heads, *rows)]


def duration(seconds: float) -> str:
    """A length of time as kubectl writes ages: the two largest units at most."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole}s"
    if whole < 7200:
        return f"{whole // 60}m{whole % 60}s" if whole < 600 else f"{whole // 60}m"
    return f"{whole // 3600}h{whole % 3600 // 60}m" if whole < 86_400 else f"{whole // 86_400}d"


def _head(state: Mapping[str, Any]) -> str:
    said = f"{state['agents']} agents, {state['launches']} launches under way"
    return said if state["ready"] else f"{said}; still listing the cluster, nothing is granted yet"


def _role(role: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        role["name"],
        str(role["weight"]),
        f"{role['share']:.1%}",
        f"{role['entitlement']:.1%}",
        f"{role['floor']:.1%}",
        role["resource"] or "-",
        str(role["held"].get("pods", 0)),
        str(role["waiting"]),
        duration(role["oldestWaitSeconds"]) if role["waiting"] else "-",
    )


def _cells(heads: Sequence[str], row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if head in _NUMBERS else cell.ljust(width)
        for head, cell, width in zip(heads, row, widths, strict=True)
    ]

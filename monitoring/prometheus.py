"""Questions to a Prometheus, and Grafana's variables put in where Grafana would.

Knows the HTTP API and nothing of what is asked.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

import urllib3

from monitoring.model import Panel, Query, Variable

_NAMES = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_SECONDS = 30.0


class QuestionError(Exception):
    """Prometheus refused a question; the message says which, and what it said."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels, and its points as (seconds since the epoch, value)."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def newest(self) -> float:
        """The last value."""
        return self.points[-1][1]

    @property
    def is_number(self) -> bool:
        """Whether any point is a number: a quantile of nothing is none."""
        return not all(isnan(value) for _, value in self.points)

    def named(self, legend: str) -> str:
        """Its name by Grafana's legend."""
        return re.sub(r"\{\{(\w+)\}\}", lambda found: self.labels.get(found[1], ""), legend).strip()


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is shown, in seconds since the epoch, and the seconds between two points."""

    start: float
    end: float
    step: float

    @property
    def choices(self) -> Mapping[str, str]:
        """Grafana's own variables. A rate needs several scrapes in its window."""
        return {"__rate_interval": f"{max(15, round(4 * self.step))}s", "__range": f"{round(self.end - self.start)}s"}


def substituted(expr: str, choices: Mapping[str, str]) -> str:
    """An expression without variables; a name that is not among the choices raises KeyError."""
    return _NAMES.sub(lambda found: choices[found[1] or found[2]], expr)


class Prometheus:
    """One Prometheus, by its address."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(retries=False)

    def close(self) -> None:
        """Forget the connections."""
        self._pool.clear()

    def instant(self, expr: str, at: float | None = None) -> list[Series]:
        """The newest values of an expression, or those of a moment."""
        answer = self._ask("query", {"query": expr} | ({} if at is None else {"time": str(at)}))
        if answer["resultType"] == "scalar":
            return [Series({}, (_point(answer["result"]),))]
        return [Series(found["metric"], (_point(found["value"]),)) for found in answer["result"]]

    def over(self, expr: str, window: Window) -> list[Series]:
        """An expression over time."""
        asked = {"query": expr, "start": str(window.start), "end": str(window.end), "step": str(window.step)}
        found = self._ask("query_range", asked)["result"]
        return [Series(each["metric"], tuple(map(_point, each["values"]))) for each in found]

    def answers(self, panel: Panel, query: Query, choices: Mapping[str, str], window: Window) -> list[Series]:
        """What a panel would be told."""
        expr = substituted(query.expr, {**window.choices, **choices})
        return self.instant(expr, window.end) if panel.shape.instant else self.over(expr, window)

    def values(self, variable: Variable, choices: Mapping[str, str]) -> list[str]:
        """What a variable would offer."""
        asked = {"match[]": substituted(variable.selector, choices)}
        found: list[str] = self._ask(f"label/{variable.label}/values", asked)
        return found

    def alerts(self, state: str = "firing") -> list[dict[str, str]]:
        """The labels of all alerts in a state."""
        return [alert["labels"] for alert in self._ask("alerts", {})["alerts"] if alert["state"] == state]

    def _ask(self, what: str, fields: Mapping[str, str]) -> Any:
        answer = self._pool.request("GET", f"{self._url}/api/v1/{what}", fields=dict(fields), timeout=_SECONDS)
        try:
            told = json.loads(answer.data)
        except ValueError:
            told = {"status": "error", "error": answer.data.decode(errors="replace")}
        if told["status"] != "success":
            raise QuestionError(f"{what} {dict(fields)}: {told['error']}")
        return told["data"]


def _point(pair: tuple[float, str]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])

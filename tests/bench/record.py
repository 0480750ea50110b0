"""What a benchmark found: every round's values, their medians and ratios, and whether the aims are reached.

A record is written to `build/bench/NAME.json` and printed. Figures are told, not judged: whether they may change is the
contract's business (`check.py`). Absolute values belong to one machine; only ratios within one run carry over.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

from devcluster import catalog

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build" / "bench"
LIBRARIES = ("entresol", "aiohttp", "msgspec", "numpy", "kopf", "orjson")


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure to reach. Exactly one of the bounds is given; a value of None was not measured in this run."""

    text: str
    value: float | None
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"aim {self.text!r} must have either at_least or at_most")

    @property
    def reached(self) -> bool | None:
        """Whether the value is within the bound; None when there is no value."""
        if self.value is None:
            return None
        return self.value >= self.at_least if self.at_least is not None else self.value <= (self.at_most or 0.0)

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"

    def __str__(self) -> str:
        verdict = {True: "reached", False: "NOT reached", None: "not measured"}[self.reached]
        return f"{verdict:12}  {self.text}: {shown(self.value)} ({self.bound})"


class Record:
    """One benchmark's figures, in the order in which they were taken."""

    def __init__(self, name: str, folder: Path = RESULTS) -> None:
        self.name = name
        self._folder = folder
        self._taken = datetime.now(UTC)
        self._rounds: dict[str, list[dict[str, float]]] = {}
        self._ratios: dict[str, float | None] = {}
        self._notes: list[str] = []
        self._extra: dict[str, Any] = {}

    def round(self, contender: str, values: Mapping[str, float]) -> None:
        """Keep one round's values, and say them, so that a long benchmark shows where it is.

        Raises ValueError for a value that JSON cannot say: what was not measured is left out.
        """
        if odd := [name for name, value in values.items() if not isfinite(value)]:
            raise ValueError(f"values must be finite; of {contender} these are not: {', '.join(odd)}")
        self._rounds.setdefault(contender, []).append(dict(values))
        said = "  ".join(f"{name} {shown(value)}" for name, value in values.items())
        print(f"{contender}: {said}", flush=True)  # noqa: T201 - a command prints

    def ratio(self, name: str, value: float | None) -> None:
        """Keep a ratio of two contenders of this run; None says that one of them was left out."""
        self._ratios[name] = value

    def note(self, text: str) -> None:
        """Keep a sentence that a reader of the figures must know."""
        self._notes.append(text)

    def extra(self, key: str, value: Any) -> None:
        """Keep anything else that JSON can say, such as a curve."""
        self._extra[key] = value

    def medians(self) -> dict[str, dict[str, float]]:
        """The median of each value of each contender, over the rounds that have it."""
        return {contender: _medians(rounds) for contender, rounds in self._rounds.items()}

    def median(self, contender: str, value: str) -> float | None:
        """One median; None when it was not measured."""
        return self.medians().get(contender, {}).get(value)

    def quotient(self, value: str, above: str, below: str) -> float | None:
        """The median of a value of one contender over that of another; None when either is missing or zero."""
        over, under = self.median(above, value), self.median(below, value)
        return over / under if over is not None and under else None

    def finish(self, show: Sequence[Aim] = ()) -> Path:
        """Write the record and print it with its aims; returns where it was written."""
        path = self._folder / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(show), indent=1) + "\n")
        print(self.page(show), flush=True)  # noqa: T201 - a command prints
        return path

    def as_json(self, aims: Sequence[Aim] = ()) -> dict[str, Any]:
        """Everything, as it is written."""
        return {
            "name": self.name,
            "taken": self._taken.isoformat(timespec="seconds"),
            "commit": commit(),
            "command": " ".join(["python", "-m", f"tests.bench.{Path(sys.argv[0]).stem}", *sys.argv[1:]]),
            "machine": machine(),
            "versions": versions(),
            "rounds": self._rounds,
            "medians": self.medians(),
            "ratios": self._ratios,
            "notes": self._notes,
            "aims": [
                {"text": a.text, "value": a.value, "at_least": a.at_least, "at_most": a.at_most, "reached": a.reached}
                for a in aims
            ],
            **({"extra": self._extra} if self._extra else {}),
        }

    def page(self, aims: Sequence[Aim] = ()) -> str:
        """Medians as a table, then ratios, notes and aims."""
        lines = [f"\n{self.name}: medians", *table(self.medians(), {c: len(r) for c, r in self._rounds.items()})]
        lines += [f"ratio {name}: {shown(value)}" for name, value in self._ratios.items()]
        lines += [f"note: {text}" for text in self._notes]
        return "\n".join([*lines, *map(str, aims)])


def table(medians: Mapping[str, Mapping[str, float]], rounds: Mapping[str, int]) -> list[str]:
    """Lines of a table: a value on each line, a contender in each column."""
    names = list(dict.fromkeys(name for values in medians.values() for name in values))
    wide = max([len(name) for name in names], default=0)
    columns = {contender: max(len(contender), 10) for contender in medians}
    head = "  ".join(f"{contender:>{width}}" for contender, width in columns.items())
    count = "  ".join(f"{rounds[contender]:>{width}}" for contender, width in columns.items())
    lines = [f"{'':{wide}}  {head}", f"{'rounds':{wide}}  {count}"]
    for name in names:
        row = "  ".join(f"{shown(medians[c].get(name)):>{width}}" for c, width in columns.items())
        lines.append(f"{name:{wide}}  {row}")
    return lines


def shown(value: float | None) -> str:
    """A figure with as many digits as it deserves; a dash for none."""
    if value is None:
        return "-"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine() -> dict[str, Any]:
    """What this runs on, as far as it explains figures."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = [line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "cpu_model": models[0] if models else platform.processor(),
        "memory_mib": int(memory[0]) // 1024 if memory else None,
        "kernel": platform.release(),
    }


def versions() -> dict[str, str]:
    """Of everything whose speed shows in the figures."""
    return {
        "python": platform.python_version(),
        "kubernetes": catalog.module_of("kube-apiserver").version,
        "etcd": catalog.module_of("etcd").version,
        **{name: version(name) for name in LIBRARIES},
    }


def commit() -> str:
    """The commit that was measured, with `+` when the work tree differs from it; empty outside of a repository."""
    command = ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def _medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for values in rounds for name in values)
    return {name: median(values[name] for values in rounds if name in values) for name in names}


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []

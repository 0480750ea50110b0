"""The contract on speed and fairness: what each measured ratio may be, and where that range comes from. Pure.

A clause names a probe and one of its values, bounds it, and says what was measured when the bound was set, where, with
which command, and why the margin is as wide as it is. Bounds are ratios within one run or exponents of growth; a time
would be a promise about a machine.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

UNBOUNDED = float("inf")

Rounds = Mapping[str, Sequence[Mapping[str, float]]]
"""What was measured: by probe, a round's values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One promise.

    Attributes:
        probe: what measures it.
        value: which of the probe's values it is about.
        says: what the value is, in words.
        at_least: the lower bound.
        at_most: the upper bound.
        measured: the median when the bounds were set.
        commit: of the product that was measured then.
        command: that measured it.
        margin: why the bounds lie where they lie.
        remedy: what to do when the value leaves its range.
    """

    probe: str
    value: str
    says: str
    at_least: float = -UNBOUNDED
    at_most: float = UNBOUNDED
    measured: float
    commit: str
    command: str
    margin: str
    remedy: str

    def __post_init__(self) -> None:
        if self.at_least == -UNBOUNDED and self.at_most == UNBOUNDED:
            raise ValueError(f"{self.name} must have at_least or at_most")
        if not self.holds(self.measured):
            raise ValueError(f"{self.name}: what was measured, {self.measured:g}, must lie in the range {self.range}")

    @property
    def name(self) -> str:
        """Probe and value."""
        return f"{self.probe}.{self.value}"

    @property
    def range(self) -> str:
        """The bounds in words."""
        bounds = (
            f"≥ {self.at_least:g}" * (self.at_least > -UNBOUNDED),
            f"≤ {self.at_most:g}" * (self.at_most < UNBOUNDED),
        )
        return " and ".join(filter(None, bounds))

    def holds(self, value: float) -> bool:
        """Whether a value lies within the bounds; what is no number does not."""
        return self.at_least <= value <= self.at_most


@dataclass(frozen=True, slots=True)
class Verdict:
    """A clause and what was measured; no number at all when its probe gave none."""

    clause: Clause
    value: float | None
    rounds: int

    @property
    def kept(self) -> bool:
        """Whether the clause holds."""
        return self.value is not None and self.clause.holds(self.value)

    def __str__(self) -> str:
        clause, mark = self.clause, "kept  " if self.kept else "BROKEN"
        value = "no value" if self.value is None else f"{self.value:.3g}"
        line = (
            f"{mark}  {clause.name:34} {value:>8}  {clause.range:18} was {clause.measured:.3g}  ({self.rounds} rounds)"
        )
        return line if self.kept else f"{line}\n        {clause.says}\n        {clause.remedy}"


def read(text: str) -> list[Clause]:
    """The clauses of a contract: `[PROBE.VALUE]` tables in TOML.

    Raises:
        ValueError: a clause has no bound, or one that was not kept when it was set.
        TypeError: a clause lacks a field, or has one that is unknown.
    """
    tables: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(text)
    return [
        Clause(probe=probe, value=value, **fields)
        for probe, values in tables.items()
        for value, fields in values.items()
    ]


def judge(clauses: Iterable[Clause], found: Rounds) -> list[Verdict]:
    """Each clause beside the median of its value over the rounds that were taken of its probe."""
    verdicts = []
    for clause in clauses:
        values = [each[clause.value] for each in found.get(clause.probe, ()) if clause.value in each]
        verdicts.append(Verdict(clause, median(values) if values else None, len(values)))
    return verdicts


def unmentioned(clauses: Iterable[Clause], found: Rounds) -> Iterator[str]:
    """Values that were measured and have no clause: whoever adds one must say what it may be."""
    known = {clause.name for clause in clauses}
    names = {f"{probe}.{value}" for probe, rounds in found.items() for each in rounds for value in each}
    yield from sorted(names - known)

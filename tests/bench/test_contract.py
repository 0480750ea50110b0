"""The contract on speed: its ranges are judged rightly, it is whole, and a slowdown is noticed."""

import re
from collections.abc import Mapping
from dataclasses import replace
from math import nan

import pytest

from scripts.check import STAGES
from tests.bench.check import CONTRACT, check, main
from tests.bench.contract import Clause, judge, read, unmentioned
from tests.bench.passage import through
from tests.bench.plants import PLANTS
from tests.bench.probes import PROBES, Probe, Values

CLAUSE = Clause(
    probe="walk",
    value="steps",
    says="steps per mile",
    at_most=2.0,
    measured=1.5,
    commit="c",
    command="walk",
    margin="a third",
    remedy="rest",
)
BOTH = replace(CLAUSE, at_least=1.0)
LOWER = replace(CLAUSE, at_least=1.0, at_most=float("inf"))

RANGES: Mapping[str, tuple[Clause, list[float], bool]] = {
    "a median at the upper bound is kept": (CLAUSE, [1.0, 2.0, 9.0], True),
    "a median above it is broken": (CLAUSE, [1.0, 2.1, 2.1], False),
    "one wild round breaks nothing": (CLAUSE, [1.5, 1.5, 99.0], True),
    "a median below the lower bound is broken": (BOTH, [0.9, 0.9, 1.5], False),
    "a value of two bounds between them is kept": (BOTH, [1.2], True),
    "a lower bound alone allows any more": (LOWER, [99.0], True),
    "no round proves nothing": (CLAUSE, [], False),
    "what is no number is not within any range": (CLAUSE, [nan], False),
}


@pytest.mark.parametrize(("clause", "values", "want_kept"), RANGES.values(), ids=RANGES)
def test_range(clause: Clause, values: list[float], want_kept: bool) -> None:
    verdict = judge([clause], {"walk": [{"steps": value} for value in values]})[0]
    assert (verdict.kept, verdict.rounds) == (want_kept, len(values))


def test_a_broken_clause_says_its_range_and_what_to_do() -> None:
    text = str(judge([BOTH], {"walk": [{"steps": 3.0}]})[0])
    assert "BROKEN" in text
    assert "≥ 1 and ≤ 2" in text
    assert "rest" in text


def test_a_measured_value_without_a_clause_is_named() -> None:
    assert list(unmentioned([CLAUSE], {"walk": [{"steps": 1.0, "falls": 2.0}]})) == ["walk.falls"]


IMPOSSIBLE: Mapping[str, dict[str, float]] = {
    "no bound": {"measured": 1.0},
    "a bound that was not kept when it was set": {"measured": 3.0, "at_most": 2.0},
}


@pytest.mark.parametrize("fields", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_clause_cannot_have(fields: dict[str, float]) -> None:
    numbers = "\n".join(f"{name} = {value}" for name, value in fields.items())
    words = "\n".join(f'{name} = "x"' for name in ("says", "commit", "command", "margin", "remedy"))
    with pytest.raises(ValueError, match=r"walk\.steps"):
        read(f"[walk.steps]\n{numbers}\n{words}")


class Recorder:
    """A probe whose rounds are given."""

    def __init__(self, *values: float) -> None:
        self.left = list(values)

    def __call__(self) -> Values:
        return {"steps": self.left.pop(0)}


RETRIES: Mapping[str, tuple[list[float], int, bool]] = {
    "within the range, no more rounds are taken": ([1.0], 2, True),
    "out of it by chance, more rounds settle it": ([5.0, 1.0, 1.0], 0, True),
    "out of it for good, more rounds do not help": ([5.0, 1.0, 5.0], 0, False),
}


@pytest.mark.parametrize(("values", "want_left", "want_kept"), RETRIES.values(), ids=RETRIES)
def test_retry(values: list[float], want_left: int, want_kept: bool, capsys: pytest.CaptureFixture[str]) -> None:
    probe = Recorder(*values, *[1.0] * want_left)
    assert check([CLAUSE], {"walk": Probe(probe, rounds=1, more=2)}) is want_kept
    assert len(probe.left) == want_left
    assert ("more rounds" in capsys.readouterr().out) is (len(values) > 1)


def test_a_clause_without_a_probe_is_refused() -> None:
    with pytest.raises(ValueError, match="walk"):
        check([CLAUSE], {})


def clauses() -> list[Clause]:
    return read(CONTRACT.read_text())


@pytest.mark.parametrize("clause", clauses(), ids=lambda clause: clause.name)
def test_every_clause_of_the_contract_has_its_origin(clause: Clause) -> None:
    assert clause.probe in PROBES
    assert re.fullmatch(r"[0-9a-f]{12}", clause.commit)
    assert f"tests.bench.check {clause.probe}" in clause.command
    assert min(len(clause.says), len(clause.margin), len(clause.remedy)) >= len("as above")


def test_no_clause_is_about_time() -> None:
    """Ranges are ratios and exponents: an absolute time would be about a machine."""
    assert [c.name for c in clauses() if re.search(r"seconds|_ms$", c.value)] == []


def test_every_probe_has_a_clause() -> None:
    assert {clause.probe for clause in clauses()} == set(PROBES)


def test_every_run_of_all_checks_holds_the_product_to_the_contract() -> None:
    assert [stage.name for stage in STAGES if "tests.bench.check" in stage.command] == ["contract"]


@pytest.mark.parametrize("name", ["read-as-dicts", "summarize-always"])
def test_a_plant_makes_the_passage_dearer_and_goes_away(name: str) -> None:
    def least() -> float:
        return min(through(100) for _ in range(3))

    least()
    before = least()
    with PLANTS[name]():
        spoilt = least()
    assert spoilt > before
    assert least() < spoilt


def test_the_command_knows_its_probes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["no-such-probe"])
    assert "must be one of" in capsys.readouterr().err

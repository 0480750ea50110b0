"""Holds the product to `contract.toml`: `make bench-check`, or `python -m tests.bench.check [PROBE…] [--plant NAME]`.

A few minutes on two cores, in every run of the checks. Each probe takes some rounds and their median counts; a probe with
a value out of its range takes more, once, and says so: a machine can be busy, a product that is slower stays slower. The
exit code is 1 when a clause is broken.

`--plant` spoils something first (`plants.py`), to see that the contract notices.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from tests.bench.contract import Clause, Verdict, judge, read, unmentioned
from tests.bench.plants import PLANTS
from tests.bench.probes import PROBES, Probe, Values

CONTRACT = Path(__file__).with_name("contract.toml")

Found = dict[str, list[Values]]


def check(clauses: Sequence[Clause], probes: Mapping[str, Probe]) -> bool:
    """Measure, judge and print; whether every clause holds and every value has one.

    Raises:
        ValueError: a clause is about a probe that does not exist.
    """
    if unknown := sorted({clause.probe for clause in clauses} - set(probes)):
        raise ValueError(f"the contract is about {unknown}; a probe must be one of {', '.join(probes)}")
    found: Found = {name: [] for name in probes}
    for name, probe in probes.items():
        _take(name, probe, probe.rounds, found)
    for name in _doubtful(judge(clauses, found)):
        if probes[name].more:
            _say(f"{name} has a value out of its range: {probes[name].more} more rounds")
            _take(name, probes[name], probes[name].more, found)
    verdicts = judge(clauses, found)
    _say("", *map(str, verdicts))
    strangers = list(unmentioned(clauses, found))
    _say(*(f"BROKEN  {name} has no clause in {CONTRACT.name}" for name in strangers))
    return not strangers and all(verdict.kept for verdict in verdicts)


def _take(name: str, probe: Probe, rounds: int, found: Found) -> None:
    for _ in range(rounds):
        began = time.monotonic()
        values = probe.take()
        found[name].append(values)
        said = "  ".join(f"{value} {number:.3g}" for value, number in values.items())
        _say(f"{name}: {said}  ({time.monotonic() - began:.0f} s)")


def _doubtful(verdicts: Iterable[Verdict]) -> list[str]:
    return list(dict.fromkeys(verdict.clause.probe for verdict in verdicts if not verdict.kept))


def _say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)  # noqa: T201 - a command prints


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, measure, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.check", description="Hold the product to its contract."
    )
    parser.add_argument("probes", nargs="*", metavar="PROBE", help=f"{', '.join(PROBES)}; all of them by default")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="spoil something, to see that it is noticed")
    given = parser.parse_args(arguments)
    chosen = {name: probe for name, probe in PROBES.items() if not given.probes or name in given.probes}
    if unknown := set(given.probes) - set(PROBES):
        parser.error(f"{', '.join(sorted(unknown))}: must be one of {', '.join(PROBES)}")
    clauses = [clause for clause in read(CONTRACT.read_text()) if not given.probes or clause.probe in chosen]
    began = time.monotonic()
    with PLANTS[given.plant]() if given.plant else nullcontext():
        kept = check(clauses, chosen)
    _say(f"\nthe contract is {'kept' if kept else 'BROKEN'}; {time.monotonic() - began:.0f} s")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

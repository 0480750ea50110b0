"""Writes the figures into `docs/performance.md`: `python -m tests.bench.page [--any]`.

Every benchmark has a section between `<!-- begin NAME -->` and `<!-- end NAME -->`, made of its record in
`build/bench/NAME.json` and of nothing else. A section whose record is not there stays as it is, and so does one whose
record is of a shortened run, unless told to take `--any`. What stands outside of the markers is prose and not touched.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.record import RESULTS, ROOT, shown

Json = Mapping[str, Any]

PAGE = ROOT / "docs" / "performance.md"
BENCHES = ("bind", "contended", "latency", "cycle", "start", "churn", "fairness", "takeover")
CUT = ("--short", "--only", "--sizes", "--contenders", "--offline", "--memory", "--mishap")
"""Options of benchmarks that leave something out; figures of such a run are not for the page."""

SIZE = re.compile(r"^(.+?),? (\d+x\d+(?:x\d+)*)$")


def section(record: Json) -> str:
    """One benchmark's figures as Markdown."""
    parts = [_origin(record), *_tables(record), _ratios(record["ratios"]), _aims(record["aims"]), _notes(record)]
    return "\n\n".join(part for part in parts if part)


def rewrite(page: str, records: Mapping[str, Json]) -> str:
    """The page with the sections of these records made anew.

    Raises:
        ValueError: a record has no section, or a section no end.
    """
    for name, record in records.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        head, found, rest = page.partition(begin)
        _, ended, tail = rest.partition(end)
        if not found or not ended:
            raise ValueError(f"the page must have a section between {begin!r} and {end!r}")
        page = f"{head}{begin}\n\n{section(record)}\n\n{end}{tail}"
    return page


def shortened(record: Json) -> bool:
    """Whether the run left something out."""
    return not set(CUT).isdisjoint(re.split(r"[ =]", record["command"]))


def _origin(record: Json) -> str:
    machine, versions = record["machine"], record["versions"]
    memory = f", {machine['memory_mib'] / 1024:.0f} GiB" if machine["memory_mib"] else ""
    names = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"`{record['command']}` at commit `{record['commit']}`, {record['taken'][:10]}, on {machine['cpus']} cores of"
        f" {machine['cpu_model']}{memory}, Linux {machine['kernel']}; {names}."
    )


def _tables(record: Json) -> Iterator[str]:
    """One table for each group of contenders that have the same values: contenders side by side, a value on each line."""
    groups: dict[tuple[str, tuple[str, ...]], dict[str, str]] = {}
    for contender, (name, variant) in _split(list(record["rounds"])).items():
        values = tuple(dict.fromkeys(value for each in record["rounds"][contender] for value in each))
        groups.setdefault((variant, values), {})[contender] = name
    for (variant, values), contenders in groups.items():
        rows = [["rounds", *(str(len(record["rounds"][contender])) for contender in contenders)]]
        rows += [[_words(value), *(_cell(record, contender, value) for contender in contenders)] for value in values]
        yield _table([variant, *map(_words, contenders.values())], rows)


def _split(contenders: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Contenders' names, and what each is measured at.

    `a 200x1000` is somebody called `a` at a size; `a, 16 GiB` and `b, 16 GiB` are `a` and `b` at what they share.
    """
    found = {each: (each.rpartition(", ")[0], each.rpartition(", ")[2]) for each in contenders}
    shared = Counter(variant for name, variant in found.values() if name)
    for each, (_, variant) in found.items():
        if size := SIZE.match(each):
            found[each] = (size[1], size[2])
        elif shared[variant] < 2:
            found[each] = (each, "")
    return found


def _words(name: str) -> str:
    """A name as one reads it; with its underscores it could be taken for that of a metric."""
    return name.replace("_", " ")


def _cell(record: Json, contender: str, value: str) -> str:
    """A median, with the least and the most where rounds differ."""
    values = [each[value] for each in record["rounds"][contender] if value in each]
    middle = shown(record["medians"][contender].get(value))
    if len(values) < 2 or shown(min(values)) == shown(max(values)):
        return middle
    return f"{middle} ({shown(min(values))} … {shown(max(values))})"


def _ratios(ratios: Mapping[str, float | None]) -> str:
    rows = [[_words(name), shown(value)] for name, value in ratios.items() if value is not None]
    return _table(["ratio of medians", ""], rows) if rows else ""


def _aims(aims: Sequence[Json]) -> str:
    words = {True: "reached", False: "**not reached**", None: "not measured"}
    rows = [[_words(aim["text"]), _bound(aim), shown(aim["value"]), words[aim["reached"]]] for aim in aims]
    return _table(["aim", "wanted", "measured", ""], rows) if rows else ""


def _bound(aim: Json) -> str:
    return f"≥ {aim['at_least']:g}" if aim["at_least"] is not None else f"≤ {aim['at_most']:g}"


def _notes(record: Json) -> str:
    return "\n".join(f"* {note}" for note in record["notes"])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, figures to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def records(folder: Path, *, wanted: Callable[[Json], bool]) -> dict[str, Json]:
    """The records in a folder that are wanted, by the name of their benchmark."""
    found = {}
    for name in BENCHES:
        path = folder / f"{name}.json"
        if path.exists() and wanted(record := json.loads(path.read_text())):
            found[name] = record
    return found


def main(arguments: Sequence[str] | None = None, folder: Path = RESULTS, page: Path = PAGE) -> int:
    """Rewrite the page and say what became of each section."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page", description=__doc__.splitlines()[0])
    parser.add_argument("--any", action="store_true", help="take records of shortened runs too")
    everything: bool = parser.parse_args(arguments).any
    found = records(folder, wanted=lambda record: everything or not shortened(record))
    page.write_text(rewrite(page.read_text(), found))
    for name in BENCHES:
        print(f"{name}: {'written' if name in found else 'left as it is, for want of a full record'}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Every check of the repository in one run: `python -m scripts.check [STAGE…]`, called by `make test`.

A stage is one command. All stages run even when an early one fails, because a failing linter says nothing about the
tests. Test stages leave a JUnit report, from which the closing line is summed:

    N passed, N failed, N skipped

A stage that fails without a failing test (a linter, a crash before the first test, nothing collected) counts as one
failure, so that the closing line is never green when the exit code is not. A stage that this machine cannot run, and
that may be left out, says so with the exit code 77 and counts as one skipped.

With `CHECK_TOTAL=FILE` in the environment the closing line also counts what earlier runs with the same FILE counted.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
NOTHING_COLLECTED = 5  # pytest's exit code
NOT_HERE = 77  # the sandbox's, on a machine that cannot run real nodes


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """What a test run reported. Errors in collection and fixtures are failures."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """One command. `tests` says that it is a pytest run, which gets `--junit-xml` appended."""

    name: str
    command: tuple[str, ...]
    tests: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage ended, in `seconds` of wall time."""

    stage: Stage
    code: int
    counts: Counts
    seconds: float


def _tool(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


CORE = tuple(f"operator/{layer}/*" for layer in ("model", "allocator", "engine", "frameworks"))
LINT_IMPORTS = str(Path(sys.executable).with_name("lint-imports"))

STAGES: tuple[Stage, ...] = (
    Stage("lint", _tool("ruff", "check", ".")),
    Stage("format", _tool("ruff", "format", "--check", ".")),
    Stage("spelling", _tool("codespell_lib")),
    Stage("yaml", _tool("yamllint", "--strict", ".")),
    Stage("types", _tool("mypy")),
    Stage("layers", (LINT_IMPORTS,)),
    Stage("arch", _tool("pytest", "tests/architecture"), tests=True),
    Stage(
        "unit",
        _tool(
            "pytest", "-m", "not e2e and not node", "--ignore=tests/architecture", "-n", "2", "--cov", "--cov-report="
        ),
        tests=True,
    ),
    Stage("coverage-core", _tool("coverage", "report", f"--include={','.join(CORE)}", "--fail-under=100")),
    Stage("coverage-all", _tool("coverage", "report", "--fail-under=90")),
    # Ratios within one run, measured alone: before the stage that fills the machine.
    Stage("contract", _tool("tests.bench.check")),
    # Two clusters side by side: these tests wait more than they work. A file keeps its worker, hence its cluster.
    Stage("e2e", _tool("pytest", "-m", "e2e", "--timeout=900", "-n", "2", "--dist", "loadfile"), tests=True),
)

# What `make test-node` runs. Outside of the sandbox are its own tests, and what fetches packages: checkov, the image.
NODE_STAGES: tuple[Stage, ...] = (
    Stage("checkov", _tool("scripts.checkov")),
    Stage("sandbox", _tool("pytest", "-m", "node", "tests/devcluster"), tests=True),
    Stage("image", _tool("pytest", "-m", "node", "tests/image", "--timeout=600"), tests=True),
    Stage(
        "node",
        (
            *_tool("devcluster.node.sandbox", "--prepare", "tests.node.preparation", "--"),
            *_tool("pytest", "tests/node", "--timeout=900"),
        ),
        tests=True,
    ),
)


def read_counts(report: Path) -> Counts:
    """Sums a JUnit report; nothing at all when the run died before it wrote one."""
    if not report.exists():
        return Counts()
    total = Counts()
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314  our own pytest wrote it
        tests, failures, errors, skipped = (
            int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")
        )
        failed = failures + errors
        total += Counts(max(0, tests - failed - skipped), failed, skipped)
    return total


def run_stage(stage: Stage, reports: Path) -> Outcome:
    """Runs one stage with its output on the terminal."""
    report = reports / f"{stage.name}.xml"
    command = (*stage.command, f"--junit-xml={report}") if stage.tests else stage.command
    started = time.monotonic()
    try:
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
    except OSError as error:
        print(f"{stage.name}: {error}", file=sys.stderr)
        code = 127
    counts = read_counts(report) if stage.tests else Counts()
    if code == NOTHING_COLLECTED:
        print(f"{stage.name}: no test was collected, which proves nothing", file=sys.stderr)
    if code == NOT_HERE:
        return Outcome(stage, 0, Counts(skipped=1), time.monotonic() - started)
    if code and not counts.failed:
        counts += Counts(failed=1)
    return Outcome(stage, code, counts, time.monotonic() - started)


def run_all(
    stages: Sequence[Stage], reports: Path, say: Callable[[str], None] = print, total: Path | None = None
) -> int:
    """Runs every stage, prints the table and the closing line, and returns the exit code.

    The file *total* holds the counts of earlier runs; the closing line includes them, and the file is brought up to it.
    """
    outcomes = []
    for stage in stages:
        say(f"\n--- {stage.name} ---")
        sys.stdout.flush()
        outcomes.append(run_stage(stage, reports))
    say("")
    for outcome in outcomes:
        verdict = "ok" if outcome.code == 0 else f"FAILED (exit code {outcome.code})"
        say(f"{outcome.stage.name:14} {outcome.seconds:7.1f} s  {verdict}")
    counts = sum((outcome.counts for outcome in outcomes), Counts())
    if total is not None:
        counts += _earlier(total)
        total.write_text(json.dumps(dataclasses.asdict(counts)))
    say(f"\n{counts}")
    return int(any(outcome.code for outcome in outcomes))


def _earlier(total: Path) -> Counts:
    text = total.read_text() if total.exists() else ""
    return Counts(**json.loads(text)) if text else Counts()


def select(names: Sequence[str], stages: Mapping[str, Stage]) -> tuple[Stage, ...]:
    """The stages of these names in their fixed order; all of them for no name."""
    unknown = sorted(set(names) - set(stages))
    if unknown:
        raise SystemExit(f"stage {', '.join(unknown)}: must be one of {', '.join(stages)}")
    return tuple(stage for name, stage in stages.items() if not names or name in names)


def main() -> int:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description="Run the checks of this repository.")
    table = {stage.name: stage for stage in (*STAGES, *NODE_STAGES)}
    parser.add_argument(
        "stages", nargs="*", metavar="STAGE", help=f"{', '.join(table)} (all but the last {len(NODE_STAGES)})"
    )
    names = parser.parse_args().stages
    chosen = select(names, table) if names else STAGES
    total = os.environ.get("CHECK_TOTAL")
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with tempfile.TemporaryDirectory(prefix="entresol-check-") as reports:
        return run_all(chosen, Path(reports), total=Path(total) if total else None)


if __name__ == "__main__":
    sys.exit(main())

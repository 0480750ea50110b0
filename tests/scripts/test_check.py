"""The runner of all checks never lets a failure pass for a success."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.check import NODE_STAGES, ROOT, STAGES, Counts, Stage, read_counts, run_all, select


def python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


def pytest_of(folder: Path, source: str) -> Stage:
    """A stage that runs pytest, truly, over one file."""
    (folder / "test_it.py").write_text(source)
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}", str(folder))
    return Stage("tests", command, tests=True)


GREEN = "def test_a(): pass\n\ndef test_b(): pass\n"
MIXED = """
import pytest
def test_a(): pass
def test_b(): assert False
@pytest.mark.skip(reason="later")
def test_c(): pass
@pytest.fixture
def broken(): raise RuntimeError("fixture")
def test_d(broken): pass
"""

RUNS = {
    "green tests": (GREEN, 0, "2 passed, 0 failed, 0 skipped"),
    "a failing test, a skipped one, a broken fixture": (MIXED, 1, "1 passed, 2 failed, 1 skipped"),
    "a file that cannot be imported": ("import no_such_module\n", 1, "0 passed, 1 failed, 0 skipped"),
    "nothing to collect": ("", 1, "0 passed, 1 failed, 0 skipped"),
    "a run that dies": ("import os\nos._exit(3)\n", 1, "0 passed, 1 failed, 0 skipped"),
}


@pytest.mark.parametrize(("source", "want_code", "want_line"), RUNS.values(), ids=RUNS)
def test_the_closing_line_agrees_with_the_exit_code(
    tmp_path: Path, source: str, want_code: int, want_line: str
) -> None:
    said: list[str] = []
    code = run_all([pytest_of(tmp_path, source)], tmp_path, said.append)
    assert code == want_code
    assert said[-1].strip() == want_line


def test_all_stages_run_after_a_failure(tmp_path: Path) -> None:
    """A red linter costs one failure on the closing line and hides no test."""
    said: list[str] = []
    stages = [Stage("linter", python("raise SystemExit(1)")), pytest_of(tmp_path, GREEN)]
    assert run_all(stages, tmp_path, said.append) == 1
    assert said[-1].strip() == "2 passed, 1 failed, 0 skipped"


def test_a_missing_tool_is_a_failure(tmp_path: Path) -> None:
    said: list[str] = []
    assert run_all([Stage("tool", ("no-such-tool-anywhere",))], tmp_path, said.append) == 1
    assert said[-1].strip() == "0 passed, 1 failed, 0 skipped"


def test_success_is_success(tmp_path: Path) -> None:
    assert run_all([Stage("tool", python(""))], tmp_path, lambda _: None) == 0


def test_no_report_means_no_counts(tmp_path: Path) -> None:
    assert read_counts(tmp_path / "none.xml") == Counts()


def test_what_this_machine_cannot_run_counts_as_skipped(tmp_path: Path) -> None:
    said: list[str] = []
    assert run_all([Stage("node", python("raise SystemExit(77)"), tests=True)], tmp_path, said.append) == 0
    assert said[-1].strip() == "0 passed, 0 failed, 1 skipped"


def test_the_closing_line_counts_earlier_runs_too(tmp_path: Path) -> None:
    said: list[str] = []
    total = tmp_path / "total"
    total.touch()
    run_all([pytest_of(tmp_path, MIXED)], tmp_path, said.append, total)
    assert said[-1].strip() == "1 passed, 2 failed, 1 skipped"
    assert run_all([Stage("tool", python(""))], tmp_path, said.append, total) == 0, "the code is of this run alone"
    assert said[-1].strip() == "1 passed, 2 failed, 1 skipped"


def test_stages_keep_their_order() -> None:
    table = {stage.name: stage for stage in STAGES}
    assert [stage.name for stage in select(["e2e", "lint"], table)] == ["lint", "e2e"]
    assert select([], table) == STAGES


def test_an_unknown_stage_is_refused_with_those_that_exist() -> None:
    with pytest.raises(SystemExit, match="must be one of lint"):
        select(["lent"], {stage.name: stage for stage in STAGES})


def test_coverage_is_judged_after_it_was_measured() -> None:
    names = [stage.name for stage in STAGES]
    assert names.index("unit") < names.index("coverage-core") < names.index("coverage-all") < names.index("e2e")


def test_the_makefile_names_existing_stages_only() -> None:
    recipes = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("\t@$(CHECK)")]
    named = {name for line in recipes for name in line.split()[1:]}
    assert named <= {stage.name for stage in (*STAGES, *NODE_STAGES)}
    assert len(recipes) > 4


MAKES = {
    "both are green": ("count 3 0 1", "count 5 0 1", 0, "5 passed, 0 failed, 1 skipped"),
    "the second finds a failure": ("count 3 0 1", "count 5 2 1; exit 2", 2, "5 passed, 2 failed, 1 skipped"),
    "the first finds a failure": ("count 3 1 0; exit 2", "count 5 1 0", 2, "5 passed, 1 failed, 0 skipped"),
    "the second cannot even begin": ("count 3 0 1", "exit 2", 2, "3 passed, 1 failed, 1 skipped"),
    "neither can begin": ("exit 2", "exit 2", 2, "0 passed, 2 failed, 0 skipped"),
}
MAKE = """#!/bin/bash
count() {{
  printf '{{"passed": %d, "failed": %d, "skipped": %d}}' "$@" >"$CHECK_TOTAL"
  echo "$1 passed, $2 failed, $3 skipped"
}}
if [ "$1" = test ]; then {0}; else [ "$REQUIRE_NODE" = 1 ] || exit 9; {1}; fi
"""


@pytest.mark.parametrize(("first", "second", "want_code", "want_line"), MAKES.values(), ids=MAKES)
def test_continuous_integration_ends_with_a_line_as_true_as_its_code(
    tmp_path: Path, first: str, second: str, want_code: int, want_line: str
) -> None:
    make = tmp_path / "make"
    make.write_text(MAKE.format(first, second))
    make.chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([ROOT / ".ci" / "run"], env=path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (want_code, want_line), done.stderr

"""The performance page: every benchmark has its section, and a section is made of its record and nothing else."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.bench.page import BENCHES, PAGE, main, records, rewrite, section, shortened
from tests.bench.record import ROOT

RECORD: dict[str, Any] = {
    "name": "bind",
    "taken": "2026-01-02T03:04:05+00:00",
    "commit": "0123456789ab",
    "command": "python -m tests.bench.bind",
    "machine": {"cpus": 2, "cpu_model": "Model T", "memory_mib": 4096, "kernel": "6.0"},
    "versions": {"python": "3.11.7", "kubernetes": "v1.34.4"},
    "rounds": {
        "fast 20x100": [{"rate": 900.0, "api_calls": 1.0}, {"rate": 1100.0, "api_calls": 1.0}],
        "slow 20x100": [{"rate": 300.0, "api_calls": 3.0}],
        "fast, live": [{"seconds": 0.25}],
        "slow, live": [{"seconds": 0.5}],
        "ten roles, one busy": [{"seconds": 2.0}],
    },
    "medians": {
        "fast 20x100": {"rate": 1000.0, "api_calls": 1.0},
        "slow 20x100": {"rate": 300.0, "api_calls": 3.0},
        "fast, live": {"seconds": 0.25},
        "slow, live": {"seconds": 0.5},
        "ten roles, one busy": {"seconds": 2.0},
    },
    "ratios": {"fast_vs_slow": 3.333, "left_out": None},
    "notes": ["A fair wind."],
    "aims": [
        {"text": "fast_vs_slow", "value": 3.333, "at_least": 3.0, "at_most": None, "reached": True},
        {"text": "calls", "value": 3.0, "at_least": None, "at_most": 1.1, "reached": False},
        {"text": "later", "value": None, "at_least": None, "at_most": 2.0, "reached": None},
    ],
}

WANT = """\
`python -m tests.bench.bind` at commit `0123456789ab`, 2026-01-02, on 2 cores of Model T, 4 GiB, Linux 6.0; python 3.11.7, kubernetes v1.34.4.

| 20x100 | fast | slow |
| --- | ---: | ---: |
| rounds | 2 | 1 |
| rate | 1,000 (900 … 1,100) | 300 |
| api calls | 1 | 3 |

| live | fast | slow |
| --- | ---: | ---: |
| rounds | 1 | 1 |
| seconds | 0.25 | 0.5 |

|  | ten roles, one busy |
| --- | ---: |
| rounds | 1 |
| seconds | 2 |

| ratio of medians |  |
| --- | ---: |
| fast vs slow | 3.33 |

| aim | wanted | measured |  |
| --- | ---: | ---: | ---: |
| fast vs slow | ≥ 3 | 3.33 | reached |
| calls | ≤ 1.1 | 3 | **not reached** |
| later | ≤ 2 | - | not measured |

* A fair wind."""

TEXT = "before\n\n<!-- begin bind -->\nold\n<!-- end bind -->\n\nafter\n"


def test_a_section_is_made_of_its_record() -> None:
    assert section(RECORD) == WANT


def test_only_what_stands_between_the_markers_changes() -> None:
    want = f"before\n\n<!-- begin bind -->\n\n{WANT}\n\n<!-- end bind -->\n\nafter\n"
    assert rewrite(TEXT, {"bind": RECORD}) == want
    assert rewrite(want, {"bind": RECORD}) == want
    assert rewrite(TEXT, {}) == TEXT


@pytest.mark.parametrize("page", ["", "<!-- begin bind -->", "<!-- end bind -->"])
def test_a_record_without_a_section_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="must have a section"):
        rewrite(page, {"bind": RECORD})


COMMANDS: Mapping[str, tuple[str, bool]] = {
    "a whole run": ("python -m tests.bench.bind --rounds 5", False),
    "a short run": ("python -m tests.bench.bind --short", True),
    "some of the sizes": ("python -m tests.bench.bind --sizes=200x1000", True),
    "one way to lose a leader": ("python -m tests.bench.takeover --mishap killed", True),
}


@pytest.mark.parametrize(("command", "want"), COMMANDS.values(), ids=COMMANDS)
def test_shortened(command: str, want: bool) -> None:
    assert shortened({"command": command}) is want


def test_the_command_takes_full_records_alone_unless_told_otherwise(tmp_path: Path) -> None:
    page, record = tmp_path / "page", tmp_path / "bind.json"
    page.write_text(TEXT)
    record.write_text(json.dumps({**RECORD, "command": "python -m tests.bench.bind --short"}))
    main([], tmp_path, page)
    assert page.read_text() == TEXT
    main(["--any"], tmp_path, page)
    assert "--short" in page.read_text()
    assert records(tmp_path, wanted=lambda _: True).keys() == {"bind"}


def test_every_benchmark_has_its_section_once_and_no_other_is_there() -> None:
    text = PAGE.read_text()
    marks = re.findall(r"<!-- (begin|end) (\w+) -->", text)
    assert [(mark, name) for mark, name in marks if mark == "begin"] == [
        ("begin", name) for name in sorted(BENCHES, key=lambda name: text.index(f"<!-- begin {name} -->"))
    ]
    assert marks == [(mark, name) for begin, name in marks if begin == "begin" for mark in ("begin", "end")]


def test_make_runs_every_benchmark_that_has_a_section() -> None:
    made = re.search(r"^BENCHES\s*:=\s*(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert made is not None
    assert set(made[1].split()) == set(BENCHES)


@pytest.mark.parametrize("name", BENCHES)
def test_a_section_says_how_it_is_made(name: str) -> None:
    text = PAGE.read_text()
    before = text[: text.index(f"<!-- begin {name} -->")]
    assert before.rstrip().endswith(f"`make bench-{name}`")


def test_the_prose_states_no_figures_measured() -> None:
    """What is measured stands in the sections: a rate or a time in the prose would outlive its run."""
    prose = re.sub(r"<!-- begin (\w+) -->.*?<!-- end \1 -->", "", PAGE.read_text(), flags=re.DOTALL)
    before_lessons = prose[: prose.index("## Lessons")]
    assert re.findall(r"\b[\d.,]+ (?:ms|pods/s|MB|MiB)\b", before_lessons) == []

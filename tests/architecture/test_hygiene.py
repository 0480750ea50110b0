"""What is committed is text, small, written for every machine, and holds no secret."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT

LARGEST = 400_000  # bytes; the largest go.sum is far below
FOUND_NEVER = {
    "a path of one machine": re.compile(r"(?<![\w.{}$~-])/(?:root|home|Users|work)/\w"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a conflict that was never resolved": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
    "a password in a URL": re.compile(r"://[^/\s:@{}]+:[^/\s:@{}]+@"),
}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git work tree")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def test_every_file_is_small_text() -> None:
    odd = [path for path in tracked() if path.stat().st_size > LARGEST or b"\0" in path.read_bytes()]
    assert odd == []


@pytest.mark.parametrize("what", FOUND_NEVER)
def test_no_file_holds(what: str) -> None:
    found = {
        str(path.relative_to(ROOT)): match.group()
        for path in tracked()
        if (match := FOUND_NEVER[what].search(path.read_text(errors="replace")))
    }
    assert found == {}


# Put together from parts, so that this file does not accuse itself.
EXAMPLES = {
    "a path of one machine": "open('" + "/ho" + "me/ann/x')",
    "a private key": "-----BEGIN " + "EC PRIVATE KEY-----",
    "a conflict that was never resolved": "a\n" + "<" * 7 + " ours\n",
    "a password in a URL": "https://ann" + ":secret@host/",
}


@pytest.mark.parametrize("what", FOUND_NEVER)
def test_the_pattern_finds(what: str) -> None:
    assert FOUND_NEVER[what].search(EXAMPLES[what])


def test_one_licence_for_all() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()

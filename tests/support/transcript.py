"""What a page of the guide shows of a terminal, and whether a terminal shows it.

A fenced block ` ```console ` is a transcript: lines `$ command`, each followed by what it prints. `…` stands for
whatever is there: a line of its own for any lines, inside a line for any characters. Widths of columns go by their
contents, so runs of blanks are compared as one; and an age at the end of a line is as good as any other. A block ` ```yaml title="NAME" ` is a file that commands after it find.

A comment before a block says what is special about it: `<!-- fails -->`, its commands end with another code than 0.
Pure: runs nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt

ANY = "…"
FAILS = "<!-- fails -->"

_PROMPT = "$ "
_AGE = re.compile(r" ([0-9]+[dhms]){1,2}$")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Step:
    """One command with what it prints; `line` is its place on the page."""

    line: int
    command: str
    want: tuple[str, ...]
    fails: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file that a page shows whole."""

    line: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: its language, the rest of its first line, and the comment that stands before it."""

    line: int
    language: str
    rest: str
    text: str
    comment: str


class PageError(ValueError):
    """A block that is not written as it must be."""


def fences(markdown: str) -> list[Fence]:
    """Every fenced block of a page, those inside of lists and admonitions included."""
    found, comment = [], ""
    for token in MarkdownIt("commonmark").parse(markdown):
        if token.type == "fence":
            assert token.map is not None
            language, _, rest = token.info.strip().partition(" ")
            found.append(Fence(token.map[0] + 1, language, rest.strip(), token.content, comment))
        comment = token.content.strip() if token.type == "html_block" else ""
    return found


def steps(markdown: str) -> list[Step | File]:
    """What a reader of the page does, in order. Raises PageError."""
    found: list[Step | File] = []
    for fence in fences(markdown):
        title = _TITLE.search(fence.rest)
        if fence.language == "console":
            found += _transcript(fence)
        elif title is not None:
            found.append(File(fence.line, title[1], fence.text))
    return found


def agrees(want: Sequence[str], got: Sequence[str]) -> bool:
    """Whether what was printed is what the page shows."""
    if not want:
        return not got
    if want[0].strip() == ANY:
        return any(agrees(want[1:], got[skipped:]) for skipped in range(len(got) + 1))
    return bool(got) and _line_agrees(want[0], got[0]) and agrees(want[1:], got[1:])


def lines_of(printed: str) -> list[str]:
    """The lines of an output as they are compared: without blanks at the end, and without empty lines after the last."""
    return [line.rstrip() for line in printed.rstrip().splitlines()]


def _transcript(fence: Fence) -> list[Step]:
    lines = fence.text.splitlines()
    if not lines or not lines[0].startswith(_PROMPT):
        raise PageError(f"line {fence.line}: a console block must begin with `{_PROMPT}` and a command")
    starts = [number for number, line in enumerate(lines) if line.startswith(_PROMPT)]
    found = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        last = start
        while lines[last].endswith("\\"):
            last += 1
        command = "\n".join(lines[start : last + 1]).removeprefix(_PROMPT)
        want = lines_of("\n".join(lines[last + 1 : end]))
        found.append(Step(fence.line + 1 + start, command, tuple(want), fence.comment == FAILS))
    return found


def _line_agrees(want: str, got: str) -> bool:
    parts = (re.escape(part) for part in _without_age(want).split(ANY))
    return re.fullmatch(".*".join(parts), _without_age(got)) is not None


def _without_age(line: str) -> str:
    return _AGE.sub(" AGE", " ".join(line.split()))

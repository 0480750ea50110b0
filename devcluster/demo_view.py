"""What the demonstration shows: a live table on a terminal, and plain lines now and then everywhere else.

Knows only samples and labels; it decides nothing.
"""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from devcluster.demo_judge import Judge, Sample, Tenant

FAIR = "shared fairly, to the task"

_QUIET_SECONDS = 2.0
_BAR = 16
_LABEL = 54
"""What a terminal shows fits 80 columns."""
_COLUMNS = 38
"""Width of one role's columns in the plain table."""


class View(ABC):
    """Where the demonstration shows itself."""

    @abstractmethod
    def say(self, text: str = "") -> None:
        """One line that stays."""

    @abstractmethod
    @contextmanager
    def phase(self, label: str) -> Iterator[None]:
        """Show that something goes on, and how long it took."""

    @abstractmethod
    @contextmanager
    def table(self) -> Iterator[None]:
        """Samples are shown while this lasts."""

    @abstractmethod
    def show(self, sample: Sample, judge: Judge, wanted: int, seconds: float) -> None:
        """One sample: out of `wanted` Tasks, so many seconds after the operator started."""

    @abstractmethod
    def verdict(self, lines: Sequence[tuple[str, str]], faults: Sequence[str], praise: str = FAIR) -> None:
        """The figures, and what was wrong, or else the praise."""


def view(stream: TextIO | None = None) -> View:
    """The view that suits where the output goes."""
    out = sys.stdout if stream is None else stream
    return Terminal(Console(file=out)) if out.isatty() else Plain(out)


class Plain(View):
    """For logs and pipes: no colour, no cursor, one line now and then."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._next = 0.0
        self._headed = False
        self._said: dict[str, str] = {}

    def say(self, text: str = "") -> None:
        """One line that stays."""
        print(text, file=self._out, flush=True)

    @contextmanager
    def phase(self, label: str) -> Iterator[None]:
        """What goes on, and how long it took."""
        started = time.monotonic()
        yield
        self.say(f"{label:<{_LABEL}} {time.monotonic() - started:5.1f} s")

    @contextmanager
    def table(self) -> Iterator[None]:
        """Samples are shown while this lasts."""
        self._next = 0.0
        yield

    def show(self, sample: Sample, _judge: Judge, wanted: int, seconds: float) -> None:
        """One sample now and then; the judge has the last word in the verdict."""
        if seconds < self._next:
            return
        self._next = seconds + _QUIET_SECONDS
        if not self._headed:
            self._headed = True
            names = "".join(f"   {f'{one.name} (weight {one.weight})':<{_COLUMNS}}" for one in sample.tenants)
            self.say(f"\n  time{names}")
            self.say(f"      {'   share    due  held/entitled   run  wait' * len(sample.tenants)}  finished")
        columns = "".join(
            f"   {one.share:5.1%} {one.entitlement:6.1%}   {one.held:3}/{one.entitled:<6.2f} {one.running:5} {one.waiting:5}"
            for one in sample.tenants
        )
        self.say(f"{seconds:4.0f} s{columns}  {sample.finished:4}/{wanted}")
        for one in sample.tenants:
            if one.why and self._said.get(one.name) != one.why:
                self._said[one.name] = one.why
                self.say(f"         why {one.name} waits: {one.why}")

    def verdict(self, lines: Sequence[tuple[str, str]], faults: Sequence[str], praise: str = FAIR) -> None:
        """The figures, and what was wrong, or else the praise."""
        self.say()
        for label, figure in lines:
            self.say(f"{label:<{_LABEL}} {figure}")
        self.say()
        for fault in faults[:10]:
            self.say(f"WRONG: {fault}")
        self.say("FAILED" if faults else f"PASSED: {praise}")


class Terminal(View):
    """For people: a table that moves."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def say(self, text: str = "") -> None:
        """One line that stays."""
        self._console.print(text, highlight=False)

    @contextmanager
    def phase(self, label: str) -> Iterator[None]:
        """What goes on, and how long it took."""
        started = time.monotonic()
        with self._console.status(f"{label} …", spinner="dots"):
            yield
        seconds = time.monotonic() - started
        self._console.print(f" [green]✓[/] {label:<{_LABEL}} [dim]{seconds:5.1f} s[/]", highlight=False)

    @contextmanager
    def table(self) -> Iterator[None]:
        """Samples are shown while this lasts."""
        with Live(console=self._console, refresh_per_second=8, transient=False) as self._live:
            yield
        self._live = None

    def show(self, sample: Sample, judge: Judge, wanted: int, seconds: float) -> None:
        """One sample."""
        if self._live is not None:
            self._live.update(_picture(sample, judge, wanted, seconds))

    def verdict(self, lines: Sequence[tuple[str, str]], faults: Sequence[str], praise: str = FAIR) -> None:
        """The figures, and what was wrong, or else the praise."""
        self._console.print()
        for label, figure in lines:
            self._console.print(f"   [dim]{label:<{_LABEL - 1}}[/] {figure}", highlight=False)
        self._console.print()
        for fault in faults[:10]:
            self._console.print(f" [red]✗[/] {fault}", highlight=False)
        if not faults:
            self._console.print(f" [bold green]✓ {praise}[/]")


def _picture(sample: Sample, judge: Judge, wanted: int, seconds: float) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(" role", style="cyan", no_wrap=True)
    table.add_column("share of the cluster", no_wrap=True)
    for heading in ("due", "held/entitled", "run", "wait", "done"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in sample.tenants:
        off = "green" if one.deviation < 1 else "yellow"
        share = Text.assemble(_bar(one), f" {one.share:5.1%}")
        held = Text(f"{one.held}/{one.entitled:.2f}", style=off)
        figures = (str(one.running), str(one.waiting), str(one.finished))
        table.add_row(f" {one.name} x{one.weight}", share, f"{one.entitlement:5.1%}", held, *figures)
    why = [Text.assemble((f" {one.name} ", "cyan"), ("waits: ", "dim"), one.why) for one in sample.tenants if one.why]
    done = f" {seconds:3.0f} s   {sample.held}/{sample.places} places held   {sample.finished}/{wanted} Tasks finished"
    proof = f"   at most {judge.largest:.2f} tasks off" if judge.judged else ""
    return Group(Text(), table, Text(), *why, Text(done + proof, style="bold"))


def _bar(tenant: Tenant) -> Text:
    """What is held as a bar, with a mark where the entitlement is."""
    held, due = round(tenant.share * _BAR), min(_BAR - 1, round(tenant.entitlement * _BAR))
    bar = Text()
    for position in range(_BAR):
        filled = position < held
        mark = position == due
        bar.append(
            "┃" if mark else "█" if filled else "░", style="bold yellow" if mark else "green" if filled else "dim"
        )
    return bar

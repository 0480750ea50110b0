"""Shows that something long is still going on: one line per step, with its elapsed seconds.

On a terminal the line counts up in place. Elsewhere (a CI log) a step prints a line when it starts,
one now and then while it lasts, and one when it ends.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_QUIET_SECONDS = 30.0


@contextmanager
def step(label: str, out: TextIO | None = None) -> Iterator[None]:
    """Show *label* with its elapsed seconds on *out* (standard error) while the body runs."""
    stream = sys.stderr if out is None else out
    started = time.monotonic()
    done = threading.Event()
    ticker = threading.Thread(target=_tick, args=(label, stream, started, done), daemon=True)
    ticker.start()
    ending = "failed"
    try:
        yield
        ending = "done"
    finally:
        done.set()
        ticker.join()
        _show(label, f"{ending} in {time.monotonic() - started:.0f} s", stream, last=True)


def _tick(label: str, stream: TextIO, started: float, done: threading.Event) -> None:
    pause = 1.0 if stream.isatty() else _QUIET_SECONDS
    while True:
        _show(label, f"{time.monotonic() - started:.0f} s", stream, last=False)
        if done.wait(pause):
            return


def _show(label: str, state: str, stream: TextIO, *, last: bool) -> None:
    if stream.isatty():
        stream.write(f"\r\x1b[K{label:<36} {state}" + ("\n" if last else ""))
    else:
        stream.write(f"{label:<36} {state}\n")
    stream.flush()

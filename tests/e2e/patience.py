"""Waiting for the cluster to come to what it should be: always with a deadline, and with the last thing seen when it fails."""

import pprint
import time
from collections.abc import Callable
from typing import TypeVar

from pykube.exceptions import PyKubeError

from devcluster.api import ApiError

T = TypeVar("T")

_LONGEST_SHOWN = 4000


def eventually(
    what: str,
    look: Callable[[], T],
    holds: Callable[[T], bool] = bool,
    seconds: float = 30.0,
    pause: float = 0.1,
) -> T:
    """Look until what is seen holds, and return it.

    Args:
        what: what is awaited, for the message.
        look: what to look at; no answer, a refusal or a failed assertion in it counts as not yet.
        holds: judges what was seen.
        seconds: how long to wait.
        pause: seconds between two looks.

    Raises:
        AssertionError: it did not come to hold in time; the message shows what was seen last.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen: object
        try:
            value = look()
        except (OSError, ApiError, PyKubeError, AssertionError) as error:
            seen = error
        else:
            if holds(value):
                return value
            seen = value
        if time.monotonic() > deadline:
            shown = pprint.pformat(seen, width=120, compact=True)
            raise AssertionError(f"{what}: not within {seconds:g} s; last seen:\n{shown[:_LONGEST_SHOWN]}")
        time.sleep(pause)


def stays(what: str, look: Callable[[], T], holds: Callable[[T], bool], seconds: float = 1.0) -> T:
    """Look for some time and demand that it holds at each look; return what was seen last.

    Raises:
        AssertionError: it did not hold at one of them.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = look()
        assert holds(value), f"{what}: does not hold; seen: {pprint.pformat(value, width=120)[:_LONGEST_SHOWN]}"
        if time.monotonic() > deadline:
            return value
        time.sleep(0.1)

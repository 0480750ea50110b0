"""Sends one request and tells what came of it, with the patience that is right for every request.

A 429 was certainly not carried out, so it is sent again, after the pause that the server asked for and through a
narrower door, for as long as it takes. Everything else is the sender's to judge: only it knows whether its deed may be
done twice.
"""

import re
import time
from collections.abc import Awaitable, Callable

from entresol import metrics
from entresol.kube.answers import Answer, Outcome, status_of
from entresol.metrics import Metrics
from entresol.runtime.throttle import Throttle

TOO_MANY = 429
UNAUTHORIZED = 401
FORBIDDEN = 403
SERVER_ERROR = 500
TIMED_OUT = 504

_BY_AUTHORIZER = re.compile('is forbidden: User "[^"]*" cannot ')
"""The authorizer speaks of the user, admission of the object. An API server that has just started knows no roles yet
and forbids everything for a moment; and a right that is missing says nothing about the object either."""

Send = Callable[[], Awaitable[Outcome]]


class Courier:
    """Requests of one purpose, which share a throttle."""

    def __init__(self, throttle: Throttle, metrics_: Metrics) -> None:
        self._throttle = throttle
        self._metrics = metrics_

    async def send(self, verb: str, request: Send) -> Outcome:
        """Make a request when there is room for it. Never returns 429."""
        while True:
            async with self._throttle:
                began = time.perf_counter()
                outcome = await request()
                seconds = time.perf_counter() - began
            self._metrics.observe(metrics.DEED_SECONDS, seconds, verb)
            self._metrics.add(metrics.DEEDS, verb, code_of(outcome))
            if not isinstance(outcome, Answer):
                return outcome  # how soon a connection is refused says nothing of how quick the server is
            if outcome.status != TOO_MANY:
                self._throttle.accepted(seconds)
                return outcome
            self._throttle.rejected(outcome.retry_after)


def code_of(outcome: Outcome) -> str:
    """The HTTP status in words of a metric; `lost` when there was no answer."""
    return str(outcome.status) if isinstance(outcome, Answer) else "lost"


def is_passing(outcome: Outcome) -> bool:
    """Whether the trouble is not the object's, so that the same request may well succeed later."""
    if not isinstance(outcome, Answer) or outcome.status >= SERVER_ERROR or outcome.status == UNAUTHORIZED:
        return True
    return outcome.status == FORBIDDEN and _BY_AUTHORIZER.search(status_of(outcome).message) is not None


def may_be_done(outcome: Outcome) -> bool:
    """Whether a failed request may have been carried out all the same, so that the object should be read.

    A connection that broke after the request had left, or a server in trouble of its own, tells nothing about the deed:
    `etcdserver: request timed out` is a 500, and the write may be in the store.
    """
    return outcome.status >= SERVER_ERROR if isinstance(outcome, Answer) else outcome.sent


def may_come_yet(outcome: Outcome) -> bool:
    """Whether a failed request may even still be under way, so that not to find what it would do proves nothing."""
    return outcome.status == TIMED_OUT if isinstance(outcome, Answer) else outcome.sent

"""The one place where what happens becomes log lines and counters.

Everything here is made from data, after the fact: the event, the effects that answered it, and how long that took. So
no line in the engine or the allocator mentions a log, and what is counted cannot differ from what was done.

One line per launch would be a million lines a day. At INFO the log tells what is rare or somebody's business (recovery,
refusals, attempts that did not end well); everything else is there at DEBUG.
"""

import logging

from entresol import metrics
from entresol.engine.effects import Announce, AttemptEnded, Effect
from entresol.engine.events import Event, Launched, LaunchRefused, PodsListed, Synced
from entresol.metrics import Metrics
from entresol.model.tasks import FINISHED, Attempt

_log = logging.getLogger(__name__)


class Observer:
    """Sees every event with its effects, and every cycle."""

    def __init__(self, metrics_: Metrics) -> None:
        self._metrics = metrics_

    def handled(self, event: Event, effects: tuple[Effect, ...], seconds: float) -> None:
        """An event was handled."""
        self._metrics.add(metrics.HANDLED, type(event).__name__)
        self._metrics.observe(metrics.HANDLE_SECONDS, seconds)
        self._tell(event)
        for effect in effects:
            if isinstance(effect, Announce) and isinstance(effect.news, AttemptEnded):
                self._ended(effect.task, effect.news.attempt)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s -> %s", event, list(effects))

    def cycled(self, grants: int, seconds: float, longest: float) -> None:
        """A cycle is complete."""
        self._metrics.observe(metrics.CYCLES, seconds)
        self._metrics.observe(metrics.STRETCHES, longest)
        if grants:
            self._metrics.add(metrics.GRANTS, amount=grants)
            _log.debug("a cycle granted %d units in %.1f ms", grants, seconds * 1000)

    def _tell(self, event: Event) -> None:
        match event:
            case Launched():
                self._metrics.add(metrics.LAUNCHED)
            case LaunchRefused(task, attempt, refusal, message):
                self._metrics.add(metrics.REFUSALS, refusal.value)
                _log.info("attempt %d of task %s was refused (%s): %s", attempt, task, refusal.value, message)
            case Synced():
                _log.info("the whole cluster is listed; allocation begins")
            case PodsListed(present=present):
                _log.debug("listed %d pods of ours", len(present))
            case _:
                pass

    def _ended(self, task: str, attempt: Attempt) -> None:
        self._metrics.add(metrics.ATTEMPTS, attempt.state, str(attempt.charged).lower())
        if attempt.state != FINISHED:
            _log.info(
                "attempt %d of task %s ended as %s (%s) on %s",
                attempt.number,
                task,
                attempt.state,
                attempt.reason,
                attempt.agent,
            )

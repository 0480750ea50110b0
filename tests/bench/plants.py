"""Things to spoil, so that one can see the contract go red. They live here and reach into the product from outside.

The answers stay what they are (but for `first-fit`); only the work that they take grows, as it would by a careless change.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from unittest.mock import patch

from entresol.allocator.placement.walk import Walk
from entresol.engine.machine import Engine
from entresol.kube.intake import Intake, Progress
from entresol.kube.wire import Status
from entresol.kube.wire_pod import Pod
from tests.bench import fairness

Plant = Callable[[], AbstractContextManager[None]]


@contextmanager
def choose_again() -> Iterator[None]:
    """Every choice of an agent is made five times."""
    best = Walk.best

    def again(self: Walk) -> int:
        for _ in range(4):
            best(self)
        return best(self)

    with patch.object(Walk, "best", again):
        yield


@contextmanager
def ask_many() -> Iterator[None]:
    """Every choice looks at one agent in sixteen, as if nobody remembered the best: work grows with the cluster."""
    best = Walk.best

    def asking(self: Walk) -> int:
        sum(bool(view.free) for view in self._floor.matrix.views[::16])
        return best(self)

    with patch.object(Walk, "best", asking):
        yield


@contextmanager
def read_as_dicts() -> Iterator[None]:
    """Every line of a watch is also read as dictionaries, of which a handler gets its own copy."""
    line = Intake.line

    def both(self: Intake[Pod], text: bytes) -> Progress | Status:
        deepcopy(json.loads(text))
        return line(self, text)

    with patch.object(Intake, "line", both):
        yield


@contextmanager
def summarize_always() -> Iterator[None]:
    """Every event works out the summary of everything that `/state` shows."""
    handle = Engine.handle

    def summing(self: Engine, event: object, at: float) -> object:
        effects = handle(self, event, at)  # type: ignore[arg-type]
        self.summary(at)
        return effects

    with patch.object(Engine, "handle", summing):
        yield


@contextmanager
def first_fit() -> Iterator[None]:
    """`Balanced` places on the first agent with room."""
    offline = fairness.offline

    def swapped(number: int, kind: str) -> dict[str, dict[str, float]]:
        found = offline(number, kind)
        return {**found, "Balanced": found[fairness.FIRST_FIT]}

    with patch.object(fairness, "offline", swapped):
        yield


PLANTS: Mapping[str, Plant] = {
    "choose-again": choose_again,
    "ask-many": ask_many,
    "read-as-dicts": read_as_dicts,
    "summarize-always": summarize_always,
    "first-fit": first_fit,
}

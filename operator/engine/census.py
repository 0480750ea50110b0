"""How many tasks of each framework are in each state, kept up as they change.

Counts are asked for with every status of a framework; to count a hundred thousand entries each time would take longer
than anything else in it. `invariants` counts anew and compares.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from entresol.model.identifiers import FrameworkId


class Column(NamedTuple):
    """Where a task is counted."""

    framework: FrameworkId
    state: str


class Census:
    """The counts. Whoever is counted remembers where, and says so when that changes."""

    def __init__(self) -> None:
        self._counts: dict[FrameworkId, Counter[str]] = {}

    def move(self, before: Column | None, after: Column | None) -> None:
        """Somebody is counted there now, and no longer here; None is nowhere."""
        if after is not None:
            counts = self._counts.get(after.framework)
            if counts is None:
                counts = self._counts[after.framework] = Counter()
            counts[after.state] += 1
        if before is not None:
            counts = self._counts[before.framework]
            counts[before.state] -= 1
            if not counts[before.state]:
                del counts[before.state]
            if not counts:
                del self._counts[before.framework]

    def counts(self) -> Mapping[FrameworkId, Mapping[str, int]]:
        """The numbers above zero; a live view."""
        return self._counts

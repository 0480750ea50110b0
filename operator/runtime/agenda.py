"""What is to be published next: a queue of names, never of contents.

A status is rendered when its turn comes, so a thousand changes of one object cost one write of the last. What waits
here is only whose status may need writing:

* *urgent* names, in the order in which they came: states that changed;
* *later* names, each at its own time: figures of frameworks and roles, which change all the time and are written about
  once a second, and writes that failed;
* *news* about waiting, which is many and may be late: a low budget, and within it the frameworks take turns, so that
  one with ten thousand waiting tasks does not keep the news of another's single task.

A name whose write is under way waits for its end, so that no older status arrives after a newer one.
"""

import heapq
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from entresol.runtime.budget import TokenBucket


class Sort(StrEnum):
    """Whose status it is; names are sorted, so these are."""

    TASK = "task"
    FRAMEWORK = "framework"
    ROLE = "role"


class Name(NamedTuple):
    """One object that has a status."""

    sort: Sort
    id: str


class Agenda:
    """Names in, names out; no I/O."""

    def __init__(self, news: TokenBucket, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._budget = news
        self._urgent: dict[Name, None] = {}
        self._later: list[tuple[float, Name]] = []
        self._due: dict[Name, float] = {}
        self._news: OrderedDict[str, dict[Name, None]] = OrderedDict()
        self._group: dict[Name, str] = {}
        self._busy: dict[Name, bool] = {}

    def __len__(self) -> int:
        return len(self._urgent) + len(self._due) + len(self._group)

    def urgent(self, name: Name) -> None:
        """As soon as possible. Other entries of the same name are served with it."""
        if name in self._busy:
            self._busy[name] = True
            return
        self._drop_news(name)
        self._due.pop(name, None)
        self._urgent[name] = None

    def later(self, name: Name, when: float) -> None:
        """At that time, unless it is already due earlier."""
        if name in self._urgent or self._due.get(name, float("inf")) <= when:
            return
        self._due[name] = when
        heapq.heappush(self._later, (when, name))

    def news(self, name: Name, group: str) -> None:
        """When the budget allows, in turn with other groups."""
        if name in self._busy:
            self._busy[name] = True
        elif name not in self._urgent and name not in self._group:
            self._news.setdefault(group, {})[name] = None
            self._group[name] = group

    def next(self) -> Name | None:
        """The name whose turn it is, which is busy from now on; None when it is nobody's turn."""
        self._promote()
        name = next(iter(self._urgent), None)
        if name is not None:
            del self._urgent[name]
        elif (name := self._next_news()) is None:
            return None
        self._busy[name] = False
        return name

    def take(self, name: Name) -> bool:
        """Make this name busy out of turn; False when it is busy already."""
        if name in self._busy:
            return False
        self._urgent.pop(name, None)
        self._due.pop(name, None)
        self._drop_news(name)
        self._busy[name] = False
        return True

    def done(self, name: Name) -> None:
        """Its write is over; if it was asked for meanwhile, it is urgent again."""
        if self._busy.pop(name):
            self._urgent[name] = None

    def pause(self) -> float | None:
        """Seconds until it is somebody's turn; None when there is nobody."""
        if self._urgent:
            return 0.0
        pauses = [max(0.0, self._later[0][0] - self._clock())] if self._later else []
        if self._news:
            pauses.append(self._budget.pause())
        return min(pauses, default=None)

    def _promote(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            when, name = heapq.heappop(self._later)
            if self._due.get(name) == when:  # otherwise it was served, or moved, meanwhile
                del self._due[name]
                self.urgent(name)

    def _next_news(self) -> Name | None:
        """The first name of the group whose turn it is, after which that group goes to the end."""
        if not self._news or not self._budget.take():
            return None
        group, names = next(iter(self._news.items()))
        name = next(iter(names))
        self._drop_news(name)
        if group in self._news:
            self._news.move_to_end(group)
        return name

    def _drop_news(self, name: Name) -> None:
        group = self._group.pop(name, None)
        if group is not None:
            del self._news[group][name]
            if not self._news[group]:
                del self._news[group]

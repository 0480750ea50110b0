"""What is to be published next: a queue of names, never of contents.

A status is rendered when its turn comes, so a thousand changes of one object cost one write of the last. What waits
here is only whose status may need writing, in four classes:

* *urgent* names, in the order in which they came: ends, which somebody waits for, and writes that failed;
* *soon*: states that may pass, and figures. Both are superseded all the time, so they give way while launches are under
  way (`calm` says whether they are). What has given way for `PATIENCE` seconds comes at a trickle all the same; tasks
  and figures take turns, so that neither keeps the other waiting;
* *later* names, each at its own time, when it becomes one of the two above;
* *news* about waiting, which is many and may be late: a low budget, shared with that trickle while launches are under way,
  and within it the frameworks take turns, so that one with ten thousand waiting tasks does not keep the news of another's
  single task.

A name whose write is under way waits for its end, so that no older status arrives after a newer one.
"""

import heapq
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from entresol.runtime.budget import TokenBucket

PATIENCE = 5.0
"""Seconds for which a state or a figure gives way to launches; as long as a task waits before that is news."""

POLL = 0.05
"""Seconds between two looks whether launches are still under way."""


class Sort(StrEnum):
    """Whose status it is; names are sorted, so these are."""

    TASK = "task"
    FRAMEWORK = "framework"
    ROLE = "role"


class Name(NamedTuple):
    """One object that has a status."""

    sort: Sort
    id: str


class Wish(IntEnum):
    """What was asked for a name whose write is under way; the greater one counts."""

    NOTHING = 0
    SOON = 1
    URGENT = 2


@dataclass(frozen=True, slots=True)
class Rates:
    """How fast what can wait may come.

    Attributes:
        news: of news about waiting.
        trickle: of what comes although it is not calm: news, and states and figures that have given way for too long.
        calm: whether so few launches are under way that other writes do not slow them.
    """

    news: TokenBucket
    trickle: TokenBucket
    calm: Callable[[], bool]


class Agenda:
    """Names in, names out; no I/O."""

    def __init__(self, rates: Rates, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rates = rates
        self._urgent: dict[Name, None] = {}
        # Two lines, tasks and figures, each name with the time since which it gives way.
        self._soon: tuple[dict[Name, float], dict[Name, float]] = ({}, {})
        self._turn = 0
        self._later: list[tuple[float, Name]] = []
        self._due: dict[Name, tuple[float, Wish]] = {}
        self._news: OrderedDict[str, dict[Name, None]] = OrderedDict()
        self._group: dict[Name, str] = {}
        self._busy: dict[Name, Wish] = {}

    def __len__(self) -> int:
        return len(self._urgent) + sum(map(len, self._soon)) + len(self._due) + len(self._group)

    def urgent(self, name: Name) -> None:
        """As soon as possible. Other entries of the same name are served with it."""
        if name in self._busy:
            self._busy[name] = Wish.URGENT
        elif name not in self._urgent:
            self._forget(name)
            self._urgent[name] = None

    def soon(self, name: Name) -> None:
        """As soon as launches leave room for it. Lesser entries of the same name are served with it."""
        if name in self._busy:
            self._busy[name] = max(self._busy[name], Wish.SOON)
        elif name not in self._urgent:
            line, due = self._line(name), self._due.get(name)
            if name not in line:
                self._forget(name)
                line[name] = self._clock()
                if due is not None and due[1] is Wish.URGENT:
                    self._due[name] = due  # it is not urgent yet, and may give way for longer than until it is

    def later(self, name: Name, when: float, wish: Wish = Wish.SOON) -> None:
        """At that time, unless it is already due earlier."""
        if name in self._urgent or (name in self._line(name) and wish is not Wish.URGENT):
            return
        known = self._due.get(name)
        if known is not None:
            wish = max(known[1], wish)
            if known[0] <= when:
                self._due[name] = (known[0], wish)
                return
        self._due[name] = (when, wish)
        heapq.heappush(self._later, (when, name))

    def news(self, name: Name, group: str) -> None:
        """When the budget allows, in turn with other groups."""
        if name in self._busy:
            self._busy[name] = max(self._busy[name], Wish.SOON)
        elif name not in self._urgent and name not in self._line(name) and name not in self._group:
            self._news.setdefault(group, {})[name] = None
            self._group[name] = group

    def next(self) -> Name | None:
        """The name whose turn it is, which is busy from now on; None when it is nobody's turn."""
        self._promote()
        name = next(iter(self._urgent), None) or self._next_soon() or self._next_news()
        if name is not None:
            self._forget(name)
            self._busy[name] = Wish.NOTHING
        return name

    def take(self, name: Name) -> bool:
        """Make this name busy out of turn; False when it is busy already."""
        if name in self._busy:
            return False
        self._forget(name)
        self._busy[name] = Wish.NOTHING
        return True

    def done(self, name: Name) -> None:
        """Its write is over; if it was asked for meanwhile, it has its place in line again."""
        self._enter(name, self._busy.pop(name))

    def pause(self) -> float | None:
        """Seconds until it may be somebody's turn; None when there is nobody."""
        if self._urgent:
            return 0.0
        pauses = [max(0.0, self._later[0][0] - self._clock())] if self._later else []
        if any(self._soon):
            pauses.append(0.0 if self._rates.calm() else POLL)
        if self._news:
            pauses.append(max(self._rates.news.pause(), 0.0 if self._rates.calm() else POLL))
        return min(pauses, default=None)

    def _promote(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            when, name = heapq.heappop(self._later)
            known = self._due.get(name)
            if known is not None and known[0] == when:  # otherwise it was served, or moved, meanwhile
                del self._due[name]
                self._enter(name, known[1])

    def _enter(self, name: Name, wish: Wish) -> None:
        if wish is Wish.URGENT:
            self.urgent(name)
        elif wish is Wish.SOON:
            self.soon(name)

    def _next_soon(self) -> Name | None:
        """The first name of the line whose turn it is, after which it is the other line's turn."""
        for number in (self._turn, 1 - self._turn):
            name, since = next(iter(self._soon[number].items()), (None, 0.0))
            if name is None:
                continue
            if not self._rates.calm() and (since + PATIENCE > self._clock() or not self._rates.trickle.take()):
                continue
            self._turn = 1 - number
            return name
        return None

    def _next_news(self) -> Name | None:
        """The first name of the group whose turn it is, after which that group goes to the end."""
        rates = self._rates
        if not self._news or rates.news.pause() > 0 or not (rates.calm() or rates.trickle.take()):
            return None
        rates.news.take()
        group, names = next(iter(self._news.items()))
        self._news.move_to_end(group)
        return next(iter(names))

    def _line(self, name: Name) -> dict[Name, float]:
        return self._soon[name.sort is not Sort.TASK]

    def _forget(self, name: Name) -> None:
        self._urgent.pop(name, None)
        self._line(name).pop(name, None)
        self._due.pop(name, None)
        group = self._group.pop(name, None)
        if group is not None:
            del self._news[group][name]
            if not self._news[group]:
                del self._news[group]

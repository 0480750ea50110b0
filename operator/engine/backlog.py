"""The waiting units: one ordered queue per framework and class.

A framework's line is the merge of its queues by rank; keeping classes apart is what lets a whole class be passed over
at once. Queues are sorted lists; what the allocator gets are tuples that stay the same objects until somebody joins or
leaves, so an idle framework costs nothing per cycle.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from entresol.allocator.snapshot import Queue
from entresol.model.identifiers import FrameworkId, TaskId
from entresol.model.work import TaskClass, Unit

_FEW = 64
"""Ages that are not worth a look, in each framework."""


class Place(NamedTuple):
    """Where a unit stands."""

    framework: FrameworkId
    work: TaskClass
    unit: Unit


class _Line:
    """One framework's queue of one class."""

    __slots__ = ("frozen", "units", "work")

    def __init__(self, work: TaskClass) -> None:
        self.work = work
        self.units: list[Unit] = []
        self.frozen: Queue | None = None


class Backlog:
    """All waiting units that could be placed, as far as they themselves are concerned."""

    def __init__(self) -> None:
        self._lines: dict[FrameworkId, dict[TaskClass, _Line]] = {}
        self._places: dict[TaskId, Place] = {}
        # (since, task) per framework; entries of units that left are dropped when they come to the top.
        self._ages: dict[FrameworkId, list[tuple[float, TaskId]]] = {}

    def __contains__(self, task: TaskId) -> bool:
        return task in self._places

    def __len__(self) -> int:
        return len(self._places)

    def join(self, place: Place) -> None:
        """Let a unit wait there; it leaves its former place first."""
        self.leave(place.unit.task)
        lines = self._lines.setdefault(place.framework, {})
        line = lines.get(place.work)
        if line is None:
            line = lines[place.work] = _Line(place.work)
        # All units of a class hold the same one, as ten thousand equal ones are found and held less cheaply.
        self._places[place.unit.task] = Place(place.framework, line.work, place.unit)
        insort(line.units, place.unit)
        line.frozen = None
        self._age(place.framework, place.unit)

    def _age(self, framework: FrameworkId, unit: Unit) -> None:
        ages = self._ages.setdefault(framework, [])
        heappush(ages, (unit.since, unit.task))
        if len(ages) >= _FEW and not len(ages) & (len(ages) - 1):
            # A unit that waits for ever stays on top, and beneath it those that left would gather for ever: so at
            # every doubling they are looked for. What is sorted is a heap.
            lines = self._lines[framework].values()
            ages[:] = sorted((each.since, each.task) for line in lines for each in line.units)

    def leave(self, task: TaskId) -> bool:
        """The unit waits no longer; True when it did."""
        place = self._places.pop(task, None)
        if place is None:
            return False
        lines = self._lines[place.framework]
        line = lines[place.work]
        del line.units[bisect_left(line.units, place.unit)]
        line.frozen = None
        if not line.units:
            del lines[place.work]
        if not lines:
            del self._lines[place.framework], self._ages[place.framework]
        return True

    def place(self, task: TaskId) -> Place | None:
        """Where the unit stands."""
        return self._places.get(task)

    def places(self) -> Iterator[Place]:
        """All waiting units."""
        return iter(self._places.values())

    def frameworks(self) -> Iterator[FrameworkId]:
        """The frameworks that have waiting units."""
        return iter(self._lines)

    def queues(self, framework: FrameworkId) -> tuple[Queue, ...]:
        """A framework's queues, the one with the first unit in line first."""
        queues = []
        for work, line in self._lines.get(framework, {}).items():
            if line.frozen is None:
                line.frozen = Queue(work, tuple(line.units))
            queues.append(line.frozen)
        return tuple(sorted(queues, key=lambda queue: queue.units[0]))

    def sizes(self, framework: FrameworkId) -> Iterator[tuple[TaskClass, int]]:
        """A framework's classes, with how many units of each wait."""
        for work, line in self._lines.get(framework, {}).items():
            yield work, len(line.units)

    def ahead(self, task: TaskId) -> int:
        """How many units of its framework come before this one."""
        place = self._places[task]
        lines = self._lines[place.framework].values()
        return sum(bisect_left(line.units, place.unit) for line in lines)

    def head(self, framework: FrameworkId) -> Unit | None:
        """The first unit in a framework's line."""
        lines = self._lines.get(framework)
        return min(line.units[0] for line in lines.values()) if lines else None

    def first(self, framework: FrameworkId, work: TaskClass) -> Unit | None:
        """The first waiting unit of one class."""
        line = self._lines.get(framework, {}).get(work)
        return line.units[0] if line else None

    def line(self, framework: FrameworkId, work: TaskClass) -> tuple[Unit, ...]:
        """The waiting units of one class."""
        line = self._lines.get(framework, {}).get(work)
        return tuple(line.units) if line else ()

    def oldest(self, framework: FrameworkId) -> float | None:
        """Since when a framework's oldest waiting unit waits."""
        ages = self._ages.get(framework, [])
        while ages:
            since, task = ages[0]
            place = self._places.get(task)
            if place is not None and place.framework == framework and place.unit.since == since:
                return since
            heappop(ages)
        return None

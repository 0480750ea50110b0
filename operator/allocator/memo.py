"""What the allocator remembers between cycles: pure memos, none of which can change an answer.

`allocate(snapshot, cache)` equals `allocate(snapshot)` always; a property test holds it to that. A cache serves one
cycle at a time, of one cluster. It relies on the identity of the snapshot's frozen parts and on nothing else, and it
forgets classes that nobody has asked about for a while, so it stays as small as what is in use.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from entresol.allocator.axes import Axes
from entresol.allocator.placement.ground import Ground
from entresol.allocator.placement.kind import Kind
from entresol.allocator.placement.matrix import Matrix
from entresol.allocator.snapshot import ClusterSnapshot
from entresol.model.resources import Resources, is_scarce
from entresol.model.work import TaskClass

GENERATION = 64
"""What is not used for this many cycles may be forgotten, and is after twice as many."""

SPARE_NAMES = 8
"""Resources that nobody names any more keep their position until there are more than this many of them."""

K = TypeVar("K")
V = TypeVar("V")


class _Recent(Generic[K, V]):
    """A dictionary in two generations: what is used moves to the young one, and the old one is dropped whole."""

    def __init__(self) -> None:
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        value = self._young.get(key)
        if value is None and (value := self._old.get(key)) is not None:
            self._young[key] = value
        return value

    def put(self, key: K, value: V) -> None:
        self._young[key] = value

    def grow_older(self) -> None:
        self._old, self._young = self._young, {}


class Cache:
    """The memory of one allocator. A new one knows nothing, and that is all right too."""

    def __init__(self) -> None:
        self._cycles = 0
        self._start_over(())

    def _start_over(self, names: Iterable[str]) -> None:
        self.axes = Axes(names)
        self.matrix = Matrix(self.axes)
        self._kinds: _Recent[TaskClass, Kind] = _Recent()
        # Hashing a class costs microseconds; its identity costs nothing. The class is kept so that its identity stays its own.
        self._known: _Recent[int, tuple[TaskClass, Kind]] = _Recent()
        self._grounds: WeakValueDictionary[TaskClass, Ground] = WeakValueDictionary()

    def open(self, snapshot: ClusterSnapshot) -> Iterator[None]:
        """Take over a snapshot: every resource it names has a position, every agent its column.

        Must be exhausted before anything is asked; where much has changed it yields, to let others have a turn.
        """
        self._cycles += 1
        if self._cycles % GENERATION == 0:
            self._kinds.grow_older()
            self._known.grow_older()
        names = _names(snapshot)
        spare = set(self.axes.names) - names
        if not names.issubset(self.axes.names) or len(spare) > SPARE_NAMES:
            self._start_over(names)
        moved = self.matrix.take_over(snapshot.agents)
        if moved is not None:
            for ground in self._grounds.values():
                ground.move(moved)
        yield from self.matrix.refresh()

    def kind(self, work: TaskClass) -> Kind:
        """The class in the allocator's own terms."""
        known = self._known.get(id(work))
        if known is not None:
            return known[1]
        kind = self._kinds.get(work)
        if kind is None:
            kind = self._learn(work)
            self._kinds.put(work, kind)
        self._known.put(id(work), (work, kind))
        return kind

    def _learn(self, work: TaskClass) -> Kind:
        probe = replace(work, demand=Resources(), avoid=(), constraints=replace(work.constraints, ports=()))
        ground = self._grounds.get(probe)
        if ground is None:
            ground = self._grounds[probe] = Ground(probe)
        return Kind(
            work=work,
            demand=self.axes.demand(work.demand),
            pairs=self.axes.pairs(work.demand),
            scarce=frozenset(name for name in work.demand.names() if is_scarce(name)),
            ports=work.constraints.ports,
            ground=ground,
        )


def _names(snapshot: ClusterSnapshot) -> set[str]:
    """Every resource that some decision may turn on: what the cluster has and what anybody waits for."""
    demands = {id(queue.work.demand): queue.work.demand for view in snapshot.frameworks for queue in view.queues}
    return {name for resources in (snapshot.totals, *demands.values()) for name, _ in resources.amounts}

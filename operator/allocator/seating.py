"""A snapshot set up for a cycle: every framework has its place in the tree, its line, and its role's ceiling."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from entresol.allocator.limits import Ceiling
from entresol.allocator.line import Line, Queued
from entresol.allocator.memo import Cache
from entresol.allocator.placement.kind import Kind, Room
from entresol.allocator.snapshot import ClusterSnapshot, FrameworkView
from entresol.allocator.tree import Holder, Tree
from entresol.model.identifiers import RoleId
from entresol.model.resources import Resources
from entresol.model.work import TaskClass

NOTHING = Resources()


@dataclass(slots=True, eq=False)
class Seat:
    """A framework in a cycle.

    Attributes:
        holder: its place in the tree.
        ceiling: the limit of its role, if there is one.
        head: the queue whose unit is next; None when nothing may be granted to it.
    """

    view: FrameworkView
    holder: Holder
    line: Line
    ceiling: Ceiling | None = None
    head: Queued | None = None

    def within_limit(self, room: Room) -> bool:
        """Whether one more unit stays within the role's limit."""
        return self.ceiling is None or room not in self.ceiling.closed


class Seating:
    """Gives every framework its seat."""

    def __init__(self, snapshot: ClusterSnapshot, tree: Tree, cache: Cache) -> None:
        """Seat nobody yet; `cache` must be open on this snapshot."""
        self._frameworks = sorted(snapshot.frameworks, key=lambda view: view.id)
        self._roles = {view.role.id: view for view in snapshot.roles}
        self._tree = tree
        self._axes = cache.axes
        self._rooms = _Rooms(snapshot, cache)
        self._taken: dict[RoleId, Holder] = {}
        self._shared: dict[tuple[RoleId, str], Holder] = {}
        self._in_space = Counter((view.role, view.namespace) for view in self._frameworks)
        self._in_role = Counter(role for role, _ in self._in_space)

    def seats(self) -> Iterator[Seat]:
        """The seats below `tree.root`, in alphabetical order of their frameworks; none is ready before the last."""
        limited: dict[RoleId, list[Seat]] = {}
        for view in self._frameworks:
            line = Line([Queued(self._rooms.of(view, queue.work), queue.units) for queue in view.queues if queue.units])
            space = self._namespace(view.role, view.namespace)
            held = self._common(space, view.held, self._in_space[view.role, view.namespace])
            seat = Seat(view, Holder(view.id, space, held, view.weight), line)
            if self._roles[view.role].role.limit:
                limited.setdefault(view.role, []).append(seat)
            yield seat
        for role, inside in limited.items():
            self._set_limit(role, inside)

    def _namespace(self, role: RoleId, name: str) -> Holder:
        """A namespace's holder; those of a role share it equally among themselves."""
        holder = self._shared.get((role, name))
        if holder is None:
            parent = self._role(role)
            held = self._common(parent, self._roles[role].namespaces.get(name, NOTHING), self._in_role[role])
            holder = self._shared[role, name] = Holder(name, parent, held)
        return holder

    def _role(self, role: RoleId) -> Holder:
        holder = self._taken.get(role)
        if holder is None:
            view, axes = self._roles[role], self._axes
            guarantee = axes.pairs(view.role.guarantee)
            holder = Holder(role, self._tree.root, axes.demand(view.held), view.role.weight, guarantee)
            self._taken[role] = holder
        return holder

    def _common(self, parent: Holder, held: Resources, siblings: int) -> list[int]:
        """The vector of what a holder holds: its parent's own if it is the only child and holds as much."""
        vector = self._axes.demand(held)
        return parent.held if siblings == 1 and vector == parent.held else vector

    def _set_limit(self, role: RoleId, inside: list[Seat]) -> None:
        limit = self._axes.pairs(self._roles[role].role.limit.items())
        rooms = dict.fromkeys(queued.room for seat in inside for queued in seat.line.queues)
        ceiling = Ceiling(limit, self._taken[role].held, rooms)
        for seat in inside:
            seat.ceiling = ceiling


class _Rooms:
    """The rooms of a cycle: one for each class, and one more for each framework that refused as much somewhere."""

    def __init__(self, snapshot: ClusterSnapshot, cache: Cache) -> None:
        self._refusals = snapshot.refusals
        self._cache = cache
        self._shared: dict[Kind, Room] = {}

    def of(self, view: FrameworkView, work: TaskClass) -> Room:
        kind = self._cache.kind(work)
        if view.external and (refused := self._refused(view, work)):
            return Room(kind, refused)
        room = self._shared.get(kind)
        if room is None:
            room = self._shared[kind] = Room(kind)
        return room

    def _refused(self, view: FrameworkView, work: TaskClass) -> frozenset[int]:
        position = self._cache.matrix.position
        return frozenset(
            position[agent]
            for agent, amounts in self._refusals.get(view.id, {}).items()
            if agent in position and any(refused.covers(work.demand) for refused in amounts)
        )

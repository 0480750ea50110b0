"""A snapshot set up for a cycle: every framework has its place in the tree, its line, and its role's ceiling."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from entresol.allocator.limits import Ceiling
from entresol.allocator.line import Line, Queued
from entresol.allocator.memo import Cache
from entresol.allocator.placement.kind import Kind, Room
from entresol.allocator.snapshot import ClusterSnapshot, FrameworkView, RoleView
from entresol.allocator.tree import Holder, Tree
from entresol.model.identifiers import RoleId
from entresol.model.resources import Resources
from entresol.model.work import TaskClass


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


def seats(snapshot: ClusterSnapshot, tree: Tree, cache: Cache) -> dict[Holder, Seat]:
    """Give every framework its seat below `tree.root`, in alphabetical order. `cache` must be open on this snapshot."""
    axes, rooms = cache.axes, _Rooms(snapshot, cache)
    roles = {view.role.id: _Role(view, tree, cache) for view in snapshot.roles}
    seated: dict[Holder, Seat] = {}
    for view in sorted(snapshot.frameworks, key=lambda view: view.id):
        line = Line([Queued(rooms.of(view, queue.work), queue.units) for queue in view.queues if queue.units])
        space = roles[view.role].namespace(view.namespace)
        holder = Holder(view.id, space, axes.demand(view.held), view.weight)
        seated[holder] = Seat(view, holder, line)
    _set_limits(snapshot.roles, roles, seated.values(), cache)
    return seated


class _Role:
    """A role's holder and those of its namespaces, which share the role equally among themselves."""

    def __init__(self, view: RoleView, tree: Tree, cache: Cache) -> None:
        self._view, self._axes = view, cache.axes
        guarantee = cache.axes.pairs(view.role.guarantee)
        self.holder = Holder(view.role.id, tree.root, cache.axes.demand(view.held), view.role.weight, guarantee)
        self._namespaces: dict[str, Holder] = {}

    def namespace(self, name: str) -> Holder:
        if name not in self._namespaces:
            held = self._view.namespaces.get(name, Resources())
            self._namespaces[name] = Holder(name, self.holder, self._axes.demand(held))
        return self._namespaces[name]


def _set_limits(views: Iterable[RoleView], roles: Mapping[RoleId, _Role], seated: Iterable[Seat], cache: Cache) -> None:
    limits = {view.role.id: cache.axes.pairs(view.role.limit.items()) for view in views if view.role.limit}
    members: dict[RoleId, list[Seat]] = {}
    for seat in seated:
        if limits.get(seat.view.role):
            members.setdefault(seat.view.role, []).append(seat)
    for role, inside in members.items():
        rooms = dict.fromkeys(queued.room for seat in inside for queued in seat.line.queues)
        ceiling = Ceiling(limits[role], roles[role].holder.held, rooms)
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
        refused = self._refused(view, work) if view.external else frozenset()
        if refused:
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

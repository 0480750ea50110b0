"""All agents as arrays, kept from cycle to cycle and brought up to date by what changed.

Snapshots share structure: an agent view whose numbers did not change is the same object. So two snapshots are compared
by identity, which takes a fraction of a millisecond for 10,000 agents, and only what differs is worked out again. This
is a memo and nothing more: it holds no decision, and a matrix that is built anew answers the same.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from entresol.allocator.axes import Axes
from entresol.allocator.snapshot import AgentView
from entresol.model.constraints import HostPort
from entresol.model.identifiers import AgentId
from entresol.model.resources import is_scarce

Mask = NDArray[np.bool_]
Amounts = NDArray[np.int64]
Value = TypeVar("Value", bound=np.generic)


class Matrix:
    """The agents of a snapshot on fixed axes.

    Attributes:
        views: the agents, in the snapshot's order; their positions are how everything else here names them.
        position: the position of an agent by its id.
        rows: the free amounts of each agent as a plain list, for questions about a single agent.
        free: the same as an array, one row per resource.
        size: allocatable amounts, one row per resource.
        ports: the host ports that are taken, for agents on which any is.
        scarce: by scarce resource, which agents have it.
        version: counts the updates.
        seen: by agent, the version at which its `Agent` (labels, taints) last changed.
    """

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.views: tuple[AgentView, ...] = ()
        self.position: dict[AgentId, int] = {}
        self.rows: list[list[int]] = []
        self.free: Amounts = np.zeros((len(axes.names), 0), np.int64)
        self.size: Amounts = np.zeros((len(axes.names), 0), np.int64)
        self.ports: dict[int, frozenset[HostPort]] = {}
        self.scarce: dict[str, Mask] = {}
        self.version = 0
        self.seen: NDArray[np.int64] = np.zeros(0, np.int64)

    def update(self, views: tuple[AgentView, ...]) -> NDArray[np.intp] | None:
        """Take over a snapshot's agents.

        Returns:
            None while every agent keeps its position. Otherwise, by new position, the old one, or -1 for a newcomer:
            whoever keeps something per agent must move it along.
        """
        if views is self.views:
            return None
        self.version += 1
        old, moved = self.views, None
        changed = _changed(old, views)
        if len(old) != len(views) or any(old[i].agent.id != views[i].agent.id for i in changed):
            moved = self._move(views)
            changed = [i for i, was in enumerate(moved.tolist()) if was < 0 or old[was] is not views[i]]
        self._refresh(views, changed, None if moved is None else moved.tolist())
        self.views = views
        return moved

    def _move(self, views: Sequence[AgentView]) -> NDArray[np.intp]:
        """Give every agent its new position; newcomers get columns of nothing."""
        before = self.position
        self.position = {view.agent.id: i for i, view in enumerate(views)}
        moved = np.array([before.get(view.agent.id, -1) for view in views], np.intp)
        blank = [0] * len(self.axes.names)
        self.rows = [self.rows[was] if was >= 0 else blank for was in moved.tolist()]
        at = {was: i for i, was in enumerate(moved.tolist())}
        self.ports = {at[was]: ports for was, ports in self.ports.items() if was in at}
        self.free, self.size = moved_along(self.free, moved), moved_along(self.size, moved)
        self.scarce = {name: moved_along(mask, moved) for name, mask in self.scarce.items()}
        self.seen = moved_along(self.seen, moved)
        return moved

    def _refresh(self, views: Sequence[AgentView], changed: Sequence[int], moved: Sequence[int] | None) -> None:
        """Work out the agents at these positions again."""
        if not changed:
            return
        axes, old = self.axes, self.views
        for i in changed:
            view = views[i]
            self.rows[i] = axes.room(view.free)
            self.ports.pop(i, None)
            if view.ports:
                self.ports[i] = view.ports
        self.free[:, changed] = np.array([self.rows[i] for i in changed], np.int64).T
        was = moved or range(len(views))
        renewed = [i for i in changed if not old or was[i] < 0 or old[was[i]].agent is not views[i].agent]
        for i in renewed:
            self._renew(views[i], i)
        if renewed:
            self.size[:, renewed] = np.array([axes.room(views[i].agent.allocatable) for i in renewed], np.int64).T
            self.seen[renewed] = self.version

    def _renew(self, view: AgentView, i: int) -> None:
        for mask in self.scarce.values():
            mask[i] = False
        for name in view.agent.allocatable.names():
            if is_scarce(name):
                if name not in self.scarce:
                    self.scarce[name] = np.zeros(len(self.seen), np.bool_)
                self.scarce[name][i] = True


def _changed(old: Sequence[AgentView], new: Sequence[AgentView]) -> list[int]:
    """Positions at which both have an agent, and not the same object."""
    return [i for i, (before, now) in enumerate(zip(old, new, strict=False)) if before is not now]


def moved_along(values: NDArray[Value], moved: NDArray[np.intp]) -> NDArray[Value]:
    """Values per agent (the last axis), each at its agent's new position; those of newcomers are arbitrary."""
    if not values.shape[-1]:
        return np.zeros((*values.shape[:-1], len(moved)), values.dtype)
    return values[..., moved]

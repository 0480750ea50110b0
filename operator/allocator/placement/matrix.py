"""All agents as arrays, kept from cycle to cycle and brought up to date by what changed.

Snapshots share structure: an agent view whose numbers did not change is the same object. So two snapshots are compared
by identity, which takes a fraction of a millisecond for 10,000 agents, and only what differs is worked out again. This
is a memo and nothing more: it holds no decision, and a matrix that is built anew answers the same.
"""

from collections.abc import Iterator, Sequence
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

AT_ONCE = 1000
"""How many agents are worked out in one go."""


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
        # What the rows were worked out from. It lags behind `views` while an update is under way or was broken off.
        self._known: list[AgentView | None] = []
        self._stale: list[int] = []

    def take_over(self, views: tuple[AgentView, ...]) -> NDArray[np.intp] | None:
        """Take over a snapshot's agents, and their order; `refresh` has to follow.

        Returns:
            None while every agent keeps its position. Otherwise, by new position, the old one, or -1 for a newcomer:
            whoever keeps something per agent must move it along.
        """
        self.version += 1
        self.views = views
        self._stale = _differing(self._known, views)
        position = self.position
        if len(self._known) == len(views) and all(position.get(views[i].agent.id) == i for i in self._stale):
            return None
        moved = self._move(views)
        self._stale = _differing(self._known, views)
        return moved

    def refresh(self) -> Iterator[None]:
        """Work out every agent that changed; between two portions of them it yields, to let others have a turn."""
        stale = self._stale
        for start in range(0, len(stale), AT_ONCE):
            if start:
                yield
            self._work_out(stale[start : start + AT_ONCE])

    def _move(self, views: Sequence[AgentView]) -> NDArray[np.intp]:
        """Give every agent its new position; newcomers get columns of nothing."""
        before = self.position
        self.position = {view.agent.id: i for i, view in enumerate(views)}
        moved = np.array([before.get(view.agent.id, -1) for view in views], np.intp)
        origins = moved.tolist()
        blank = [0] * len(self.axes.names)
        self.rows = [self.rows[was] if was >= 0 else blank for was in origins]
        self._known = [self._known[was] if was >= 0 else None for was in origins]
        at = {was: i for i, was in enumerate(origins)}
        self.ports = {at[was]: ports for was, ports in self.ports.items() if was in at}
        self.free, self.size = moved_along(self.free, moved), moved_along(self.size, moved)
        self.scarce = {name: moved_along(mask, moved) for name, mask in self.scarce.items()}
        self.seen = moved_along(self.seen, moved)
        return moved

    def _work_out(self, stale: list[int]) -> None:
        axes, rows, views, known = self.axes, self.rows, self.views, self._known
        renewed = []
        for i in stale:
            view, before = views[i], known[i]
            rows[i] = axes.room(view.free)
            self.ports.pop(i, None)
            if view.ports:
                self.ports[i] = view.ports
            if before is None or before.agent is not view.agent:
                renewed.append(i)
            known[i] = view
        self.free[:, stale] = np.array([rows[i] for i in stale], np.int64).T
        if renewed:
            self._renew(renewed)

    def _renew(self, renewed: list[int]) -> None:
        """Work out what only a change of the `Agent` itself changes."""
        sizes = [self.views[i].agent.allocatable for i in renewed]
        self.size[:, renewed] = np.array([self.axes.room(size) for size in sizes], np.int64).T
        self.seen[renewed] = self.version
        having: dict[str, list[int]] = {}
        for i, size in zip(renewed, sizes, strict=True):
            for name, _ in size.amounts:
                if is_scarce(name):
                    having.setdefault(name, []).append(i)
        for mask in self.scarce.values():
            mask[renewed] = False
        for name, agents in having.items():
            if name not in self.scarce:
                self.scarce[name] = np.zeros(len(self.views), np.bool_)
            self.scarce[name][agents] = True


def _differing(known: Sequence[AgentView | None], views: Sequence[AgentView]) -> list[int]:
    """Positions whose agent is not the object that its row was worked out from."""
    return [i for i, (before, now) in enumerate(zip(known, views, strict=False)) if before is not now]


def moved_along(values: NDArray[Value], moved: NDArray[np.intp]) -> NDArray[Value]:
    """Values per agent (the last axis), each at its agent's new position; those of newcomers are arbitrary."""
    if not values.shape[-1]:
        return np.zeros((*values.shape[:-1], len(moved)), values.dtype)
    return values[..., moved]

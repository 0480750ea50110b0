"""A task class in the allocator's own terms, and the question asked of agents for it.

A `Room` is that question, "is there room for one of these?": a kind and, for an external framework, the agents on
which it refused as much. Units of one room are interchangeable, so one that finds no agent speaks for all of them
until something is released, which never happens within a cycle.
"""

from dataclasses import dataclass

from entresol.allocator.placement.ground import Ground
from entresol.model.constraints import HostPort
from entresol.model.work import TaskClass


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What a class asks, on the axes of a snapshot.

    Attributes:
        demand: amounts by position.
        pairs: the amounts that are not zero, as (position, amount).
        scarce: the scarce resources among them, by name.
        ports: the host ports it occupies.
        ground: which agents it may use at all.
    """

    work: TaskClass
    demand: list[int]
    pairs: tuple[tuple[int, int], ...]
    scarce: frozenset[str]
    ports: tuple[HostPort, ...]
    ground: Ground


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """A kind, and the positions of agents on which the framework that asks refused it."""

    kind: Kind
    refused: frozenset[int] = frozenset()

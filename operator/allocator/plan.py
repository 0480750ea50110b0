"""What the allocator answers: grants in the order they were decided, and for what was not granted, why.

Grants carry the key that won their turn, so a plan is also its own decision log: an audit can replay it and check that
each grant had the smallest key among the heads that still fitted.
"""

from dataclasses import dataclass
from typing import NamedTuple

from entresol.model.identifiers import AgentId, FrameworkId, TaskId
from entresol.model.reasons import Shortage
from entresol.model.work import TaskClass


class Key(NamedTuple):
    """A holder's place in the order at one level: smaller is due first.

    A tuple rather than a dataclass because the heaps of a cycle hold millions of them and compare them in C.

    Attributes:
        tier: at the role's level 0 while the unit stays inside the role's guarantee and 1 otherwise; 0 below it.
        share: the share function's value divided by the holder's weight.
        since: when its next unit began to wait; the older wait breaks a tie.
        name: the last word, so that no tie is left to chance.
    """

    tier: int
    share: float
    since: float
    name: str


class Launch(NamedTuple):
    """A built-in framework's unit, and the agent it goes to. A tuple for the same reason as `Key`."""

    framework: FrameworkId
    task: TaskId
    work: TaskClass
    agent: AgentId
    keys: tuple[Key, ...]


class Slice(NamedTuple):
    """Room on one agent for one unit that an external framework asked for; the engine makes offers of slices.

    `task` names the placeholder unit of the framework's demand, not a task: the framework decides what to run.
    """

    framework: FrameworkId
    task: TaskId
    work: TaskClass
    agent: AgentId
    keys: tuple[Key, ...]


Grant = Launch | Slice


@dataclass(frozen=True, slots=True)
class OverLimit:
    """One more unit would pass the role's limit on these resources."""

    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CutShort:
    """The cycle reached its bound on grants before this class's turn came."""


Verdict = OverLimit | CutShort | Shortage


class Pass(NamedTuple):
    """A class of a framework that is left with waiting units, and why."""

    framework: FrameworkId
    work: TaskClass
    verdict: Verdict


class Standing(NamedTuple):
    """Where a waiting framework stands at the end of a cycle: its keys from the role's level down to its own."""

    framework: FrameworkId
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One partial answer. A cycle yields several; only the last, marked `final`, explains what is left.

    A part may be empty: setting a cycle up and explaining its end are cut into steps like everything else.

    Attributes:
        standings: waiting frameworks in the order they are due, those over their limit left out.
    """

    cycle: int
    grants: tuple[Grant, ...]
    final: bool = False
    passes: tuple[Pass, ...] = ()
    standings: tuple[Standing, ...] = ()

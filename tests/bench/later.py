"""The picture after a cycle whose grants were carried out, sharing with an earlier one whatever did not change.

The engine's pictures do so too, and the allocator's memos count on it: an incremental cycle measured on pictures that
share nothing would be no incremental cycle.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from entresol.allocator.plan import Grant
from entresol.allocator.snapshot import AgentView, ClusterSnapshot, FrameworkView, Queue, RoleView
from entresol.model.identifiers import FrameworkId
from entresol.model.resources import Resources, total
from entresol.model.work import TaskClass

V = TypeVar("V", AgentView, FrameworkView, Queue)


def later(snapshot: ClusterSnapshot, grants: Iterable[Grant], near: ClusterSnapshot | None = None) -> ClusterSnapshot:
    """What follows on a snapshot when these grants were carried out.

    Agents, frameworks and queues of `near`, an earlier answer, serve again where they are equal.
    """
    grants = tuple(grants)
    placed: dict[str, list[Resources]] = defaultdict(list)
    started: Counter[tuple[FrameworkId, TaskClass]] = Counter()
    for grant in grants:
        placed[grant.agent].append(grant.work.demand)
        started[grant.framework, grant.work] += 1
    agents = (
        replace(view, free=view.free.without(total(placed[view.agent.id]))) if view.agent.id in placed else view
        for view in snapshot.agents
    )
    frameworks = tuple(_framework(view, started) for view in snapshot.frameworks)
    return replace(
        snapshot,
        cycle=snapshot.cycle + (2 if near else 1),
        agents=_shared(agents, near.agents if near else ()),
        frameworks=_shared(
            (_with_queues(view, known) for view, known in _beside(frameworks, near)), near.frameworks if near else ()
        ),
        roles=tuple(_role(view, frameworks) for view in snapshot.roles),
    )


def _framework(view: FrameworkView, started: Counter[tuple[FrameworkId, TaskClass]]) -> FrameworkView:
    """What is left of a framework's queues; two queues of one class lose their units from the first on."""
    held, queues = [view.held], []
    for queue in view.queues:
        gone = min(started[view.id, queue.work], len(queue.units))
        started[view.id, queue.work] -= gone
        held += [queue.work.demand] * gone
        queues.append(replace(queue, units=queue.units[gone:]))
    return replace(view, held=total(held), queues=tuple(queues))


def _role(view: RoleView, frameworks: Iterable[FrameworkView]) -> RoleView:
    inside = [each for each in frameworks if each.role == view.role.id]
    spaces = {each.namespace for each in inside}
    held = {space: total(each.held for each in inside if each.namespace == space) for space in spaces}
    return replace(view, held=total(held.values()), namespaces=held)


def _beside(
    frameworks: tuple[FrameworkView, ...], near: ClusterSnapshot | None
) -> Iterable[tuple[FrameworkView, tuple[Queue, ...]]]:
    known: Mapping[FrameworkId, FrameworkView] = {view.id: view for view in near.frameworks} if near else {}
    return ((view, known[view.id].queues if view.id in known else ()) for view in frameworks)


def _with_queues(view: FrameworkView, known: tuple[Queue, ...]) -> FrameworkView:
    return replace(view, queues=_shared(view.queues, known))


def _shared(fresh: Iterable[V], known: tuple[V, ...]) -> tuple[V, ...]:
    """The fresh ones, or the known ones in the same places where these are equal."""
    fresh = tuple(fresh)
    if not known:
        return fresh
    return tuple(old if old == new else new for old, new in zip(known, fresh, strict=True))

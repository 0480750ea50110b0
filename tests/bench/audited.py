"""The audit of decisions for plans that are too large for the thorough one.

`tests.support.audit` asks after every grant what everybody else could have been granted, of every agent: some minutes
for a thousand agents. Here every grant is checked for what concerns itself (next in its queue, within the limit, room
on its agent), and every so many grants the whole question is asked: whose turn was it, with which keys. Whether a class
has room anywhere is remembered by the first agent that has, which only ever moves on, because room only shrinks.
"""

from collections.abc import Iterable

from entresol.allocator.plan import Grant
from entresol.allocator.snapshot import ClusterSnapshot, FrameworkView
from entresol.model.identifiers import RoleId
from entresol.model.policy import Policy
from entresol.model.work import TaskClass
from tests.support.audit import Books


class LargeBooks(Books):
    """Books that remember where each class was last found to fit. Only for pictures without external frameworks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._first: dict[int, int] = {}
        self._limited: frozenset[RoleId] = frozenset(view.role.id for view in self.snapshot.roles if view.role.limit)

    def over(self, view: FrameworkView, work: TaskClass) -> tuple[str, ...]:
        return super().over(view, work) if view.role in self._limited else ()

    def fits_somewhere(self, view: FrameworkView, work: TaskClass) -> bool:
        agents = self.snapshot.agents
        first = self._first.get(id(work), 0)
        while first < len(agents) and not self.fits(view, work, agents[first]):
            first += 1
        self._first[id(work)] = first
        return first < len(agents)


def findings(snapshot: ClusterSnapshot, policy: Policy, grants: Iterable[Grant], every: int) -> list[str]:
    """What is wrong with these grants; the turn is asked for at the first one and then every so many."""
    books = LargeBooks(snapshot, policy)
    views = {view.id: view for view in snapshot.frameworks}
    agents = {view.agent.id: view for view in snapshot.agents}
    for number, grant in enumerate(grants):
        view = views[grant.framework]
        queue = next((i for i, _, unit in books.left(view) if unit.task == grant.task), None)
        if queue is None:
            return [f"grant {number}: {grant.task} is not the next unit of any class"]
        if books.over(view, grant.work) or not books.fits(view, grant.work, agents[grant.agent]):
            return [f"grant {number}: {grant.task} does not fit on {grant.agent}, or under its role's limit"]
        if number % every == 0:
            ladders = books.ladders(with_room=True)
            due = min(ladders, key=lambda name: ladders[name])
            if due != grant.framework or ladders[due] != grant.keys:
                return [f"grant {number}: {due} was due with {ladders[due]}, not {grant.framework} with {grant.keys}"]
        books.book(view, queue, grant.agent)
    return [f"{name} could have been granted more" for name in sorted(books.ladders(with_room=True))]

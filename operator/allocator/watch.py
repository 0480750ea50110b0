"""Which rooms are still open: the exact answer, kept true after every grant, without asking all agents every time.

A framework whose next unit fits nowhere must not wait for its turn to find out: until then its place in the order would
be that of a unit that cannot start, and everybody else would be served first. So every room that heads a framework's
line is watched. Its witness is some agent on which one unit fits; room only shrinks, so nothing can have changed
until a grant touches the witness. Then another one is looked for, and when there is none the room is dead for the rest
of the cycle.

An agent may be witness for many rooms, so it carries the largest amounts any of them asks: while those are free, all of
them are well.
"""

from dataclasses import dataclass, field

from entresol.allocator.placement.floor import Floor
from entresol.allocator.placement.kind import Room


@dataclass(slots=True)
class _Search:
    """The state of a room's search: agents on which it fitted when all were last asked, and whether that was all."""

    spare: list[int] = field(default_factory=list)
    complete: bool = False


@dataclass(slots=True)
class _Post:
    """The rooms an agent is witness for, and the most any of them asks, as (position, amount)."""

    rooms: list[Room] = field(default_factory=list)
    most: dict[int, int] = field(default_factory=dict)
    ports: bool = False


class Watch:
    """The rooms of one cycle that somebody waits for."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._searches: dict[Room, _Search] = {}
        self._posts: dict[int, _Post] = {}
        self.dead: set[Room] = set()

    def alive(self, room: Room) -> bool:
        """Whether at least one agent has room; from now on the room is watched."""
        if room not in self._searches:
            self._searches[room] = _Search()
            self._settle(room)
        return room not in self.dead

    def shaken(self, agent: int) -> list[Room]:
        """The rooms that died of the unit just placed on this agent."""
        post = self._posts.get(agent)
        if post is None:
            return []
        row = self._floor.rows[agent]
        if not post.ports and all(row[i] >= amount for i, amount in post.most.items()):
            return []
        del self._posts[agent]
        return [room for room in post.rooms if not self._settle(room)]

    def _settle(self, room: Room) -> bool:
        """Find the room a witness, or call it dead."""
        witness = self._witness(room)
        if witness is None:
            self.dead.add(room)
            return False
        post = self._posts.setdefault(witness, _Post())
        post.rooms.append(room)
        post.ports = post.ports or bool(room.kind.ports)
        for i, amount in room.kind.pairs:
            post.most[i] = max(post.most.get(i, 0), amount)
        return True

    def _witness(self, room: Room) -> int | None:
        search = self._searches[room]
        while True:
            while search.spare:
                if self._floor.fits(room.kind, search.spare[-1]):
                    return search.spare[-1]
                search.spare.pop()
            if search.complete:
                return None
            search.spare, search.complete = self._floor.some_fitting(room)

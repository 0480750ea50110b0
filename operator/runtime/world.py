"""The cluster as it is followed: every kind, from the reflectors into events.

Order at the start matters twice. Pods are followed only when everything else is listed, since attempts are recovered
from Tasks and charges from frameworks. And the engine hears `Synced`, which allows it to grant anything, only when all
of it has been listed once, be there objects or none: on half a world every node looks empty.

An object that cannot be understood is logged and counted, and what was known of it stays. It must neither stop the
others nor vanish from the books while its pods may still run.

A replica that stands by follows all of this too, but its engine hears nothing: what the newest version of each object
means is held back. When it comes to lead, what a leader writes is listed afresh first, since a list that began after the
Lease was won holds everything that the leader before has written, which a watch may still owe us. Then all is told in
the order of a start. Of the other kinds news may be late at any time, so what is known of them will do.

Besides telling the engine, each kind's newest records are kept, because what we write (a pod from a Task's template, a
status that changed) is made from them.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NoReturn, cast

from entresol.engine.events import Event, PodsListed, Synced
from entresol.gauges import Stream
from entresol.kube.bodies import Malformed
from entresol.kube.client import KubeClient
from entresol.kube.holdings import T
from entresol.kube.pace import Pace
from entresol.kube.reflector import Reflector
from entresol.kube.scope import EVERYTHING, Scope
from entresol.kube.wire_kinds import Framework, FrameworkRole, Task
from entresol.kube.wire_pod import Pod
from entresol.model.identifiers import PodId
from entresol.runtime.clock import Clock
from entresol.runtime.kinds import Elsewhere, Kind, Priorities, early_kinds, pod_kinds
from entresol.runtime.leadership import Leadership
from entresol.runtime.records import Records

PORTION = 200
"""Objects that are told at a stretch: a few milliseconds."""

WRITTEN = ("tasks", "frameworkroles", "pods")
"""What a leader has written decides what the next one does: attempts, the sums of shares over time, launches."""

_log = logging.getLogger(__name__)

Dispatch = Callable[[Event], None]


class Feed(Generic[T]):
    """One kind: its reflector, its newest records, and the events that its changes become."""

    def __init__(self, kind: Kind[T], client: KubeClient, pace: Pace, dispatch: Dispatch) -> None:
        self.kind = kind
        self.records = Records[T](kind.key)
        self.reflector = Reflector(client, kind.selection, kind.wire, self, pace)
        self.listed = asyncio.Event()
        self.on_list: Callable[[], None] = lambda: None
        self._malformed = 0
        self._dispatch = dispatch
        self._held: dict[str, Event] = {}  # what is not told yet, by UID
        self._told = False
        self._group: asyncio.TaskGroup | None = None
        self._following: asyncio.Task[NoReturn] | None = None

    def upsert(self, record: T) -> None:
        """An object is there, or has changed."""
        event = self.kind.observed(record)
        self.kind.shed(record)
        self.records.put(record)
        if isinstance(event, Malformed):
            self._malformed += 1
            _log.warning("%s %s is ignored: %s", event.kind, event.name, event.why)
        elif event is not None and self._told:
            self._held.pop(record.metadata.uid, None)
            self._dispatch(event)
        elif event is not None:
            self._held[record.metadata.uid] = event

    def delete(self, record: T) -> None:
        """An object is gone."""
        self.records.drop(record)
        event = self.kind.gone(record)
        self._held.pop(record.metadata.uid, None)
        if event is not None and self._told:
            self._dispatch(event)

    def synced(self) -> None:
        """A list is complete."""
        self.listed.set()
        self.on_list()

    def follow(self, group: asyncio.TaskGroup) -> None:
        """Follow the kind from now on."""
        self._group = group
        self._following = group.create_task(self.reflector.run(), name=f"follow {self.kind.name}")

    async def list_afresh(self) -> None:
        """Return when a list is complete that began after this was called; the kind must be followed."""
        assert self._group is not None
        assert self._following is not None
        self._following.cancel()
        await asyncio.wait((self._following,))
        self.listed.clear()
        self.reflector.start_over()
        self.follow(self._group)
        await self.listed.wait()

    async def tell(self) -> None:
        """Tell what was held back, in portions between which the loop goes on, and everything at once from now on."""
        self._told = True
        for number, uid in enumerate(list(self._held), start=1):
            event = self._held.pop(uid, None)
            if event is not None:
                self._dispatch(event)
            if number % PORTION == 0:
                await asyncio.sleep(0)

    @property
    def told(self) -> bool:
        """Whether news are told at once."""
        return self._told

    def trouble(self) -> str:
        """Why what is held may differ from what is there just now, in words; empty while it must not."""
        return self.reflector.problem or ("" if self.listed.is_set() else "it is being listed")

    async def tell_again(self, outdated: Callable[[], bool]) -> None:
        """Say of every object once more what it means, because something else decides on that too.

        In portions between which the loop goes on; ends early once it is `outdated`.
        """
        for number, key in enumerate([self.kind.key(record) for record in self.records], start=1):
            record = self.records.get(key)
            if record is not None:
                self.upsert(record)
            if number % PORTION == 0:
                await asyncio.sleep(0)
                if outdated():
                    return

    def stream(self) -> Stream:
        """How the following goes."""
        counts = self.reflector.counts
        return Stream(
            age=self.reflector.age(),
            objects=len(self.reflector.records),
            lists=counts.lists,
            restarts=max(0, counts.watches - 1),
            malformed=self._malformed + counts.unreadable,
        )


class World:
    """Follows everything, and tells of what is in `scope`. `run` once; the rest may be read at any time."""

    def __init__(
        self,
        client: KubeClient,
        clock: Clock,
        dispatch: Dispatch,
        leadership: Leadership,
        scope: Scope = EVERYTHING,
    ) -> None:
        """Tell nothing before we lead."""
        self.scope = scope
        self._leadership = leadership
        self._elsewhere = Elsewhere()
        pace = Pace(clock=clock.now)
        priorities = Priorities()
        self._dispatch = dispatch
        self._early = [Feed(kind, client, pace, dispatch) for kind in early_kinds(priorities, scope)]
        self._pods = [Feed(kind, client, pace, dispatch) for kind in pod_kinds(scope, self._elsewhere)]
        self._by_name: dict[str, Feed[Any]] = {feed.kind.name: feed for feed in (*self._early, *self._pods)}
        self._stirred = asyncio.Event()
        self.whole = asyncio.Event()
        """Set when everything has been listed once."""
        priorities.changed = self._stirred.set
        self._pods[0].on_list = self._pods_listed

    @property
    def tasks(self) -> Records[Task]:
        """Task objects, by UID."""
        return cast("Records[Task]", self._by_name["tasks"].records)

    @property
    def frameworks(self) -> Records[Framework]:
        """Framework objects, by `namespace/name`."""
        return cast("Records[Framework]", self._by_name["frameworks"].records)

    @property
    def roles(self) -> Records[FrameworkRole]:
        """FrameworkRole objects, by name."""
        return cast("Records[FrameworkRole]", self._by_name["frameworkroles"].records)

    @property
    def pods(self) -> Records[Pod]:
        """Pods that name our scheduler, by UID."""
        return self._pods[0].records

    @property
    def unserved_pods(self) -> int:
        """How many pods that are not over name our scheduler in namespaces that are not served."""
        return len(self._elsewhere.pods)

    def streams(self) -> Mapping[str, Stream]:
        """How the following of each kind goes."""
        return {name: feed.stream() for name, feed in self._by_name.items()}

    def feeds(self) -> Iterable[Feed[Any]]:
        """Every kind."""
        return self._by_name.values()

    def problems(self) -> Mapping[str, str]:
        """Why a kind cannot be followed at the moment, in words, for those that cannot."""
        every = ((name, feed.reflector.problem) for name, feed in self._by_name.items())
        return {name: problem for name, problem in every if problem}

    def versions(self) -> Mapping[str, Mapping[str, str]]:
        """The version of every object held, by kind and UID."""
        return {
            name: {uid: record.metadata.resource_version for uid, record in feed.reflector.records.items()}
            for name, feed in self._by_name.items()
        }

    async def run(self) -> NoReturn:
        """Follow everything until cancelled. Raises, as an exception group, when a kind may not be followed."""
        stands_by = not self._leadership.won.is_set()
        every = (*self._early, *self._pods)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._retell(), name="retell tasks")
            if not stands_by:
                for feed in every:
                    await feed.tell()
            for feeds in (self._early, self._pods):
                for feed in feeds:
                    feed.follow(group)
                for feed in feeds:
                    await feed.listed.wait()
            self.whole.set()
            if stands_by:
                await self._leadership.won.wait()
                await asyncio.gather(*(self._by_name[kind].list_afresh() for kind in WRITTEN))
                for feed in every:
                    await feed.tell()
            self._dispatch(Synced(self._leadership.led_until))
        raise AssertionError("a reflector ended without an error")

    def _pods_listed(self) -> None:
        if not self._pods[0].told:
            return
        reflector = self._pods[0].reflector
        present = frozenset(PodId(uid) for uid in reflector.records)
        self._dispatch(PodsListed(reflector.list_began, present))

    async def _retell(self) -> NoReturn:
        """Read tasks again when priority classes changed: once for all that did in one go, from the start for others."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            await self._by_name["tasks"].tell_again(self._stirred.is_set)

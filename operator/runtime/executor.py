"""Carries out deeds, each to a certain end, and tells the engine how it ended.

Every launch ends in exactly one outcome event, and "refused" is only said when it is certain that the deed will not
happen any more. What makes that possible:

* **A repeated deed is recognised.** A Task's pod has a name that is a function of the Task's UID and the attempt, so a
  create that was carried out without our knowing is met by the next one as a 409, which is then read back: it is ours
  if the owner's UID and the attempt agree and it is not being deleted. A Binding carries the pod's UID, and a pod
  already bound to the intended agent is a success.
* **What may have been done is read back, never guessed.** After a connection that broke in the middle, or a 5xx, the
  object is read. A pod that is not there yet may still be made by a request that was lost or timed out, so from then on
  only the server's own word ends the deed, and until then the room stays taken in the books.
* **Order per object.** Deeds on one object wait for one another; different objects do not.

Deletions have no outcome event: that the object is gone is seen by the watch. They are repeated until the server says
that it is done or gone, because nobody else would repeat them.

Crash points are for tests: places at which the process can be told to kill itself, so that the next one must recover
from exactly there.
"""

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import assert_never

from entresol.engine.effects import BindPod, CreatePod, DeletePod, DeleteTask
from entresol.engine.events import Event, Launched, LaunchRefused, Refusal
from entresol.runtime.deletions import Deletions
from entresol.runtime.hands import Hands
from entresol.runtime.launches import Launches

CLOSING_SECONDS = 0.2
"""What is under way at the end gets so long; nearly every answer comes within a tenth of it."""

_log = logging.getLogger(__name__)

Deed = CreatePod | BindPod | DeletePod | DeleteTask


class Executor:
    """Deeds in, outcomes out. Nothing is awaited by who submits one."""

    def __init__(self, launches: Launches, deletions: Deletions, hands: Hands, report: Callable[[Event], None]) -> None:
        self._launches = launches
        self._deletions = deletions
        self._hands = hands
        self._report = report
        self._queues: dict[str, deque[Deed]] = {}
        self._busy = 0

    @property
    def busy(self) -> int:
        """How many deeds are submitted and not at their end."""
        return self._busy

    def submit(self, deed: Deed) -> None:
        """Carry out a deed after the earlier ones on the same object."""
        self._busy += 1
        key = _object_of(deed)
        queue = self._queues.get(key)
        if queue is not None:
            queue.append(deed)
            return
        self._queues[key] = deque((deed,))
        self._hands.do(partial(self._drain, key))

    async def close(self) -> None:
        """Give up what is not done in a moment; the next process reads from the cluster what came of it.

        The moment spares whoever leads next most writes that it would not find in its list.
        """
        await self._hands.close(CLOSING_SECONDS)

    async def _drain(self, key: str) -> None:
        queue = self._queues[key]
        try:
            while queue:
                outcome = await self._do(queue.popleft())
                self._busy -= 1
                if outcome is not None:
                    self._report(outcome)
        finally:
            del self._queues[key]

    async def _do(self, deed: Deed) -> Launched | LaunchRefused | None:
        try:
            match deed:
                case CreatePod():
                    return await self._launches.create(deed)
                case BindPod():
                    return await self._launches.bind(deed)
                case DeletePod():
                    await self._deletions.pod(deed)
                case DeleteTask():
                    await self._deletions.task(deed)
                case _:
                    assert_never(deed)
        except Exception as error:  # noqa: BLE001
            # A fault of ours with one object must not stop all others, nor may the engine wait for ever: it will ask
            # again after a pause, and what was done meanwhile is recognised then.
            _log.exception("%s failed on an error of ours", deed)
            return _failed(deed, error)
        return None


def _object_of(deed: Deed) -> str:
    return deed.pod if isinstance(deed, DeletePod) else deed.task


def _failed(deed: Deed, error: Exception) -> LaunchRefused | None:
    words = f"{type(error).__name__}: {error}"
    match deed:
        case CreatePod(task=task, attempt=attempt):
            return LaunchRefused(task, attempt, Refusal.UNAVAILABLE, words)
        case BindPod(task=task):
            return LaunchRefused(task, 0, Refusal.UNAVAILABLE, words)
        case _:
            return None

"""An executor of deeds on a fake cluster, with nothing else around it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from entresol.engine.effects import CreatePod
from entresol.engine.events import Event
from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.pace import Pace
from entresol.kube.transport import Timeouts
from entresol.kube.wire_kinds import Task
from entresol.kube.wire_pod import Pod
from entresol.metrics import Metrics
from entresol.model.identifiers import AgentId, FrameworkId, RoleId, TaskId
from entresol.model.tasks import Charge
from entresol.runtime.courier import Courier
from entresol.runtime.deletions import Deletions
from entresol.runtime.executor import Deed, Executor
from entresol.runtime.hands import Hands
from entresol.runtime.kinds import uid_of
from entresol.runtime.launches import Desk, Launches
from entresol.runtime.records import Records
from entresol.runtime.refusals import Refused
from entresol.runtime.throttle import Throttle
from tests.shell.operating import empty_picture
from tests.support import objects
from tests.support.decoded import decoded
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_faults import Drop, Ending
from tests.support.recorder import until

CHARGE = Charge(RoleId("team"), FrameworkId("team/batch"))
N1 = AgentId("n1")
LOST_BEFORE = Drop(Ending.RESET)
LOST_AFTER = Drop(Ending.RESET, after_doing=True)


@dataclass
class Bench:
    """An executor with nothing around it. Pauses end at once and are counted."""

    cluster: FakeCluster
    executor: Executor
    desk: Desk
    outcomes: list[Event]
    pauses: list[float]
    places: list[str]
    refused: Refused | None = None  # what a record of a status meets

    async def end(self, *deeds: Deed) -> list[Event]:
        """Submit deeds, and wait until all are at their end."""
        for deed in deeds:
            self.executor.submit(deed)
        await until(lambda: self.executor.busy == 0)
        return self.outcomes

    async def make_task(self, name: str = "one") -> TaskId:
        made = await self.cluster.make(objects.task(name, "team", framework="batch"))
        self.desk.tasks.put(decoded(Task, made))
        return TaskId(made["metadata"]["uid"])

    async def make_pod(self, name: str = "web") -> TaskId:
        made = await self.cluster.make(objects.pod(name, "team"))
        self.desk.pods.put(decoded(Pod, made))
        return TaskId(made["metadata"]["uid"])


@asynccontextmanager
async def executing(cluster: FakeCluster) -> AsyncIterator[Bench]:
    """A bench while the block lasts."""
    pauses: list[float] = []
    places: list[str] = []
    outcomes: list[Event] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    async def record(_: TaskId) -> Refused | None:
        places.append("record")
        return bench.refused

    async with KubeClient(Connection(cluster.url), timeouts=Timeouts(deed=5.0)) as client:
        courier = Courier(Throttle(8, asyncio.get_running_loop().time), Metrics(empty_picture))
        tasks, pods = Records[Task](uid_of), Records[Pod](uid_of)
        hands = Hands(8, sleep)
        desk = Desk(client, courier, tasks, pods, record, places.append, Pace(sleep=hands.rest))
        executor = Executor(Launches(desk), Deletions(desk), hands, outcomes.append)
        bench = Bench(cluster, executor, desk, outcomes, pauses, places)
        yield bench
        await executor.close()


def create(task: TaskId, attempt: int = 1, *, record_first: bool = False) -> CreatePod:
    return CreatePod(task, attempt, N1, CHARGE, record_first=record_first)

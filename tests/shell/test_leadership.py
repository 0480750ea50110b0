"""Elections on a fake API server that hangs, fails, conflicts and forgets. The clock of the leases is the test's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random

import pytest

from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.lease import ADDRESS
from entresol.kube.resources import LEASES
from entresol.kube.times import format_time_exactly, parse_time
from entresol.metrics import Metrics
from entresol.runtime.fence import Fence
from entresol.runtime.leadership import Alone, DeposedError, Elector, Means
from entresol.runtime.lookout import Terms
from tests.shell.operating import empty_picture
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_faults import Drop, Ending, Fault, Refuse
from tests.support.recorder import until

TERMS = Terms(namespace="system", name="entresol", identity="one", lease=10, renew=6.0, retry=0.02)
PATH = LEASES.path()
HANG = Drop(Ending.SILENCE)
HANG_AFTER = Drop(Ending.SILENCE, after_doing=True)
LOST_AFTER = Drop(Ending.RESET, after_doing=True)
LOST_BEFORE = Drop(Ending.RESET)


class Time:
    """A clock that moves when it is told to, and a wall that may show anything."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.shift = 0.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        # Never the same twice: real time stamps have microseconds.
        self.now += 1e-5
        return 1_700_000_000.0 + self.shift + self.now


@dataclass
class Replica:
    """A candidate, running."""

    elector: Elector
    fence: Fence
    metrics: Metrics
    time: Time
    run: "asyncio.Task[None]"
    held_back: list[int]

    @property
    def leads(self) -> bool:
        return self.elector.won.is_set()

    def counted(self, sample: str) -> float:
        for line in self.metrics.render().decode().splitlines():
            if line.startswith(f"{sample} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    async def die(self) -> None:
        """End as by SIGKILL: nothing is released."""
        self.run.cancel()
        await asyncio.wait((self.run,))

    async def deposed(self) -> str:
        """Wait for its end, and return the words of it."""
        await until(self.run.done)
        error = self.run.exception()
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        assert isinstance(error, DeposedError)
        return str(error)


@asynccontextmanager
async def standing(
    cluster: FakeCluster, name: str = "one", *, time: Time | None = None, ready: bool = True
) -> AsyncIterator[Replica]:
    """A replica that stands for election."""
    time, held_back, may = time or Time(), list[int](), asyncio.Event()
    if ready:
        may.set()
    fence, metrics = Fence(time, lambda: held_back.append(1)), Metrics(empty_picture)
    async with KubeClient(Connection(cluster.url)) as client:
        means = Means(client, fence, metrics, time, time.wall, Random(7))
        elector = Elector(replace(TERMS, identity=name), means)
        elector.advertised = f"{name}:8080"
        run = asyncio.create_task(elector.run(may))
        replica = Replica(elector, fence, metrics, time, run, held_back)
        try:
            yield replica
        finally:
            await replica.die()


def spec(cluster: FakeCluster) -> dict[str, object]:
    found: dict[str, object] = cluster.object(LEASES, "system", "entresol")["spec"]
    return found


def seen_by(replica: Replica) -> str | None:
    """Whom a replica takes for the leader."""
    return replica.elector.address


def writes(cluster: FakeCluster) -> int:
    return cluster.count("hold")


async def renewals(cluster: FakeCluster, number: int) -> None:
    """Wait for so many more writes to the Lease."""
    until_then = writes(cluster) + number
    await until(lambda: writes(cluster) >= until_then)


# --- taking it ---


async def test_the_first_replica_makes_the_lease_and_leads(cluster: FakeCluster) -> None:
    async with standing(cluster) as one:
        await until(lambda: one.leads)
        assert one.fence.left == pytest.approx(6.0, abs=0.01)
        assert spec(cluster) | {"acquireTime": "", "renewTime": ""} == {
            "holderIdentity": "one", "leaseDurationSeconds": 10, "acquireTime": "", "renewTime": "",
            "leaseTransitions": 0,
        }  # fmt: skip
        assert cluster.object(LEASES, "system", "entresol")["metadata"]["annotations"] == {ADDRESS: "one:8080"}
        assert one.elector.led_until is None
        assert one.elector.address == "one:8080"
        assert one.counted("entresol_lease_transitions_total") == 1
        await until(lambda: one.counted('entresol_lease_renewals_total{outcome="renewed"}') >= 3)
        standing_now = one.elector.standing()
        assert standing_now.leads
        assert standing_now.age == pytest.approx(0.0, abs=0.01)


async def test_nobody_stands_before_it_is_ready(cluster: FakeCluster) -> None:
    async with standing(cluster, ready=False) as one:
        await until(lambda: cluster.count("look") >= 3)
        assert (one.leads, writes(cluster)) == (False, 0)
        assert one.fence.left < 0


async def test_of_two_that_stand_at_once_one_leads(cluster: FakeCluster) -> None:
    async with standing(cluster, "one") as one, standing(cluster, "two") as two:
        await until(lambda: one.leads or two.leads)
        await renewals(cluster, 5)
        assert (one.leads, two.leads) in {(True, False), (False, True)}


async def test_a_standby_leaves_a_leader_alone_that_renews(cluster: FakeCluster) -> None:
    time = Time()
    async with standing(cluster, "one", time=time) as one:
        await until(lambda: one.leads)
        async with standing(cluster, "two", time=time) as two:
            await until(lambda: two.elector.address == "one:8080")
            for _ in range(10):
                time.now += 3.0
                await renewals(cluster, 1)
                await asyncio.sleep(0.01)
            assert not two.leads
            assert one.leads
            assert two.elector.standing().age is None


async def test_a_dead_leader_is_replaced_when_its_lease_has_run_out_by_the_standby_s_own_clock(
    cluster: FakeCluster,
) -> None:
    async with standing(cluster, "one") as one:
        await until(lambda: one.leads)
        async with standing(cluster, "two") as two:
            await until(lambda: two.elector.address is not None)
            await one.die()
            said = parse_time(str(spec(cluster)["renewTime"]))
            await until(lambda: cluster.open_watches > 0)
            two.time.now += 9.9
            await asyncio.sleep(0.1)
            assert not two.leads
            assert seen_by(two) == "one:8080"
            two.time.now += 0.2
            assert seen_by(two) is None, "nobody leads in the meantime"
            await until(lambda: two.leads)
            assert spec(cluster)["leaseTransitions"] == 1
            assert two.elector.led_until == said


@pytest.mark.parametrize("shift", [-86_400.0, 86_400.0], ids=["a day behind", "a day ahead"])
async def test_wrong_clocks_of_other_machines_do_not_matter(cluster: FakeCluster, shift: float) -> None:
    time = Time()
    time.shift = shift
    async with standing(cluster, "one", time=time) as one, standing(cluster, "two", ready=False) as two:
        await until(lambda: one.leads)
        await until(lambda: two.elector.address == "one:8080")
        two.time.now += 5.0
        await renewals(cluster, 3)
        assert two.elector.address == "one:8080"


async def test_a_lease_that_is_given_up_is_taken_at_once(cluster: FakeCluster) -> None:
    time = Time()
    async with standing(cluster, "one", time=time) as one, standing(cluster, "two", time=time) as two:
        await until(lambda: one.leads or two.leads)
        old, new = (one, two) if one.leads else (two, one)
        await until(lambda: new.elector.address is not None)
        looked = cluster.count("look")
        await old.die()
        await old.elector.release()
        assert not old.fence.passes()
        await until(lambda: new.leads)
        assert cluster.count("look") - looked <= 1, "the watch told"
        assert spec(cluster)["leaseTransitions"] == 1


TAKING: dict[str, tuple[Fault, ...]] = {
    "the answer is lost": (LOST_AFTER,),
    "the request is lost": (LOST_BEFORE, LOST_BEFORE),
    "the server fails": (Refuse(500), Refuse(503), Refuse(429, retry_after=0)),
    "the server is not sure": (Refuse(504), LOST_AFTER),
}


@pytest.mark.parametrize("faults", TAKING.values(), ids=TAKING)
async def test_it_is_taken_in_the_end_though(cluster: FakeCluster, faults: tuple[Fault, ...]) -> None:
    cluster.trouble("hold", *faults)
    async with standing(cluster) as one:
        await until(lambda: one.leads)
        assert spec(cluster)["holderIdentity"] == "one"
        assert one.fence.passes()


async def test_a_lease_that_cannot_be_watched_is_read_again_and_again(cluster: FakeCluster) -> None:
    cluster.script("watch", *(Refuse(403),) * 500)
    time = Time()
    async with standing(cluster, "one", time=time) as one:
        await until(lambda: one.leads)
        async with standing(cluster, "two", time=time) as two:
            await until(lambda: two.elector.address == "one:8080")
            await one.die()
            await one.elector.release()
            await until(lambda: two.leads)


async def test_an_unreadable_lease_is_left_alone(cluster: FakeCluster, caplog: pytest.LogCaptureFixture) -> None:
    body = {"metadata": {"namespace": "system", "name": "entresol"}, "spec": {"leaseDurationSeconds": "many"}}
    await cluster._create(PATH, ("system", "entresol"), body)
    async with standing(cluster) as one:
        await until(lambda: "the Lease is unreadable" in caplog.text)
        assert not one.leads


async def test_a_deleted_lease_is_not_made_anew_before_its_time(cluster: FakeCluster) -> None:
    """Its holder may not have noticed."""
    async with standing(cluster, "two", ready=False) as two:
        body = {"spec": {"holderIdentity": "one", "leaseDurationSeconds": 10}}
        await cluster._create(PATH, ("system", "entresol"), body)
        await until(lambda: two.elector._lookout.sight.lease is not None)
        await cluster.remove(LEASES, "entresol", "system")
        await until(lambda: two.elector._lookout.sight.lease is None)
        assert two.elector._lookout.sight.patience(two.time.now) > 9


@pytest.mark.parametrize("seconds", [1, None, -5])
async def test_a_lease_that_was_edited_to_last_no_time_is_left_alone_for_as_long_as_our_own(
    cluster: FakeCluster, seconds: int | None
) -> None:
    """Its holder may write for as long as it was given."""
    async with standing(cluster, "two", ready=False) as two:
        lasting = {} if seconds is None else {"leaseDurationSeconds": seconds}
        await cluster._create(PATH, ("system", "entresol"), {"spec": {"holderIdentity": "one", **lasting}})
        await until(lambda: two.elector._lookout.sight.lease is not None)
        assert two.elector._lookout.sight.patience(two.time.now) > 9


async def test_a_lease_is_given_up_beside_a_renewal_that_was_under_way(cluster: FakeCluster) -> None:
    async with standing(cluster) as one:
        await until(lambda: one.leads)
        cluster.trouble("hold", HANG_AFTER)
        written = spec(cluster)["renewTime"]
        await until(lambda: spec(cluster)["renewTime"] != written)
        await one.die()
        await one.elector.release()
        assert spec(cluster)["holderIdentity"] == ""


async def test_until_when_somebody_led_is_known_although_an_answer_was_lost(cluster: FakeCluster) -> None:
    time = Time()
    body = {"spec": {"holderIdentity": "", "renewTime": "2023-11-14T22:00:00.000000Z"}}
    await cluster._create(PATH, ("system", "entresol"), body)
    cluster.trouble("hold", LOST_AFTER)
    async with standing(cluster, "two", time=time) as two:
        await until(lambda: two.leads)
        assert two.elector.led_until == parse_time("2023-11-14T22:00:00.000000Z")


# --- keeping it ---

KEEPING: dict[str, tuple[Fault, ...]] = {
    "the answer to a renewal is lost": (LOST_AFTER,),
    "several are": (LOST_AFTER, LOST_BEFORE, LOST_AFTER),
    "the server fails for a while": (Refuse(500),) * 5,
    "the token is refused for a moment": (Refuse(401),),
}


@pytest.mark.parametrize("faults", KEEPING.values(), ids=KEEPING)
async def test_it_is_kept_though(cluster: FakeCluster, faults: tuple[Fault, ...]) -> None:
    async with standing(cluster) as one:
        await until(lambda: one.leads)
        cluster.trouble("hold", *faults)
        await renewals(cluster, len(faults) + 3)
        one.time.now += 3.0
        await until(lambda: one.fence.left > 5.9)
        assert not one.run.done()


async def test_it_is_kept_when_somebody_notes_something_on_the_object(cluster: FakeCluster) -> None:
    async with standing(cluster) as one:
        await until(lambda: one.leads)
        held = cluster.object(LEASES, "system", "entresol")
        noted = {**held["metadata"], "annotations": {**held["metadata"]["annotations"], "note": "x"}}
        await cluster._replace(PATH, held, {**held, "metadata": noted})
        await renewals(cluster, 5)
        assert not one.run.done()
        assert cluster.object(LEASES, "system", "entresol")["metadata"]["annotations"]["note"] == "x"


async def test_a_call_that_hangs_is_given_up_and_the_next_one_renews(cluster: FakeCluster) -> None:
    async with standing(cluster) as one:
        await until(lambda: one.leads)
        cluster.trouble("hold", HANG)
        await until(lambda: one.counted('entresol_lease_renewals_total{outcome="lost"}') == 1)
        before = one.counted('entresol_lease_renewals_total{outcome="renewed"}')
        await until(lambda: one.counted('entresol_lease_renewals_total{outcome="renewed"}') > before)
        assert not one.run.done()


# --- losing it ---


async def test_a_leader_that_cannot_renew_ends_at_its_deadline(cluster: FakeCluster) -> None:
    async with standing(cluster) as one:
        await until(lambda: one.leads)
        cluster.trouble("hold", *(Refuse(500),) * 10_000)
        await renewals(cluster, 2)
        assert not one.run.done()
        one.time.now += 6.1
        assert not one.fence.passes(), "before anything else has noticed"
        assert one.held_back == [1]
        assert await one.deposed()


async def test_a_leader_that_was_stopped_finds_the_fence_shut_and_a_late_answer_does_not_open_it(
    cluster: FakeCluster,
) -> None:
    async with standing(cluster) as one:
        await until(lambda: one.leads)
        one.time.now += 20.0
        assert await one.deposed() == "the Lease could not be renewed for 6 s"
        assert not one.fence.passes()
        one.fence.extend(one.time.now + 6.0)
        assert not one.fence.passes()


async def test_a_write_that_is_held_back_ends_the_replica(cluster: FakeCluster) -> None:
    async with standing(cluster, ready=False) as one:
        assert not one.fence.passes()
        assert await one.deposed() == "a write was held back: this replica does not hold the Lease"


RIVALS = {"another one": "two", "one of the same name": "one"}


@pytest.mark.parametrize("rival", RIVALS.values(), ids=RIVALS)
async def test_a_leader_ends_when_a_rival_holds_the_lease(cluster: FakeCluster, rival: str) -> None:
    async with standing(cluster) as one:
        await until(lambda: one.leads)
        held = cluster.object(LEASES, "system", "entresol")
        taken = {**held["spec"], "holderIdentity": rival, "renewTime": format_time_exactly(1.0)}
        await cluster._replace(PATH, held, {**held, "spec": taken})
        assert await one.deposed() == f"the Lease is held by {rival}"
        assert not one.fence.passes(), "although its time was not over"
        await one.elector.release()
        assert spec(cluster)["holderIdentity"] == rival, "what is another's is not given up"


async def test_a_leader_ends_when_the_lease_is_deleted(cluster: FakeCluster) -> None:
    async with standing(cluster) as one:
        await until(lambda: one.leads)
        await cluster.remove(LEASES, "entresol", "system")
        assert await one.deposed() == "the Lease was deleted"
        assert not one.fence.passes()


async def test_nothing_is_given_up_by_who_does_not_hold_it(cluster: FakeCluster) -> None:
    time = Time()
    async with standing(cluster, "one", time=time) as one, standing(cluster, "two", ready=False, time=time) as two:
        await until(lambda: one.leads)
        await until(lambda: two.elector.address is not None)
        await two.die()
        await two.elector.release()
        assert spec(cluster)["holderIdentity"] == "one"
        await one.die()
        time.now += 7.0
        await one.elector.release()
        assert spec(cluster)["holderIdentity"] == "one", "it may be somebody else's by now"


async def test_who_has_no_others_beside_it_leads() -> None:
    alone, ready = Alone(), asyncio.Event()
    ready.set()
    assert alone.won.is_set()
    assert (alone.address, alone.led_until, alone.standing().leads, alone.standing().age) == (None, None, True, None)
    await alone.release()
    run = asyncio.create_task(alone.run(ready))
    await asyncio.sleep(0)
    assert not run.done()
    run.cancel()
    await asyncio.wait((run,))

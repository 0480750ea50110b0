"""The line before a throttle: it moves in order, it moves at every size, and it moves again after a pause."""

import asyncio
from functools import partial

import pytest

from entresol.kube.answers import Lost, Outcome
from entresol.metrics import Metrics
from entresol.runtime.courier import Courier
from entresol.runtime.hands import Hands
from entresol.runtime.throttle import SLOW_SECONDS, Throttle
from tests.shell.operating import empty_picture
from tests.support.recorder import until


def still() -> float:
    """A clock that stands."""
    return 100.0


def slowed(throttle: Throttle, answers: int) -> None:
    """Let the server, quick so far, become slow."""
    throttle.accepted(0.005)
    for _ in range(answers):
        throttle.accepted(4 * SLOW_SECONDS)


@pytest.mark.parametrize("most", [1, 2, 3, 4])
async def test_slow_answers_leave_room_for_one_however_small_the_throttle(most: int) -> None:
    throttle = Throttle(most, still)
    slowed(throttle, 200)
    async with asyncio.timeout(1), throttle:
        assert throttle.size == 1


async def test_a_throttle_narrowed_by_refusals_widens_to_a_quarter_while_answers_are_slow() -> None:
    throttle = Throttle(32, still)
    slowed(throttle, 20)
    for _ in range(10):
        throttle.rejected(0.0)
    assert throttle.size == 1
    slowed(throttle, 60)
    assert throttle.size == 8


async def test_who_gives_a_slot_back_and_comes_again_stands_behind_those_who_wait() -> None:
    throttle, hands, done = Throttle(8, still), Hands(8), list[int]()
    for _ in range(2):
        throttle.rejected(0.0)

    async def work(number: int) -> None:
        async with throttle:
            await asyncio.sleep(0)
        done.append(number)

    for number in range(50):
        hands.do(partial(work, number))
    await until(lambda: len(done) == 50)
    assert done == sorted(done)


async def test_after_a_pause_as_many_are_let_in_as_there_is_room_for() -> None:
    loop = asyncio.get_running_loop()
    throttle, entered = Throttle(4, loop.time), list[float]()
    most = under_way = 0

    async def enter() -> None:
        nonlocal most, under_way
        async with throttle:
            entered.append(loop.time())
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1

    throttle.rejected(0.02)
    everybody = [asyncio.create_task(enter()) for _ in range(10)]
    await asyncio.sleep(0.01)
    throttle.rejected(0.05)  # the answer to another request of the same burst
    again = loop.time()
    async with asyncio.timeout(5):
        await asyncio.gather(*everybody)
    assert min(entered) >= again + 0.05
    assert most == 2


async def test_a_waiter_cancelled_during_a_pause_leaves_its_slot_to_others() -> None:
    loop = asyncio.get_running_loop()
    throttle = Throttle(1, loop.time)
    throttle.rejected(0.02)
    first, second = (asyncio.create_task(throttle.__aenter__()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(5):
        await second
    assert first.cancelled()


async def test_connections_that_are_refused_tell_nothing_of_how_quick_the_server_is() -> None:
    """After an outage a server that always takes its time would seem slow for thousands of answers."""
    throttle = Throttle(8, still)
    courier = Courier(throttle, Metrics(empty_picture))

    async def refused() -> Outcome:
        return Lost("no connection", sent=False)

    assert await courier.send("bind", refused) == Lost("no connection", sent=False)
    for _ in range(100):
        throttle.accepted(2 * SLOW_SECONDS)
    assert throttle.size == 8

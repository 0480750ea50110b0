"""So many deeds at a time, and who sleeps lends a hand."""

import asyncio
from functools import partial

from entresol.runtime.hands import Hands
from tests.support.recorder import until


async def test_no_more_is_worked_on_than_there_are_hands() -> None:
    hands, at_work, most, done = Hands(3), 0, 0, 0

    async def work() -> None:
        nonlocal at_work, most, done
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1
        done += 1

    for _ in range(20):
        hands.do(work)
    await until(lambda: done == 20)
    assert most == 3


async def test_what_sleeps_between_two_tries_keeps_nobody_waiting() -> None:
    woken = asyncio.Event()
    order: list[str] = []

    async def sleep(_: float) -> None:
        await woken.wait()

    hands = Hands(1, sleep)

    async def patient() -> None:
        await hands.rest(60.0)
        order.append("patient")

    async def quick(name: str) -> None:
        order.append(name)
        woken.set()

    hands.do(patient)
    for name in ("first", "second"):
        hands.do(partial(quick, name))
    await until(lambda: len(order) == 3)
    assert order[0] == "first"
    assert sorted(order[1:]) == ["patient", "second"]


async def test_after_a_rest_there_are_no_more_hands_than_before() -> None:
    hands, at_work, most = Hands(1, lambda _: asyncio.sleep(0)), 0, 0
    finished: list[int] = []

    async def work(number: int) -> None:
        nonlocal at_work, most
        await hands.rest(1.0)
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1
        finished.append(number)

    for number in range(10):
        hands.do(partial(work, number))
    await until(lambda: len(finished) == 10)

    most = 0

    async def plain() -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1
        finished.append(-1)

    for _ in range(5):
        hands.do(plain)
    await until(lambda: len(finished) == 15)
    assert most == 1


async def test_closing_drops_what_is_under_way_and_what_waits() -> None:
    hands, ended = Hands(1), 0

    async def work() -> None:
        nonlocal ended
        await asyncio.sleep(3600)
        ended += 1

    hands.do(work)
    hands.do(work)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await hands.close()
    assert ended == 0

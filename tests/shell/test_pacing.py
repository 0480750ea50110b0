"""What bounds the rate of things: the throttle, the bucket, the agenda, the newest records. Time is a number here."""

import asyncio
from collections.abc import Callable

import pytest

from entresol.kube.wire import ObjectMeta
from entresol.kube.wire_kinds import Task
from entresol.runtime.agenda import PATIENCE, POLL, Agenda, Name, Rates, Sort, Wish
from entresol.runtime.budget import TokenBucket
from entresol.runtime.clock import Clock
from entresol.runtime.kinds import uid_of
from entresol.runtime.records import REMEMBERED, Records
from entresol.runtime.throttle import SLOW_SECONDS, Throttle
from entresol.runtime.tide import FADING, MANY, Tide


class Hand:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def task(name: str) -> Name:
    return Name(Sort.TASK, name)


# --- clock ---


def test_the_clock_follows_the_wall_once_and_never_jumps() -> None:
    wall, hand = Hand(), Hand()
    clock = Clock(lambda: wall.now * 1000, hand)
    assert clock.now() == 100_000
    wall.now, hand.now = 5.0, 103.5
    assert clock.now() == 100_003.5


# --- bucket ---


def test_a_bucket_gives_a_burst_and_then_its_rate() -> None:
    hand = Hand()
    bucket = TokenBucket(rate=2.0, burst=3.0, clock=hand)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    assert bucket.pause() == pytest.approx(0.5)
    hand.now += 0.5
    assert [bucket.take(), bucket.take()] == [True, False]
    hand.now += 60
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_a_bucket_without_a_rate_gives_nothing() -> None:
    bucket = TokenBucket(rate=0.0, burst=0.0, clock=Hand())
    assert (bucket.take(), bucket.pause()) == (False, float("inf"))


# --- throttle ---


async def test_a_throttle_bounds_what_is_under_way() -> None:
    throttle = Throttle(2, Hand())
    most = under_way = 0

    async def one() -> None:
        nonlocal most, under_way
        async with throttle:
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1

    await asyncio.gather(*(one() for _ in range(20)))
    assert (most, under_way) == (2, 0)


async def test_a_burst_of_refusals_halves_once_and_acceptance_widens_slowly() -> None:
    hand = Hand()
    throttle = Throttle(8, hand)
    for _ in range(5):
        throttle.rejected(2.0)
    assert throttle.size == 4
    hand.now += 2.5
    throttle.rejected(None)
    assert throttle.size == 2
    for _ in range(3):
        throttle.accepted(0.01)
    assert throttle.size == 3
    for _ in range(100):
        throttle.accepted(0.01)
    assert throttle.size == 8


async def test_slow_answers_narrow_a_throttle_to_a_quarter_and_quick_ones_widen_it_again() -> None:
    throttle = Throttle(8, Hand())
    throttle.accepted(0.01)
    for _ in range(500):
        throttle.accepted(2 * SLOW_SECONDS)
    assert throttle.size == 2
    for _ in range(500):
        throttle.accepted(0.01)
    assert throttle.size == 8


async def test_answers_that_are_always_slow_narrow_nothing() -> None:
    throttle = Throttle(8, Hand())
    for _ in range(500):
        throttle.accepted(4 * SLOW_SECONDS)
    assert throttle.size == 8


async def test_a_throttle_never_closes_for_good() -> None:
    hand = Hand()
    throttle = Throttle(4, hand)
    for _ in range(10):
        throttle.rejected(1.0)
        hand.now += 1.5
    assert throttle.size == 1


async def test_nobody_is_let_in_during_a_pause() -> None:
    loop = asyncio.get_running_loop()
    throttle = Throttle(4, loop.time)
    throttle.rejected(0.05)
    began = loop.time()
    async with throttle:
        assert loop.time() - began >= 0.05


async def test_a_cancelled_waiter_gives_its_turn_on() -> None:
    throttle = Throttle(1, Hand())
    order: list[str] = []

    async def enter(name: str) -> None:
        async with throttle:
            order.append(name)

    await throttle.__aenter__()
    first, second = asyncio.create_task(enter("first")), asyncio.create_task(enter("second"))
    await asyncio.sleep(0)
    await throttle.__aexit__()  # the turn is the first one's now
    first.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert order == ["second"]


async def test_a_waiter_cancelled_in_line_leaves_the_line() -> None:
    throttle = Throttle(1, Hand())
    await throttle.__aenter__()
    waiter = asyncio.create_task(throttle.__aenter__())
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    await throttle.__aexit__()
    async with asyncio.timeout(1):
        await throttle.__aenter__()


# --- tide ---


def test_it_is_calm_again_a_while_after_a_burst_of_launches() -> None:
    hand = Hand()
    tide = Tide(lambda: 0, 4, hand)
    for _ in range(int(MANY)):
        tide.launched()
    assert tide.calm()
    for _ in range(80):
        tide.launched()
    assert not tide.calm()
    hand.now += FADING
    assert not tide.calm()
    hand.now += FADING
    assert tide.calm()


@pytest.mark.parametrize(("rate", "want_calm"), [(5, True), (15, True), (30, False), (1000, False)])
def test_a_stream_of_launches_is_judged_by_its_rate(rate: int, want_calm: bool) -> None:
    hand = Hand()
    tide = Tide(lambda: 0, 4, hand)
    for _ in range(10 * rate):
        hand.now += 1 / rate
        tide.launched()
    assert tide.calm() is want_calm


@pytest.mark.parametrize(("busy", "want_calm"), [(4, True), (5, False)])
def test_it_is_not_calm_while_many_deeds_are_under_way(busy: int, want_calm: bool) -> None:
    assert Tide(lambda: busy, 4, Hand()).calm() is want_calm


# --- agenda ---


class Launching:
    """Whether launches are under way, for the test to say."""

    def __init__(self) -> None:
        self.calm = True

    def __call__(self) -> bool:
        return self.calm


def agenda(hand: Hand, rate: float = 1.0, calm: Callable[[], bool] = lambda: True) -> Agenda:
    return Agenda(Rates(TokenBucket(rate, 1.0, hand), TokenBucket(2.0, 2.0, hand), calm), hand)


def role(name: str) -> Name:
    return Name(Sort.ROLE, name)


def drain(book: Agenda) -> list[str]:
    names = []
    while (name := book.next()) is not None:
        names.append(name.id)
        book.done(name)
    return names


def test_what_is_urgent_comes_in_order_and_once() -> None:
    book = agenda(Hand())
    for name in ("b", "a", "b", "c"):
        book.urgent(task(name))
    assert len(book) == 3
    assert book.pause() == 0.0
    assert drain(book) == ["b", "a", "c"]
    assert (len(book), book.pause()) == (0, None)


def test_a_name_that_is_busy_waits_for_its_end() -> None:
    book = agenda(Hand())
    book.urgent(task("a"))
    busy = book.next()
    assert busy is not None
    book.urgent(task("a"))
    book.news(task("a"), "f")
    assert book.next() is None
    assert not book.take(task("a"))
    book.done(busy)
    assert drain(book) == ["a"]


def test_figures_come_at_their_time_and_not_twice() -> None:
    hand = Hand()
    book = agenda(hand)
    for when in (103.0, 102.0, 105.0):
        book.later(role("r"), when)
    assert book.pause() == pytest.approx(2.0)
    assert drain(book) == []
    hand.now = 110.0
    assert drain(book) == ["r"]
    assert book.pause() is None


def test_what_becomes_urgent_is_not_repeated_at_its_later_time() -> None:
    hand = Hand()
    book = agenda(hand)
    book.later(task("a"), 105.0)
    book.news(task("a"), "f")
    book.urgent(task("a"))
    book.later(task("a"), 104.0)
    assert drain(book) == ["a"]
    hand.now = 110.0
    assert drain(book) == []


def test_frameworks_take_turns_in_the_budget_for_news() -> None:
    hand = Hand()
    book = agenda(hand)
    for number in range(1000):
        book.news(task(f"big-{number}"), "big")
    book.news(task("small-0"), "small")
    book.news(task("small-0"), "small")
    got = []
    for _ in range(4):
        got += drain(book)
        assert book.pause() == pytest.approx(1.0)
        hand.now += 1.0
    assert got == ["big-0", "small-0", "big-1", "big-2"]


def test_news_share_the_trickle_while_launches_are_under_way() -> None:
    hand, launching = Hand(), Launching()
    book = Agenda(Rates(TokenBucket(100.0, 100.0, hand), TokenBucket(2.0, 2.0, hand), launching), hand)
    for number in range(50):
        book.news(task(f"n{number}"), "f")
    launching.calm = False
    assert drain(book) == ["n0", "n1"]
    assert book.pause() == POLL
    hand.now += 1.0
    assert drain(book) == ["n2", "n3"]
    launching.calm = True
    assert len(drain(book)) == 46


def test_news_do_not_keep_urgent_names_waiting() -> None:
    book = agenda(Hand(), rate=0.001)
    book.news(task("news"), "f")
    book.news(task("more"), "f")
    assert drain(book) == ["news"]
    book.urgent(task("more"))
    assert drain(book) == ["more"]
    assert len(book) == 0


def test_a_name_taken_out_of_turn_is_served() -> None:
    hand = Hand()
    book = agenda(hand)
    book.urgent(task("a"))
    book.later(task("b"), 101.0)
    assert book.take(task("a"))
    assert book.take(task("b"))
    hand.now = 200.0
    assert book.next() is None


def test_states_and_figures_wait_for_launches_and_then_take_turns() -> None:
    hand, launching = Hand(), Launching()
    book = agenda(hand, calm=launching)
    launching.calm = False
    for number in range(3):
        book.soon(task(f"t{number}"))
    book.soon(role("r"))
    book.urgent(task("ended"))
    assert len(book) == 5
    assert drain(book) == ["ended"]
    assert book.pause() == POLL
    launching.calm = True
    assert book.pause() == 0.0
    assert drain(book) == ["t0", "r", "t1", "t2"]


def test_what_gave_way_for_long_comes_at_a_trickle() -> None:
    hand, launching = Hand(), Launching()
    book = agenda(hand, calm=launching)
    launching.calm = False
    for number in range(5):
        book.soon(task(f"t{number}"))
    hand.now += PATIENCE - 1
    book.soon(task("t0"))
    book.soon(task("young"))
    assert drain(book) == []
    hand.now += 1
    assert drain(book) == ["t0", "t1"]
    hand.now += 1
    assert drain(book) == ["t2", "t3"]
    hand.now += 2
    assert drain(book) == ["t4"], "the young one has not waited long enough"
    hand.now += 1
    assert drain(book) == ["young"]


def test_an_end_overtakes_what_was_to_be_said_before() -> None:
    hand, launching = Hand(), Launching()
    book = agenda(hand, calm=launching)
    launching.calm = False
    book.soon(task("a"))
    book.later(task("b"), 101.0)
    for name in ("a", "b"):
        book.urgent(task(name))
        book.soon(task(name))
    assert drain(book) == ["a", "b"]
    assert len(book) == 0


def test_a_later_write_keeps_the_haste_of_the_hastiest_wish() -> None:
    hand, launching = Hand(), Launching()
    book = agenda(hand, calm=launching)
    launching.calm = False
    book.later(task("retried"), 101.0)
    book.later(task("retried"), 102.0, Wish.URGENT)
    book.later(task("passing"), 101.0)
    book.soon(task("soon"))
    book.later(task("soon"), 101.0, Wish.URGENT)
    hand.now = 101.0
    assert drain(book) == ["retried", "soon"]


def test_a_name_that_was_busy_comes_back_as_it_was_wished() -> None:
    hand, launching = Hand(), Launching()
    book = agenda(hand, calm=launching)
    for name in ("soon", "urgent", "both", "nothing"):
        assert book.take(task(name))
    launching.calm = False
    book.soon(task("soon"))
    book.urgent(task("urgent"))
    book.urgent(task("both"))
    book.soon(task("both"))
    for name in ("soon", "urgent", "both", "nothing"):
        book.done(task(name))
    assert drain(book) == ["urgent", "both"]
    launching.calm = True
    assert drain(book) == ["soon"]


def test_news_of_a_name_in_line_are_no_second_write() -> None:
    book = agenda(Hand(), rate=100.0)
    book.soon(task("a"))
    book.news(task("a"), "f")
    book.news(task("b"), "f")
    book.soon(task("b"))
    assert len(book) == 2
    assert drain(book) == ["a", "b"]


# --- records ---


def record(version: str, uid: str = "u", name: str = "one") -> Task:
    return Task(metadata=ObjectMeta(name=name, uid=uid, resource_version=version))


def test_the_newest_version_wins_whichever_way_it_comes() -> None:
    records = Records[Task](uid_of)
    records.learn(record("5"))
    assert records.get("u") is None, "an object that was never seen is not learned of by a write"
    records.put(record("5"))
    records.learn(record("9"))
    records.put(record("7"))
    assert records.get("u") == record("9")
    records.put(record("10"))
    assert records.get("u") == record("10")
    assert list(records) == [record("10")]


def test_versions_that_are_no_numbers_are_taken_as_they_come() -> None:
    records = Records[Task](uid_of)
    records.put(record("b"))
    records.put(record("a"))
    assert records.get("u") == record("a")


def test_what_is_gone_does_not_come_back_by_an_answer() -> None:
    records = Records[Task](uid_of)
    records.put(record("5"))
    records.drop(record("6"))
    records.drop(record("6"))
    records.learn(record("7"))
    assert records.get("u") is None


def test_what_came_and_went_before_its_create_was_answered_does_not_stay() -> None:
    records = Records[Task](uid_of)
    records.made(record("4", uid="other"))
    assert records.get("other") == record("4", uid="other")
    records.put(record("5"))
    records.drop(record("6"))
    records.made(record("5"))
    assert records.get("u") is None


def test_only_so_many_that_are_gone_are_remembered() -> None:
    records = Records[Task](uid_of)
    records.drop(record("1", uid="first"))
    for number in range(REMEMBERED):
        records.drop(record("1", uid=f"u{number}"))
    records.made(record("1", uid="first"))
    records.made(record("1", uid="u0"))
    assert [one.metadata.uid for one in records] == ["first"]


def test_a_namesake_is_another_object() -> None:
    records = Records[Task](lambda one: one.metadata.name)
    records.put(record("5", uid="old"))
    records.put(record("3", uid="new"))
    records.drop(record("6", uid="old"))
    records.learn(record("8", uid="old"))
    assert records.get("one") == record("3", uid="new")

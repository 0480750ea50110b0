"""The fairness ledger: what a role was due, held and missed, when each change counts from, and how it outlives a leader."""

from dataclasses import replace

import pytest

from entresol.engine import events, fairness
from entresol.engine.effects import PublishRole
from entresol.engine.events import FrameworkObserved, RoleGone, RoleObserved, TaskObserved
from entresol.engine.fairness import Due, Fairness
from entresol.engine.invariants import violations
from entresol.engine.machine import Engine
from entresol.engine.status import RoleStatus
from entresol.model.accounts import Account, Rates, Saved
from entresol.model.identifiers import FrameworkId, RoleId
from entresol.model.resources import Resources
from entresol.model.tenants import Role
from tests.engine.story import POLICY, Story, agent, framework, role, task

A, B = RoleId("a"), RoleId("b")
N1 = events.AgentObserved(agent("n1", cpu=4))
CORE = Resources.of(cpu=1000)


def share_of(held: Resources) -> float:
    """Of a cluster of four cores."""
    return held.get("cpu") / 4000


def sums(account: Account | None) -> tuple[float, float, float]:
    assert account is not None
    return account.entitled, account.held, account.deficit


def approx(*numbers: float) -> object:
    return pytest.approx(numbers, abs=1e-9)


# --- an account ----------------------------------------------------------------------------------

CARRIED = {
    "what is due and held adds up, and what lacks is missed": (Rates(0.5, 0.2, wanting=True), (5.0, 2.0, 3.0)),
    "what lacks is missed by nobody who wants nothing": (Rates(0.5, 0.2, wanting=False), (5.0, 2.0, 0.0)),
    "whoever holds more than is due lacks nothing": (Rates(0.2, 0.5, wanting=True), (2.0, 5.0, 0.0)),
}


@pytest.mark.parametrize(("rates", "want"), CARRIED.values(), ids=CARRIED.keys())
def test_an_account_is_carried_on(rates: Rates, want: tuple[float, float, float]) -> None:
    account = Account.opened(100.0).carried(rates, 110.0)
    assert sums(account) == approx(*want)
    assert (account.since, account.as_of) == (100.0, 110.0)


def test_an_account_is_never_carried_back() -> None:
    account = Account.opened(100.0)
    assert account.carried(Rates(1.0, 1.0), 90.0) is account


# --- when a change counts from -------------------------------------------------------------------


def test_a_change_counts_from_its_own_time_and_not_from_the_tick_s() -> None:
    ledger = Fairness()
    ledger.settle(100.0, {A: Due(0.0, holding=Resources())}, share_of)
    ledger.stir(110.0, {A: CORE})
    ledger.settle(110.9, {A: Due(0.5, wanting=True, holding=CORE)}, share_of)
    assert sums(ledger.account(A, 120.0)) == approx(5.0, 2.5, 2.5)


def test_every_move_within_a_second_is_entered_at_its_time() -> None:
    ledger = Fairness()
    ledger.settle(100.0, {A: Due(0.5, wanting=True)}, share_of)
    ledger.stir(100.2, {A: CORE})
    ledger.stir(100.6, {A: CORE.times(2)})
    ledger.settle(101.0, {A: Due(0.5, wanting=True, holding=CORE.times(2))}, share_of)
    assert sums(ledger.account(A, 101.0)) == approx(0.5, 0.4 * 0.25 + 0.4 * 0.5, 0.2 * 0.5 + 0.4 * 0.25)


def test_of_many_changes_none_counts_too_early_or_too_late() -> None:
    ledger = Fairness()
    ledger.settle(100.0, {A: Due(0.0)}, share_of)
    for step in range(11):
        ledger.stir(100.0 + step / 10, {})
    ledger.settle(101.5, {A: Due(0.5, wanting=True)}, share_of)
    assert sums(ledger.account(A, 101.5)) == approx(0.25 + 0.25, 0.0, 0.25 + 0.25)


def test_a_launch_alone_changes_nothing_about_what_is_due() -> None:
    ledger = Fairness()
    ledger.settle(100.0, {A: Due(0.25)}, share_of)
    ledger.stir(100.2, {A: CORE}, demands=False)
    ledger.stir(100.4, {})
    ledger.stir(100.8, {A: CORE.times(2)}, demands=False)
    ledger.settle(101.0, {A: Due(0.5, holding=CORE.times(2))}, share_of)
    assert sums(ledger.account(A, 101.0)) == approx(0.1 + 0.3, 0.6 * 0.25 + 0.2 * 0.5, 0.0)


def test_a_cluster_that_grows_makes_the_same_holding_less() -> None:
    ledger = Fairness()
    ledger.settle(100.0, {A: Due(0.5, holding=CORE)}, share_of)
    ledger.stir(101.0, {})
    ledger.settle(102.0, {A: Due(0.5, holding=CORE)}, lambda held: share_of(held) / 2)
    assert sums(ledger.account(A, 102.0)) == approx(1.0, 0.25 + 0.125, 0.0)


def test_what_no_tick_has_answered_is_not_shown_yet() -> None:
    ledger = Fairness()
    ledger.settle(100.0, {A: Due(0.5, holding=CORE)}, share_of)
    assert sums(ledger.account(A, 102.0)) == approx(1.0, 0.5, 0.0)
    ledger.stir(104.0, {})
    shown = ledger.account(A, 109.0)
    assert sums(shown) == approx(2.0, 1.0, 0.0)
    assert shown is not None
    assert shown.as_of == 104.0


def test_too_many_moves_are_entered_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fairness, "MOST_MOVES", 2)
    ledger = Fairness()
    ledger.settle(100.0, {A: Due()}, share_of)
    for step in range(4):
        ledger.stir(100.0 + step, {A: CORE.times(step)})
    ledger.settle(104.0, {A: Due(holding=CORE.times(3))}, share_of)
    assert sums(ledger.account(A, 104.0)) == approx(0.0, 3 * 0.75, 0.0)


def test_an_account_that_nobody_speaks_of_rests_and_is_taken_up_where_it_was() -> None:
    ledger = Fairness()
    ledger.settle(100.0, {A: Due(), B: Due(0.5, holding=CORE)}, share_of)
    ledger.stir(110.0, {B: Resources()})
    ledger.settle(111.0, {A: Due()}, share_of)
    assert ledger.account(B, 111.0) is None
    assert dict(ledger.holdings()).keys() == {A}
    ledger.stir(200.0, {B: CORE})
    ledger.settle(201.0, {A: Due(), B: Due(0.5, holding=CORE)}, share_of)
    account = ledger.account(B, 201.0)
    assert sums(account) == approx(5.5, 2.75, 0.0)
    assert account is not None
    assert account.since == 100.0


def test_who_is_forgotten_while_at_rest_begins_at_zero() -> None:
    ledger = Fairness()
    ledger.settle(100.0, {A: Due(0.5)}, share_of)
    ledger.settle(110.0, {}, share_of)
    ledger.forget(A)
    ledger.settle(120.0, {A: Due(0.5)}, share_of)
    assert ledger.account(A, 120.0) == Account.opened(120.0)


def test_of_too_many_accounts_at_rest_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fairness, "MOST_RESTING", 1)
    ledger = Fairness()
    ledger.settle(100.0, {A: Due(0.5), B: Due(0.5)}, share_of)
    ledger.settle(110.0, {B: Due(0.5)}, share_of)
    ledger.settle(120.0, {}, share_of)
    ledger.settle(130.0, {A: Due(0.5), B: Due(0.5)}, share_of)
    assert [account.since for role in (A, B) if (account := ledger.account(role, 130.0))] == [130.0, 100.0]


def test_looks_are_a_second_apart_and_only_after_a_change() -> None:
    ledger = Fairness()
    ledger.settle(100.0, {}, share_of)
    assert not ledger.due(200.0)
    ledger.stir(200.0, {})
    assert ledger.due(200.0)
    ledger.settle(200.0, {}, share_of)
    ledger.stir(200.1, {})
    assert not ledger.due(200.5)
    assert ledger.due(201.0)


def test_a_hint_comes_now_and_then_and_only_of_accounts_that_grew() -> None:
    ledger = Fairness()
    ledger.settle(100.0, {A: Due(0.5, holding=CORE), B: Due()}, share_of)
    assert list(ledger.grown(100.0)) == [A, B]
    assert list(ledger.grown(101.0)) == []
    assert list(ledger.grown(115.0)) == [A]


# --- from one leader to the next -----------------------------------------------------------------

SAVED = Saved(
    Account(since=10.0, as_of=100.0, entitled=40.0, held=30.0, deficit=5.0, leaderless=2.0),
    Rates(0.5, 0.25, wanting=True),
)
TAKEN_OVER = {
    "somebody led for a while after the last status": (106.0, (43.0, 31.5, 6.5), 2.0 + 4.0),
    "nobody is known to have led after it": (None, (40.0, 30.0, 5.0), 2.0 + 10.0),
    "the status was written after the last renewal": (95.0, (40.0, 30.0, 5.0), 2.0 + 10.0),
    "the other clock is ahead of ours": (130.0, (45.0, 32.5, 7.5), 2.0),
}


@pytest.mark.parametrize(("led_until", "want", "leaderless"), TAKEN_OVER.values(), ids=TAKEN_OVER.keys())
def test_a_take_over(led_until: float | None, want: tuple[float, float, float], leaderless: float) -> None:
    ledger = Fairness()
    ledger.found(A, SAVED)
    ledger.resume(110.0, led_until)
    ledger.settle(110.0, {A: Due()}, share_of)
    account = ledger.account(A, 110.0)
    assert sums(account) == approx(*want)
    assert account is not None
    assert (account.since, account.as_of) == (10.0, 110.0)
    assert account.leaderless == pytest.approx(leaderless)
    assert ledger.leaderless == pytest.approx(leaderless)


def test_whoever_wrote_one_role_led_for_all_of_them() -> None:
    ledger = Fairness()
    ledger.found(A, SAVED)
    ledger.found(B, Saved(replace(SAVED.account, as_of=60.0), Rates()))
    ledger.resume(110.0, None)
    ledger.settle(110.0, {A: Due(), B: Due()}, share_of)
    late = ledger.account(B, 110.0)
    assert late is not None
    assert late.leaderless == pytest.approx(12.0)


def test_a_status_of_the_future_is_not_carried_back() -> None:
    ledger = Fairness()
    ledger.found(A, SAVED)
    ledger.resume(90.0, None)
    ledger.settle(90.0, {A: Due()}, share_of)
    account = ledger.account(A, 90.0)
    assert sums(account) == approx(40.0, 30.0, 5.0)
    assert account is not None
    assert (account.as_of, account.leaderless) == (90.0, 2.0)


WRONG = Saved(Account(since=0.0, as_of=1e9, leaderless=9e14), Rates())
GAPS = {
    "the Lease says until when somebody led": (106.0, 43.0, 2.0 + 3994.0),
    "without one, a clock that cannot be says nothing": (None, 40.0, 2.0 + 4000.0),
}


@pytest.mark.parametrize(("led_until", "entitled", "leaderless"), GAPS.values(), ids=GAPS.keys())
def test_one_wrong_status_does_not_speak_for_the_others(
    led_until: float | None, entitled: float, leaderless: float
) -> None:
    ledger = Fairness()
    ledger.found(A, SAVED)
    ledger.found(B, WRONG)
    ledger.resume(4100.0, led_until)
    ledger.settle(4100.0, {A: Due(), B: Due()}, share_of)
    account = ledger.account(A, 4100.0)
    assert account is not None
    assert (account.entitled, account.leaderless) == approx(entitled, leaderless)
    assert ledger.leaderless <= 4100.0, "nobody can have been without a leader for longer than the account is old"


def test_an_account_of_the_future_was_never_without_a_leader() -> None:
    ledger = Fairness()
    ledger.found(A, Saved(Account(since=200.0, as_of=300.0, leaderless=50.0), Rates()))
    ledger.resume(100.0, None)
    assert ledger.leaderless == 0.0


def test_a_status_without_an_account_takes_back_what_was_found_before() -> None:
    ledger = Fairness()
    ledger.found(A, SAVED)
    ledger.found(A, None)
    ledger.found(A, None)
    ledger.resume(110.0, None)
    assert ledger.account(A, 110.0) is None
    assert ledger.leaderless == 0.0


# --- in the engine -------------------------------------------------------------------------------


def busy(saved: Saved | None = None, led_until: float | None = None) -> Story:
    """Role a has endless work for a cluster of four cores, since before the world was whole."""
    story = Story()
    story.tell(N1)
    story.tell(RoleObserved(role("a"), saved))
    story.tell(FrameworkObserved(framework("a/main")))
    for number in range(8):
        story.tell(TaskObserved(task(f"t{number}")))
    story.tell(events.Synced(led_until))
    return story


def status(story: Story, name: str = "a") -> RoleStatus:
    found = story.engine.role(RoleId(name), story.at)
    assert found is not None
    return found


def test_what_is_not_launched_is_missed_and_what_is_launched_is_held() -> None:
    story = busy()
    story.tell(events.Ticked(), after=10.0)
    assert sums(status(story).account) == approx(10.0, 0.0, 10.0)
    story.run().tell(events.Ticked(), after=1.0)
    story.tell(events.Ticked(), after=9.0)
    assert sums(status(story).account) == approx(20.0, 10.0, 10.0)


def test_a_new_role_is_due_its_part_from_its_first_task_on() -> None:
    story = busy().run()
    story.tell(events.Ticked(), after=10.0)
    story.tell(TaskObserved(task("u1", "b/main")), after=0.2)
    story.tell(FrameworkObserved(framework("b/main")))
    story.run().tell(events.Ticked(), after=0.8)
    story.tell(events.Ticked(), after=1.0)
    of_b = status(story, "b").account
    assert of_b is not None
    assert of_b.since == pytest.approx(110.2)
    # A single task is all it wants: a quarter of the cluster, all of which is missed.
    assert sums(of_b) == approx(1.8 * 0.25, 0.0, 1.8 * 0.25)


def test_nothing_is_missed_while_nothing_is_placeable() -> None:
    story = Story.begin(N1, RoleObserved(role("a", limit={"cpu": 3000})), FrameworkObserved(framework("a/main")))
    for number in range(3):
        story.tell(TaskObserved(task(f"t{number}", cpu=2)))
    story.run().tell(events.Ticked(), after=1.0)
    story.tell(events.Ticked(), after=10.0)
    assert status(story).placeable == 0
    assert status(story).entitlement > status(story).share.fraction
    _, _, deficit = sums(status(story).account)
    assert deficit == pytest.approx(0.0)


def test_an_account_goes_on_from_the_status() -> None:
    saved = Saved(Account(since=10.0, as_of=90.0, entitled=40.0, held=30.0, deficit=5.0), Rates(0.5, 0.5))
    story = busy(saved, led_until=95.0).run()
    story.tell(events.Ticked(), after=1.0)
    story.tell(events.Ticked(), after=9.0)
    account = status(story).account
    assert sums(account) == approx(40.0 + 2.5 + 10.0, 30.0 + 2.5 + 10.0, 5.0)
    assert account is not None
    assert account.leaderless == pytest.approx(5.0)
    assert story.engine.summary(story.at).leaderless == pytest.approx(5.0)


def test_a_status_counts_only_until_the_world_is_whole() -> None:
    story = busy().run()
    story.tell(RoleObserved(role("a"), SAVED))
    story.tell(events.Ticked(), after=1.0)
    account = status(story).account
    assert account is not None
    assert account.since == 100.0


def test_who_makes_a_role_again_begins_at_zero() -> None:
    story = busy().run()
    story.tell(events.Ticked(), after=10.0)
    story.tell(RoleGone(A))
    assert status(story).account is None
    story.tell(RoleObserved(role("a"), SAVED))
    story.tell(events.Ticked(), after=5.0)
    account = status(story).account
    assert account is not None
    assert (account.since, account.leaderless) == (110.0, 0.0)


def test_work_that_runs_already_is_held_from_the_start() -> None:
    story = busy().run().carry_out().restart()
    story.tell(events.Ticked(), after=10.0)
    assert sums(status(story).account) == approx(10.0, 10.0, 0.0)


def test_a_standby_counts_nothing() -> None:
    engine = Engine(POLICY)
    engine.handle(RoleObserved(role("a")), 0.0)
    engine.handle(TaskObserved(task("t1")), 0.0)
    engine.handle(events.Ticked(), 50.0)
    found = engine.role(A, 50.0)
    assert found is not None
    assert found.account is None


def test_accounts_that_grow_are_written_now_and_then() -> None:
    story = busy().run().carry_out()
    story.wait(5.0)
    story.forget()
    story.tell(events.Ticked(), after=fairness.REMINDER)
    assert PublishRole(A) in story.asked(PublishRole)


def test_what_the_ledger_takes_a_role_to_hold_is_held_against_the_books() -> None:
    story = busy().run()
    story.engine.state.fairness.stir(story.at, {A: Resources()})
    assert violations(story.engine.state) == ["the fairness ledger takes role a to hold something else"]


# --- what could be placed ------------------------------------------------------------------------

ROLE_OF_TWO = role("a", limit={"cpu": 2000})
PLACEABLE = {
    "everything while nothing has been looked at": (role("a"), [1, 1, 8], False, 3),
    "what some agent could hold, were it empty": (role("a"), [1, 3, 8], True, 1),
    "what stays within the limit, one after the other": (role("a", limit={"cpu": 5000}), [1, 1, 1, 1, 1], True, 1),
    "nothing of a role at its limit": (ROLE_OF_TWO, [1, 1, 1, 1], True, 0),
    "nothing of a limited role before it was looked at": (ROLE_OF_TWO, [1, 1, 1], False, 0),
}


@pytest.mark.parametrize(("holder", "cpus", "looked", "want"), PLACEABLE.values(), ids=PLACEABLE.keys())
def test_what_is_placeable(holder: Role, cpus: list[int], looked: bool, want: int) -> None:
    story = Story.begin(N1, RoleObserved(holder), FrameworkObserved(framework("a/main")))
    story.tell(TaskObserved(task("t0", cpu=2)))
    story.run().carry_out()
    for number, cpu in enumerate(cpus, start=1):
        story.tell(TaskObserved(task(f"t{number}", cpu=cpu)))
    if looked:
        story.run()
    # On four cores, two of them taken: one of one core fits, then one is left.
    assert status(story).placeable == want


def test_work_of_a_scheduler_that_does_not_listen_is_not_placeable() -> None:
    story = Story.begin(N1, FrameworkObserved(framework("a/main", external=True)), TaskObserved(task("t1")))
    assert status(story).placeable == 0
    story.tell(events.Subscribed(FrameworkId("a/main")))
    assert status(story).placeable == 1


def test_work_of_a_suspended_framework_is_not_placeable() -> None:
    story = Story.begin(N1, FrameworkObserved(framework("a/main", suspended=True)), TaskObserved(task("t1")))
    assert status(story).placeable == 0
    assert status(story).waiting == 1


GUARANTEES = {
    "covers the next unit": ({"cpu": 4000}, 1, True),
    "does not cover the next unit": ({"cpu": 2500}, 1, False),
    "is about something else": ({"memory": 1}, 1, False),
    "covers what no agent could hold": ({"cpu": 100_000}, 9, False),
}


@pytest.mark.parametrize(("guarantee", "cpu", "want"), GUARANTEES.values(), ids=GUARANTEES.keys())
def test_a_guarantee_is_unmet_while_work_waits_that_it_covers(guarantee: dict[str, int], cpu: int, want: bool) -> None:
    promised = replace(role("a"), guarantee=Resources.of(guarantee))
    story = Story.begin(events.AgentObserved(agent("n1", cpu=2)), RoleObserved(promised))
    story.tell(FrameworkObserved(framework("a/main")))
    for number in range(2):
        story.tell(TaskObserved(task(f"t{number}")))
    story.tell(TaskObserved(task("t9", cpu=cpu)))
    story.run()
    assert story.held("a").get("cpu") == 2000
    assert status(story).guarantee_unmet is want


def test_a_guarantee_is_not_unmet_by_what_the_limit_keeps_out() -> None:
    limited = replace(role("a", limit={"pods": 1}), guarantee=Resources.of(cpu=4000))
    story = Story.begin(N1, RoleObserved(limited), FrameworkObserved(framework("a/main")))
    for number in range(2):
        story.tell(TaskObserved(task(f"t{number}")))
    story.run()
    assert not status(story).guarantee_unmet

"""Offers, driven by one external framework that lives in the test: made, accepted, declined, rescinded, expired."""

import pytest

from entresol.engine import events
from entresol.engine.effects import CreatePod, Notify, Offer, Rejected, Rescind
from entresol.engine.events import AgentObserved, FrameworkObserved, RoleObserved, TaskObserved
from entresol.model.constraints import Constraints, HostPort
from entresol.model.identifiers import AgentId, FrameworkId, OfferId, PodId, TaskId
from entresol.model.resources import Resources
from entresol.model.tasks import ForeignPod
from tests.engine.story import Story, agent, amounts, charge, framework, role, task

OUTSIDE = FrameworkId("a/main")
EXTERNAL = FrameworkObserved(framework("a/main", external=True))


def listening(*first: events.Event, tasks: int = 3, cpu: int = 4) -> Story:
    """One agent, an external framework that listens and has waiting tasks."""
    there = [TaskObserved(task(f"t{i}")) for i in range(tasks)]
    story = Story.begin(AgentObserved(agent("n0", cpu)), EXTERNAL, *there, *first)
    story.tell(events.Subscribed(OUTSIDE))
    return story.run()


def offers(story: Story) -> list[Offer]:
    """All offers made so far."""
    return [notice.about for notice in story.asked(Notify) if isinstance(notice.about, Offer)]


def rescinded(story: Story) -> list[OfferId]:
    """All offers taken back so far."""
    return [notice.about.id for notice in story.asked(Notify) if isinstance(notice.about, Rescind)]


def rejections(story: Story) -> list[str]:
    """Why accepts were refused so far."""
    return [notice.about.reason for notice in story.asked(Notify) if isinstance(notice.about, Rejected)]


def accept(story: Story, *tasks: str, ids: tuple[str, ...] = (), refuse: float = 5.0) -> None:
    """Accept the given offers, or the newest one."""
    chosen = ids or (offers(story)[-1].id,)
    story.tell(events.Accepted(OUTSIDE, tuple(map(OfferId, chosen)), tuple(map(TaskId, tasks)), refuse))


def test_nobody_listens_nobody_is_offered_anything() -> None:
    story = Story.begin(AgentObserved(agent("n0")), EXTERNAL, TaskObserved(task("t1"))).run()
    assert story.effects
    assert offers(story) == []
    assert story.asked(CreatePod) == []


def test_an_offer_shows_what_is_wanted_is_held_and_is_charged() -> None:
    story = listening()
    (offer,) = offers(story)
    assert (offer.agent, offer.amount, offer.expires) == ("n0", amounts(3, pods=3), story.at + 300.0)
    assert story.held("a") == amounts(3, pods=3)
    assert story.asked(CreatePod) == []
    story.run()
    assert len(offers(story)) == 1


def test_an_accept_launches_what_the_framework_chose() -> None:
    story = listening()
    accept(story, "t2", "t0")
    assert [(one.task, one.agent, one.charge) for one in story.asked(CreatePod)] == [
        ("t2", "n0", charge("a", "a/main")),
        ("t0", "n0", charge("a", "a/main")),
    ]
    assert story.held("a") == amounts(2, pods=2)
    story.carry_out().running("t2").finished("t2")
    assert story.state_of("t2") == "TASK_FINISHED"


def test_what_an_accept_leaves_over_is_declined_with_its_filter() -> None:
    story = listening()
    accept(story, "t0", "t1", refuse=10.0)
    story.run()
    assert len(offers(story)) == 1
    story.wait(10.0)
    assert [offer.amount for offer in offers(story)[1:]] == [amounts(1)]


def test_a_decline_keeps_the_same_offer_away_until_its_filter_ends() -> None:
    story = listening()
    story.tell(events.Declined(OUTSIDE, (offers(story)[0].id, OfferId("unknown")), 30.0))
    assert story.held("a") == Resources()
    story.run().wait(29.0)
    assert len(offers(story)) == 1
    story.wait(1.0)
    assert len(offers(story)) == 2


def test_a_decline_without_a_filter_may_be_offered_again_at_once() -> None:
    story = listening()
    story.tell(events.Declined(OUTSIDE, (offers(story)[0].id,), 0.0))
    story.run()
    assert len(offers(story)) == 2


def test_revive_forgets_refusals_and_suppress_stops_offers() -> None:
    story = listening()
    story.tell(events.Declined(OUTSIDE, (offers(story)[0].id,), 3600.0))
    story.tell(events.Suppressed(OUTSIDE))
    story.tell(events.Revived(OUTSIDE))
    story.run()
    assert len(offers(story)) == 2
    story.tell(events.Suppressed(OUTSIDE))
    story.tell(events.Declined(OUTSIDE, (offers(story)[1].id,), 0.0))
    story.run()
    assert len(offers(story)) == 2
    story.tell(events.Revived(OUTSIDE))
    story.run()
    assert len(offers(story)) == 3


def test_calls_of_a_framework_that_does_not_listen_do_nothing() -> None:
    story = Story.begin(AgentObserved(agent("n0")), EXTERNAL)
    for call in (
        events.Suppressed(OUTSIDE),
        events.Revived(OUTSIDE),
        events.Disconnected(OUTSIDE),
        events.Declined(OUTSIDE, (OfferId("O1"),)),
    ):
        story.tell(call)
    assert offers(story) == []


def test_an_offer_that_nobody_answers_expires() -> None:
    story = listening()
    story.tell(events.Ticked(), after=300.0)
    assert rescinded(story) == ["O1"]
    story.run()
    assert len(offers(story)) == 2


def test_a_disconnect_brings_the_offers_back_and_a_new_scheduler_gets_new_ones() -> None:
    story = listening()
    story.tell(events.Disconnected(OUTSIDE))
    assert story.held("a") == Resources()
    assert story.engine.state.offers == {}
    story.tell(events.Subscribed(OUTSIDE))
    story.run()
    assert [offer.id for offer in offers(story)] == ["O1", "O2"]


def test_a_second_scheduler_takes_over_from_the_first() -> None:
    story = listening()
    story.tell(events.Subscribed(OUTSIDE))
    story.run()
    assert len(story.engine.state.offers) == 1
    assert story.held("a") == amounts(3, pods=3)


OVERTAKEN = {
    "the agent goes": (events.AgentGone(AgentId("n0")), True),
    "the agent shrinks below what is on it": (AgentObserved(agent("n0", 2)), True),
    "a foreign pod takes the room": (
        events.ForeignObserved(ForeignPod(id=PodId("f"), agent=AgentId("n0"), demand=amounts(3))),
        True,
    ),
    "the framework is suspended": (FrameworkObserved(framework("a/main", external=True, suspended=True)), True),
    "the framework goes": (events.FrameworkGone(OUTSIDE), True),
    "the role closes": (RoleObserved(role("a", namespaces=("b",))), True),
    "the agent grows": (AgentObserved(agent("n0", 8)), False),
}


@pytest.mark.parametrize(("event", "want"), OVERTAKEN.values(), ids=OVERTAKEN.keys())
def test_an_offer_is_rescinded_when(event: events.Event, want: bool) -> None:
    """An offer that could not be honoured any more is taken back at once, and only such a one."""
    story = listening()
    story.tell(event)
    assert rescinded(story) == (["O1"] if want else [])


BAD_ACCEPTS = {
    "no offers": ((), ("t0",), "must name at least one offer"),
    "an offer twice": (("O1", "O1"), ("t0",), "once"),
    "a task twice": (("O1",), ("t0", "t0"), "once"),
    "an unknown offer": (("O9",), ("t0",), "outstanding and its own"),
    "an unknown task": (("O1",), ("nobody",), "waiting tasks of its own framework"),
    "a task of another framework": (("O1",), ("other",), "waiting tasks of its own framework"),
    "more than was offered": (("O1",), ("t0", "big"), "must fit into the offers"),
}


@pytest.mark.parametrize(("ids", "chosen", "want"), BAD_ACCEPTS.values(), ids=BAD_ACCEPTS.keys())
def test_bad_accept(ids: tuple[str, ...], chosen: tuple[str, ...], want: str) -> None:
    """Refused as a whole, in words; nothing is launched and its offers come back."""
    story = listening(
        TaskObserved(task("big", cpu=9)),
        FrameworkObserved(framework("b/main", suspended=True)),
        TaskObserved(task("other", "b/main")),
    )
    story.tell(events.Accepted(OUTSIDE, tuple(map(OfferId, ids)), tuple(map(TaskId, chosen))))
    (words,) = rejections(story)
    assert want in words
    assert story.asked(CreatePod) == []
    assert ("O1" in story.engine.state.offers) == ("O1" not in ids)


def test_offers_of_two_agents_cannot_be_joined() -> None:
    story = listening(AgentObserved(agent("n1", 1)), tasks=5)
    accept(story, "t0", ids=tuple(offer.id for offer in offers(story)))
    assert rejections(story) == ["all offers of one accept must be of one agent"]


def test_a_task_that_may_not_use_the_agent_is_refused_by_itself() -> None:
    picky = Constraints(selector=(("disk", "ssd"),))
    story = listening(TaskObserved(task("picky", constraints=picky)))
    accept(story, "picky", "t0")
    assert rejections(story) == ["picky: the task may not use the agent"]
    assert [launch.task for launch in story.asked(CreatePod)] == ["t0"]


def test_one_port_is_given_once_even_within_one_accept() -> None:
    port = Constraints(ports=(HostPort(80),))
    story = listening(TaskObserved(task("p1", constraints=port)), TaskObserved(task("p2", constraints=port)), tasks=1)
    accept(story, "p1", "p2")
    assert [launch.task for launch in story.asked(CreatePod)] == ["p1"] or rejections(story)


def test_a_limit_holds_for_offers_and_accepts_alike() -> None:
    story = listening(RoleObserved(role("a", limit={"cpu": 2000})))
    (offer,) = offers(story)
    assert offer.amount == amounts(2, pods=2)
    accept(story, "t0", "t1")
    story.run()
    assert story.held("a") == amounts(2, pods=2)
    assert len(story.asked(CreatePod)) == 2

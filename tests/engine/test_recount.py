"""The books added up anew: in steps, of one moment, and what is wrong is named."""

import pytest

from entresol.engine import events, recount
from entresol.engine.ledger import Holding
from entresol.engine.recount import Recount
from entresol.model.identifiers import AgentId, PodId
from entresol.model.resources import Resources
from tests.engine.story import Story, agent, framework, task


@pytest.fixture
def story() -> Story:
    begun = Story.begin(events.AgentObserved(agent("n1")), events.FrameworkObserved(framework("a/main")))
    for number in range(3):
        begun.tell(events.TaskObserved(task(f"t{number}")))
    return begun.run().carry_out()


def test_it_gives_way_between_steps(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recount, "STEP", 1)
    counted = Recount(story.engine.state)
    assert len(list(counted.steps())) == 6, "three holdings and three pods"
    assert [*counted.differences, *counted.unheld] == []


def test_what_changes_meanwhile_is_another_moment_s(story: Story) -> None:
    counted = Recount(story.engine.state)
    story.finished("t0")
    list(counted.steps())
    assert [*counted.differences, *counted.unheld] == []


def test_a_pod_that_is_held_for_nowhere_is_named(story: Story) -> None:
    state = story.engine.state
    first, second, _ = story.engine.state.ledger.holdings()
    state.release(first[0])
    state.hold(second[0], Holding(AgentId("elsewhere"), second[1].amount, second[1].charge))
    state.enter_moves(story.at)
    counted = Recount(state)
    list(counted.steps())
    assert counted.differences == [], "its sums are right"
    assert [words.partition(" on ")[0] for words in counted.unheld] == ["pod a/t0-1", "pod a/t1-1"]


def test_a_sum_that_is_off_is_named(story: Story) -> None:
    state = story.engine.state
    state.ledger._agents[AgentId("n1")].ours += Resources.of(cpu=1)
    counted = Recount(state)
    list(counted.steps())
    assert counted.differences == ["what is on agent n1 differs from its holdings"]


def test_pods_that_are_over_are_held_by_nobody(story: Story) -> None:
    story.finished("t0")
    assert PodId("t0.1") in story.engine.state.pods
    counted = Recount(story.engine.state)
    list(counted.steps())
    assert [*counted.differences, *counted.unheld] == []

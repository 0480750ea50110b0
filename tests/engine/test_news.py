"""Whoever waits hears it when the kind of reason changes, and only then: a reason once told must not become a lie.

Autoscalers act on what a pod's condition says, so what is never taken back costs money, and what is never said keeps
work waiting.
"""

from dataclasses import replace

from entresol.engine.effects import PublishTask
from entresol.engine.events import (
    AgentObserved,
    FrameworkObserved,
    LaunchRefused,
    NamespaceObserved,
    PodObserved,
    Refusal,
    RoleObserved,
    TaskObserved,
)
from entresol.model.identifiers import TaskId
from tests.engine.story import Story, agent, amounts, framework, plain, role, task

MAIN = FrameworkObserved(framework("a/main"))
SUSPENDED = FrameworkObserved(framework("a/main", suspended=True))
PATIENCE = 6.0
"""A little longer than nothing is said about waiting."""


def full() -> Story:
    """One agent, which `t0` of another framework fills."""
    node, other = AgentObserved(agent("n1", cpu=1)), FrameworkObserved(framework("a/other"))
    return Story.begin(node, MAIN, other, TaskObserved(task("t0", "a/other"))).run().carry_out().running("t0")


def told(story: Story, name: str) -> bool:
    """Whether something was to be published about the task."""
    return any(effect.task == name for effect in story.asked(PublishTask))


def test_those_who_wait_hear_that_their_framework_is_suspended() -> None:
    story = full()
    story.tell(TaskObserved(task("t1")))
    story.run().wait(PATIENCE)
    assert story.status("t1").more_agents_help
    story.forget()
    story.tell(SUSPENDED)
    story.run().wait(60.0)
    assert story.why("t1") == "FrameworkSuspended"
    assert not story.status("t1").more_agents_help
    assert told(story, "t1")


def test_those_who_wait_hear_that_their_framework_goes_on() -> None:
    story = full()
    story.tell(SUSPENDED)
    story.tell(TaskObserved(task("t1")))
    story.run().wait(PATIENCE)
    assert told(story, "t1")
    story.forget()
    story.tell(MAIN)
    story.run().wait(60.0)
    assert story.status("t1").more_agents_help
    assert told(story, "t1")


def test_a_pod_whose_gates_are_lifted_hears_what_the_next_cycle_finds() -> None:
    story = full()
    free = plain("p")
    assert free.task is not None
    story.tell(PodObserved(replace(free, task=replace(free.task, gated=True))))
    story.run().wait(PATIENCE)
    assert told(story, "p")
    story.tell(PodObserved(free))
    story.forget()
    story.run().wait(60.0)
    assert story.status("p").more_agents_help
    assert told(story, "p")


def test_a_task_that_backed_off_and_then_finds_no_room_hears_so() -> None:
    story = full()
    story.tell(AgentObserved(agent("n2", cpu=1)))
    story.tell(TaskObserved(task("t1")))
    story.run().carry_out().running("t1").gone("t1")
    assert story.why("t1") == "BackingOff"
    story.tell(TaskObserved(task("t2", "a/other", created=0.0)))
    story.run()
    assert story.engine.state.entries[TaskId("t2")].live is not None
    story.forget()
    story.wait(300.0)
    assert story.why("t1") == "NoRoomNow"
    assert told(story, "t1")


def test_those_who_wait_hear_that_their_namespaces_quota_is_exhausted_and_that_it_may_be_tried_again() -> None:
    story = full()
    story.tell(TaskObserved(task("t1")))
    story.run().wait(PATIENCE)
    story.tell(AgentObserved(agent("n2", cpu=0)))
    story.tell(TaskObserved(task("t2", "a/other", demand=amounts(0))))
    story.run().forget()
    story.tell(LaunchRefused(TaskId("t2"), 1, Refusal.QUOTA, "exceeded quota"))
    story.run()
    assert story.why("t1") == "QuotaExceeded"
    assert told(story, "t1")
    story.forget()
    story.wait(1.0)
    assert story.why("t1") == "NoRoomNow"
    assert told(story, "t1")


def test_more_than_are_marked_at_a_time_hear_it_in_the_end() -> None:
    story = full()
    names = {f"t{number}" for number in range(1, 603)}
    for name in sorted(names):
        story.tell(TaskObserved(task(name)))
    story.run().wait(PATIENCE).forget()
    story.tell(AgentObserved(agent("n1", cpu=0)))
    story.run()
    assert story.why("t602") == "NeverFits"
    assert {effect.task for effect in story.asked(PublishTask)} < names
    story.wait(1.0)
    assert {effect.task for effect in story.asked(PublishTask)} >= names


def test_what_changes_nothing_for_those_who_wait_is_no_news_to_them() -> None:
    story = Story.begin(AgentObserved(agent("n1", cpu=1)), MAIN)
    for number in range(50):
        story.tell(TaskObserved(task(f"t{number}")))
    story.run().wait(PATIENCE)
    assert told(story, "t49")
    story.forget()
    story.tell(NamespaceObserved("elsewhere", {"x": "1"}))
    story.run()
    assert story.asked(PublishTask) == []


def test_what_never_fits_takes_no_part_of_the_limit_from_those_behind_it() -> None:
    story = Story.begin(
        AgentObserved(agent("n1", cpu=3)),
        MAIN,
        RoleObserved(role("a", limit={"cpu": 10_000})),
        FrameworkObserved(framework("b/main")),
        TaskObserved(task("t0", "b/main", cpu=3)),
    )
    story.run().carry_out().running("t0")
    story.tell(TaskObserved(task("t1", cpu=10)))
    story.tell(TaskObserved(task("t2", cpu=2)))
    story.run()
    assert story.why("t1") == "NeverFits"
    assert story.status("t2").more_agents_help

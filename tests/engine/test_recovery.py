"""A new operator, until the world is whole and just after: timers wait, and what the last one knew of setbacks holds."""

from dataclasses import replace

import pytest

from entresol.engine import events, recovery
from entresol.engine.effects import CreatePod, DeletePod, DeleteTask, PublishTask
from entresol.engine.events import AgentObserved, FrameworkObserved, PodGone, PodObserved, Synced, TaskObserved, Ticked
from entresol.model import tasks
from entresol.model.identifiers import AgentId, PodId, TaskId
from entresol.model.resources import Resources
from entresol.model.tasks import Phase, Pod
from tests.engine.story import Story, agent, amounts, charge, framework, record, task

MAIN = FrameworkObserved(framework("a/main"))
N1 = AgentObserved(agent("n1"))
N2 = AgentObserved(agent("n2"))


def attempt(name: str, on: str = "n1", pod: str = "x", number: int = 1) -> Pod:
    """The pod of a Task's attempt, as an earlier operator made it."""
    return Pod(
        id=PodId(pod),
        name=f"a/{name}-{number}",
        demand=amounts(1),
        owner=TaskId(name),
        claims=f"a/{name}",
        attempt=number,
        agent=AgentId(on),
        charge=charge("a", "a/main"),
    )


def test_a_finished_task_whose_time_ran_out_meanwhile_is_deleted_once_the_world_is_whole() -> None:
    """Time passes while pods are still being listed; what it would have set off is not lost."""
    done = task("t1", ttl=10.0, record=record(state=tasks.FINISHED, attempt=1, finished=50.0))
    story = Story.begin(N1, TaskObserved(done), synced=False)
    story.tell(Ticked(), after=0.01)
    assert story.asked(DeleteTask) == []
    story.tell(Synced(), after=1.0)
    story.wait(0.0)
    assert story.asked(DeleteTask) == [DeleteTask(TaskId("t1"))]


def test_what_was_listed_is_settled_a_portion_with_each_tick_and_nothing_is_granted_or_said_before_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recovery, "PORTION", 2)
    lost = task("t5", record=record(state=tasks.RUNNING, attempt=1))
    waiting = [task(f"t{number}") for number in range(5)]
    ran = task("t6", record=record(state=tasks.RUNNING, attempt=1))
    told = [TaskObserved(one) for one in (*waiting, lost, ran)]
    story = Story.begin(AgentObserved(agent("n1", 16)), MAIN, *told, PodObserved(attempt("t6")))
    seen = attempt("t5", pod="y")  # in time: it is not taken for lost
    for event in (
        events.TaskGone(TaskId("t1")),
        events.TaskGone(TaskId("t4")),
        PodObserved(seen),
        PodObserved(replace(attempt("t6"), phase=Phase.SUCCEEDED)),
        PodGone(PodId("x")),
    ):
        assert (story.engine.recovering, story.engine.wants_cycle) == (True, False)
        assert story.engine.next_wakeup == 100.0
        assert story.tell(event) == ()
    steps = 0
    while story.engine.recovering:
        story.tell(Ticked(), after=0.1)
        steps += 1
    assert steps == 3, "seven tasks and a pod, two of them at once"
    assert PublishTask(TaskId("t6")) in story.effects
    assert story.run().asked(CreatePod) != []
    assert sorted(launch.task for launch in story.asked(CreatePod)) == ["t0", "t2", "t3"]


def test_a_success_while_nobody_looked_comes_before_a_deadline_that_passed_meanwhile() -> None:
    ran = task("t1", deadline=10.0, record=record(state=tasks.RUNNING, attempt=1, started=50.0))
    story = Story.begin(N1, TaskObserved(ran), synced=False)
    story.tell(Ticked(), after=0.01)
    story.tell(PodObserved(replace(attempt("t1"), phase=Phase.SUCCEEDED)))
    story.tell(Synced(), after=1.0)
    assert story.state_of("t1") == tasks.FINISHED
    story.wait(100.0)
    assert story.state_of("t1") == tasks.FINISHED


def test_nothing_is_due_before_the_world_is_whole() -> None:
    story = Story.begin(N1, TaskObserved(task("t1")), synced=False)
    assert story.engine.next_wakeup is None
    story.tell(Synced())
    assert story.engine.next_wakeup is not None


def refused_once() -> Story:
    """A task whose first agent refused it, at 100."""
    story = Story.begin(N1, N2, MAIN, TaskObserved(task("t1", cpu=1))).run().carry_out()
    assert story.pod("t1").agent == "n1"
    return story.failed("t1", reason="OutOfcpu")


def test_an_agent_that_refused_lately_is_not_forgiven_with_one_that_refused_long_ago() -> None:
    story = refused_once().wait(1.0).carry_out()
    assert story.pod("t1").agent == "n2"
    story.wait(8.0).failed("t1", reason="OutOfcpu")
    assert set(story.engine.state.entries[TaskId("t1")].avoid) == {"n1", "n2"}
    story.wait(1.0)
    assert set(story.engine.state.entries[TaskId("t1")].avoid) == {"n2"}


def test_a_new_operator_avoids_the_agent_that_refused_a_task_last() -> None:
    again = refused_once().restart().run()
    assert [launch.agent for launch in again.asked(CreatePod)] == ["n2"]


def test_a_pod_whose_task_cannot_be_read_runs_on_and_keeps_its_room() -> None:
    """After a downgrade, say. Ending it would be the garbage collector's business, if it were anybody's."""
    story = Story.begin(N1, MAIN, PodObserved(replace(attempt("t1"), phase=Phase.RUNNING))).run().wait(60.0)
    assert story.asked(DeletePod) == []
    assert story.held("a") == amounts(1)


def test_a_pod_that_is_seen_before_its_task_is_its_attempt() -> None:
    story = Story.begin(AgentObserved(agent("n1", cpu=9)), AgentObserved(agent("n2", cpu=1)), MAIN)
    story.tell(PodObserved(attempt("t1", on="n2")))
    story.tell(TaskObserved(task("t1")))
    story.run()
    assert story.asked(CreatePod) == []
    assert story.engine.state.ledger.usage(AgentId("n2")).ours == amounts(1)


def test_of_two_pods_whose_task_is_unknown_the_one_that_is_left_is_its_attempt() -> None:
    story = Story.begin(N1, MAIN, PodObserved(attempt("t1", pod="old")), PodObserved(attempt("t1", pod="x", number=2)))
    story.tell(PodGone(PodId("old")))
    story.tell(TaskObserved(task("t1")))
    assert story.status("t1").record.attempt == 2
    assert story.held("a") == amounts(1)


def test_a_pod_that_was_released_and_went_before_its_task_was_seen_is_nobodys_attempt() -> None:
    story = Story.begin(N1, MAIN, PodObserved(attempt("t1")))
    plain = replace(task("x", "a/default"), plain=True)
    story.tell(PodObserved(replace(attempt("t1"), owner=None, attempt=0, task=plain)))
    assert story.held("a") == amounts(1)
    story.tell(PodGone(PodId("x")))
    assert story.held("a") == Resources()
    story.tell(TaskObserved(task("t1")))
    story.run()
    assert [launch.attempt for launch in story.asked(CreatePod)] == [1]


def test_a_pod_that_turns_up_when_its_deleted_task_was_settled_is_left_to_the_garbage_collector() -> None:
    story = Story.begin(N1, MAIN, TaskObserved(task("t1"))).run()
    story.tell(events.Launched(TaskId("t1"), 1, PodId("x"), amounts(1)))
    story.tell(events.TaskGone(TaskId("t1")))
    story.tell(events.PodsListed(story.at + 1.0, frozenset()), after=2.0)
    assert story.held("a") == Resources()
    story.tell(PodObserved(attempt("t1")))
    story.wait(60.0)
    assert story.asked(DeletePod) == []
    assert story.held("a") == amounts(1)

"""What becomes of a task and its attempts: launches, ends, refusals, deletions."""

from dataclasses import replace
from typing import Any

import pytest

from entresol.engine import events
from entresol.engine.effects import (
    Announce,
    AttemptEnded,
    BindPod,
    CreatePod,
    DeletePod,
    DeleteTask,
    PublishTask,
    Scheduled,
)
from entresol.engine.events import AgentObserved, FrameworkObserved, Refusal, TaskObserved
from entresol.model import tasks
from entresol.model.identifiers import AgentId, PodId, TaskId
from entresol.model.resources import Resources
from entresol.model.tasks import Hindrance
from tests.engine.story import Story, agent, amounts, charge, deletions, framework, plain, record, role, task

MAIN = FrameworkObserved(framework("a/main"))


def one_task(agents: int = 2, **fields: Any) -> Story:
    """One waiting Task, some agents, one cycle."""
    there = [AgentObserved(agent(f"n{i}")) for i in range(agents)]
    return Story.begin(*there, MAIN, TaskObserved(task("t1", **fields))).run()


def test_a_task_is_launched_seen_run_and_finished() -> None:
    story = one_task()
    (launch,) = story.asked(CreatePod)
    assert (launch.attempt, launch.charge, launch.record_first) == (1, charge("a", "a/main"), False)
    assert story.state_of("t1") == tasks.STAGING
    assert story.held("a") == amounts(1)
    story.carry_out()
    assert story.state_of("t1") == tasks.STARTING
    assert Announce(TaskId("t1"), Scheduled(AgentId(launch.agent))) in story.effects
    assert story.running("t1").state_of("t1") == tasks.RUNNING
    assert story.status("t1").ready
    story.finished("t1")
    assert story.state_of("t1") == tasks.FINISHED
    assert story.held("a") == Resources()
    assert story.status("t1").record.failures == 0


def test_what_hinders_a_pod_is_said_as_long_as_it_does() -> None:
    """Not of an agent that is silent: then nobody knows."""
    story = one_task().carry_out()
    pod = story.pod("t1")
    story.tell(events.PodObserved(replace(pod, hindrance=Hindrance("ImagePullBackOff", "no such image"))))
    status = story.status("t1")
    assert (status.record.state, status.reason, status.message) == (
        tasks.STARTING,
        "ImagePullBackOff",
        "no such image",
    )
    for words in ("back-off", "no such image"):
        story.tell(events.PodObserved(replace(pod, hindrance=Hindrance("ImagePullBackOff", words))))
        assert (story.state_of("t1"), story.status("t1").reason) == (tasks.STARTING, "ImagePullBackOff")
    assert pod.agent is not None
    story.tell(AgentObserved(agent(pod.agent, ready=False)))
    assert (story.state_of("t1"), story.status("t1").reason) == (tasks.UNREACHABLE, "")
    story.tell(AgentObserved(agent(pod.agent)))
    assert story.status("t1").reason == "ImagePullBackOff"
    story.running("t1")
    story.tell(events.PodObserved(replace(story.pod("t1"), hindrance=Hindrance())))
    assert (story.state_of("t1"), story.status("t1").reason) == (tasks.RUNNING, "")


def test_a_repeated_observation_changes_nothing() -> None:
    story = one_task().carry_out().running("t1")
    story.tell(events.Ticked())
    story.forget()
    story.tell(events.PodObserved(story.pod("t1")))
    story.tell(AgentObserved(agent("n0")))
    story.tell(MAIN)
    assert [effect for effect in story.effects if not isinstance(effect, PublishTask)] == []
    assert not story.engine.wants_cycle


def test_a_failing_container_is_charged_until_attempts_run_out() -> None:
    story = one_task(max_attempts=2).carry_out().running("t1").failed("t1", exit_code=3, container_reason="Error")
    assert story.state_of("t1") == tasks.PENDING
    assert story.why("t1") == "BackingOff"
    story.wait(1.0)
    (second,) = story.asked(CreatePod)
    assert (second.attempt, second.record_first) == (2, True)
    story.carry_out().running("t1").failed("t1", exit_code=4)
    status = story.status("t1")
    assert (status.record.state, status.record.failures, status.record.attempt) == (tasks.FAILED, 2, 2)
    assert status.record.last is not None
    assert (status.record.last.exit_code, status.record.last.charged) == (4, True)


def test_a_kubelet_refusal_is_not_charged_and_the_agent_is_avoided() -> None:
    story = one_task().carry_out()
    first = story.pod("t1").agent
    story.failed("t1", reason="OutOfcpu")
    assert story.status("t1").record.failures == 0
    story.wait(1.0)
    (second,) = story.asked(CreatePod)
    assert second.agent != first
    assert any(
        isinstance(e.news, AttemptEnded) and e.news.attempt.state == tasks.DROPPED for e in story.asked(Announce)
    )


def test_an_avoided_agent_is_forgiven_when_it_is_the_only_one() -> None:
    story = one_task(agents=1).carry_out().failed("t1", reason="OutOfcpu").wait(1.0)
    assert story.asked(CreatePod) == []
    assert story.why("t1") == "NoRoomNow"
    story.wait(10.0)
    assert [launch.attempt for launch in story.asked(CreatePod)] == [2]


def test_setbacks_in_a_row_pause_longer_each_time() -> None:
    story = one_task(agents=1).carry_out()
    pauses = []
    for _ in range(3):
        story.gone("t1")
        waiting = story.status("t1").waiting
        assert waiting is not None
        assert waiting.until is not None
        pauses.append(waiting.until - story.at)
        story.wait(pauses[-1]).carry_out()
    assert pauses == [1.0, 2.0, 4.0]
    assert story.status("t1").record.failures == 0


def test_a_run_that_gets_ready_ends_the_row_of_setbacks() -> None:
    story = one_task(agents=1).carry_out().gone("t1").wait(1.0).carry_out().running("t1").gone("t1")
    waiting = story.status("t1").waiting
    assert waiting is not None
    assert waiting.until == story.at + 1.0


REFUSALS = {
    "an invalid pod ends the task in the server's words": (Refusal.INVALID, tasks.ERROR, ""),
    "an exhausted quota lets it wait": (Refusal.QUOTA, tasks.PENDING, "QuotaExceeded"),
    "admission's no lets it wait long": (Refusal.FORBIDDEN, tasks.PENDING, "PodForbidden"),
    "a terminating namespace lets it wait": (Refusal.TERMINATING, tasks.PENDING, "BackingOff"),
    "a conflict lets it try another name": (Refusal.CONFLICT, tasks.PENDING, "BackingOff"),
    "a server that cannot say lets it try again": (Refusal.UNAVAILABLE, tasks.PENDING, "BackingOff"),
    "a missing object lets it try again": (Refusal.GONE, tasks.PENDING, "BackingOff"),
}


@pytest.mark.parametrize(("refusal", "want_state", "want_reason"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refused_launch(refusal: Refusal, want_state: str, want_reason: str) -> None:
    """Whatever the refusal, the room is free again and nothing is charged."""
    story = one_task()
    story.tell(events.LaunchRefused(TaskId("t1"), 1, refusal, "the server's words"))
    assert story.held("a") == Resources()
    assert story.state_of("t1") == want_state
    assert story.why("t1") == want_reason
    assert story.status("t1").message == "the server's words"
    assert story.status("t1").record.failures == 0


@pytest.mark.parametrize(("refusal", "want_number"), [(Refusal.UNAVAILABLE, 1), (Refusal.CONFLICT, 2)])
def test_a_number_is_used_again_only_when_no_pod_can_have_it(refusal: Refusal, want_number: int) -> None:
    story = one_task()
    story.forget()
    story.tell(events.LaunchRefused(TaskId("t1"), 1, refusal))
    story.wait(1.0)
    assert [(launch.attempt, launch.record_first) for launch in story.asked(CreatePod)] == [(want_number, True)]


def test_a_refusal_after_the_pod_was_seen_is_a_conflict_with_ourselves() -> None:
    story = one_task().carry_out()
    story.tell(events.LaunchRefused(TaskId("t1"), 1, Refusal.CONFLICT))
    assert story.state_of("t1") == tasks.STARTING


def test_an_exhausted_quota_rests_the_whole_namespace() -> None:
    story = Story.begin(AgentObserved(agent("n0", 8)), MAIN, *(TaskObserved(task(f"t{i}")) for i in range(2))).run()
    story.tell(events.LaunchRefused(TaskId("t0"), 1, Refusal.QUOTA, "exceeded quota"))
    story.tell(TaskObserved(task("t9")))
    story.forget()
    story.run()
    assert story.asked(CreatePod) == []
    assert story.why("t9") == "QuotaExceeded"
    story.wait(1.0)
    assert {launch.task for launch in story.asked(CreatePod)} == {"t0", "t9"}


def test_what_admission_adds_is_charged_and_learned() -> None:
    story = Story.begin(AgentObserved(agent("n0", 4)), MAIN, TaskObserved(task("t1"))).run()
    story.tell(events.Launched(TaskId("t1"), 1, PodId("t1.1"), amounts(2)))
    assert story.held("a") == amounts(2)
    for i in range(2, 5):
        story.tell(TaskObserved(task(f"t{i}")))
    story.run()
    assert story.held("a") == amounts(4, pods=2)
    assert story.why("t4") in {"WaitingForTurn", "NoRoomNow"}


def test_a_pod_that_admission_made_too_big_is_taken_back_uncharged() -> None:
    story = Story.begin(AgentObserved(agent("n0", 4)), MAIN, TaskObserved(task("t1"))).run()
    story.tell(events.Launched(TaskId("t1"), 1, PodId("t1.1"), amounts(5)))
    assert deletions(story) == [("t1.1", None)]
    story.carry_out().gone("t1")
    assert story.status("t1").record.failures == 0
    story.wait(1.0)
    assert story.why("t1") == "NeverFits"


def test_a_pod_that_admission_pushed_past_the_limit_is_taken_back() -> None:
    limited = events.RoleObserved(role("a", limit={"cpu": 1500}))
    story = Story.begin(AgentObserved(agent("n0", 4)), MAIN, limited, TaskObserved(task("t1"))).run()
    story.tell(events.Launched(TaskId("t1"), 1, PodId("t1.1"), amounts(2)))
    assert deletions(story) == [("t1.1", None)]


def test_suspending_a_running_task_ends_its_pod_uncharged_and_resuming_starts_another() -> None:
    story = one_task().carry_out().running("t1")
    story.tell(TaskObserved(task("t1", suspended=True)))
    assert deletions(story) == [("t1.1", None)]
    story.gone("t1").wait(5.0)
    assert (story.state_of("t1"), story.why("t1"), story.status("t1").record.failures) == (
        tasks.PENDING,
        "Suspended",
        0,
    )
    story.tell(TaskObserved(task("t1")))
    story.run()
    assert [launch.attempt for launch in story.asked(CreatePod)] == [2]


def test_a_task_suspended_while_its_create_is_under_way_is_ended_when_the_pod_turns_up() -> None:
    story = one_task()
    story.tell(TaskObserved(task("t1", suspended=True)))
    assert deletions(story) == []
    story.carry_out()
    assert ("t1.1", None) in deletions(story)


def test_the_run_time_limit_counts_from_the_first_start_and_is_final() -> None:
    story = one_task(deadline=30.0, max_attempts=5).carry_out().running("t1")
    story.wait(20.0).failed("t1", exit_code=1).wait(2.0).carry_out().running("t1").wait(7.0)
    assert deletions(story) == []
    story.wait(1.0)
    assert deletions(story) == [("t1.2", None)]
    story.gone("t1")
    status = story.status("t1")
    assert (status.record.state, status.reason) == (tasks.FAILED, "DeadlineExceeded")


def test_a_task_that_waits_when_its_time_is_over_fails_without_a_pod() -> None:
    story = one_task(agents=1, deadline=5.0, max_attempts=5).carry_out().running("t1")
    story.tell(events.AgentGone(AgentId("n0")))
    story.gone("t1").wait(4.0)
    assert story.state_of("t1") == tasks.PENDING
    story.wait(1.0)
    assert story.state_of("t1") == tasks.FAILED


def test_a_finished_task_is_deleted_when_its_time_to_live_is_over() -> None:
    story = one_task(ttl=60.0).carry_out().finished("t1").wait(59.0)
    assert story.asked(DeleteTask) == []
    story.wait(1.0)
    assert story.asked(DeleteTask) == [DeleteTask(TaskId("t1"))]


def test_an_invalid_task_ends_as_an_error_in_words() -> None:
    story = one_task(invalid="`resources` must be set")
    assert (story.state_of("t1"), story.status("t1").message) == (tasks.ERROR, "`resources` must be set")
    assert story.asked(CreatePod) == []


def test_a_node_that_goes_takes_its_pods_with_it_and_they_start_elsewhere() -> None:
    story = one_task().carry_out().running("t1")
    where = story.pod("t1").agent
    assert where is not None
    story.tell(events.AgentGone(where))
    assert deletions(story) == [("t1.1", 0)]
    assert story.state_of("t1") == tasks.UNREACHABLE
    story.gone("t1")
    last = story.status("t1").record.last
    assert last is not None
    assert (last.state, last.charged) == (tasks.GONE, False)
    story.wait(1.0)
    assert [launch.agent for launch in story.asked(CreatePod)] == [AgentId("n1" if where == "n0" else "n0")]


def test_a_pod_created_on_a_node_that_went_meanwhile_is_ended_at_once() -> None:
    story = one_task(agents=1)
    story.tell(events.AgentGone(AgentId("n0")))
    story.carry_out()
    assert ("t1.1", 0) in deletions(story)


def test_a_node_that_stops_answering_makes_its_tasks_unreachable_until_it_returns() -> None:
    story = one_task(agents=1).carry_out().running("t1")
    story.tell(AgentObserved(agent("n0", ready=False)))
    assert story.state_of("t1") == tasks.UNREACHABLE
    assert story.held("a") == amounts(1)
    story.tell(AgentObserved(agent("n0")))
    assert story.state_of("t1") == tasks.RUNNING


def test_a_deletion_that_is_only_asked_for_frees_nothing() -> None:
    story = one_task().carry_out().running("t1")
    story.tell(events.PodObserved(replace(story.pod("t1"), deleting=True)))
    assert story.held("a") == amounts(1)
    story.gone("t1")
    assert story.held("a") == Resources()


def test_a_deleted_task_keeps_its_room_until_its_pod_is_gone() -> None:
    story = one_task().carry_out().running("t1")
    pod = story.pod("t1").id
    story.tell(events.TaskGone(TaskId("t1")))
    assert story.engine.task(TaskId("t1"), story.at) is None
    assert story.held("a") == amounts(1)
    story.wait(5.0)
    assert deletions(story) == [(pod, None)]
    story.tell(events.PodGone(pod))
    assert story.held("a") == Resources()
    assert TaskId("t1") not in story.engine.state.entries


def test_a_task_deleted_while_its_create_is_under_way_leaves_nothing_behind() -> None:
    story = one_task()
    story.tell(events.TaskGone(TaskId("t1")))
    story.tell(events.LaunchRefused(TaskId("t1"), 1, Refusal.GONE))
    assert story.held("a") == Resources()
    assert TaskId("t1") not in story.engine.state.entries


def test_a_pod_that_its_deleted_task_let_go_is_a_plain_pod() -> None:
    story = one_task().carry_out().running("t1")
    pod = story.pod("t1")
    story.tell(events.TaskGone(TaskId("t1")))
    freed = replace(task("x"), plain=True, id=TaskId(pod.id), name=pod.name)
    story.tell(events.PodObserved(replace(pod, owner=None, attempt=0, task=freed)))
    story.wait(6.0)
    assert deletions(story) == []
    assert story.held("a") == amounts(1)
    assert story.state_of(pod.id) == tasks.RUNNING


def test_a_pod_of_an_unknown_task_takes_room_and_is_the_garbage_collectors() -> None:
    story = one_task().carry_out()
    stray = replace(story.pod("t1"), id=PodId("s"), owner=TaskId("unknown"), charge=None, name="a/s")
    story.tell(events.PodObserved(stray))
    assert story.held("a") == amounts(2, pods=2)
    story.wait(5.0)
    assert deletions(story) == []
    story.tell(events.PodGone(PodId("s")))
    assert story.held("a") == amounts(1)


def test_a_plain_pod_is_bound_with_its_stamp_and_pays_until_it_is_over() -> None:
    story = Story.begin(AgentObserved(agent("n0")), events.PodObserved(plain("p1"))).run()
    (bind,) = story.asked(BindPod)
    assert bind.charge == charge("a", "a/default")
    story.carry_out().running("p1")
    assert story.held("a") == amounts(1)
    story.failed("p1", exit_code=1)
    assert story.state_of("p1") == tasks.FAILED
    assert story.held("a") == Resources()
    story.tell(events.PodGone(PodId("p1")))
    assert story.engine.task(TaskId("p1"), story.at) is None


def test_a_plain_pod_that_goes_while_waiting_leaves_the_line() -> None:
    story = Story.begin(events.PodObserved(plain("p1"))).run()
    story.tell(events.PodGone(PodId("p1")))
    assert len(story.engine.state.backlog) == 0


def test_a_plain_pod_that_somebody_else_bound_is_counted_where_it_is() -> None:
    story = Story.begin(AgentObserved(agent("n0")), AgentObserved(agent("n1")), events.PodObserved(plain("p1"))).run()
    (bind,) = story.asked(BindPod)
    other = AgentId("n1" if bind.agent == "n0" else "n0")
    story.tell(events.PodObserved(plain("p1", agent=other)))
    story.tell(events.LaunchRefused(TaskId("p1"), 0, Refusal.CONFLICT))
    assert story.engine.state.ledger.usage(other).ours == amounts(1)
    assert story.engine.state.ledger.usage(bind.agent).ours == Resources()


def test_a_refused_binding_waits_and_is_tried_again() -> None:
    story = Story.begin(AgentObserved(agent("n0")), events.PodObserved(plain("p1"))).run()
    story.forget()
    story.tell(events.LaunchRefused(TaskId("p1"), 0, Refusal.INVALID, "no"))
    assert story.why("p1") == "Invalid"
    story.wait(60.0)
    assert len(story.asked(BindPod)) == 1


def test_a_pod_that_was_created_but_never_seen_is_given_up_after_the_next_complete_list() -> None:
    story = one_task(agents=1)
    story.tell(events.Launched(TaskId("t1"), 1, PodId("t1.1"), amounts(1)))
    story.tell(events.PodsListed(story.at, frozenset()))
    assert story.state_of("t1") == tasks.STAGING
    story.tell(events.PodsListed(story.at + 1, frozenset({PodId("t1.1")})))
    assert story.state_of("t1") == tasks.STAGING
    story.tell(events.PodsListed(story.at + 1, frozenset()), after=2.0)
    assert story.state_of("t1") == tasks.PENDING
    assert story.held("a") == Resources()


def test_an_answer_about_an_older_attempt_is_ignored() -> None:
    story = one_task().carry_out()
    before = story.status("t1")
    story.tell(events.Launched(TaskId("t1"), 7, PodId("x"), amounts(1)))
    story.tell(events.LaunchRefused(TaskId("t1"), 7, Refusal.QUOTA))
    story.tell(events.Launched(TaskId("nobody"), 1, PodId("x"), amounts(1)))
    story.tell(events.PodGone(PodId("nobody")))
    story.tell(events.TaskGone(TaskId("nobody")))
    assert story.status("t1") == before


def test_a_second_pod_of_an_accounted_attempt_is_ended() -> None:
    story = one_task(max_attempts=3).carry_out()
    old = story.pod("t1")
    story.failed("t1", exit_code=1)
    story.wait(1.0)
    story.forget()
    story.tell(events.PodObserved(replace(old, id=PodId("ghost"))))
    assert deletions(story) == [("ghost", None)]


def test_restart_recovers_running_work_and_counts_no_end_twice() -> None:
    story = one_task(max_attempts=3).carry_out().running("t1").failed("t1", exit_code=1)
    again = story.restart()
    status = again.status("t1")
    assert (status.record.failures, status.record.state) == (1, tasks.PENDING)
    again.run()
    assert [launch.attempt for launch in again.asked(CreatePod)] == [2]


RECORDS = {
    "never launched: the first attempt": (record(), 1),
    "recorded as staging, no pod: the number is used again": (record(state=tasks.STAGING, attempt=2, failures=1), 2),
    "was seen running, no pod: lost, and the next number": (record(state=tasks.RUNNING, attempt=2), 3),
    "unreachable, no pod: lost, and the next number": (record(state=tasks.UNREACHABLE, attempt=1), 2),
    "waiting after an end: the next number": (record(state=tasks.PENDING, attempt=2), 3),
}


@pytest.mark.parametrize(("known", "want_number"), RECORDS.values(), ids=RECORDS.keys())
def test_restart_without_a_pod(known: tasks.Record, want_number: int) -> None:
    """What the record says decides which number the next attempt has; nothing is charged."""
    story = Story.begin(AgentObserved(agent("n0")), MAIN, TaskObserved(task("t1", record=known))).run().wait(1.0)
    assert [launch.attempt for launch in story.asked(CreatePod)] == [want_number]
    assert story.status("t1").record.failures == known.failures


def test_restart_leaves_a_finished_task_alone() -> None:
    done = record(state=tasks.FINISHED, attempt=1, finished=90.0)
    story = Story.begin(AgentObserved(agent("n0")), MAIN, TaskObserved(task("t1", record=done, ttl=20.0))).run()
    assert story.asked(CreatePod) == []
    story.wait(10.0)
    assert story.asked(DeleteTask) == [DeleteTask(TaskId("t1"))]


@pytest.mark.parametrize(
    ("phase", "want"),
    [
        pytest.param(tasks.Phase.SUCCEEDED, tasks.FINISHED, id="it finished"),
        pytest.param(tasks.Phase.FAILED, tasks.FAILED, id="it failed"),
    ],
)
def test_restart_says_what_ended_while_nobody_looked(phase: tasks.Phase, want: str) -> None:
    known = record(state=tasks.RUNNING, attempt=1, started=95.0)
    story = Story.begin(AgentObserved(agent("n0")), MAIN, TaskObserved(task("t1", record=known)), synced=False)
    launched = CreatePod(TaskId("t1"), 1, AgentId("n0"), charge("a", "a/main"), record_first=False)
    story.tell(events.PodObserved(replace(story.pod_of(launched), phase=phase, ending=tasks.Ending(exit_code=1))))
    assert story.asked(PublishTask) == []
    story.tell(events.Synced())
    assert story.asked(PublishTask) == [PublishTask(TaskId("t1"))]
    assert story.status("t1").record.state == want


@pytest.mark.parametrize("recorded", [tasks.STAGING, tasks.RUNNING])
def test_restart_judges_an_attempt_that_failed_while_nobody_looked_once(recorded: str) -> None:
    last = tasks.Attempt(number=1, state=tasks.FAILED, reason="Error", charged=True)
    known = record(state=recorded, attempt=2, failures=1, last=last)
    one = task("t1", record=known, max_attempts=3)
    story = Story.begin(AgentObserved(agent("n0")), MAIN, TaskObserved(one), synced=False)
    launched = CreatePod(TaskId("t1"), 2, AgentId("n0"), charge("a", "a/main"), record_first=True)
    ending = tasks.Ending(exit_code=1)
    story.tell(events.PodObserved(replace(story.pod_of(launched), phase=tasks.Phase.FAILED, ending=ending)))
    story.tell(events.Synced())
    recovered = story.status("t1").record
    assert (recovered.state, recovered.attempt, recovered.failures) == (tasks.PENDING, 2, 2)
    story.wait(1.0)
    assert [effect.attempt for effect in story.asked(CreatePod)] == [3]


def test_restart_goes_on_with_a_deadline() -> None:
    started = record(state=tasks.RUNNING, attempt=1, started=95.0)
    one = task("t1", record=started, deadline=20.0)
    story = Story.begin(AgentObserved(agent("n0")), MAIN, TaskObserved(one), synced=False)
    launched = CreatePod(TaskId("t1"), 1, AgentId("n0"), charge("a", "a/main"), record_first=False)
    story.tell(events.PodObserved(replace(story.pod_of(launched), phase=tasks.Phase.RUNNING)))
    story.tell(events.Synced())
    story.wait(14.0)
    assert story.asked(DeletePod) == []
    story.wait(1.0)
    assert deletions(story) == [("t1.1", None)]

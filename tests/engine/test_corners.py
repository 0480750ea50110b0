"""Corners of the engine that only rare orders of events reach."""

from dataclasses import replace

from entresol.allocator.allocate import allocate
from entresol.engine import events
from entresol.engine.effects import Announce, CreatePod, DeleteTask, Notify, Offer, PublishTask, Rescind
from entresol.engine.events import AgentObserved, FrameworkObserved, Refusal, RoleObserved, TaskObserved
from entresol.engine.invariants import violations
from entresol.engine.ledger import Holding
from entresol.model import tasks
from entresol.model.identifiers import AgentId, FrameworkId, OfferId, PodId, RoleId, TaskId
from entresol.model.resources import Resources
from entresol.model.tasks import ForeignPod, Phase, Pod
from tests.engine.story import Story, agent, amounts, charge, deletions, framework, plain, record, role, task

MAIN = FrameworkObserved(framework("a/main"))
NODE = AgentObserved(agent("n0"))


def test_a_second_unready_report_does_not_prolong_the_grace() -> None:
    story = Story.begin(NODE, AgentObserved(agent("n1", ready=False)))
    story.tell(AgentObserved(agent("n1", ready=False, taints=("late",))), after=200.0)
    story.wait(100.0)
    assert story.engine.snapshot().totals.get("cpu") == 4000


def test_what_nobody_knew_may_go() -> None:
    story = Story.begin(NODE).run()
    story.tell(events.AgentGone(AgentId("never seen")))
    story.tell(events.ForeignGone(PodId("never seen")))
    story.tell(events.RoleGone(RoleId("never seen")))
    story.tell(events.FrameworkGone(FrameworkId("a/never-seen")))
    story.tell(events.NamespaceGone("never seen"))
    assert not story.engine.wants_cycle


def test_a_pod_of_a_deleted_task_that_turns_up_late_is_ended() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t"))).run()
    story.tell(events.TaskGone(TaskId("t")))
    (launch,) = story.asked(CreatePod)
    pod = Pod(
        id=PodId("u"), name="a/t-1", demand=amounts(1), owner=TaskId("t"), claims="a/t", attempt=1, agent=launch.agent
    )
    story.tell(events.Launched(TaskId("t"), 1, PodId("u"), amounts(1)))
    story.tell(events.PodObserved(pod))
    story.wait(5.0)
    assert deletions(story) == [("u", None)]
    story.tell(events.PodObserved(replace(pod, deleting=True)))
    story.wait(5.0)
    assert len(deletions(story)) == 1
    story.tell(events.PodGone(PodId("u")))
    assert story.held("a") == Resources()


def test_an_invalid_pod_of_a_deleted_task_leaves_nothing_behind() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t"))).run()
    story.tell(events.TaskGone(TaskId("t")))
    story.tell(events.LaunchRefused(TaskId("t"), 1, Refusal.INVALID, "no"))
    assert story.engine.state.entries == {}


def test_a_quota_that_refuses_several_at_once_rests_once() -> None:
    story = Story.begin(NODE, MAIN, *(TaskObserved(task(f"t{i}")) for i in range(3))).run()
    for i in range(3):
        story.tell(events.LaunchRefused(TaskId(f"t{i}"), 1, Refusal.QUOTA))
    assert story.engine.state.quota["a"] == (story.at + 1.0, 1)
    story.wait(1.0)
    story.tell(events.LaunchRefused(TaskId("t0"), 1, Refusal.QUOTA))
    assert story.engine.state.quota["a"] == (story.at + 2.0, 2)
    story.tell(events.NamespaceGone("a"))
    story.wait(2.0)
    assert "a" not in story.engine.state.quota


def test_a_surcharge_on_an_agent_that_went_is_charged_and_not_judged() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t"))).run()
    story.tell(events.AgentGone(AgentId("n0")))
    story.tell(events.Launched(TaskId("t"), 1, PodId("u"), amounts(9)))
    assert story.held("a") == amounts(9)
    assert deletions(story) == [("u", 0)]


def test_surcharges_are_learned_per_namespace_and_only_grow() -> None:
    story = Story.begin(
        AgentObserved(agent("n0", 9)),
        MAIN,
        FrameworkObserved(framework("b/main", suspended=True)),
        TaskObserved(task("t1")),
        TaskObserved(task("t2")),
        TaskObserved(task("other", "b/main")),
    )
    story.run()
    story.tell(TaskObserved(task("t3", cpu=9)))
    story.tell(events.Launched(TaskId("t1"), 1, PodId("u1"), amounts(2)))
    story.tell(events.Launched(TaskId("t2"), 1, PodId("u2"), amounts(2)))
    assert story.engine.state.surcharges == {("a", amounts(1)): amounts(2)}
    waiting = story.engine.state.backlog.place(TaskId("other"))
    assert waiting is not None
    assert waiting.work.demand == amounts(1)


def test_a_task_aside_is_told_when_it_was_told_before() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t", cpu=9))).run().wait(5.0)
    story.forget()
    story.tell(TaskObserved(task("t", cpu=9, suspended=True)))
    assert PublishTask(TaskId("t"), urgent=False) in story.effects
    assert story.why("t") == "Suspended"


def test_what_is_edited_while_a_task_waits_counts() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t", cpu=9))).run().wait(5.0)
    story.forget()
    moved = replace(task("t", "a/side"), generation=2)
    story.tell(TaskObserved(moved))
    assert PublishTask(TaskId("t"), urgent=False) in story.effects
    assert story.why("t") == "FrameworkNotFound"
    story.tell(FrameworkObserved(framework("a/side")))
    story.run()
    assert len(story.asked(CreatePod)) == 1


def test_a_deadline_and_a_time_to_live_may_be_set_late() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t"))).run().carry_out().running("t")
    story.tell(TaskObserved(task("t", deadline=10.0)))
    story.wait(10.0)
    assert deletions(story) == [("t.1", None)]
    story.gone("t")
    story.tell(TaskObserved(task("t", deadline=10.0, ttl=7.0)))
    story.wait(6.0)
    assert story.asked(DeleteTask) == []
    story.tell(TaskObserved(task("t", deadline=10.0, ttl=9.0)))
    story.wait(1.0)
    assert story.asked(DeleteTask) == []
    story.wait(2.0)
    assert len(story.asked(DeleteTask)) == 1


def test_a_deadline_that_was_lifted_does_not_strike() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t", deadline=10.0))).run().carry_out().running("t")
    story.tell(TaskObserved(task("t")))
    story.wait(20.0)
    assert deletions(story) == []


def test_a_deleted_task_is_not_edited_any_more() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t"))).run().carry_out()
    story.tell(events.TaskGone(TaskId("t")))
    story.tell(TaskObserved(task("t", suspended=True)))
    assert deletions(story) == []
    assert story.engine.summary(story.at).frameworks[0].counts == {}


def test_a_plain_pod_that_is_ended_before_it_has_an_agent_has_failed() -> None:
    pod = plain("p", cpu=9)
    story = Story.begin(NODE, events.PodObserved(pod)).run()
    story.tell(events.PodObserved(replace(pod, phase=Phase.FAILED)))
    assert story.state_of("p") == tasks.FAILED
    story.tell(events.PodObserved(replace(pod, phase=Phase.FAILED)))
    assert story.state_of("p") == tasks.FAILED


def test_a_plain_pod_that_is_ended_while_its_binding_is_under_way_frees_its_room() -> None:
    pod = plain("p")
    story = Story.begin(NODE, events.PodObserved(pod)).run()
    story.tell(events.PodObserved(replace(pod, phase=Phase.FAILED)))
    assert story.held("a") == Resources()
    story.tell(events.LaunchRefused(TaskId("p"), 0, Refusal.GONE))
    assert story.state_of("p") == tasks.FAILED


def test_a_stray_that_is_over_takes_no_room() -> None:
    stray = Pod(
        id=PodId("s"), name="a/s", demand=amounts(1), owner=TaskId("x"), claims="a/x", attempt=1, agent=AgentId("n0")
    )
    story = Story.begin(NODE, events.PodObserved(stray))
    assert story.held("a") == amounts(1)
    story.tell(events.PodObserved(replace(stray, phase=Phase.SUCCEEDED)))
    assert story.held("a") == Resources()
    story.wait(6.0)
    assert deletions(story) == []


def test_an_orphan_that_lost_its_owner_meanwhile_is_left_alone() -> None:
    stray = Pod(
        id=PodId("s"), name="a/s", demand=amounts(1), owner=TaskId("x"), claims="a/x", attempt=1, agent=AgentId("n0")
    )
    story = Story.begin(NODE, events.PodObserved(stray))
    freed = replace(task("s", "a/default"), plain=True, id=TaskId("s"))
    story.tell(events.PodObserved(replace(stray, owner=None, attempt=0, task=freed)))
    story.wait(6.0)
    assert deletions(story) == []
    assert story.held("a") == amounts(1)


def test_an_orphan_whose_task_turned_up_is_its_attempt() -> None:
    stray = Pod(
        id=PodId("s"), name="a/t-1", demand=amounts(1), owner=TaskId("t"), claims="a/t", attempt=1, agent=AgentId("n0")
    )
    story = Story.begin(NODE, MAIN, events.PodObserved(stray))
    story.tell(TaskObserved(task("t", suspended=True)))
    story.tell(events.PodObserved(stray))
    story.wait(6.0)
    assert story.status("t").pod_id == "s"


def test_a_pod_let_go_by_a_task_that_lives_on_makes_room_for_another_attempt() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t"))).run().carry_out().running("t")
    pod = story.pod("t")
    freed = replace(task("x", "a/default"), plain=True, id=TaskId(pod.id))
    story.tell(events.PodObserved(replace(pod, owner=None, attempt=0, task=freed)))
    story.tell(TaskObserved(task("t", suspended=True)))
    assert story.held("a") == amounts(1)


def test_a_pod_of_a_finished_task_is_ended() -> None:
    done = record(state=tasks.FINISHED, attempt=1)
    ghost = Pod(
        id=PodId("g"), name="a/t-2", demand=amounts(1), owner=TaskId("t"), claims="a/t", attempt=2, agent=AgentId("n0")
    )
    story = Story.begin(NODE, MAIN, TaskObserved(task("t", record=done)), events.PodObserved(ghost))
    assert deletions(story) == [("g", None)]


def test_a_story_told_before_the_task_was_seen_waiting_is_not_told_again() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t"))).run().carry_out().running("t")
    story.wait(6.0)
    assert [one for one in story.asked(Announce) if "Unscheduled" in repr(one)] == []


def test_a_task_that_is_being_deleted_is_not_launched() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t", deleting=True))).run().wait(6.0)
    assert story.why("t") == "NotConsidered"
    assert story.asked(CreatePod) == []


def test_framework_that_is_over_its_limit_stands_in_no_line() -> None:
    story = Story.begin(
        AgentObserved(agent("n0", 2)),
        MAIN,
        FrameworkObserved(framework("b/main")),
        RoleObserved(role("a", limit={"cpu": 1000})),
        *(TaskObserved(task(f"a{i}")) for i in range(3)),
        *(TaskObserved(task(f"b{i}", "b/main")) for i in range(3)),
    ).run()
    waiting = story.status("a2").waiting
    assert waiting is not None
    assert (waiting.reason.value, waiting.turn) == ("LimitReached", None)


def test_an_idle_framework_of_a_busy_role_is_owed_nothing() -> None:
    story = Story.begin(NODE, MAIN, FrameworkObserved(framework("a/idle")), TaskObserved(task("t"))).run()
    idle = story.engine.framework(FrameworkId("a/idle"), story.at)
    assert idle is not None
    assert idle.entitlement == 0.0


def test_one_filter_may_outlast_another() -> None:
    outside = FrameworkId("a/main")
    story = Story.begin(
        NODE,
        AgentObserved(agent("n1")),
        FrameworkObserved(framework("a/main", external=True)),
        *(TaskObserved(task(f"t{i}")) for i in range(8)),
    )
    story.tell(events.Subscribed(outside))
    story.run()
    for offer, seconds in zip(list(story.engine.state.offers), (5.0, 9.0), strict=True):
        story.tell(events.Declined(outside, (offer,), seconds))
    story.tell(events.Ticked(), after=5.0)
    assert len(story.engine.state.outside[outside].filters) == 1
    story.tell(events.Disconnected(outside))
    story.tell(events.Ticked(), after=5.0)
    assert story.engine.state.outside == {}


def test_two_slices_that_no_longer_fit_together_are_not_offered() -> None:
    outside = FrameworkId("a/main")
    story = Story.begin(
        NODE, FrameworkObserved(framework("a/main", external=True)), *(TaskObserved(task(f"t{i}")) for i in range(4))
    )
    story.tell(events.Subscribed(outside))
    plans = list(allocate(story.engine.snapshot(), story.engine.state.policy))
    story.tell(events.ForeignObserved(ForeignPod(id=PodId("f"), agent=AgentId("n0"), demand=amounts(2))))
    for plan in plans:
        story.tell(events.Planned(plan))
    assert [one for one in story.asked(Notify) if isinstance(one.about, Offer)] == []
    assert story.engine.wants_cycle
    plans = list(allocate(story.engine.snapshot(), story.engine.state.policy))
    story.tell(events.ForeignObserved(ForeignPod(id=PodId("g"), agent=AgentId("n0"), demand=amounts(2))))
    for plan in plans:
        story.tell(events.Planned(plan))
    assert [one for one in story.asked(Notify) if isinstance(one.about, Offer)] == []


def test_an_expiry_that_comes_after_the_answer_is_ignored() -> None:
    outside = FrameworkId("a/main")
    story = Story.begin(NODE, FrameworkObserved(framework("a/main", external=True)), TaskObserved(task("t0")))
    story.tell(events.Subscribed(outside))
    story.run()
    story.tell(events.Accepted(outside, (OfferId("O1"),), (TaskId("t0"),)))
    story.tell(events.Ticked(), after=300.0)
    assert [one for one in story.asked(Notify) if isinstance(one.about, Rescind)] == []


def test_a_cycle_while_everything_is_on_offer_offers_nothing_more() -> None:
    story = Story.begin(NODE, FrameworkObserved(framework("a/main", external=True)), TaskObserved(task("t0")))
    story.tell(events.Subscribed(FrameworkId("a/main")))
    story.run()
    story.forget()
    story.cycle()
    assert story.asked(Notify) == []


def test_a_stray_of_an_earlier_attempt_gives_its_room_back_beside_the_living_one() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t", max_attempts=3))).run().carry_out()
    old = story.pod("t")
    story.failed("t", exit_code=1).wait(1.0).carry_out()
    stray = replace(old, id=PodId("stray"))
    story.tell(events.PodObserved(stray))
    assert story.held("a") == amounts(2, pods=2)
    story.tell(events.PodGone(PodId("stray")))
    assert story.held("a") == amounts(1)


def test_a_complete_list_leaves_pods_that_were_seen_alone() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t"))).run().carry_out()
    story.tell(events.PodsListed(story.at + 1, frozenset()), after=2.0)
    assert story.state_of("t") == tasks.STARTING


def test_the_world_is_whole_only_once() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t"))).run()
    before = story.status("t")
    story.tell(events.Synced())
    assert story.status("t") == before


def test_a_namespace_seen_twice_is_no_news() -> None:
    story = Story.begin(events.NamespaceObserved("a", {"x": "y"})).run()
    story.tell(events.NamespaceObserved("a", {"x": "y"}))
    assert not story.engine.wants_cycle


def test_tasks_that_were_told_hear_when_access_comes_or_goes() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t", cpu=9))).run().wait(5.0)
    story.forget()
    story.tell(RoleObserved(role("a", namespaces=("b",))))
    story.run()
    assert PublishTask(TaskId("t"), urgent=False) in story.effects
    story.forget()
    story.tell(RoleObserved(role("a", namespaces=("a",))))
    story.run()
    assert PublishTask(TaskId("t"), urgent=False) in story.effects


def test_each_broken_book_is_named() -> None:
    """The invariants can fail: every kind of damage is seen, and said in words."""

    def damaged() -> Story:
        story = Story.begin(
            NODE,
            MAIN,
            FrameworkObserved(framework("b/main", external=True)),
            *(TaskObserved(task(f"t{i}")) for i in range(6)),
            TaskObserved(task("b0", "b/main")),
        )
        story.tell(events.Subscribed(FrameworkId("b/main")))
        return story.run()

    state = damaged().engine.state
    state.ledger._roles.clear()
    state.ledger._frameworks.clear()
    state.ledger._namespaces.clear()
    assert {"the roles' sums differ from their holdings", "the frameworks' sums differ from their holdings"} <= set(
        violations(state)
    )
    assert any("namespaces' sums" in words for words in violations(state))

    state = damaged().engine.state
    state.ledger._agents[AgentId("n0")].ours = Resources()
    assert any("what is on agent n0" in words for words in violations(state))

    state = damaged().engine.state
    state.cluster._totals["cpu"] += 1
    assert "the denominator differs from its agents" in violations(state)

    state = damaged().engine.state
    state.ledger.release("t0/1")
    assert "task t0 runs without a holding" in violations(state)

    state = damaged().engine.state
    place = state.backlog.place(TaskId("t5"))
    assert place is not None
    del state.entries[TaskId("t5")]
    assert "task t5 waits but is unknown" in violations(state)

    state = damaged().engine.state
    live = state.entries[TaskId("t0")].live
    state.entries[TaskId("t5")].live = live
    assert any("t5 waits although" in words for words in violations(state))
    assert any("t5 is indexed on agents []" in words for words in violations(state))

    state = damaged().engine.state
    entry = state.entries[TaskId("t0")]
    entry.record = record(state=tasks.FINISHED, failures=4)
    assert {"task t0 is over and still runs", "task t0 was charged more often than it may fail"} <= set(
        violations(state)
    )

    state = damaged().engine.state
    state.ledger.hold("lost/1", Holding(AgentId("n0"), amounts(1), charge("a", "a/main")))
    assert "holding lost/1 belongs to nothing" in violations(state)

    state = damaged().engine.state
    (offer,) = state.offers
    state.ledger.release(f"offer/{offer}")
    assert f"offer {offer} is not held as it was made" in violations(state)

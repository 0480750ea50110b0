"""Two things at once: answers that cross observations, plans that the world overtook, limits that meet setbacks.

Last come objects that somebody wrote who may write pods, and had no right to mean it.
"""

from dataclasses import replace

import pytest

from entresol.allocator.allocate import allocate
from entresol.engine import events
from entresol.engine.effects import CreatePod
from entresol.engine.events import (
    AgentObserved,
    FrameworkObserved,
    Launched,
    LaunchRefused,
    PodGone,
    PodObserved,
    Refusal,
    RoleObserved,
    TaskObserved,
)
from entresol.model import tasks
from entresol.model.identifiers import AgentId, FrameworkId, PodId, TaskId
from entresol.model.resources import Resources
from entresol.model.tasks import Ending, Phase, Pod
from tests.engine.story import POLICY, Story, agent, amounts, charge, deletions, framework, plain, role, task

MAIN = FrameworkObserved(framework("a/main"))
OUTSIDE = FrameworkObserved(framework("a/main", external=True))
LISTENS = events.Subscribed(FrameworkId("a/main"))
N1 = AgentObserved(agent("n1"))
N2 = AgentObserved(agent("n2"))
T1 = TaskId("t1")
ON_N1 = AgentId("n1")


# --- limits on time, and setbacks -------------------------------------------------------------------------------------


def with_a_deadline() -> Story:
    """A task that runs since 100 and may do so until 110."""
    return Story.begin(N1, N2, MAIN, TaskObserved(task("t1", deadline=10.0))).run().carry_out().running("t1")


def test_a_deadline_that_passed_during_a_create_holds_although_the_create_is_refused() -> None:
    story = with_a_deadline().gone("t1")
    story.forget()
    story.wait(2.0)
    assert [launch.attempt for launch in story.asked(CreatePod)] == [2]
    story.wait(9.0)
    story.tell(LaunchRefused(T1, 2, Refusal.UNAVAILABLE, "busy"))
    story.wait(1000.0)
    assert story.state_of("t1") == tasks.FAILED
    assert len(story.asked(CreatePod)) == 1


def test_a_deadline_that_passed_while_a_task_was_being_suspended_holds_when_it_is_resumed() -> None:
    story = with_a_deadline()
    one = story.engine.state.entries[T1].task
    story.tell(TaskObserved(replace(one, suspended=True, generation=2)), after=5.0)
    story.wait(6.0).gone("t1")
    story.forget()
    story.tell(TaskObserved(replace(one, suspended=False, generation=3)), after=1.0)
    story.wait(1000.0)
    assert story.state_of("t1") == tasks.FAILED
    assert story.asked(CreatePod) == []


# --- what admission adds ----------------------------------------------------------------------------------------------


def test_too_much_is_taken_back_also_when_the_pod_is_seen_before_its_create_is_answered() -> None:
    story = Story.begin(N1, MAIN, TaskObserved(task("t1", cpu=2)), TaskObserved(task("t2", cpu=2))).run()
    one, two = story.asked(CreatePod)
    story.tell(PodObserved(story.pod_of(one)))
    story.tell(Launched(one.task, 1, story.pod_id(one), amounts(2)))
    big = replace(story.pod_of(two), demand=amounts(3))
    story.tell(PodObserved(big))
    story.tell(Launched(two.task, 1, big.id, amounts(3)))
    assert deletions(story) == [(big.id, None)]


def test_a_surcharge_is_learned_also_when_the_pod_is_seen_before_its_create_is_answered() -> None:
    story = Story.begin(AgentObserved(agent("n1", cpu=8)), MAIN, TaskObserved(task("t1", cpu=2))).run()
    (launch,) = story.asked(CreatePod)
    big = replace(story.pod_of(launch), demand=amounts(3))
    story.tell(PodObserved(big))
    story.tell(Launched(launch.task, 1, big.id, amounts(3)))
    assert dict(story.engine.state.surcharges) == {("a", amounts(2)): amounts(3)}


def test_a_surcharge_does_not_end_a_pod_for_a_limit_on_something_else() -> None:
    """The limit on CPU was lowered below what is held; the pod that grows asks no CPU at all."""
    roomy = replace(agent("n1"), allocatable=amounts(8, pods=10, memory=100))
    limited = RoleObserved(role("a", limit={"cpu": 2000}))
    story = Story.begin(AgentObserved(roomy), MAIN, limited, TaskObserved(task("t1", cpu=2))).run().carry_out()
    story.tell(RoleObserved(role("a", limit={"cpu": 1000})))
    story.tell(TaskObserved(task("t2", demand=amounts(0))))
    story.run()
    (launch,) = story.asked(CreatePod)
    story.tell(Launched(launch.task, 1, story.pod_id(launch), amounts(0, memory=1)))
    assert deletions(story) == []


# --- late answers -----------------------------------------------------------------------------------------------------


def test_a_pod_whose_attempt_was_given_up_before_its_create_was_answered_is_ended() -> None:
    """A namesake's end, which the watch told late, was taken for the end of the attempt."""
    story = Story.begin(N1, MAIN, TaskObserved(task("t1"))).run()
    (first,) = story.asked(CreatePod)
    namesake = replace(story.pod_of(first), id=PodId("old"), deleting=True)
    story.tell(LaunchRefused(T1, 1, Refusal.UNAVAILABLE, "the pod is being deleted"))
    story.forget()
    story.wait(1.0)
    assert [launch.attempt for launch in story.asked(CreatePod)] == [1]
    story.tell(PodObserved(namesake))
    story.tell(PodGone(PodId("old")))
    story.tell(Launched(T1, 1, PodId("new"), amounts(1)))
    assert deletions(story) == [("new", None)]


def test_a_quota_that_let_work_pass_begins_its_row_anew() -> None:
    story = Story.begin(AgentObserved(agent("n1", cpu=9)), MAIN)
    rests = []
    for number in range(1, 4):
        story.forget()
        story.tell(TaskObserved(task(f"t{number}")))
        story.run()
        story.tell(LaunchRefused(TaskId(f"t{number}"), 1, Refusal.QUOTA, "exceeded quota"))
        rests.append(story.engine.state.quota["a"][0] - story.at)
        story.forget()
        story.wait(1000.0).carry_out().running(f"t{number}").finished(f"t{number}")
    assert rests == [1.0, 1.0, 1.0]


# --- offers -----------------------------------------------------------------------------------------------------------


def plans(story: Story) -> list[events.Planned]:
    """One whole cycle's plans, not yet told."""
    return [events.Planned(plan) for plan in allocate(story.engine.snapshot(), POLICY)]


def test_a_framework_that_left_while_the_plan_was_made_gets_no_offer() -> None:
    story = Story.begin(N1, OUTSIDE, TaskObserved(task("t1")), LISTENS)
    made = plans(story)
    story.tell(events.Disconnected(FrameworkId("a/main")))
    for planned in made:
        story.tell(planned)
    assert story.engine.state.offers == {}


def test_offers_made_together_stay_within_a_limit_that_was_lowered_while_the_plan_was_made() -> None:
    both = TaskObserved(task("t1", cpu=4)), TaskObserved(task("t2", cpu=4))
    story = Story.begin(N1, N2, RoleObserved(role("a", limit={"cpu": 8000})), OUTSIDE, *both, LISTENS)
    made = plans(story)
    story.tell(RoleObserved(role("a", limit={"cpu": 4000})))
    for planned in made:
        story.tell(planned)
    assert story.held("a").get("cpu") == 4000


def test_offers_end_when_their_framework_is_no_longer_external() -> None:
    story = Story.begin(N1, OUTSIDE, TaskObserved(task("t1", cpu=4)), LISTENS).run()
    assert len(story.engine.state.offers) == 1
    story.tell(MAIN)
    story.run()
    assert story.engine.state.offers == {}
    assert [launch.task for launch in story.asked(CreatePod)] == ["t1"]


# --- what somebody wrote ----------------------------------------------------------------------------------------------


def test_what_claims_to_be_an_attempt_and_has_no_agent_is_ignored() -> None:
    story = Story.begin(N1, FrameworkObserved(framework("a/main", suspended=True)), TaskObserved(task("t1")))
    forged = Pod(id=PodId("x"), name="a/t1-1", demand=amounts(1), owner=T1, claims="a/t1", attempt=1)
    story.tell(PodObserved(forged))
    assert story.held("a") == Resources()
    assert story.status("t1").record.attempt == 0
    story.tell(PodGone(PodId("x")))
    story.tell(MAIN)
    story.run()
    assert [launch.attempt for launch in story.asked(CreatePod)] == [1]


def test_a_plain_pod_that_is_given_an_owner_stays_plain_and_is_held_once() -> None:
    suspended = FrameworkObserved(framework("a/main", suspended=True))
    story = Story.begin(N1, suspended, TaskObserved(task("t1")), PodObserved(plain("p"))).run().carry_out()
    pod = story.pod("p")
    story.tell(PodObserved(replace(pod, owner=T1, claims="a/t1", attempt=1, task=None)))
    assert story.held("a") == amounts(1)
    story.tell(PodGone(pod.id))
    assert story.held("a") == Resources()


FORGERIES: dict[str, tuple[str, str]] = {
    "in another namespace": ("b/t1-1", "b/t1"),
    "in its namespace, by another Task's name": ("a/x-1", "a/x"),
}


@pytest.mark.parametrize(("name", "claims"), FORGERIES.values(), ids=FORGERIES)
def test_a_pod_that_claims_a_tasks_uid_and_not_its_name_takes_room_and_is_nothing_more(name: str, claims: str) -> None:
    story = Story.begin(N1, MAIN, TaskObserved(task("t1", cpu=2))).run().carry_out().running("t1")
    real = story.pod("t1")
    forged = Pod(id=PodId("evil"), name=name, demand=amounts(1), owner=T1, claims=claims, attempt=1, agent=real.agent)
    story.tell(PodObserved(forged))
    own = name.partition("/")[0]
    assert story.held(own) == (amounts(3, pods=2) if own == "a" else amounts(1))
    assert story.pod("t1") == real
    story.tell(PodObserved(replace(forged, phase=Phase.FAILED, ending=Ending(exit_code=1))))
    story.tell(PodGone(forged.id))
    assert story.state_of("t1") == tasks.RUNNING
    assert story.held("a") == amounts(2)
    assert deletions(story) == []


@pytest.mark.parametrize(("name", "claims"), FORGERIES.values(), ids=FORGERIES)
def test_such_a_pod_is_not_adopted_by_a_task_that_waits_or_comes_later(name: str, claims: str) -> None:
    forged = Pod(id=PodId("evil"), name=name, demand=amounts(1), owner=T1, claims=claims, attempt=1, agent=ON_N1)
    story = Story.begin(N1, MAIN, PodObserved(forged), TaskObserved(task("t1")), PodObserved(forged)).run()
    assert [launch.attempt for launch in story.asked(CreatePod)] == [1]
    story.carry_out().tell(PodGone(forged.id))
    assert story.held("a") == amounts(1)
    assert story.state_of("t1") == tasks.STARTING


def test_a_pod_that_claims_to_be_the_attempt_of_a_plain_pod_takes_room_and_is_nothing_more() -> None:
    forged = Pod(
        id=PodId("x"), name="a/p-1", demand=amounts(1), owner=TaskId("p"), claims="a/p", attempt=1, agent=ON_N1
    )
    story = Story.begin(N1, PodObserved(plain("p", cpu=2)), PodObserved(forged)).run().carry_out()
    assert story.held("a") == amounts(3, pods=2)
    assert story.pod("p").name == "a/p"


def test_pods_that_claim_the_same_task_that_nobody_knows_are_each_held() -> None:
    """Both names and owner references may be copied from one namespace into another."""
    story = Story.begin(N1, N2)
    for namespace, on in (("b", "n1"), ("c", "n2")):
        forged = Pod(
            id=PodId(namespace),
            name=f"{namespace}/x-1",
            demand=amounts(2),
            owner=TaskId("made-up"),
            claims=f"{namespace}/x",
            attempt=1,
            agent=AgentId(on),
        )
        story.tell(PodObserved(forged))
    usage = story.engine.state.ledger.usage
    assert [usage(AgentId(name)).ours for name in ("n1", "n2")] == [amounts(2), amounts(2)]
    story.tell(PodGone(PodId("b")))
    assert [usage(AgentId(name)).ours for name in ("n1", "n2")] == [Resources(), amounts(2)]


def test_an_attempt_that_is_given_to_another_task_stays_what_it_was() -> None:
    story = Story.begin(N1, MAIN, TaskObserved(task("t1"))).run().carry_out().running("t1")
    pod = story.pod("t1")
    story.tell(PodObserved(replace(pod, owner=TaskId("made-up"), claims="a/other", phase=Phase.RUNNING)))
    assert story.pod("t1") == pod
    assert story.held("a") == amounts(1)
    story.tell(PodGone(pod.id))
    assert story.held("a") == Resources()
    assert story.status("t1").record.last is not None


def test_a_pod_of_an_unknown_task_that_is_let_go_is_no_stray_when_that_task_turns_up() -> None:
    stray = Pod(id=PodId("s"), name="a/t1-1", demand=amounts(1), owner=T1, claims="a/t1", attempt=1, agent=ON_N1)
    freed = replace(task("s", "a/default"), plain=True)
    story = Story.begin(N1, MAIN, PodObserved(stray), PodObserved(replace(stray, id=PodId("other"))))
    story.tell(PodObserved(replace(stray, owner=None, claims="", attempt=0, task=freed)))
    story.tell(TaskObserved(task("t1")))
    assert story.pod("t1").id == "other"
    assert story.held("a") == amounts(2, pods=2)


def test_a_stamp_that_names_a_role_without_access_is_charged_to_the_namespaces_own() -> None:
    forged = replace(plain("p"), agent=AgentId("n1"), charge=charge("rich", "a/x"))
    story = Story.begin(N1, RoleObserved(role("rich", namespaces=("b",))), PodObserved(forged))
    assert story.held("rich") == Resources()
    assert story.held("a") == amounts(1)


def test_a_bound_pod_without_a_stamp_is_charged_to_the_role_of_its_framework() -> None:
    story = Story.begin(N1, PodObserved(replace(plain("p"), agent=AgentId("n1"))))
    assert story.held("a") == amounts(1)


def test_a_stamp_that_is_edited_on_a_running_pod_moves_nothing_now_or_after_a_restart() -> None:
    rich = RoleObserved(role("rich", namespaces=("b",)))
    story = Story.begin(N1, rich, PodObserved(plain("p"))).run().carry_out().running("p")
    story.tell(PodObserved(replace(story.pod("p"), charge=charge("rich", "a/default"))))
    assert story.held("a") == amounts(1)
    assert story.restart().held("a") == amounts(1)


def test_a_framework_with_a_placement_that_is_not_known_gets_agents_all_the_same() -> None:
    newer = FrameworkObserved(framework("a/main", placement="New"))
    story = Story.begin(N1, newer, TaskObserved(task("t1"))).run()
    assert [launch.agent for launch in story.asked(CreatePod)] == ["n1"]

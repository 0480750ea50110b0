"""Which nodes are agents, which namespaces are served, and what a namespace has without being given a role."""

from dataclasses import replace

import pytest

from entresol.allocator.allocate import allocate
from entresol.engine.effects import DeletePod, Notify, Rescind
from entresol.engine.events import (
    AgentObserved,
    Event,
    ForeignObserved,
    FrameworkObserved,
    NamespaceObserved,
    Planned,
    PodObserved,
    RoleGone,
    RoleObserved,
    Subscribed,
    Synced,
    TaskObserved,
)
from entresol.engine.machine import Engine
from entresol.model.constraints import Expression, Operator
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId
from entresol.model.tasks import ForeignPod
from entresol.model.tenants import Admission, Role
from tests.engine.story import POLICY, Story, agent, amounts, charge, framework, plain, role, task

MAIN = FrameworkObserved(framework("a/main"))
OUT = AgentObserved(agent("n1", member=False))
BACK = AgentObserved(agent("n1"))


def running_on_n1() -> Story:
    """One task that runs on the only agent."""
    return Story.begin(BACK, MAIN, TaskObserved(task("t1"))).run().carry_out().running("t1")


def cpu_of_the_cluster(story: Story) -> int:
    """The denominator, in whole cores."""
    return story.engine.state.cluster.totals().get("cpu") // 1000


def test_a_node_that_is_left_out_is_no_agent() -> None:
    story = Story.begin(OUT, AgentObserved(agent("n2", cpu=1)), MAIN, TaskObserved(task("t1", cpu=2))).run()
    waiting = story.status("t1").waiting
    assert waiting is not None
    assert waiting.shortage is not None
    assert (story.why("t1"), waiting.shortage.agents) == ("NeverFits", 1)
    assert (story.engine.summary(story.at).agents, cpu_of_the_cluster(story)) == (1, 1)


def test_what_others_use_of_a_node_that_is_left_out_is_nobodys() -> None:
    story = Story.begin(OUT, AgentObserved(agent("n2", cpu=1)))
    story.tell(ForeignObserved(ForeignPod(id=PodId("f"), agent=AgentId("n1"), demand=amounts(3))))
    assert cpu_of_the_cluster(story) == 1


def test_work_on_a_node_that_is_relabelled_goes_on_and_is_charged() -> None:
    story = running_on_n1()
    story.tell(OUT)
    story.tell(TaskObserved(task("t2")))
    story.run()
    assert story.state_of("t1") == "TASK_RUNNING"
    assert story.held("a") == amounts(1)
    assert cpu_of_the_cluster(story) == 4, "as a drained agent, it counts while work that is charged is on it"
    assert [one.id for one in story.engine.state.cluster.counted()] == ["n1"]
    assert story.why("t2") == "NeverFits", "nothing new is put there"
    assert story.engine.summary(story.at).agents == 0
    story.finished("t1").run()
    assert cpu_of_the_cluster(story) == 0
    assert story.engine.state.cluster.counted() == ()


def test_a_restart_comes_to_the_same() -> None:
    story = running_on_n1()
    story.tell(OUT)
    again = story.restart()
    assert (again.state_of("t1"), again.held("a"), cpu_of_the_cluster(again)) == ("TASK_RUNNING", amounts(1), 4)
    assert not again.asked(DeletePod)


def test_the_end_of_a_pod_on_a_node_that_is_left_out_is_judged_like_any_other() -> None:
    story = running_on_n1()
    story.tell(OUT)
    story.gone("t1")
    last = story.status("t1").record.last
    assert last is not None
    assert (last.state, last.reason) == ("TASK_LOST", "PodGone"), "the node is still there, so it was not lost with it"


def test_a_node_that_is_taken_in_again_is_an_agent_at_once() -> None:
    story = Story.begin(OUT, MAIN, TaskObserved(task("t1"))).run()
    assert story.why("t1") == "NeverFits"
    story.tell(BACK)
    assert story.run().carry_out().running("t1").state_of("t1") == "TASK_RUNNING"


def test_a_plan_made_before_a_node_was_left_out_is_not_carried_out_there() -> None:
    story = Story.begin(BACK, MAIN, TaskObserved(task("t1")))
    plans = list(allocate(story.engine.snapshot(), story.engine.state.policy))
    story.tell(OUT)
    for plan in plans:
        story.tell(Planned(plan))
    assert sum(len(plan.grants) for plan in plans) == 1
    assert story.state_of("t1") == "TASK_PENDING"


def test_an_offer_of_a_node_that_is_left_out_is_rescinded() -> None:
    story = Story.begin(BACK, FrameworkObserved(framework("a/main", external=True)), TaskObserved(task("t1")))
    story.tell(Subscribed(FrameworkId("a/main")))
    story.run().forget()
    story.tell(OUT)
    assert [type(effect.about) for effect in story.asked(Notify)] == [Rescind]


def test_work_on_a_node_that_nothing_else_is_known_of_is_placed_nowhere_new() -> None:
    story = Story.begin(AgentObserved(agent("n2")), MAIN)
    bound = replace(plain("p1"), agent=AgentId("n1"), charge=charge("a", "a/default"))
    story.tell(PodObserved(bound))
    story.tell(OUT)
    assert cpu_of_the_cluster(story) == 8


def told(*first: Event, served: frozenset[str] = frozenset(), implicit_roles: bool = True) -> Story:
    """A world in which this was listed, for an operator that was told to be strict."""
    story = Story(Engine(replace(POLICY, implicit_roles=implicit_roles, served=served)))
    for event in (*first, Synced()):
        story.tell(event)
    return story.run()


def test_without_implicit_roles_a_namespace_waits_until_it_is_given_a_role() -> None:
    story = told(BACK, MAIN, TaskObserved(task("t1")), PodObserved(plain("p1")), implicit_roles=False)
    waiting = story.status("t1").waiting
    assert waiting is not None
    assert (story.why("t1"), story.why("p1"), waiting.detail) == ("RoleNotFound", "RoleNotFound", "a")
    assert story.engine.role(RoleId("a"), story.at) is None, "a role that is nobody's has no figures"
    story.tell(RoleObserved(role("a")))
    story.run().carry_out().running("t1").running("p1")
    assert story.held("a") == amounts(2, pods=2)


def test_without_implicit_roles_a_role_that_does_not_admit_its_own_namespace_serves_others_only() -> None:
    story = told(BACK, MAIN, TaskObserved(task("t1")), RoleObserved(role("a", namespaces=("b",))), implicit_roles=False)
    assert story.why("t1") == "RoleNotAllowed"


def test_without_implicit_roles_work_that_runs_stays_charged_when_its_role_is_deleted() -> None:
    given = RoleObserved(role("a"))
    story = told(BACK, MAIN, given, TaskObserved(task("t1")), implicit_roles=False).carry_out().running("t1")
    story.tell(RoleGone(RoleId("a")))
    story.tell(TaskObserved(task("t2")))
    story.run()
    assert (story.held("a"), story.state_of("t1"), story.why("t2")) == (amounts(1), "TASK_RUNNING", "RoleNotFound")


GOLD = Admission(selector=(Expression("tier", Operator.IN, ("gold",)),))
CONCERNED = {
    "of a served namespace's name": (role("a"), True),
    "of another namespace's name": (role("b"), False),
    "that names a served namespace": (role("shared", namespaces=("a", "b")), True),
    "that names others only": (role("shared", namespaces=("b", "c")), False),
    "of a served namespace's name that names others only": (role("a", namespaces=("b",)), False),
    "that selects a served namespace": (Role(id=RoleId("gold"), admission=GOLD), True),
}


@pytest.mark.parametrize(("one", "want"), CONCERNED.values(), ids=CONCERNED)
def test_where_some_namespaces_are_served_figures_are_published_of_a_role(one: Role, want: bool) -> None:
    seen = NamespaceObserved("a", {"tier": "gold"})
    other = NamespaceObserved("b", {"tier": "silver"})
    story = told(BACK, seen, other, RoleObserved(one), served=frozenset({"a"}))
    assert (story.engine.role(one.id, story.at) is not None) is want
    assert ([role.id for role in story.engine.summary(story.at).roles] == [one.id]) is want


def test_when_access_is_withdrawn_work_stays_charged_and_the_status_is_somebody_elses() -> None:
    shared = FrameworkObserved(framework("a/main", role="shared"))
    open_to = RoleObserved(role("shared", namespaces=("a", "b")))
    story = told(BACK, open_to, shared, TaskObserved(task("t1")), served=frozenset({"a"})).carry_out().running("t1")
    assert story.engine.role(RoleId("shared"), story.at) is not None
    story.tell(RoleObserved(role("shared", namespaces=("b",))))
    assert story.engine.role(RoleId("shared"), story.at) is None
    assert story.held("shared") == amounts(1)
    (figures,) = (one for one in story.engine.summary(story.at).roles if one.id == "shared")
    assert figures.held == amounts(1), "metrics tell of it as long as it runs"
    story.tell(open_to)
    assert story.engine.role(RoleId("shared"), story.at) is not None


def test_guarantees_of_roles_that_are_somebody_elses_take_nothing_away() -> None:
    huge = Role(id=RoleId("b"), guarantee=amounts(100))
    story = told(BACK, RoleObserved(role("a")), RoleObserved(huge), served=frozenset({"a"}))
    status = story.engine.role(RoleId("a"), story.at)
    assert status is not None
    assert status.guarantee_fits

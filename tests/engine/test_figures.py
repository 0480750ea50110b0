"""The statuses of roles and frameworks are written again whenever their figures change, whoever caused it."""

from dataclasses import replace

from entresol.engine.backlog import Backlog, Place
from entresol.engine.census import Column
from entresol.engine.effects import PublishFramework, PublishRole
from entresol.engine.events import (
    AgentGone,
    AgentObserved,
    FrameworkObserved,
    PodObserved,
    RoleGone,
    RoleObserved,
    TaskGone,
    TaskObserved,
)
from entresol.engine.invariants import violations
from entresol.engine.status import FrameworkStatus, RoleStatus
from entresol.model import tasks
from entresol.model.identifiers import AgentId, FrameworkId, RoleId, TaskId
from entresol.model.resources import Resources
from entresol.model.work import TaskClass, Unit
from tests.engine.story import Story, agent, framework, plain, role, task

MAIN = FrameworkObserved(framework("a/main"))
N1 = AgentObserved(agent("n1", cpu=4))
OF_A = PublishRole(RoleId("a"))
OF_MAIN = PublishFramework(FrameworkId("a/main"))


def role_status(story: Story, name: str) -> RoleStatus:
    status = story.engine.role(RoleId(name), story.at)
    assert status is not None
    return status


def framework_status(story: Story, name: str) -> FrameworkStatus:
    status = story.engine.framework(FrameworkId(name), story.at)
    assert status is not None
    return status


def test_an_idle_framework_and_role_that_were_there_before_the_operator_get_a_status() -> None:
    story = Story.begin(N1, RoleObserved(role("r", namespaces=("a",))), FrameworkObserved(framework("a/main", "r")))
    assert story.asked(PublishFramework) == [OF_MAIN]
    assert story.asked(PublishRole) == [PublishRole(RoleId("r"))]


def test_a_role_hears_of_the_tasks_that_wait_in_it() -> None:
    story = Story.begin(AgentObserved(agent("n1", cpu=0)), RoleObserved(role("a")), MAIN).run()
    story.forget()
    story.tell(TaskObserved(task("t1")))
    story.run().wait(60.0)
    assert role_status(story, "a").waiting == 1
    assert OF_A in story.asked(PublishRole)


def test_who_is_owed_less_because_another_came_hears_it() -> None:
    story = Story.begin(N1, RoleObserved(role("a")), RoleObserved(role("b")), MAIN)
    story.tell(FrameworkObserved(framework("b/main")))
    for number in range(4):
        story.tell(TaskObserved(task(f"t{number}")))
    story.run().carry_out()
    for number in range(4):
        story.running(f"t{number}")
    before = role_status(story, "a").entitlement
    story.forget()
    for number in range(10, 14):
        story.tell(TaskObserved(task(f"t{number}", "b/main")))
    story.run().wait(60.0)
    assert role_status(story, "a").entitlement < before
    assert OF_A in story.asked(PublishRole)
    assert OF_MAIN in story.asked(PublishFramework)


def test_a_role_hears_that_its_guarantee_does_not_fit_any_more() -> None:
    promised = RoleObserved(replace(role("a"), guarantee=Resources.of(cpu=6000)))
    story = Story.begin(N1, AgentObserved(agent("n2", cpu=4)), promised).run()
    assert role_status(story, "a").guarantee_fits
    story.forget()
    story.tell(AgentGone(AgentId("n2")))
    story.run().wait(60.0)
    assert not role_status(story, "a").guarantee_fits
    assert OF_A in story.asked(PublishRole)


def test_a_framework_hears_that_it_lost_its_role() -> None:
    story = Story.begin(N1, RoleObserved(role("r", namespaces=("a",))), FrameworkObserved(framework("a/main", "r")))
    story.run().forget()
    story.tell(RoleGone(RoleId("r")))
    story.run().wait(60.0)
    assert framework_status(story, "a/main").trouble is not None
    assert OF_MAIN in story.asked(PublishFramework)


def test_tasks_are_counted_where_they_are() -> None:
    story = Story.begin(N1, MAIN)
    story.tell(TaskObserved(task("t1")))
    story.tell(TaskObserved(task("t2", cpu=8)))
    assert framework_status(story, "a/main").counts == {tasks.PENDING: 2}
    story.run().carry_out()
    assert framework_status(story, "a/main").counts == {tasks.PENDING: 1, tasks.STARTING: 1}
    story.running("t1")
    assert framework_status(story, "a/main").counts == {tasks.PENDING: 1, tasks.RUNNING: 1}
    story.tell(TaskObserved(task("t2", cpu=8, framework="a/other")))
    assert framework_status(story, "a/main").counts == {tasks.RUNNING: 1}
    assert framework_status(story, "a/other").counts == {tasks.PENDING: 1}
    story.tell(TaskGone(TaskId("t1")))
    assert framework_status(story, "a/main").counts == {}, "its pod still runs, but there is no such task"
    story.tell(TaskGone(TaskId("t2")))
    assert story.engine.framework(FrameworkId("a/other"), story.at) is None


def test_a_miscount_is_found() -> None:
    story = Story.begin(N1, MAIN)
    story.tell(TaskObserved(task("t1")))
    story.engine.state.census.move(None, Column(FrameworkId("a/main"), tasks.RUNNING))
    assert violations(story.engine.state) == ["the counts of tasks by state differ from the tasks"]


def test_a_state_is_shown_by_the_object_that_has_it() -> None:
    story = Story.begin(N1, MAIN)
    story.tell(TaskObserved(task("t1")))
    story.tell(PodObserved(plain("p1")))
    assert [story.engine.state_of(TaskId(name)) for name in ("t1", "p1", "none")] == [
        tasks.PENDING,
        tasks.PENDING,
        None,
    ]
    story.run().carry_out()
    assert [story.engine.state_of(TaskId(name)) for name in ("t1", "p1")] == [tasks.STARTING, None]
    story.tell(TaskGone(TaskId("t1")))
    assert story.engine.state_of(TaskId("t1")) is None


def test_a_task_that_waits_for_ever_does_not_keep_the_ages_of_those_that_came_and_went() -> None:
    backlog, work = Backlog(), TaskClass(demand=Resources.of(pods=1))
    main = FrameworkId("a/main")
    for number in range(1000):
        backlog.join(Place(main, work, Unit(((), float(number), f"a/t{number}"), TaskId(f"t{number}"), float(number))))
        if number:
            assert backlog.leave(TaskId(f"t{number}"))
        assert backlog.oldest(main) == 0.0
    assert len(backlog._ages[main]) <= 64
    backlog.join(Place(main, work, Unit(((), 5000.0, "a/young"), TaskId("young"), 5000.0)))
    backlog.leave(TaskId("t0"))
    assert backlog.oldest(main) == 5000.0

"""Cycles as the engine runs them: pictures that share structure, plans that come late, bounds, and statuses."""

from dataclasses import replace

from entresol.allocator.allocate import allocate
from entresol.allocator.plan import Launch, Plan
from entresol.engine import events
from entresol.engine.effects import CreatePod, PublishRole
from entresol.engine.events import AgentObserved, FrameworkObserved, RoleObserved, TaskObserved
from entresol.engine.machine import Engine
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.resources import Resources
from entresol.model.tasks import ForeignPod
from tests.engine.story import POLICY, Story, agent, amounts, framework, plain, role, task

MAIN = FrameworkObserved(framework("a/main"))
NODES = [AgentObserved(agent(f"n{i}")) for i in range(3)]


def test_pictures_share_what_did_not_change() -> None:
    story = Story.begin(*NODES, MAIN, *(TaskObserved(task(f"t{i}", cpu=9)) for i in range(3)))
    first = story.engine.snapshot()
    story.tell(AgentObserved(agent("n1", 5)))
    second = story.engine.snapshot()
    assert [a is b for a, b in zip(first.agents, second.agents, strict=True)] == [True, False, True]
    assert first.frameworks[0].queues[0] is second.frameworks[0].queues[0]
    assert second.cycle == first.cycle + 1


def test_a_plan_for_an_older_picture_is_not_carried_out() -> None:
    story = Story.begin(*NODES, MAIN, TaskObserved(task("t")))
    late = list(allocate(story.engine.snapshot(), POLICY))
    story.engine.snapshot()
    for plan in late:
        story.tell(events.Planned(plan))
    assert story.asked(CreatePod) == []
    assert story.engine.wants_cycle


def test_the_commit_looks_once_more() -> None:
    """Between picture and commit: a task went, an agent filled up, an agent closed, a framework lost its role."""
    overtaking: list[events.Event] = [
        events.TaskGone(TaskId("t")),
        events.AgentGone(AgentId("n0")),
        AgentObserved(agent("n0", taints=("no",))),
        AgentObserved(replace(agent("n0"), open=False)),
        events.ForeignObserved(ForeignPod(id=PodId("f"), agent=AgentId("n0"), demand=amounts(4))),
        RoleObserved(role("a", namespaces=("b",))),
        RoleObserved(role("a", limit={"cpu": 500})),
        TaskObserved(task("t", cpu=5)),
    ]
    for event in overtaking:
        story = Story.begin(NODES[0], MAIN, TaskObserved(task("t")))
        plans = list(allocate(story.engine.snapshot(), POLICY))
        story.tell(event)
        for plan in plans:
            story.tell(events.Planned(plan))
        assert story.asked(CreatePod) == [], event
        assert story.engine.wants_cycle


def test_nothing_is_granted_twice_by_a_plan_that_names_a_task_twice() -> None:
    story = Story.begin(*NODES, MAIN, TaskObserved(task("t")))
    (plan,) = allocate(story.engine.snapshot(), POLICY)
    (grant,) = plan.grants
    assert isinstance(grant, Launch)
    story.tell(events.Planned(Plan(plan.cycle, (grant, grant._replace(agent=AgentId("n2"))), final=True)))
    assert len(story.asked(CreatePod)) == 1


def test_a_bounded_cycle_goes_on_with_the_next() -> None:
    engine = Engine(replace(POLICY, grants_per_cycle=2, grants_per_step=1))
    story = Story(engine=engine)
    first: tuple[events.Event, ...] = (*NODES, MAIN, *(TaskObserved(task(f"t{i}")) for i in range(5)), events.Synced())
    for event in first:
        story.tell(event)
    story.cycle()
    assert len(story.asked(CreatePod)) == 2
    assert story.why("t4") == "WaitingForTurn"
    assert story.engine.wants_cycle
    story.run()
    assert len(story.asked(CreatePod)) == 5


def test_the_engine_comes_to_rest() -> None:
    story = Story.begin(*NODES, MAIN, TaskObserved(task("t", cpu=99))).run()
    assert not story.engine.wants_cycle
    story.tell(events.Ticked(), after=1.0)
    assert not story.engine.wants_cycle


def test_statuses_of_frameworks_and_roles_add_up() -> None:
    story = (
        Story.begin(
            *NODES,
            MAIN,
            FrameworkObserved(framework("a/other", weight=3)),
            RoleObserved(role("b", weight=2)),
            FrameworkObserved(framework("b/main", suspended=True)),
            *(TaskObserved(task(f"t{i}")) for i in range(8)),
            *(TaskObserved(task(f"o{i}", "a/other")) for i in range(20)),
            TaskObserved(task("b1", "b/main")),
        )
        .run()
        .carry_out()
        .running("t0")
    )
    main = story.engine.framework(FrameworkId("a/main"), story.at)
    other = story.engine.framework(FrameworkId("a/other"), story.at)
    b = story.engine.framework(FrameworkId("b/main"), story.at)
    assert main
    assert other
    assert b
    assert (main.held, other.held) == (amounts(3, pods=3), amounts(9, pods=9))
    assert (main.counts["TASK_RUNNING"], main.counts["TASK_STARTING"], main.counts["TASK_PENDING"]) == (1, 2, 5)
    assert (main.entitlement, other.entitlement) == (0.25, 0.75)
    assert main.head is not None
    assert main.head.id == "t3"
    assert b.trouble is not None
    assert b.trouble.reason.value == "FrameworkSuspended"
    assert b.entitlement == 0.0
    status = story.engine.role(RoleId("a"), story.at + 7.0)
    assert status is not None
    assert (status.share.fraction, status.entitlement, status.floor) == (1.0, 1.0, 1.0)
    assert (status.waiting, status.frameworks, status.oldest_wait) == (16, 2, 7.0)
    assert status.wanted == amounts(16, pods=16)
    assert PublishRole(RoleId("a")) in story.effects


def test_two_namespaces_divide_a_role_before_their_frameworks_do() -> None:
    shared = RoleObserved(role("gold", namespaces=("a", "b")))
    story = Story.begin(
        *NODES,
        shared,
        *(FrameworkObserved(framework(f"a/f{i}", "gold")) for i in range(2)),
        FrameworkObserved(framework("b/main", "gold")),
        *(TaskObserved(task(f"x{i}", f"a/f{i % 2}")) for i in range(20)),
        *(TaskObserved(task(f"b{i}", "b/main")) for i in range(20)),
    ).run()
    namespaces = story.engine.state.ledger.namespaces(RoleId("gold"))
    assert {name: held.get("cpu") for name, held in namespaces.items()} == {"a": 6000, "b": 6000}
    one = story.engine.framework(FrameworkId("a/f0"), story.at)
    assert one is not None
    assert one.entitlement == 0.25


def test_a_summary_counts_every_waiting_task_once() -> None:
    story = Story.begin(
        NODES[0],
        MAIN,
        *(TaskObserved(task(f"t{i}")) for i in range(9)),
        TaskObserved(task("big", cpu=9)),
        TaskObserved(task("s", suspended=True)),
        events.PodObserved(plain("p", "c")),
    ).run()
    summary = story.engine.summary(story.at)
    waiting = sum(summary.reasons.values())
    assert waiting == len([1 for entry in story.engine.state.entries.values() if entry.live is None])
    assert summary.reasons[(FrameworkId("a/main"), "NeverFits")] == 1
    assert summary.reasons[(FrameworkId("a/main"), "Suspended")] == 1
    assert (summary.agents, summary.launches, summary.offers) == (1, 4, 0)
    assert summary.totals == amounts(4, pods=10)


def test_a_framework_that_may_not_use_a_role_has_no_part_in_it() -> None:
    story = Story.begin(
        *NODES,
        MAIN,
        RoleObserved(role("gold", namespaces=("b",))),
        FrameworkObserved(framework("a/thief", "gold")),
        FrameworkObserved(framework("b/main", "gold")),
        TaskObserved(task("t1", "a/thief")),
        *(TaskObserved(task(f"b{i}", "b/main")) for i in range(20)),
    ).run()
    thief = story.engine.framework(FrameworkId("a/thief"), story.at)
    honest = story.engine.framework(FrameworkId("b/main"), story.at)
    gold = story.engine.role(RoleId("gold"), story.at)
    assert thief is not None
    assert honest is not None
    assert gold is not None
    assert (thief.entitlement, honest.entitlement, gold.entitlement) == (0.0, 1.0, 1.0)
    assert (gold.frameworks, gold.waiting) == (1, 8)


def test_what_can_never_fit_is_not_counted_as_wanted() -> None:
    story = Story.begin(
        *NODES,
        MAIN,
        FrameworkObserved(framework("b/main")),
        TaskObserved(task("huge", cpu=99)),
        *(TaskObserved(task(f"b{i}", "b/main")) for i in range(20)),
    ).run()
    hopeless = story.engine.role(RoleId("a"), story.at)
    others = story.engine.role(RoleId("b"), story.at)
    assert hopeless is not None
    assert others is not None
    assert (hopeless.wanted, hopeless.waiting, hopeless.entitlement, others.entitlement) == (Resources(), 1, 0.0, 1.0)


def test_nobody_knows_what_nobody_told() -> None:
    story = Story.begin()
    assert story.engine.task(TaskId("x"), 0.0) is None
    assert story.engine.framework(FrameworkId("x/y"), 0.0) is None
    assert story.engine.role(RoleId("x"), 0.0) is None
    assert story.engine.next_wakeup is None


def test_guarantees_that_exceed_the_cluster_are_said_to() -> None:
    big = replace(role("a"), guarantee=amounts(13, pods=0))
    story = Story.begin(*NODES, RoleObserved(big))
    status = story.engine.role(RoleId("a"), story.at)
    assert status is not None
    assert not status.guarantee_fits
    assert status.held == Resources()

"""Why tasks wait, who may have a share at all, and what is said about it when."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from entresol.engine import events
from entresol.engine.effects import Announce, BindPod, CreatePod, PublishTask, Unscheduled
from entresol.engine.events import (
    AgentObserved,
    Event,
    FrameworkObserved,
    NamespaceObserved,
    RoleObserved,
    TaskObserved,
)
from entresol.model.constraints import Constraints, Expression, HostPort, Operator
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.policy import Urgency
from entresol.model.resources import Resources
from entresol.model.tasks import ForeignPod, Pod
from entresol.model.tenants import Admission
from tests.engine.story import Story, agent, amounts, framework, plain, role, task

MAIN = FrameworkObserved(framework("a/main"))
NODE = AgentObserved(agent("n0"))

WAITS: Mapping[str, tuple[tuple[Event, ...], str, str]] = {
    "a suspended task": ((MAIN, TaskObserved(task("t", suspended=True))), "Suspended", ""),
    "a field that is not honoured": (
        (MAIN, TaskObserved(task("t", unsupported=("spec.volumes[].ephemeral", "spec.resourceClaims")))),
        "UnsupportedField",
        "spec.volumes[].ephemeral, spec.resourceClaims",
    ),
    "no such framework": ((TaskObserved(task("t", "a/other")),), "FrameworkNotFound", "other"),
    "a suspended framework": (
        (FrameworkObserved(framework("a/main", suspended=True)), TaskObserved(task("t"))),
        "FrameworkSuspended",
        "main",
    ),
    "a role that nobody made": (
        (FrameworkObserved(framework("a/main", "gold")), TaskObserved(task("t"))),
        "RoleNotFound",
        "gold",
    ),
    "a role for others": (
        (
            RoleObserved(role("gold", namespaces=("b",))),
            FrameworkObserved(framework("a/main", "gold")),
            TaskObserved(task("t")),
        ),
        "RoleNotAllowed",
        "gold",
    ),
    "the own role's object that lets only others in": (
        (RoleObserved(role("a", namespaces=("b",))), MAIN, TaskObserved(task("t"))),
        "RoleNotAllowed",
        "a",
    ),
    "a namespace that goes": (
        (MAIN, NamespaceObserved("a", {}, terminating=True), TaskObserved(task("t"))),
        "PodForbidden",
        "the namespace is being deleted",
    ),
    "a limit of zero": (
        (RoleObserved(role("a", limit={"cpu": 0})), MAIN, TaskObserved(task("t"))),
        "LimitReached",
        "cpu",
    ),
    "more than any agent has": ((MAIN, TaskObserved(task("t", cpu=5))), "NeverFits", ""),
    "a label that no agent has": (
        (MAIN, TaskObserved(task("t", constraints=Constraints(selector=(("disk", "ssd"),))))),
        "NeverFits",
        "",
    ),
    "a partition that is empty": (
        (FrameworkObserved(framework("a/main", partition=(("pool", "x"),))), TaskObserved(task("t"))),
        "NeverFits",
        "",
    ),
}


@pytest.mark.parametrize(("first", "want_reason", "want_detail"), WAITS.values(), ids=WAITS.keys())
def test_reason(first: tuple[Event, ...], want_reason: str, want_detail: str) -> None:
    """One task, one thing in its way, one reason that names it; no launch."""
    story = Story.begin(NODE, *first).run()
    waiting = story.status("t").waiting
    assert waiting is not None
    assert (waiting.reason.value, waiting.detail) == (want_reason, want_detail)
    assert story.asked(CreatePod) == []


def test_before_the_world_is_whole_nothing_is_granted_or_said() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t")), synced=False)
    assert story.engine.recovering
    assert not story.engine.wants_cycle
    assert story.why("t") == "Recovering"
    assert story.effects == []
    story.tell(events.Synced())
    assert story.why("t") == "NotConsidered"
    story.run()
    assert len(story.asked(CreatePod)) == 1


def test_a_gated_pod_waits_until_its_gates_are_lifted() -> None:
    gated = plain("p")
    assert gated.task is not None
    story = Story.begin(NODE, events.PodObserved(replace(gated, task=replace(gated.task, gated=True)))).run()
    assert story.why("p") == "SchedulingGated"
    story.tell(events.PodObserved(gated))
    story.run()
    assert len(story.asked(BindPod)) == 1


def test_an_invalid_plain_pod_waits_in_words() -> None:
    bad = plain("p")
    assert bad.task is not None
    story = Story.begin(NODE, events.PodObserved(replace(bad, task=replace(bad.task, invalid="must not")))).run()
    assert story.why("p") == "Invalid"


def test_never_fits_is_told_apart_from_busy_now() -> None:
    story = Story.begin(
        NODE, MAIN, TaskObserved(task("t1", cpu=3)), TaskObserved(task("t2", cpu=3)), TaskObserved(task("t3", cpu=9))
    ).run()
    assert (story.why("t2"), story.why("t3")) == ("NoRoomNow", "NeverFits")
    busy, never = story.status("t2").waiting, story.status("t3").waiting
    assert busy is not None
    assert busy.shortage is not None
    assert busy.shortage.busy == (("cpu", 1),)
    assert never is not None
    assert never.shortage is not None
    assert never.shortage.too_small == (("cpu", 1),)


def test_whose_turn_it_is_and_by_how_much() -> None:
    story = Story.begin(
        NODE,
        MAIN,
        FrameworkObserved(framework("b/main")),
        RoleObserved(role("b", weight=3)),
        *(TaskObserved(task(f"a{i}")) for i in range(6)),
        *(TaskObserved(task(f"b{i}", "b/main")) for i in range(6)),
    ).run()
    waiting = story.status("a5").waiting
    assert waiting is not None
    assert waiting.reason.value == "WaitingForTurn"
    assert waiting.turn is not None
    assert waiting.turn.due == "b/main"
    assert (waiting.turn.due_share, waiting.turn.own_share) == pytest.approx((4 / 4 / 3, 2 / 4))
    assert waiting.ahead == 4


def test_more_agents_help_only_within_the_limit_cumulatively_and_in_order() -> None:
    limited = RoleObserved(role("a", limit={"cpu": 3000}))
    pods = [plain(f"p{i}", cpu=1) for i in range(5)]
    story = Story.begin(AgentObserved(agent("n0", 1)), limited, *(events.PodObserved(pod) for pod in pods)).run()
    helped = [pod.id for pod in pods if pod.id != "p0" and story.status(pod.id).more_agents_help]
    assert helped == ["p1", "p2"]


def test_more_agents_do_not_help_what_never_fits() -> None:
    story = Story.begin(NODE, events.PodObserved(plain("p", cpu=9))).run()
    assert not story.status("p").more_agents_help


def test_nothing_is_said_before_five_seconds_and_then_once() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t", cpu=9))).run()
    assert story.asked(PublishTask) == []
    story.wait(4.9)
    assert story.asked(PublishTask) == []
    story.wait(0.1)
    assert story.asked(PublishTask) == [PublishTask(TaskId("t"), urgent=False)]
    (said,) = story.asked(Announce)
    assert isinstance(said.news, Unscheduled)
    assert said.news.waiting.reason.value == "NeverFits"
    story.forget()
    for _ in range(10):
        story.wait(5.0)
    assert story.asked(PublishTask) == []


def test_a_change_of_the_kind_of_reason_is_news() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t", cpu=9))).run().wait(5.0)
    story.forget()
    story.tell(AgentObserved(agent("big", 9, taints=("no",))))
    story.run()
    assert story.asked(PublishTask) == []
    story.tell(AgentObserved(agent("big", 9)))
    story.tell(events.ForeignObserved(foreign("f", "big", 9)))
    story.run()
    assert story.why("t") == "NoRoomNow"
    assert PublishTask(TaskId("t"), urgent=False) in story.effects


def foreign(name: str, on: str, cpu: int, *ports: HostPort) -> ForeignPod:
    return ForeignPod(id=PodId(name), agent=AgentId(on), demand=amounts(cpu), ports=ports)


def test_foreign_pods_take_room_and_leave_the_denominator() -> None:
    story = Story.begin(
        NODE, events.ForeignObserved(foreign("f", "n0", 3)), MAIN, *(TaskObserved(task(f"t{i}")) for i in range(2))
    ).run()
    assert len(story.asked(CreatePod)) == 1
    assert story.engine.snapshot().totals.get("cpu") == 1000
    story.tell(events.ForeignGone(PodId("f")))
    story.run()
    assert len(story.asked(CreatePod)) == 2


def test_a_host_port_is_had_by_one_only() -> None:
    port = Constraints(ports=(HostPort(80),))
    story = Story.begin(NODE, MAIN, *(TaskObserved(task(f"t{i}", constraints=port)) for i in range(2))).run()
    assert len(story.asked(CreatePod)) == 1
    assert story.why("t1") == "NoRoomNow"
    story.carry_out().running("t0").finished("t0").run()
    assert len(story.asked(CreatePod)) == 1


def test_passed_over_counts_the_cycles_in_which_younger_work_went_first() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t1", cpu=3)), TaskObserved(task("t2", cpu=3))).run()
    for i in range(3, 5):
        story.tell(TaskObserved(task(f"t{i}", cpu=1 if i == 3 else 0)))
        story.run()
    assert story.status("t2").passed_over == 2


def test_priority_and_shortest_first_order_their_own_frameworks() -> None:
    story = Story.begin(
        AgentObserved(agent("n0", 1)),
        FrameworkObserved(framework("a/main", order="Priority")),
        TaskObserved(task("t1", urgency=Urgency(1))),
        TaskObserved(task("t2", urgency=Urgency(5))),
    ).run()
    assert [launch.task for launch in story.asked(CreatePod)] == ["t2"]
    story.tell(FrameworkObserved(framework("a/main", order="ShortestFirst")))
    story.tell(TaskObserved(task("t3", urgency=Urgency(runtime=3.0))))
    story.carry_out().finished("t2").run()
    assert [launch.task for launch in story.asked(CreatePod)] == ["t3"]


def test_a_framework_with_an_order_we_do_not_know_still_has_a_line() -> None:
    story = Story.begin(NODE, FrameworkObserved(framework("a/main", order="Lottery")), TaskObserved(task("t"))).run()
    assert len(story.asked(CreatePod)) == 1


# --- no share can be minted -----------------------------------------------------------------------------------------


def test_many_frameworks_in_one_namespace_share_one_role() -> None:
    first: list[Event] = [AgentObserved(agent("n0", 6))]
    for i in range(5):
        first.append(FrameworkObserved(framework(f"a/f{i}")))
        first += [TaskObserved(task(f"x{i}{j}", f"a/f{i}")) for j in range(6)]
    first.append(FrameworkObserved(framework("b/main")))
    first += [TaskObserved(task(f"b{j}", "b/main")) for j in range(6)]
    story = Story.begin(*first).run()
    assert (story.held("a").get("cpu"), story.held("b").get("cpu")) == (3000, 3000)


def test_a_running_pod_that_is_relabelled_stays_charged_where_it_began() -> None:
    story = Story.begin(NODE, MAIN, events.PodObserved(plain("p"))).run().carry_out().running("p")
    pod = story.pod("p")
    assert pod.task is not None
    moved = replace(pod, task=replace(pod.task, framework=FrameworkId("a/main")))
    story.tell(events.PodObserved(moved))
    assert story.engine.state.ledger.of_framework(FrameworkId("a/default")) == amounts(1)
    assert story.engine.state.ledger.of_framework(FrameworkId("a/main")) == Resources()


def test_a_stamp_that_is_edited_while_the_pod_runs_changes_nothing() -> None:
    story = Story.begin(NODE, events.PodObserved(plain("p"))).run().carry_out().running("p")
    story.tell(events.PodObserved(replace(story.pod("p"), charge=None)))
    assert story.held("a") == amounts(1)


def test_access_withdrawn_keeps_the_charge_and_grants_nothing_new() -> None:
    story = (
        Story.begin(
            NODE,
            RoleObserved(role("gold", namespaces=("a",))),
            FrameworkObserved(framework("a/main", "gold")),
            TaskObserved(task("t1")),
        )
        .run()
        .carry_out()
        .running("t1")
    )
    story.tell(RoleObserved(role("gold", namespaces=("b",))))
    story.tell(TaskObserved(task("t2")))
    story.run()
    assert story.held("gold") == amounts(1)
    assert story.why("t2") == "RoleNotAllowed"
    story.tell(events.RoleGone(RoleId("gold")))
    story.run()
    assert story.why("t2") == "RoleNotFound"
    assert story.held("gold") == amounts(1)


def test_a_deleted_framework_lets_work_run_and_lets_work_wait() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t1"))).run().carry_out().running("t1")
    story.tell(TaskObserved(task("t2", cpu=4)))
    story.run()
    story.tell(events.FrameworkGone(FrameworkId("a/main")))
    story.finished("t1").run()
    assert story.state_of("t1") == "TASK_FINISHED"
    assert story.why("t2") == "FrameworkNotFound"
    story.tell(MAIN)
    story.run()
    assert len(story.asked(CreatePod)) == 1


def test_a_namespace_may_be_chosen_by_its_labels() -> None:
    chosen = Admission(selector=(Expression("team", Operator.IN, ("x",)),))
    story = Story.begin(
        NODE,
        NamespaceObserved("a", {"team": "x"}),
        RoleObserved(replace(role("gold"), admission=chosen)),
        FrameworkObserved(framework("a/main", "gold")),
        TaskObserved(task("t1")),
    ).run()
    assert len(story.asked(CreatePod)) == 1
    story.tell(NamespaceObserved("a", {"team": "y"}))
    story.tell(TaskObserved(task("t2")))
    assert story.why("t2") == "RoleNotAllowed"
    story.tell(events.NamespaceGone("a"))
    assert story.why("t2") == "RoleNotAllowed"


def test_pods_without_requests_are_not_free() -> None:
    pods = [events.PodObserved(replace_demand(plain(f"p{i}"))) for i in range(12)]
    story = Story.begin(NODE, *pods).run()
    assert len(story.asked(BindPod)) == 10
    assert story.engine.summary(story.at).roles[0].share.resource == "pods"


def replace_demand(pod: Pod) -> Pod:
    assert pod.task is not None
    nothing = Resources.of(pods=1)
    return replace(pod, demand=nothing, task=replace(pod.task, demand=nothing))


def test_an_unready_agent_leaves_the_denominator_after_its_grace() -> None:
    story = Story.begin(NODE, AgentObserved(agent("n1")))
    assert story.engine.snapshot().totals.get("cpu") == 8000
    story.tell(AgentObserved(agent("n1", ready=False)))
    story.wait(299.0)
    assert story.engine.snapshot().totals.get("cpu") == 8000
    assert story.engine.next_wakeup == story.at + 1.0
    story.wait(1.0)
    assert story.engine.snapshot().totals.get("cpu") == 4000
    story.tell(AgentObserved(agent("n1")))
    assert story.engine.snapshot().totals.get("cpu") == 8000


def test_an_unready_agent_that_carries_our_work_still_counts() -> None:
    story = Story.begin(NODE, MAIN, TaskObserved(task("t"))).run().carry_out().running("t")
    story.tell(AgentObserved(agent("n0", ready=False)))
    story.wait(1000.0)
    assert story.engine.snapshot().totals.get("cpu") == 4000
    story.tell(events.AgentGone(AgentId("n0")))
    assert story.engine.snapshot().totals == Resources()

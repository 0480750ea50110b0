"""Launches end in one certain outcome, whatever the server does."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from entresol.engine.effects import BindPod, DeleteTask
from entresol.engine.events import Launched, LaunchRefused, Refusal
from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.names import pod_name
from entresol.kube.resources import PODS
from entresol.kube.wire_kinds import Task
from entresol.model.identifiers import PodId, TaskId
from entresol.model.resources import Resources
from entresol.runtime.deletions import Deletions
from entresol.runtime.executor import Executor
from entresol.runtime.fence import Fence
from entresol.runtime.hands import Hands
from entresol.runtime.launches import CALM_TRIES, Launches
from entresol.runtime.refusals import Refused
from tests.shell.executing import CHARGE, LOST_AFTER, LOST_BEFORE, N1, Bench, create
from tests.support import objects
from tests.support.decoded import decoded
from tests.support.fake_faults import Fault, Refuse
from tests.support.recorder import until

NO_ACCOUNT = Refuse(403, "Forbidden", 'pods "x" is forbidden: error looking up service account team/default: not found')
QUOTA = Refuse(403, "Forbidden", 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=9')
ENDING = Refuse(
    403,
    "Forbidden",
    'pods "x" is forbidden: unable to create new content in namespace team because it is being terminated',
)
NO_RIGHT = Refuse(403, "Forbidden", 'pods is forbidden: User "system:x" cannot create resource "pods" in API group ""')

# what the server does to the create -> the outcome: None is success
CREATES: dict[str, tuple[tuple[Fault, ...], Refusal | None]] = {
    "nothing goes wrong": ((), None),
    "the server is busy": ((Refuse(429, retry_after=0), Refuse(429, retry_after=0)), None),
    "the connection breaks before the pod is made": ((LOST_BEFORE,), None),
    "the connection breaks after the pod was made": ((LOST_AFTER,), None),
    "it breaks both ways": ((LOST_BEFORE, LOST_BEFORE, LOST_AFTER), None),
    "the server gives up waiting for its store": ((Refuse(504, "Timeout"),), None),
    "the server fails once": ((Refuse(500, "InternalError"),), None),
    "our token is not accepted any more": ((Refuse(401, "Unauthorized"),), None),
    "the server has just started and knows no roles yet": ((NO_RIGHT,), None),
    "we have no right to it": ((NO_RIGHT,) * CALM_TRIES, Refusal.UNAVAILABLE),
    "the quota's own books conflict": ((Refuse(409, "Conflict", "cannot be fulfilled on resourcequotas"),), None),
    "the server goes on failing": ((Refuse(500, "InternalError"),) * CALM_TRIES, Refusal.UNAVAILABLE),
    "the quota is exhausted": ((QUOTA,), Refusal.QUOTA),
    "the namespace has no service account yet": ((NO_ACCOUNT,), Refusal.UNAVAILABLE),
    "admission forbids it": ((Refuse(403, "Forbidden", "violates PodSecurity"),), Refusal.FORBIDDEN),
    "the namespace is ending": ((ENDING,), Refusal.TERMINATING),
    "the namespace is gone": ((Refuse(404, "NotFound"),), Refusal.TERMINATING),
    "the pod is invalid": ((Refuse(422, "Invalid", "spec.containers: Required value"),), Refusal.INVALID),
    "the pod cannot be understood": ((Refuse(400, "BadRequest"),), Refusal.INVALID),
    "the pod is too large": ((Refuse(413, "RequestEntityTooLarge"),), Refusal.INVALID),
    "it is refused after a connection broke": ((LOST_BEFORE, QUOTA), Refusal.QUOTA),
}


@pytest.mark.parametrize(("faults", "want_refusal"), CREATES.values(), ids=CREATES)
async def test_a_create_ends_in_one_certain_outcome(
    bench: Bench, faults: tuple[Fault, ...], want_refusal: Refusal | None
) -> None:
    task = await bench.make_task()
    bench.cluster.trouble("create", *faults)
    (outcome,) = await bench.end(create(task))
    pods = bench.cluster.objects(PODS)
    if want_refusal is None:
        assert outcome == Launched(task, 1, PodId(pods[0]["metadata"]["uid"]), Resources.of(cpu=1000, pods=1))
        assert len(pods) == 1
    else:
        assert isinstance(outcome, LaunchRefused)
        assert (outcome.task, outcome.attempt, outcome.refusal) == (task, 1, want_refusal)
        assert outcome.message
        assert pods == []


async def test_a_doubtful_create_is_not_given_up(bench: Bench) -> None:
    """What may have been done is never reported as not done, however long the server fails afterwards."""
    task = await bench.make_task()
    bench.cluster.trouble("create", LOST_BEFORE, *(Refuse(500),) * (3 * CALM_TRIES))
    (outcome,) = await bench.end(create(task))
    assert isinstance(outcome, Launched)
    assert len(bench.pauses) == 3 * CALM_TRIES + 1


def owned(uid: str, *, name: str = "one", controller: bool = True) -> list[dict[str, object]]:
    """The owner references of an attempt's pod."""
    return [{"apiVersion": objects.API_VERSION, "kind": "Task", "name": name, "uid": uid, "controller": controller}]


async def test_a_create_is_read_back_before_it_is_repeated(bench: Bench) -> None:
    task = await bench.make_task()
    bench.cluster.trouble("create", LOST_AFTER)
    await bench.end(create(task))
    assert [deed for deed, _ in bench.cluster.deeds] == ["create", "get"]


async def test_a_create_that_was_done_by_a_server_that_failed_is_recognised(bench: Bench) -> None:
    """A 500 may hide a write that reached the store; it is read back although the server answered."""
    task = await bench.make_task()
    bench.cluster.trouble("create", Refuse(500, "InternalError", "etcdserver: request timed out"))
    await bench.cluster.make(objects.pod(pod_name("one", task, 1), "team", ownerReferences=owned(task)))
    (outcome,) = await bench.end(create(task))
    assert isinstance(outcome, Launched)
    assert [deed for deed, _ in bench.cluster.deeds] == ["create", "get"]


async def test_a_failing_server_is_not_believed_before_it_could_be_read(bench: Bench) -> None:
    """The tries are used up, but none of its 500s could be read back until then."""
    task = await bench.make_task()
    bench.cluster.trouble("create", *(Refuse(500),) * CALM_TRIES, NO_RIGHT, Refuse(500))
    bench.cluster.trouble("get", *(Refuse(503),) * CALM_TRIES)
    (outcome,) = await bench.end(create(task))
    assert isinstance(outcome, LaunchRefused)
    assert outcome.refusal is Refusal.UNAVAILABLE
    assert (bench.cluster.count("create"), bench.cluster.count("get")) == (CALM_TRIES + 2, CALM_TRIES + 1)


async def test_a_create_whose_reading_fails_too_is_repeated(bench: Bench) -> None:
    task = await bench.make_task()
    bench.cluster.trouble("create", LOST_AFTER)
    bench.cluster.trouble("get", Refuse(500))
    (outcome,) = await bench.end(create(task))
    assert isinstance(outcome, Launched)
    assert [deed for deed, _ in bench.cluster.deeds] == ["create", "get", "create", "get"]


async def test_the_pod_of_an_earlier_process_is_recognised(bench: Bench) -> None:
    task = await bench.make_task()
    await bench.end(create(task))
    assert await bench.end(create(task)) == [bench.outcomes[0]] * 2


NAMESAKES: dict[str, tuple[Callable[[str], list[dict[str, object]]], bool]] = {
    "of somebody else": (lambda _: [], False),
    "of another Task": (lambda _: owned("other"), False),
    "of our Task by another name": (lambda uid: owned(uid, name="two"), False),
    "that our Task owns without controlling": (lambda uid: owned(uid, controller=False), False),
    "of our own that is being deleted": (owned, True),
}


@pytest.mark.parametrize(("owners", "deleting"), NAMESAKES.values(), ids=NAMESAKES)
async def test_a_namesake_is_a_conflict(
    bench: Bench, owners: Callable[[str], list[dict[str, object]]], deleting: bool
) -> None:
    task = await bench.make_task()
    name = pod_name("one", task, 1)
    await bench.cluster.make(objects.pod(name, "team", ownerReferences=owners(task)))
    if deleting:
        await bench.cluster.mark_deleted(PODS, "team", name)
    (outcome,) = await bench.end(create(task))
    assert isinstance(outcome, LaunchRefused)
    # Our own pod may still run: its number waits for its end, where a stranger's name calls for another number.
    assert outcome.refusal is (Refusal.UNAVAILABLE if deleting else Refusal.CONFLICT)


async def test_a_create_for_a_task_that_is_gone_is_refused(bench: Bench) -> None:
    (outcome,) = await bench.end(create(TaskId("nobody")))
    assert outcome == LaunchRefused(TaskId("nobody"), 1, Refusal.GONE, "the Task is gone")


async def test_a_second_attempt_is_recorded_before_its_pod_is_made(bench: Bench) -> None:
    task = await bench.make_task()
    await bench.end(create(task, 2, record_first=True))
    assert bench.places == ["record", "before-create", "after-create"]


STATUSES: dict[str, tuple[Refusal, Refusal]] = {
    "a status that is not accepted is no verdict on the pod": (Refusal.INVALID, Refusal.UNAVAILABLE),
    "nor is one that others keep changing": (Refusal.CONFLICT, Refusal.UNAVAILABLE),
    "a Task that is gone is gone": (Refusal.GONE, Refusal.GONE),
    "a right that is missing stays missing": (Refusal.FORBIDDEN, Refusal.FORBIDDEN),
}


@pytest.mark.parametrize(("refusal", "want"), STATUSES.values(), ids=STATUSES)
async def test_a_second_attempt_that_cannot_be_recorded_is_not_made(
    bench: Bench, refusal: Refusal, want: Refusal
) -> None:
    async def record(_: TaskId) -> Refused | None:
        return Refused(refusal, "status: no")

    task = await bench.make_task()
    launches = Launches(replace(bench.desk, record=record))
    assert await launches.create(create(task, 2, record_first=True)) == LaunchRefused(task, 2, want, "status: no")
    assert bench.cluster.deeds == []


async def test_what_admission_adds_is_reported(bench: Bench) -> None:
    task = await bench.make_task()
    name = pod_name("one", task, 1)
    spec = objects.pod_spec(objects.requests_of("3"))
    await bench.cluster.make(objects.pod(name, "team", spec=spec, ownerReferences=owned(task)))
    (outcome,) = await bench.end(create(task))
    assert isinstance(outcome, Launched)
    assert outcome.demand == Resources.of(cpu=3000, pods=1)


# what the server does to the Binding -> the outcome: None is success
BINDS: dict[str, tuple[tuple[Fault, ...], Refusal | None]] = {
    "nothing goes wrong": ((), None),
    "the server is busy": ((Refuse(429, retry_after=0),), None),
    "the connection breaks before": ((LOST_BEFORE,), None),
    "the connection breaks after": ((LOST_AFTER,), None),
    "the server fails once": ((Refuse(500),), None),
    "the server goes on failing": ((Refuse(500),) * CALM_TRIES, Refusal.UNAVAILABLE),
    "it is forbidden": ((Refuse(403, "Forbidden", "no"),), Refusal.FORBIDDEN),
    "it is invalid": ((Refuse(422, "Invalid", "no"),), Refusal.INVALID),
    "the pod is gone": ((Refuse(404, "NotFound"),), Refusal.GONE),
}


@pytest.mark.parametrize(("faults", "want_refusal"), BINDS.values(), ids=BINDS)
async def test_a_bind_ends_in_one_certain_outcome(
    bench: Bench, faults: tuple[Fault, ...], want_refusal: Refusal | None
) -> None:
    pod = await bench.make_pod()
    bench.cluster.trouble("bind", *faults)
    (outcome,) = await bench.end(BindPod(pod, N1, CHARGE))
    node = bench.cluster.object(PODS, "team", "web")["spec"].get("nodeName")
    if want_refusal is None:
        assert (outcome, node) == (Launched(pod, 0, PodId(pod), Resources()), "n1")
    else:
        assert isinstance(outcome, LaunchRefused)
        assert (outcome.refusal, node) == (want_refusal, None)


async def test_a_pod_that_is_bound_where_it_should_be_is_a_success(bench: Bench) -> None:
    pod = await bench.make_pod()
    assert len(await bench.end(BindPod(pod, N1, CHARGE), BindPod(pod, N1, CHARGE))) == 2
    assert {type(outcome) for outcome in bench.outcomes} == {Launched}


@pytest.mark.parametrize("trouble", ["bound elsewhere", "being deleted", "another of its name", "gone"])
async def test_a_pod_that_cannot_be_bound_is_refused(bench: Bench, trouble: str) -> None:
    pod = await bench.make_pod()
    bench.cluster.trouble("bind", LOST_BEFORE)
    match trouble:
        case "bound elsewhere":
            spec = {**objects.pod_spec(), "nodeName": "n2"}
            await bench.cluster.make(objects.pod("web", "team", spec=spec), pod)
        case "being deleted":
            await bench.cluster.mark_deleted(PODS, "team", "web")
        case "another of its name":
            await bench.cluster.make(objects.pod("web", "team"))
        case _:
            await bench.cluster.remove(PODS, "web", "team")
    (outcome,) = await bench.end(BindPod(pod, N1, CHARGE))
    assert isinstance(outcome, LaunchRefused)
    assert outcome.refusal is (Refusal.CONFLICT if trouble in ("bound elsewhere", "being deleted") else Refusal.GONE)


async def test_a_bind_whose_reading_fails_is_repeated(bench: Bench) -> None:
    pod = await bench.make_pod()
    bench.cluster.trouble("bind", LOST_AFTER)
    bench.cluster.trouble("get", Refuse(500))
    (outcome,) = await bench.end(BindPod(pod, N1, CHARGE))
    assert isinstance(outcome, Launched)


async def test_a_bind_of_a_pod_that_was_never_seen_is_refused(bench: Bench) -> None:
    (outcome,) = await bench.end(BindPod(TaskId("nobody"), N1, CHARGE))
    assert outcome == LaunchRefused(TaskId("nobody"), 0, Refusal.GONE, "the pod is gone")


async def test_deeds_on_one_object_keep_their_order(bench: Bench) -> None:
    task = await bench.make_task()
    bench.cluster.trouble("create", LOST_BEFORE)
    await bench.end(create(task, 1), create(task, 2), DeleteTask(task))
    assert [outcome.attempt for outcome in bench.outcomes if isinstance(outcome, Launched)] == [1, 2]
    assert bench.cluster.deeds[-1] == ("delete", "one")


async def test_an_error_of_ours_is_an_outcome_and_stops_nobody(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A template that is no object should never get here; if one does, only its own task is concerned."""
    task, other = await bench.make_task(), await bench.make_task("two")
    bench.desk.tasks.put(decoded(Task, {"metadata": {"uid": "bad", "name": "bad"}, "spec": {"template": 7}}))
    outcomes = await bench.end(create(TaskId("bad")), create(task), create(other))
    refused = next(outcome for outcome in outcomes if isinstance(outcome, LaunchRefused))
    assert (refused.task, refused.refusal) == ("bad", Refusal.UNAVAILABLE)
    assert {outcome.task for outcome in outcomes if isinstance(outcome, Launched)} == {task, other}
    assert "failed on an error of ours" in caplog.text


async def test_nothing_is_written_by_who_may_not(bench: Bench) -> None:
    """A standby, or a leader whose time is over: the fence is in the client, and the deed ends as one that may pass."""
    task = await bench.make_task()
    held_back: list[int] = []
    fence = Fence(lambda: 0.0, lambda: held_back.append(1))
    async with KubeClient(Connection(bench.cluster.url), fence=fence) as client:
        desk = replace(bench.desk, client=client)
        executor = Executor(Launches(desk), Deletions(desk), Hands(1), bench.outcomes.append)
        executor.submit(create(task))
        await until(lambda: executor.busy == 0)
    (outcome,) = bench.outcomes
    assert isinstance(outcome, LaunchRefused)
    assert outcome.refusal is Refusal.UNAVAILABLE
    assert "this replica may not write" in outcome.message
    assert held_back
    assert bench.cluster.deeds == []

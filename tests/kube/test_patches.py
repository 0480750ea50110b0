"""Patches of statuses: what they say, that they carry only what differs, and that no news costs no request."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.allocator.shares import Dominant
from entresol.engine.status import FrameworkStatus, RoleStatus, TaskStatus
from entresol.kube.endings import hindrance_of
from entresol.kube.patches import framework_patch, merge_patch, role_patch, task_patch, waiting_pod_patch
from entresol.kube.wire_kinds import Framework, FrameworkRole, Task
from entresol.kube.wire_pod import Pod, PodStatus
from entresol.model.accounts import Account, Rates
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.reasons import Reason, Shortage, Waiting
from entresol.model.resources import Resources
from entresol.model.tasks import Attempt, Record
from tests.support.definitions import definitions
from tests.support.reading import read

Json = dict[str, Any]

SHORT = Waiting(reason=Reason.NO_ROOM, shortage=Shortage(agents=2, busy=(("cpu", 2),)))
LONG = Waiting(reason=Reason.NO_ROOM, shortage=Shortage(agents=9, busy=(("cpu", 9),)), ahead=5)
FAILURE = Attempt(
    number=1,
    state="TASK_FAILED",
    reason="OOMKilled",
    message="boom",
    exit_code=137,
    agent=AgentId("n1"),
    pod="ns/t-1",
    charged=True,
    finished=50.0,
)
DEMAND = Resources.of({"cpu": 1500, "memory": 2**30, "pods": 1, "nvidia.com/gpu": 1})
WAITS = TaskStatus(
    id=TaskId("u"),
    name="ns/t",
    plain=False,
    record=Record(state="TASK_PENDING"),
    generation=2,
    demand=DEMAND,
    waiting=SHORT,
    since=40.0,
    passed_over=3,
)
RUNS = replace(
    WAITS,
    record=Record(state="TASK_RUNNING", attempt=2, failures=1, last=FAILURE, started=45.0),
    pod="ns/t-2",
    pod_id=PodId("p2"),
    agent=AgentId("n2"),
    ready=True,
    waiting=None,
    since=None,
)


def ends(state: str, last: Attempt | None = FAILURE, **changes: Any) -> TaskStatus:
    record = replace(RUNS.record, state=state, last=last, finished=60.0)
    return replace(RUNS, record=record, agent=None, pod_id=None, ready=False, **changes)


def applied(target: Any, patch: Any) -> Any:
    """RFC 7386, as the server applies it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = applied(result.get(name), value)
    return result


class Server:
    """One object's status as the API server keeps it."""

    def __init__(self, kind: type[Any], **metadata: Any) -> None:
        self.kind = kind
        self.metadata: Json = {"name": "t", "namespace": "ns", "generation": 2} | metadata
        self.status: Json = {}

    @property
    def observed(self) -> Any:
        return read(self.kind, {"metadata": self.metadata, "status": self.status})

    def take(self, patch: bytes | None) -> Json:
        assert patch is not None
        body: Json = msgspec.json.decode(patch)
        self.status = applied(self.status, body["status"])
        return body


def task_server(*statuses: TaskStatus) -> Server:
    server = Server(Task, resourceVersion="7")
    for at, status in enumerate(statuses, 100):
        server.take(task_patch(status, server.observed, float(at)))
    return server


def conditions(status: Json) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}


def test_a_task_that_waits() -> None:
    status = task_server(WAITS).status
    said = "0/2 agents fit now: 2 busy now (cpu)."
    conditions_said = status.pop("conditions")
    assert status == {
        "observedGeneration": 2,
        "state": "TASK_PENDING",
        "reason": "NoRoomNow",
        "message": said,
        "pending": {"reason": "NoRoomNow", "message": said, "since": "1970-01-01T00:00:40Z", "passedOver": 3},
        "requests": {"cpu": "1500m", "memory": "1Gi"},
    }
    time = "1970-01-01T00:01:40Z"
    assert conditions_said[0] == {
        "type": "Scheduled",
        "status": "False",
        "reason": "NoRoomNow",
        "message": said,
        "observedGeneration": 2,
        "lastTransitionTime": time,
    }


def test_a_task_that_runs() -> None:
    status = task_server(WAITS, RUNS).status
    status.pop("conditions")
    assert status == {
        "observedGeneration": 2,
        "state": "TASK_RUNNING",
        "attempt": 2,
        "failures": 1,
        "podName": "t-2",
        "podUID": "p2",
        "nodeName": "n2",
        "startTime": "1970-01-01T00:00:45Z",
        "lastAttempt": {
            "attempt": 1,
            "state": "TASK_FAILED",
            "reason": "OOMKilled",
            "message": "boom",
            "exitCode": 137,
            "nodeName": "n1",
            "podName": "t-1",
            "charged": True,
            "finishTime": "1970-01-01T00:00:50Z",
        },
        "requests": {"cpu": "1500m", "memory": "1Gi"},
    }


RECOVERING = Waiting(reason=Reason.RECOVERING)
BACKS_OFF = Waiting(reason=Reason.BACKING_OFF, until=99.0)
CONDITIONS: dict[str, tuple[TaskStatus, dict[str, tuple[str, str]]]] = {
    "nobody has looked at it": (
        replace(WAITS, waiting=None),
        {
            "Scheduled": ("Unknown", "NotConsidered"),
            "Ready": ("Unknown", "NotConsidered"),
            "Succeeded": ("Unknown", "InProgress"),
        },
    ),
    "Entresol has just started": (
        replace(WAITS, waiting=RECOVERING),
        {
            "Scheduled": ("Unknown", "Recovering"),
            "Ready": ("Unknown", "Recovering"),
            "Succeeded": ("Unknown", "InProgress"),
        },
    ),
    "waiting": (
        WAITS,
        {
            "Scheduled": ("False", "NoRoomNow"),
            "Ready": ("False", "NoRoomNow"),
            "Succeeded": ("Unknown", "InProgress"),
        },
    ),
    "starting": (
        replace(RUNS, ready=False),
        {
            "Scheduled": ("True", "Scheduled"),
            "Ready": ("False", "PodNotReady"),
            "Succeeded": ("Unknown", "InProgress"),
        },
    ),
    "hindered": (
        replace(RUNS, ready=False, reason="ImagePullBackOff"),
        {
            "Scheduled": ("True", "Scheduled"),
            "Ready": ("False", "ImagePullBackOff"),
            "Succeeded": ("Unknown", "InProgress"),
        },
    ),
    "running": (
        RUNS,
        {"Scheduled": ("True", "Scheduled"), "Ready": ("True", "PodReady"), "Succeeded": ("Unknown", "InProgress")},
    ),
    "in a state that is yet to come": (
        replace(RUNS, record=Record(state="TASK_ODD")),
        {"Scheduled": ("True", "Scheduled"), "Ready": ("True", "PodReady"), "Succeeded": ("Unknown", "InProgress")},
    ),
    "finished": (
        ends("TASK_FINISHED"),
        {"Scheduled": ("True", "Scheduled"), "Ready": ("True", "Finished"), "Succeeded": ("True", "Finished")},
    ),
    "failed": (
        ends("TASK_FAILED", reason="OOMKilled"),
        {
            "Scheduled": ("True", "Scheduled"),
            "Ready": ("False", "OOMKilled"),
            "Succeeded": ("False", "OOMKilled"),
            "Stalled": ("True", "OOMKilled"),
        },
    ),
    "failed without a word": (
        ends("TASK_FAILED"),
        {
            "Scheduled": ("True", "Scheduled"),
            "Ready": ("False", "Failed"),
            "Succeeded": ("False", "Failed"),
            "Stalled": ("True", "Failed"),
        },
    ),
    "an error before anything was tried": (
        ends("TASK_ERROR", last=None, message="`a` must be b"),
        {
            "Scheduled": ("False", "Error"),
            "Ready": ("False", "Error"),
            "Succeeded": ("False", "Error"),
            "Stalled": ("True", "Error"),
        },
    ),
}


@pytest.mark.parametrize(("status", "want"), CONDITIONS.values(), ids=CONDITIONS.keys())
def test_the_conditions_of_a_task(status: TaskStatus, want: dict[str, tuple[str, str]]) -> None:
    published = task_server(status).status
    assert conditions(published) == want
    required = {"type", "status", "lastTransitionTime", "reason", "message"}
    assert all(required <= condition.keys() for condition in published["conditions"])


MESSAGES: dict[str, tuple[TaskStatus, str, str]] = {
    "a pause tells what it is for": (
        replace(RUNS, waiting=BACKS_OFF, agent=None),
        "BackingOff",
        (
            "An attempt ended through no fault of its own, and there is a pause before the next. Next try at "
            "1970-01-01T00:01:39Z. Attempt 1 failed on n1: OOMKilled, exit code 137, boom. "
            "It counts against `maxAttempts`."
        ),
    ),
    "a pause without a past": (
        replace(WAITS, waiting=BACKS_OFF),
        "BackingOff",
        (
            "An attempt ended through no fault of its own, and there is a pause before the next. Next try at "
            "1970-01-01T00:01:39Z."
        ),
    ),
    "an end without words is told by its last attempt": (
        ends("TASK_FAILED"),
        "Failed",
        "Attempt 1 failed on n1: OOMKilled, exit code 137, boom. It counts against `maxAttempts`.",
    ),
    "an end in somebody's words": (ends("TASK_KILLED", message="deadline"), "Killed", "deadline"),
    "an end without a word or a past": (ends("TASK_KILLED", last=None), "Killed", ""),
    "all is well": (replace(RUNS, message="of the last attempt"), "", ""),
    "not all is well": (replace(RUNS, reason="NodeNotReady", message="silent"), "NodeNotReady", "silent"),
}


@pytest.mark.parametrize(("status", "reason", "message"), MESSAGES.values(), ids=MESSAGES.keys())
def test_reason_and_message_of_a_task(status: TaskStatus, reason: str, message: str) -> None:
    published = task_server(status).status
    assert (published.get("reason", ""), published.get("message", "")) == (reason, message)


def test_only_what_differs_is_sent() -> None:
    server = task_server(RUNS)
    body = server.take(task_patch(replace(RUNS, record=replace(RUNS.record, failures=2)), server.observed, 200.0))
    assert body == {"metadata": {"resourceVersion": "7"}, "status": {"failures": 2}}


def test_what_is_gone_is_removed() -> None:
    server = task_server(WAITS, RUNS)
    last = replace(FAILURE, exit_code=None, state="TASK_LOST", reason="NodeLost")
    body = server.take(task_patch(replace(RUNS, record=replace(RUNS.record, last=last)), server.observed, 200.0))
    assert body["status"] == {"lastAttempt": {"state": "TASK_LOST", "reason": "NodeLost", "exitCode": None}}
    assert "pending" not in server.status
    assert "exitCode" not in server.status["lastAttempt"]


@pytest.mark.parametrize("status", [WAITS, RUNS, ends("TASK_FAILED")], ids=["waiting", "running", "ended"])
def test_the_same_status_again_is_no_news(status: TaskStatus) -> None:
    assert task_patch(status, task_server(status).observed, 999.0) is None


def test_new_figures_of_the_same_reason_are_no_news() -> None:
    server = task_server(WAITS)
    assert task_patch(replace(WAITS, waiting=LONG, passed_over=99), server.observed, 999.0) is None


def hindered(reason: str, message: str) -> TaskStatus:
    """A pod that does not begin, in the kubelet's words."""
    waiting = {"name": "c", "state": {"waiting": {"reason": reason, "message": message}}}
    said = hindrance_of(msgspec.convert({"phase": "Pending", "containerStatuses": [waiting]}, PodStatus))
    record = replace(RUNS.record, state="TASK_STARTING", started=None)
    return replace(RUNS, record=record, ready=False, reason=said.reason, message=said.message)


PULLS = hindered("ErrImagePull", 'failed to pull and unpack image "x:1": not found')


def test_an_image_that_cannot_be_had_is_written_about_once_however_often_it_is_tried() -> None:
    server = task_server(PULLS)
    backs_off = hindered("ImagePullBackOff", 'Back-off pulling image "x:1"')
    for turn in range(4):
        assert task_patch(backs_off if turn % 2 == 0 else PULLS, server.observed, 200.0 + turn) is None
    assert conditions(server.status)["Ready"] == ("False", "ImagePullBackOff")
    server.take(task_patch(replace(backs_off, generation=3), server.observed, 300.0))
    assert server.status["message"] == 'Back-off pulling image "x:1"', "the newest words ride along with news"


def test_the_words_of_an_end_are_news() -> None:
    server = task_server(ends("TASK_FAILED", reason="Error", message="exit code 1"))
    server.take(task_patch(ends("TASK_FAILED", reason="Error", message="exit code 2"), server.observed, 200.0))
    assert server.status["message"] == "exit code 2"


NEWS: dict[str, TaskStatus] = {
    "another reason": replace(WAITS, waiting=Waiting(reason=Reason.BEHIND)),
    "an attempt": replace(WAITS, record=replace(WAITS.record, attempt=1)),
    "another generation": replace(WAITS, generation=3),
    "an end of waiting": RUNS,
}


def test_another_hindrance_is_news() -> None:
    other = hindered("CreateContainerConfigError", "no such secret")
    assert task_patch(other, task_server(PULLS).observed, 999.0) is not None


@pytest.mark.parametrize("status", NEWS.values(), ids=NEWS.keys())
def test_what_is_news(status: TaskStatus) -> None:
    assert task_patch(status, task_server(WAITS).observed, 999.0) is not None


def test_times_of_conditions_move_only_with_their_status() -> None:
    server = task_server(WAITS, replace(WAITS, waiting=Waiting(reason=Reason.BEHIND)), RUNS)
    times = {c["type"]: c["lastTransitionTime"] for c in server.status["conditions"]}
    assert times == {
        "Scheduled": "1970-01-01T00:01:42Z",
        "Ready": "1970-01-01T00:01:42Z",
        "Succeeded": "1970-01-01T00:01:40Z",
    }


def test_an_object_without_a_version_is_not_guarded() -> None:
    assert msgspec.json.decode(task_patch(WAITS, Task(), 1.0) or b"").keys() == {"status"}


def test_long_words_of_others_are_cut_and_odd_ones_made_fit() -> None:
    status = ends("TASK_FAILED", replace(FAILURE, reason="odd reason!" * 50, message="ä" * 9000), reason="no word!")
    published = task_server(status).status
    assert len(published["lastAttempt"]["reason"].encode()) <= 128
    assert len(published["message"].encode()) <= 4096
    assert published["reason"] == "no word!"
    assert conditions(published)["Succeeded"] == ("False", "noword")


# --- frameworks and roles ------------------------------------------------------------------------

FRAMEWORK = FrameworkStatus(
    id=FrameworkId("ns/f"),
    role=RoleId("gold"),
    counts={"TASK_PENDING": 2, "TASK_RUNNING": 3, "TASK_ODD": 9},
    held=Resources.of({"cpu": 3000, "nvidia.com/gpu": 1}),
    share=Dominant("cpu", 1 / 3),
    entitlement=0.5,
    head=WAITS,
)
ROLE = RoleStatus(
    id=RoleId("gold"),
    weight=1,
    held=Resources.of(cpu=3000),
    wanted=Resources(),
    share=Dominant("cpu", 2 / 3),
    entitlement=0.25,
    floor=0.0,
    waiting=0,
    frameworks=1,
)


def test_the_status_of_a_framework() -> None:
    server = Server(Framework)
    server.take(framework_patch(FRAMEWORK, server.observed, 100.0))
    assert server.status == {
        "observedGeneration": 2,
        "role": "gold",
        "tasks": {
            "pending": 2,
            "staging": 0,
            "starting": 0,
            "running": 3,
            "finished": 0,
            "failed": 0,
            "killed": 0,
            "error": 0,
            "unreachable": 0,
        },
        "allocated": {"cpu": "3", "nvidia.com/gpu": "1"},
        "dominantShare": "0.3333",
        "dominantResource": "cpu",
        "entitlement": "0.5000",
        "head": {
            "task": "ns/t",
            "reason": "NoRoomNow",
            "message": "0/2 agents fit now: 2 busy now (cpu).",
            "since": "1970-01-01T00:00:40Z",
        },
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Accepted",
                "message": "Its work is granted resources in its turn.",
                "lastTransitionTime": "1970-01-01T00:01:40Z",
                "observedGeneration": 2,
            }
        ],
    }


def test_a_framework_in_trouble_says_why() -> None:
    server = Server(Framework)
    trouble = Waiting(reason=Reason.ROLE_NOT_FOUND, detail="gold")
    server.take(framework_patch(replace(FRAMEWORK, trouble=trouble, head=None), server.observed, 100.0))
    assert conditions(server.status) == {"Ready": ("False", "RoleNotFound")}
    assert "head" not in server.status


def test_what_a_framework_gave_back_disappears() -> None:
    server = Server(Framework)
    server.take(framework_patch(FRAMEWORK, server.observed, 100.0))
    less = replace(
        FRAMEWORK, held=Resources.of(cpu=3000), head=replace(WAITS, waiting=None), share=Dominant(), counts={}
    )
    body = server.take(framework_patch(less, server.observed, 101.0))
    assert body["status"]["allocated"] == {"nvidia.com/gpu": None}
    assert server.status["tasks"]["running"] == 0
    assert server.status["dominantShare"] == "0.0000"
    assert not {"head", "dominantResource"} & server.status.keys()


def test_the_status_of_a_role() -> None:
    server = Server(FrameworkRole)
    server.take(role_patch(ROLE, server.observed, 100.0))
    said = server.status.pop("conditions")
    assert server.status == {
        "observedGeneration": 2,
        "allocated": {"cpu": "3"},
        "dominantShare": "0.6667",
        "dominantResource": "cpu",
        "entitlement": "0.2500",
        "floor": "0.0000",
        "pendingTasks": 0,
        "placeableTasks": 0,
        "frameworks": 1,
    }
    assert conditions({"conditions": said}) == {
        "Ready": ("True", "Accepted"),
        "GuaranteePlaceable": ("True", "CapacitySuffices"),
    }


def test_guarantees_that_the_cluster_cannot_keep_are_said() -> None:
    server = Server(FrameworkRole)
    server.take(role_patch(replace(ROLE, guarantee_fits=False), server.observed, 100.0))
    assert conditions(server.status)["GuaranteePlaceable"] == ("False", "GuaranteesExceedCapacity")


def test_the_same_figures_again_cost_nothing() -> None:
    framework, role = Server(Framework), Server(FrameworkRole)
    framework.take(framework_patch(FRAMEWORK, framework.observed, 100.0))
    role.take(role_patch(ROLE, role.observed, 100.0))
    assert framework_patch(FRAMEWORK, framework.observed, 200.0) is None
    assert role_patch(ROLE, role.observed, 200.0) is None


def test_a_ledger_rides_along_and_is_written_alone_only_after_a_while() -> None:
    server = Server(FrameworkRole)
    opened = Account.opened(100.0)
    server.take(role_patch(replace(ROLE, account=opened), server.observed, 100.0))
    assert server.status["ledger"]["entitledShareSeconds"] == "0.000"

    rates = Rates(0.5, 0.25)
    soon, late = (replace(ROLE, account=opened.carried(rates, at)) for at in (110.0, 160.0))
    assert role_patch(soon, server.observed, 110.0) is None
    server.take(role_patch(replace(soon, waiting=7), server.observed, 110.0))
    assert server.status["ledger"]["entitledShareSeconds"] == "5.000"
    assert role_patch(replace(late, waiting=7), server.observed, 160.0) is None, "it was written fifty seconds ago"
    server.take(role_patch(replace(late, waiting=7), server.observed, 160.0, last=True))
    assert server.status["ledger"]["entitledShareSeconds"] == "30.000"


def test_a_ledger_stays_while_nobody_knows_better() -> None:
    server = Server(FrameworkRole)
    server.take(role_patch(replace(ROLE, account=Account.opened(100.0)), server.observed, 100.0))
    before = server.status["ledger"]
    server.take(role_patch(replace(ROLE, waiting=7), server.observed, 200.0))
    assert server.status["ledger"] == before


# --- plain pods ----------------------------------------------------------------------------------


def pod_of(*conditions: Json, **spec: Any) -> Pod:
    metadata = {"name": "p", "namespace": "ns", "uid": "u", "generation": 1}
    return read(Pod, {"metadata": metadata, "spec": spec, "status": {"conditions": list(conditions)}})


def scheduled(status: str, reason: str) -> Json:
    time = "1970-01-01T00:00:01Z"
    return {"type": "PodScheduled", "status": status, "reason": reason, "lastTransitionTime": time}


def test_a_plain_pod_that_waits_says_so() -> None:
    patch = waiting_pod_patch(WAITS, pod_of(), 100.0)
    assert msgspec.json.decode(patch or b"") == {
        "metadata": {"uid": "u"},
        "status": {
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "NoRoomNow",
                    "message": "0/2 agents fit now: 2 busy now (cpu).",
                    "lastTransitionTime": "1970-01-01T00:01:40Z",
                    "observedGeneration": 1,
                }
            ]
        },
    }


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.value)
def test_unschedulable_is_said_only_where_more_agents_help(reason: Reason) -> None:
    waits = replace(WAITS, waiting=Waiting(reason=reason))
    for helps, want in ((False, reason.value), (True, "Unschedulable")):
        patch = waiting_pod_patch(replace(waits, more_agents_help=helps), pod_of(), 100.0)
        assert msgspec.json.decode(patch or b"")["status"]["conditions"][0]["reason"] == want


QUIET: dict[str, tuple[TaskStatus, Pod]] = {
    "it does not wait": (RUNS, pod_of()),
    "it is bound already": (WAITS, pod_of(nodeName="n")),
    "it is said already": (WAITS, pod_of(scheduled("False", "NoRoomNow"))),
}


@pytest.mark.parametrize(("status", "pod"), QUIET.values(), ids=QUIET.keys())
def test_nothing_is_said_when(status: TaskStatus, pod: Pod) -> None:
    assert waiting_pod_patch(status, pod, 100.0) is None


TIMES: dict[str, tuple[Json, str]] = {
    "stays while the status stays": (scheduled("False", "Unschedulable"), "1970-01-01T00:00:01Z"),
    "is new with a new status": (scheduled("Unknown", ""), "1970-01-01T00:01:40Z"),
}


@pytest.mark.parametrize(("before", "want"), TIMES.values(), ids=TIMES.keys())
def test_the_time_of_the_pods_condition(before: Json, want: str) -> None:
    patch = waiting_pod_patch(WAITS, pod_of({"type": "Ready", "status": "False"}, before), 100.0)
    (said,) = msgspec.json.decode(patch or b"")["status"]["conditions"]
    assert said["lastTransitionTime"] == want


# --- merge patches -------------------------------------------------------------------------------

VALUES = st.recursive(
    st.integers(0, 3) | st.text("ab", max_size=1) | st.lists(st.integers(0, 1), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(OBJECTS, OBJECTS)
def test_a_patch_makes_what_is_wanted_of_what_was_there(before: Json, wanted: Json) -> None:
    assert applied(before, merge_patch(before, wanted)) == wanted


@given(OBJECTS, OBJECTS)
def test_a_patch_is_empty_exactly_when_nothing_differs(before: Json, wanted: Json) -> None:
    assert (merge_patch(before, wanted) == {}) == (before == wanted)


@pytest.mark.parametrize("kind", ["Task", "Framework", "FrameworkRole"])
def test_everything_that_is_published_is_defined(kind: str) -> None:
    """The server drops what a definition does not name, so it would be sent again for ever."""
    schema = definitions()[kind].schema["properties"]["status"]["properties"]
    framework, role = Server(Framework), Server(FrameworkRole)
    framework.take(framework_patch(FRAMEWORK, framework.observed, 100.0))
    role.take(role_patch(ROLE, role.observed, 100.0))
    published = {
        "Task": task_server(WAITS).status | task_server(RUNS).status,
        "Framework": framework.status,
        "FrameworkRole": role.status,
    }[kind]
    assert published.keys() <= schema.keys()
    for name, value in published.items():
        if isinstance(value, dict) and "properties" in schema[name]:
            assert value.keys() <= schema[name]["properties"].keys()

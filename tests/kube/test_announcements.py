"""Events: reasons that users look for, and bodies that the API server accepts."""

from typing import Any

import msgspec
import pytest

from entresol.engine.effects import AttemptEnded, Scheduled, Unscheduled
from entresol.kube.announcements import REASONS, News, Notice, Subject, event_body, subject_pod, subject_task
from entresol.kube.wire import ObjectMeta
from entresol.model.identifiers import AgentId
from entresol.model.reasons import Reason, Waiting
from entresol.model.tasks import Attempt

Json = dict[str, Any]
TASK = subject_task(ObjectMeta(name="t", namespace="ns", uid="u"))


def event(news: News, about: Subject = TASK, instance: str = "entresol-0", at: float = 1.5) -> Json:
    body: Json = msgspec.json.decode(event_body(news, about, instance, at))
    return body


def ended(state: str, message: str = "") -> AttemptEnded:
    return AttemptEnded(Attempt(number=1, state=state, reason="Error", message=message))


def test_an_event_is_complete() -> None:
    assert event(Scheduled(AgentId("n1"))) == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "t.scheduled.16e360", "namespace": "ns"},
        "eventTime": "1970-01-01T00:00:01.500000Z",
        "reportingController": "entresol.dev/operator",
        "reportingInstance": "entresol-0",
        "action": "Binding",
        "reason": "Scheduled",
        "type": "Normal",
        "note": "Successfully assigned ns/t to n1",
        "regarding": {
            "apiVersion": "entresol.dev/v1alpha1",
            "kind": "Task",
            "namespace": "ns",
            "name": "t",
            "uid": "u",
        },
    }


def test_a_plain_pod_is_a_subject_too() -> None:
    about = subject_pod(ObjectMeta(name="p", namespace="ns", uid="u"))
    assert event(Scheduled(AgentId("n1")), about)["regarding"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": "ns",
        "name": "p",
        "uid": "u",
    }


NEWS: dict[str, tuple[News, str, str, str]] = {
    "waiting": (Unscheduled(Waiting(reason=Reason.NO_ROOM)), "FailedScheduling", "Warning", "No agent has room now."),
    "success": (ended("TASK_FINISHED"), "AttemptFinished", "Normal", "Attempt 1 finished: Error."),
    "failure": (ended("TASK_FAILED"), "AttemptFailed", "Warning", "Attempt 1 failed: Error."),
    "error": (ended("TASK_ERROR"), "AttemptFailed", "Warning", "Attempt 1 could not be run: Error."),
    "killed": (ended("TASK_KILLED"), "AttemptKilled", "Normal", "Attempt 1 was killed: Error."),
    "lost": (ended("TASK_LOST"), "AttemptLost", "Warning", "Attempt 1 was lost: Error."),
    "a state that is yet to come": (ended("TASK_ODD"), "AttemptLost", "Warning", "Attempt 1 ended as TASK_ODD: Error."),
}


@pytest.mark.parametrize(("news", "reason", "kind", "note"), NEWS.values(), ids=NEWS.keys())
def test_reasons_as_users_expect_them(news: News, reason: str, kind: str, note: str) -> None:
    found = event(news)
    assert (found["reason"], found["type"]) == (reason, kind)
    assert found["note"].startswith(note)
    assert found["reason"] in REASONS
    assert found["action"]


def test_a_notice_about_an_object_without_a_namespace() -> None:
    found = event(
        Notice("RoleChanged", "Its weight is 2."), Subject("entresol.dev/v1alpha1", "FrameworkRole", "", "r", "u")
    )
    assert (found["reason"], found["note"], found["type"]) == ("RoleChanged", "Its weight is 2.", "Warning")
    assert found["metadata"]["namespace"] == "default"


def test_bodies_stay_within_the_bounds_of_the_api() -> None:
    about = Subject("v1", "Pod", "ns", "a" * 198 + "-." + "b" * 53, "u")
    found = event(ended("TASK_FAILED", "ä" * 5000), about, instance="i" * 500)
    assert len(found["note"].encode()) <= 1024
    assert len(found["reportingInstance"]) <= 128
    assert len(found["metadata"]["name"]) <= 253
    assert found["metadata"]["name"].startswith("a" * 198 + ".attemptfailed.")


def test_the_same_news_has_the_same_name_and_other_news_another() -> None:
    news = Scheduled(AgentId("n1"))
    assert event(news)["metadata"] == event(news)["metadata"]
    others = [event(news, at=1.6), event(ended("TASK_LOST"))]
    assert len({e["metadata"]["name"] for e in [event(news), *others]}) == 3

"""News -> Events (events.k8s.io/v1), with the reasons that users of Kubernetes look for.

Reasons and actions are constants; what varies is in the note. Whatever somebody must act on is in a status too, because
Events pass away.
"""

from dataclasses import dataclass
from typing import assert_never

import msgspec

from entresol.engine.effects import AttemptEnded, Scheduled, Unscheduled
from entresol.kube.conditions import clipped
from entresol.kube.names import API_VERSION, REPORTER
from entresol.kube.times import format_time_exactly
from entresol.kube.wire import ObjectMeta
from entresol.kube.words import attempt_sentence, waiting_sentence
from entresol.model.tasks import ERROR, FAILED, FINISHED, KILLED

_MAX_NOTE = 1024
_MAX_NAME = 200
_MAX_INSTANCE = 128
NO_NAMESPACE = "default"
"""Where the API server wants Events about objects that live in no namespace."""

_ENDS = {
    FINISHED: ("AttemptFinished", "Normal"),
    FAILED: ("AttemptFailed", "Warning"),
    ERROR: ("AttemptFailed", "Warning"),
    KILLED: ("AttemptKilled", "Normal"),
}
_LOST = ("AttemptLost", "Warning")
"""LOST, DROPPED, GONE, and states that we do not know yet."""

REASONS = frozenset({"Scheduled", "FailedScheduling", _LOST[0], *(reason for reason, _ in _ENDS.values())})
"""Every reason that an Event about a task can have."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


def subject_task(metadata: ObjectMeta) -> Subject:
    """A Task object as a subject."""
    return Subject(API_VERSION, "Task", metadata.namespace, metadata.name, metadata.uid)


def subject_pod(metadata: ObjectMeta) -> Subject:
    """A pod as a subject."""
    return Subject("v1", "Pod", metadata.namespace, metadata.name, metadata.uid)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be told about an object that is not a task. `reason` is one word, `note` a sentence."""

    reason: str
    note: str


News = Scheduled | Unscheduled | AttemptEnded | Notice


def event_body(news: News, about: Subject, instance: str, at: float) -> bytes:
    """An Event. Its name follows from what it says and when, so that a repeated create answers 409 and changes nothing.

    `instance` names the process that reports.
    """
    reason, action, kind, note = _said(news, about)
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{about.name[:_MAX_NAME].rstrip('.-')}.{reason.lower()}.{int(at * 1_000_000):x}",
            "namespace": about.namespace or NO_NAMESPACE,
        },
        "eventTime": format_time_exactly(at),
        "reportingController": REPORTER,
        "reportingInstance": clipped(instance, _MAX_INSTANCE),
        "action": action,
        "reason": reason,
        "type": kind,
        "note": clipped(note, _MAX_NOTE),
        "regarding": {
            "apiVersion": about.api_version,
            "kind": about.kind,
            "namespace": about.namespace,
            "name": about.name,
            "uid": about.uid,
        },
    }
    return msgspec.json.encode(event)


def _said(news: News, about: Subject) -> tuple[str, str, str, str]:
    """Reason, action, type and note."""
    match news:
        case Scheduled(agent):
            note = f"Successfully assigned {about.namespace}/{about.name} to {agent}"
            return "Scheduled", "Binding", "Normal", note
        case Unscheduled(waiting):
            return "FailedScheduling", "Scheduling", "Warning", waiting_sentence(waiting)
        case AttemptEnded(attempt):
            reason, kind = _ENDS.get(attempt.state, _LOST)
            return reason, "Running", kind, attempt_sentence(attempt)
        case Notice(reason, note):
            return reason, "Accepting", "Warning", note
        case _:
            assert_never(news)

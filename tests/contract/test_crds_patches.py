"""What Entresol publishes fits the definitions: the API server would drop what it does not know and refuse what is too long.

The extremes are published: names, sentences and exit codes as long as anybody can make them.
"""

import json
from typing import Any

import jsonschema
import pytest

from entresol.allocator.shares import Dominant
from entresol.engine.status import FrameworkStatus, RoleStatus, TaskStatus
from entresol.kube import wire_kinds
from entresol.kube.patches import framework_patch, role_patch, task_patch
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.reasons import Reason, Shortage, Waiting
from entresol.model.resources import Resources
from entresol.model.tasks import FAILED, PENDING, Attempt, Record
from tests.support.definitions import definitions, json_schema

NOW = 1_800_000_000.0
SCHEMAS = {kind: json_schema(definition.schema["properties"]["status"]) for kind, definition in definitions().items()}
LONG = "ü" * 20_000
NAME = "a" * 63
HELD = Resources.of({"cpu": 1_500, "memory": 3 << 30, "pods": 2, "example.com/" + "g" * 63: 10**15})
WHOLE, NOTHING = Dominant("memory", 1.0), Dominant()
NEVER = Waiting(reason=Reason.NEVER_FITS, shortage=Shortage(agents=9, too_small=(("memory", 9),)))
PASSED = Waiting(reason=Reason.FORBIDDEN, detail=LONG)

ENDED = Attempt(
    number=2**31 - 1,
    state="TASK_STATE_OF_A_LATER_RELEASE",
    reason=LONG,
    message=LONG,
    exit_code=-(2**31),
    agent=AgentId("n" * 253),
    pod=f"{NAME}/{NAME}",
    charged=True,
    finished=NOW,
)


def task(record: Record, **said: Any) -> TaskStatus:
    """The status of one task."""
    name = f"{NAME}/{NAME}"
    return TaskStatus(id=TaskId("u"), name=name, plain=False, record=record, generation=3, demand=HELD, **said)


TASKS = {
    "a task that nobody has looked at": task(Record()),
    "a task that can never run": task(Record(state=PENDING), waiting=NEVER, since=NOW, passed_over=10**12),
    "a task that was refused in many words": task(Record(state=PENDING, last=ENDED), waiting=PASSED, since=NOW),
    "a task that failed": task(
        Record(state=FAILED, attempt=100, failures=100, last=ENDED, started=NOW, finished=NOW),
        reason=LONG,
        message=LONG,
        pod=f"{NAME}/{NAME}",
        pod_id=PodId("0" * 36),
        agent=AgentId("n" * 253),
    ),
}
TENANT: dict[str, Any] = {"id": FrameworkId(f"{NAME}/{NAME}"), "role": RoleId(NAME)}
FRAMEWORKS = {
    "a framework that has and wants nothing": FrameworkStatus(
        **TENANT, counts={}, held=Resources(), share=NOTHING, entitlement=0.0
    ),
    "a framework with work in every state, one of them unknown": FrameworkStatus(
        **TENANT,
        counts={"TASK_RUNNING": 10**6, "TASK_PENDING": 1, "TASK_OF_A_LATER_RELEASE": 1},
        held=HELD,
        share=WHOLE,
        entitlement=1.0,
        head=TASKS["a task that was refused in many words"],
        trouble=PASSED,
    ),
}
FIGURES: dict[str, Any] = {"id": RoleId(NAME), "weight": 1, "wanted": Resources()}
ROLES = {
    "a role that has and wants nothing": RoleStatus(
        **FIGURES, held=Resources(), share=NOTHING, entitlement=0.0, floor=0.0, waiting=0, frameworks=0
    ),
    "a role that holds all, with guarantees past the cluster": RoleStatus(
        **FIGURES,
        held=HELD,
        share=WHOLE,
        entitlement=1.0,
        floor=1.0,
        waiting=10**6,
        frameworks=10**4,
        guarantee_fits=False,
    ),
}
PATCHES = {
    **{name: ("Task", task_patch(status, wire_kinds.Task(), NOW)) for name, status in TASKS.items()},
    **{
        name: ("Framework", framework_patch(status, wire_kinds.Framework(), NOW)) for name, status in FRAMEWORKS.items()
    },
    **{name: ("FrameworkRole", role_patch(status, wire_kinds.FrameworkRole(), NOW)) for name, status in ROLES.items()},
}


def faults(kind: str, status: dict[str, Any]) -> list[str]:
    """What the definition has against a status."""
    validator = jsonschema.Draft202012Validator(SCHEMAS[kind])
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(status)]


@pytest.mark.parametrize(("kind", "patch"), PATCHES.values(), ids=PATCHES.keys())
def test_a_status_that_is_published_fits(kind: str, patch: bytes | None) -> None:
    assert patch is not None
    assert faults(kind, json.loads(patch)["status"]) == []


def test_a_status_that_does_not_fit_is_noticed() -> None:
    assert len(faults("Task", {"state": "S" * 65, "reason": "R", "colour": "red", "attempt": -1})) == 3

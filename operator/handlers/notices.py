"""Events about Frameworks and FrameworkRoles that cannot have what they ask for.

What is wrong with them is found by the engine and stands in their conditions, which our own publisher writes. A write
makes the object come by here, with the condition on it, and that is all this looks at: so what is told is what is
published, and neither the engine nor another kind has to be asked.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import kopf

from entresol.kube.announcements import Notice, Subject
from entresol.kube.names import API_VERSION, GROUP, VERSION

_TOLD: Mapping[str, tuple[str, str, frozenset[str]]] = {
    "frameworks": ("Framework", "Ready", frozenset({"RoleNotFound", "RoleNotAllowed"})),
    "frameworkroles": ("FrameworkRole", "GuaranteePlaceable", frozenset({"GuaranteesExceedCapacity"})),
}
"""Per kind: its name, the condition that matters, and the reasons that are told when it is False."""


class Tell(Protocol):
    """Who writes Events."""

    def __call__(self, about: Subject, notice: Notice, /) -> None:
        """Write an Event, within the budget for Events."""


def register(registry: kopf.OperatorRegistry, tell: Tell) -> None:
    """Have these kinds looked at."""
    for plural in _TOLD:
        kopf.on.event(GROUP, VERSION, plural, registry=registry, id=f"notice-{plural}")(_handler(plural, tell))


def notice_in(plural: str, body: Mapping[str, Any]) -> Notice | None:
    """What is to be told about an object, going by its conditions; None when it has what it asks for."""
    _, kind, reasons = _TOLD[plural]
    conditions = (body.get("status") or {}).get("conditions") or ()
    for condition in conditions:
        if (condition.get("type"), condition.get("status")) == (kind, "False") and condition.get("reason") in reasons:
            return Notice(condition["reason"], condition.get("message", ""))
    return None


def _handler(plural: str, tell: Tell) -> Callable[..., Any]:
    async def seen(body: kopf.Body, memo: kopf.Memo, **event: Any) -> None:
        notice = notice_in(plural, body)
        reason = notice.reason if notice is not None else ""
        # The first look at an object (no type) only remembers: what was wrong before we came was told before.
        known = event["type"] is None or memo.get("told", "") == reason
        memo["told"] = reason
        if notice is not None and not known and event["type"] != "DELETED":
            kind, _, _ = _TOLD[plural]
            meta = body.metadata
            tell(Subject(API_VERSION, kind, meta.get("namespace", ""), meta["name"], meta["uid"]), notice)

    return seen

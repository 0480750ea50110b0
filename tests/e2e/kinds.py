"""The kinds of Entresol as pykube objects, with the few words by which tests ask about them."""

from typing import Any

from pykube.objects import APIObject, NamespacedAPIObject

Json = dict[str, Any]


class _Observed:
    """What all three kinds have: a status with conditions."""

    obj: Json

    @property
    def status(self) -> Json:
        """The whole status; empty before the first one is written."""
        status: Json = self.obj.get("status") or {}
        return status

    def condition(self, kind: str) -> Json:
        """The condition of a type; empty when there is none."""
        listed: list[Json] = self.status.get("conditions") or []
        return next((condition for condition in listed if condition["type"] == kind), {})


class Task(_Observed, NamespacedAPIObject):  # type: ignore[misc]  # pykube has no types
    """A Task."""

    version = "entresol.dev/v1alpha1"
    endpoint = "tasks"
    kind = "Task"

    @property
    def state(self) -> str:
        """Mesos' word for where it is; empty before the first status."""
        return str(self.status.get("state", ""))

    @property
    def pending(self) -> Json:
        """Why it waits; empty when it does not, or not for long."""
        pending: Json = self.status.get("pending") or {}
        return pending


class Framework(_Observed, NamespacedAPIObject):  # type: ignore[misc]  # pykube has no types
    """A Framework."""

    version = "entresol.dev/v1alpha1"
    endpoint = "frameworks"
    kind = "Framework"


class FrameworkRole(_Observed, APIObject):  # type: ignore[misc]  # pykube has no types
    """A FrameworkRole."""

    version = "entresol.dev/v1alpha1"
    endpoint = "frameworkroles"
    kind = "FrameworkRole"

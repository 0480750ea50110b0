"""Distinct types for the names of things, so that the type checker refuses one where another is meant.

At Kubernetes' edge an agent is a Node's name, a framework `namespace/name`, a role a FrameworkRole's (or namespace's)
name, and a task the UID of its Task object or of its plain pod: a name may be used again, a UID never is.
"""

from typing import NewType

AgentId = NewType("AgentId", str)
RoleId = NewType("RoleId", str)
FrameworkId = NewType("FrameworkId", str)
TaskId = NewType("TaskId", str)
PodId = NewType("PodId", str)
OfferId = NewType("OfferId", str)


def namespace_of(framework: FrameworkId) -> str:
    """The tenant's namespace that a framework belongs to."""
    return framework.partition("/")[0]

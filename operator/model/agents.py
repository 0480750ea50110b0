"""An agent: a machine of the cluster as frameworks see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from entresol.model.constraints import Taint
from entresol.model.identifiers import AgentId
from entresol.model.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What a Node says of itself.

    Attributes:
        allocatable: what all pods together may use, in canonical units, `pods` included.
        attributes: the Node's labels.
        taints: its taints; a cordon is one of them (`node.kubernetes.io/unschedulable`).
        ready: whether its kubelet reports in. Placement looks at taints; only the denominator looks at this.
        open: False while Entresol itself drains it: nothing new is placed there, whatever is tolerated.
        member: whether it is among the nodes that were chosen to be agents. One that is not is known, so that work on
            it is not taken for lost, and otherwise does not exist: it is shown to nobody.
    """

    id: AgentId
    allocatable: Resources
    attributes: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    ready: bool = True
    open: bool = True
    member: bool = True

"""Fits the examples to a small real node: the same objects with images that are there, and small requests.

The examples are written for nodes of eight cores and images from a registry. A real node of a development machine has
two cores and no registry. What they show, shares, waiting, an order, does not depend on the size.
"""

from __future__ import annotations

import copy
import shlex
from decimal import Decimal
from typing import Any

from devcluster.node.images import BUSYBOX

Json = dict[str, Any]

_CPU_DIVISOR = 8
_MEMORY_DIVISOR = 64
_SERVES = "sleep infinity"
"""What a container does whose image has a command of its own, as a web server's."""
_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def on_small_nodes(item: Json) -> Json:
    """A copy of *item* whose containers, if it has any, run busybox, write a line, and ask for an eighth of the CPU."""
    fitted = copy.deepcopy(item)
    name = fitted["metadata"].get("name", "")
    template = fitted.get("spec", {}).get("template", {})
    for container in template.get("spec", {}).get("containers", ()):
        command = shlex.join(container["command"]) if "command" in container else _SERVES
        says = f"echo {shlex.quote(name)} works on $NODE: {shlex.quote(command)}"
        container["image"] = BUSYBOX
        container["command"] = ["sh", "-c", f"{says}; exec {command}"]
        container["env"] = [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]
        requests = container["resources"]["requests"]
        requests["cpu"] = f"{_thousandths(str(requests['cpu'])) // _CPU_DIVISOR}m"
        requests["memory"] = str(_bytes(str(requests["memory"])) // _MEMORY_DIVISOR)
    return fitted


def _thousandths(amount: str) -> int:
    """Of a core: `500m`, `1`."""
    return int(amount[:-1]) if amount.endswith("m") else int(Decimal(amount) * 1000)


def _bytes(amount: str) -> int:
    digits = amount.rstrip("KMGi")
    return int(digits) * _UNITS[amount[len(digits) :]]

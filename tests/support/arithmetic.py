"""What a pod asks, worked out a second time.

The auditor must not believe the product's arithmetic, so this is written from Kubernetes' documentation alone, with
exact fractions instead of scaled integers, and imports nothing of Entresol.
"""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

Amounts = dict[str, Fraction]

_SHAPE = re.compile(r"^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]+))?$")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
# The resources that a pod may state as a whole, in place of the sum over its containers.
_POD_LEVEL = ("cpu", "memory", "hugepages-")


def quantity(text: str | float) -> Fraction:
    """A Kubernetes quantity, exactly, in its base unit (cores, bytes, pieces)."""
    found = _SHAPE.match(str(text))
    if found is None or not (found[2] or found[3]):
        raise ValueError(f"{text!r} must be a Kubernetes quantity")
    sign, whole, rest, suffix, exponent = found.groups(default="")
    value = Fraction(int(whole + rest), 10 ** len(rest))
    if suffix in _BINARY:
        value *= 2 ** _BINARY[suffix]
    elif suffix or exponent:
        value *= Fraction(10) ** (_DECIMAL[suffix] if suffix else int(exponent))
    return -value if sign == "-" else value


def amounts(listed: Mapping[str, Any] | None) -> Amounts:
    """A resource list of the API, exactly."""
    return {name: quantity(text) for name, text in (listed or {}).items()}


def total(parts: Iterable[Mapping[str, Fraction]]) -> Amounts:
    """The sum, resource by resource."""
    result: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            result[name] = result.get(name, Fraction(0)) + amount
    return result


def excess(held: Mapping[str, Fraction], bound: Mapping[str, Fraction]) -> Amounts:
    """By how much `held` passes `bound`; a resource that `bound` does not name is bounded by zero."""
    over = {name: amount - bound.get(name, Fraction(0)) for name, amount in held.items()}
    return {name: amount for name, amount in over.items() if amount > 0}


def effective_requests(spec: Mapping[str, Any]) -> Amounts:
    """What the scheduler must set aside for a pod, one place among the node's pods included.

    Sidecars (init containers that restart always) add up as they start, beside the containers; a plain init container
    runs alone, beside the sidecars started before it; the larger of the two counts. Then what the pod states as a
    whole takes the place of that sum, and the overhead comes on top.
    """
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in spec.get("initContainers") or ():
        asked = _requests(container)
        if container.get("restartPolicy") == "Always":
            sidecars = total((sidecars, asked))
            starting = _larger(starting, sidecars)
        else:
            starting = _larger(starting, total((sidecars, asked)))
    running = total([sidecars, *map(_requests, spec.get("containers") or ())])
    whole = {name: amount for name, amount in _requests(spec).items() if name.startswith(_POD_LEVEL)}
    asked = _larger(running, starting) | whole
    return total((asked, amounts(spec.get("overhead")), {"pods": Fraction(1)}))


def _requests(holder: Mapping[str, Any]) -> Amounts:
    return amounts((holder.get("resources") or {}).get("requests"))


def _larger(one: Mapping[str, Fraction], other: Mapping[str, Fraction]) -> Amounts:
    zero = Fraction(0)
    return {name: max(one.get(name, zero), other.get(name, zero)) for name in one.keys() | other.keys()}

"""What a holding amounts to as a share of the cluster, in the terms people read: which resource, what fraction."""

from collections.abc import Iterable
from dataclasses import dataclass

from entresol.model.resources import Resources


@dataclass(frozen=True, slots=True)
class Dominant:
    """A dominant share.

    Attributes:
        resource: the resource of which the largest fraction is held; empty when nothing that counts is held.
        fraction: that fraction of the cluster's total, 1.0 being all of it.
    """

    resource: str = ""
    fraction: float = 0.0


def dominant(held: Resources, totals: Resources, excluded: frozenset[str] = frozenset()) -> Dominant:
    """The dominant share of a holding; of equal fractions the alphabetically first resource names it.

    Resources that are excluded, or of which the cluster has none, do not count.
    """
    best = Dominant()
    for name, amount in held:
        total = totals.get(name)
        if total and name not in excluded and amount / total > best.fraction:
            best = Dominant(name, amount / total)
    return best


def inverses(names: Iterable[str], totals: Resources, excluded: frozenset[str] = frozenset()) -> list[float]:
    """By resource, what one unit of it adds to a share: 1 / total, and zero for what does not count."""
    sizes = [0 if name in excluded else totals.get(name) for name in names]
    return [1.0 / size if size else 0.0 for size in sizes]

"""Share functions: how far a holder is, which decides whose turn it is.

The theory is Dominant Resource Fairness (Ghodsi et al., NSDI 2011): a holder's share is the largest fraction it has of
any one resource of the whole cluster, and the holder with the smallest share per weight goes next. What it has of the
agents it is *eligible* for never matters: normalising by those would reward false constraints.

A share function knows nothing of weights, tiers or ties; `tree` adds them.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from entresol.model.policy import ShareFunction


def final_share(held: Sequence[int], demand: Sequence[int], inverse: Sequence[float]) -> float:
    """The dominant share *after* the next unit. Nobody is refused while this stays within its weight's fraction."""
    share = 0.0
    for have, more, part in zip(held, demand, inverse, strict=True):
        fraction = (have + more) * part
        if fraction > share:  # noqa: PLR1730 - `max` takes half as long again, and this is run for every level of every grant
            share = fraction
    return share


def current_share(held: Sequence[int], _demand: Sequence[int], inverse: Sequence[float]) -> float:
    """The dominant share as it is, blind to the next unit: the order of Mesos and of the paper."""
    return max([have * part for have, part in zip(held, inverse, strict=True)], default=0.0)


SHARES: Mapping[str, ShareFunction] = MappingProxyType({"FinalShare": final_share, "CurrentShare": current_share})
"""Every share function by the name it is configured with."""

"""What each role would have if tasks were a fluid: the yardstick beside every share that is shown.

Weighted progressive filling on the pooled cluster: the dominant shares of all roles rise together, in proportion to
their weights, from what is guaranteed. A role stops when it has all it asks for, when it reaches its limit, or when a
resource it needs is used up; the others go on. The result is the weighted max-min fair allocation.

Level means dominant share divided by weight, so at any moment every role that rises stands at the same level. Between
two events (a role joins above its guarantee, a role is satisfied, a resource is used up) everything is linear, so the
filling jumps from event to event and is exact up to rounding, in O(U log U + U R).

The pool ignores agents, hence fragmentation and constraints: an entitlement says what is fair, not what fits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from entresol.model.identifiers import RoleId
from entresol.model.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one role brings to the pool. `held` and `pending` together are the bundle it asks for, as one vector."""

    role: RoleId
    weight: int = 1
    held: Resources = Resources()
    pending: Resources = Resources()
    limit: Mapping[str, int] = field(default_factory=dict)
    guarantee: Resources = Resources()


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A role's due, as fractions of the cluster.

    Attributes:
        share: the dominant share it would hold now, given what everybody asks for.
        floor: its weight's fraction: what it may always claim, however much the others ask for.
    """

    share: float
    floor: float


def entitlements(
    totals: Resources, claims: Iterable[Claim], excluded: frozenset[str] = frozenset()
) -> dict[RoleId, Entitlement]:
    """The fair share of every role that claims something.

    Resources that are excluded, or of which there is none in the cluster or in the role's limit, neither count nor
    bind: a single task that can never run must not bring the entitlement of its whole role to zero.
    """
    everyone = list(claims)
    names = [name for name, amount in totals if amount and name not in excluded]
    risers = [_riser(claim, totals, names) for claim in everyone]
    _fill(risers, len(names))
    weights = sum(claim.weight for claim in everyone)
    return {
        claim.role: Entitlement(min(riser.level * claim.weight, 1.0), claim.weight / weights)
        for claim, riser in zip(everyone, risers, strict=True)
    }


@dataclass(slots=True, eq=False)
class _Riser:
    """A role while it fills.

    Attributes:
        slopes: by resource (position), the fraction of the cluster's total used per unit of level.
        level: where it stands; before the filling starts, the level that its guarantee gives it.
        top: the level at which it has all it may have.
    """

    slopes: tuple[tuple[int, float], ...]
    level: float
    top: float
    rising: bool = False
    done: bool = False


def _riser(claim: Claim, totals: Resources, names: Sequence[str]) -> _Riser:
    bundle = claim.held + claim.pending
    counted = [(i, name, bundle.get(name)) for i, name in enumerate(names) if claim.limit.get(name, 1)]
    wanted = [(i, name, amount) for i, name, amount in counted if amount]
    if not wanted:
        return _Riser(slopes=(), level=0.0, top=0.0)
    whole = max(amount / totals.get(name) for _, name, amount in wanted)
    allowed = min([1.0, *(claim.limit[name] / amount for _, name, amount in wanted if name in claim.limit)])
    promised = [part / amount for _, name, amount in wanted if (part := claim.guarantee.get(name))]
    # Only work that asks for a guaranteed resource is served first, so the guarantee lifts no further than itself.
    lift = max((min(claim.guarantee.get(name), amount) / totals.get(name) for _, name, amount in wanted), default=0.0)
    per_level = claim.weight / whole
    return _Riser(
        slopes=tuple((i, per_level * amount / totals.get(name)) for i, name, amount in wanted),
        level=min([allowed, lift / whole, *promised]) / per_level if promised else 0.0,
        top=allowed / per_level,
    )


def _fill(risers: Sequence[_Riser], resources: int) -> None:
    """Raise everyone from their guarantees to where they stop."""
    pool = _Pool(resources)
    pool.settle_guarantees(risers)
    events = sorted(
        [(riser.level, i, False) for i, riser in enumerate(risers)] + [(r.top, i, True) for i, r in enumerate(risers)]
    )
    for level, i, satisfied in events:
        while (emptied := pool.empties_before(level)) is not None:
            pool.empty(emptied, risers)
        pool.advance(level)
        if satisfied:
            pool.stop(risers[i])
        else:
            pool.start(risers[i])


class _Pool:
    """The cluster as one vessel per resource, each of size 1."""

    def __init__(self, resources: int) -> None:
        self.level = 0.0
        self._used = [0.0] * resources
        self._slope = [0.0] * resources
        self._users = [0] * resources

    def settle_guarantees(self, risers: Sequence[_Riser]) -> None:
        """Give everyone its guarantee; where all of them together pass the cluster, the same part of each."""
        for riser in risers:
            for i, slope in riser.slopes:
                self._used[i] += slope * riser.level
        excess = max([1.0, *self._used])
        self._used = [used / excess for used in self._used]
        for riser in risers:
            riser.level /= excess

    def empties_before(self, level: float) -> int | None:
        """The first resource that is used up before this level is reached."""
        first, lowest = None, level
        for i, slope in enumerate(self._slope):
            if slope > 0.0:
                at = self.level + max(0.0, 1.0 - self._used[i]) / slope
                if at < lowest:
                    first, lowest = i, at
        return first

    def advance(self, level: float) -> None:
        """Let everyone who rises reach this level."""
        step = level - self.level
        self._used = [used + slope * step for used, slope in zip(self._used, self._slope, strict=True)]
        self.level = level

    def empty(self, resource: int, risers: Sequence[_Riser]) -> None:
        """Stop everyone who needs the resource, at the level where it is used up."""
        self.advance(self.level + max(0.0, 1.0 - self._used[resource]) / self._slope[resource])
        for riser in risers:
            if any(i == resource for i, _ in riser.slopes):
                self.stop(riser)

    def start(self, riser: _Riser) -> None:
        """Let one rise, unless something it needs was used up before its turn came."""
        if riser.done:
            return
        riser.rising = True
        for i, slope in riser.slopes:
            self._users[i] += 1
            self._slope[i] += slope

    def stop(self, riser: _Riser) -> None:
        """Fix one where it stands."""
        if riser.rising:
            riser.rising = False
            riser.level = self.level
            for i, slope in riser.slopes:
                self._users[i] -= 1
                # Rounding must leave neither a slope that nobody has nor one that falls.
                self._slope[i] = max(0.0, self._slope[i] - slope) if self._users[i] else 0.0
        riser.done = True


def divide(amount: float, wishes: Sequence[tuple[int, float]]) -> list[float]:
    """Divide one quantity by weight, where nobody takes more than it wishes and what is left goes to the others.

    `wishes` are pairs of weight and wish; the answer has the same order. Inside a role its namespaces, and inside
    those its frameworks, divide the role's entitlement so.
    """
    given = [0.0] * len(wishes)
    left, weights = amount, sum(weight for weight, _ in wishes)
    # Whoever wishes least for its weight is satisfied first; from then on everybody gets the same for its weight.
    for i in sorted(range(len(wishes)), key=lambda i: (wishes[i][1] / wishes[i][0], i)):
        weight, wish = wishes[i]
        given[i] = min(wish, left * weight / weights)
        left -= given[i]
        weights -= weight
    return given

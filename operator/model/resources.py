"""Amounts of named resources, in integers.

Every amount is a whole number of the resource's canonical unit: CPU in thousandths of a core, memory and storage
in bytes, everything else (pods, GPUs, licences) counted. Integers make sums exact, whatever their order, so a ledger
that is kept incrementally equals one that is added up anew, which is what the engine's invariants check.

A missing name and a zero are the same thing. Zeros are never stored, so equality and hashing mean what they say.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

CPU = "cpu"
MEMORY = "memory"
PODS = "pods"


@dataclass(frozen=True, slots=True)
class Resources:
    """An immutable vector of amounts, by resource name.

    Build it with `Resources.of`, which sorts the names and drops zeros; the raw constructor trusts its argument.
    """

    amounts: tuple[tuple[str, int], ...] = ()

    @staticmethod
    def of(amounts: Mapping[str, int] | Iterable[tuple[str, int]] = (), /, **named: int) -> "Resources":
        """Collect amounts in canonical units.

        Raises:
            ValueError: an amount is negative; amounts must be zero or more.
        """
        collected = dict(amounts) | named
        for name, amount in collected.items():
            if amount < 0:
                raise ValueError(f"the amount of `{name}` must be zero or more, got {amount}")
        return Resources(tuple(sorted((name, amount) for name, amount in collected.items() if amount)))

    def get(self, name: str) -> int:
        """The amount of one resource; zero when it is not named."""
        for known, amount in self.amounts:
            if known == name:
                return amount
        return 0

    def names(self) -> tuple[str, ...]:
        """The resources that are present, in alphabetical order."""
        return tuple(name for name, _ in self.amounts)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self.amounts)

    def __bool__(self) -> bool:
        return bool(self.amounts)

    def __add__(self, other: "Resources") -> "Resources":
        if not other.amounts:
            return self
        if not self.amounts:
            return other
        total = dict(self.amounts)
        for name, amount in other.amounts:
            total[name] = total.get(name, 0) + amount
        return Resources(tuple(sorted(total.items())))

    def __sub__(self, other: "Resources") -> "Resources":
        """Take away what is known to be part of this amount.

        Raises:
            ValueError: `other` is not contained in this amount. Giving back more than was taken is a broken ledger,
                never something to be rounded away; use `without` where less than nothing may honestly occur.
        """
        if not other.amounts:
            return self
        left = dict(self.amounts)
        for name, amount in other.amounts:
            rest = left.get(name, 0) - amount
            if rest < 0:
                raise ValueError(f"`{name}` would fall to {rest}: more is given back than was taken")
            left[name] = rest
        # No name was added, so what is left is sorted.
        return Resources(tuple([pair for pair in left.items() if pair[1]]))

    def without(self, other: "Resources") -> "Resources":
        """What is left when `other` is taken away, never less than nothing: the room on an over-filled agent is 0."""
        if not other.amounts:
            return self
        taken = dict(other.amounts)
        return Resources(
            tuple((name, left) for name, amount in self.amounts if (left := amount - taken.get(name, 0)) > 0)
        )

    def times(self, count: int) -> "Resources":
        """This amount, `count` times over."""
        return Resources(tuple((name, amount * count) for name, amount in self.amounts)) if count else Resources()

    def covers(self, demand: "Resources") -> bool:
        """Whether `demand` fits into this amount, resource by resource."""
        have = dict(self.amounts)
        return all(have.get(name, 0) >= amount for name, amount in demand.amounts)

    def peak(self, other: "Resources") -> "Resources":
        """The larger of both amounts, resource by resource."""
        if self == other:
            return self
        highest = dict(self.amounts)
        for name, amount in other.amounts:
            highest[name] = max(highest.get(name, 0), amount)
        return Resources(tuple(sorted(highest.items())))

    def only(self, names: Iterable[str]) -> "Resources":
        """The part of this amount that is named."""
        kept = frozenset(names)
        return Resources(tuple((name, amount) for name, amount in self.amounts if name in kept))


def total(amounts: Iterable[Resources]) -> Resources:
    """The sum of many amounts; faster than adding one by one."""
    collected: dict[str, int] = {}
    for resources in amounts:
        for name, amount in resources.amounts:
            collected[name] = collected.get(name, 0) + amount
    return Resources(tuple(sorted(collected.items())))


def is_scarce(name: str) -> bool:
    """Whether a resource exists on few agents only, so that work without need of it should stay away from them.

    Extended resources (`nvidia.com/gpu`) carry a domain; what every agent has (`cpu`, `memory`, `pods`) does not.
    """
    return "/" in name

"""What an example must show: `shows.yaml` as values, and its facts judged against what the API server lists.

`examples/README.md` explains the fields to people. Reading is strict: a word that is not known is an error, as a fact
that nobody judges would look like one that holds.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tests.support.arithmetic import effective_requests

Object = Mapping[str, Any]
Listing = Callable[[str, str, str], Sequence[Object]]
"""All objects of a resource, in a namespace (empty: everywhere), with a label selector (empty: all)."""

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of everything in the file: immutable, and no unknown fields."""


class Nodes(Strict, frozen=True, kw_only=True):
    """Simulated nodes, named `name-0` and so on, each with room for 110 pods; amounts as Kubernetes writes them."""

    name: str
    count: int
    cpu: str
    memory: str
    extended: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}


class Amount(Strict, frozen=True, kw_only=True):
    """Bounds on a number; at least one must be named."""

    equals: int | None = None
    at_least: int | None = None
    at_most: int | None = None

    def __post_init__(self) -> None:
        """Refuse bounds that bind nothing."""
        if self.equals is None and self.at_least is None and self.at_most is None:
            raise ValueError("a fact must name `equals`, `at_least` or `at_most`")

    def holds(self, value: Fraction | int) -> bool:
        """Whether a value lies within the bounds."""
        return (
            (self.equals is None or value == self.equals)
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )


class Selected(Amount, frozen=True, kw_only=True):
    """Something about the objects of one resource that are in a namespace and have these labels and these values."""

    of: str
    namespace: str = ""
    labels: str = ""
    where: Mapping[str, Any] = {}

    def objects(self, listing: Listing) -> list[Object]:
        """The objects that are meant."""
        return [found for found in listing(self.of, self.namespace, self.labels) if matches(found, self.where)]


class Count(Selected, frozen=True, kw_only=True):
    """How many objects there are."""

    def judge(self, listing: Listing) -> str:
        """What is wrong; empty when nothing is."""
        found = len(self.objects(listing))
        return "" if self.holds(found) else f"found {found}: {msgspec.to_builtins(self)}"


class Distinct(Selected, frozen=True, kw_only=True):
    """How many different values a field has over the objects."""

    field: str

    def judge(self, listing: Listing) -> str:
        """What is wrong; empty when nothing is."""
        values = {at(found, self.field) for found in self.objects(listing)} - {None}
        return "" if self.holds(len(values)) else f"found {sorted(values)}: {msgspec.to_builtins(self)}"


class Held(Amount, frozen=True, kw_only=True):
    """How much of a resource the pods that are bound and not over request together."""

    resource: str
    namespace: str = ""

    def judge(self, listing: Listing) -> str:
        """What is wrong; empty when nothing is."""
        live = (pod for pod in listing("pods", self.namespace, "") if is_live(pod))
        total = sum((effective_requests(pod["spec"]).get(self.resource, Fraction(0)) for pod in live), Fraction(0))
        return "" if self.holds(total) else f"found {total}: {msgspec.to_builtins(self)}"


class Order(Strict, frozen=True, kw_only=True):
    """Objects whose field rises in the order of their names; equal values are not in order."""

    of: str
    namespace: str
    field: str
    names: tuple[str, ...]

    def judge(self, listing: Listing) -> str:
        """What is wrong; empty when nothing is."""
        found = {o["metadata"]["name"]: at(o, self.field) for o in listing(self.of, self.namespace, "")}
        values = [found.get(name) for name in self.names]
        known = [value for value in values if value is not None]
        rises = all(before < after for before, after in pairwise(known))
        return "" if len(known) == len(values) and rises else f"found {values}: {msgspec.to_builtins(self)}"


class Fact(Strict, frozen=True, kw_only=True):
    """Exactly one of the things that can be said."""

    count: Count | None = None
    distinct: Distinct | None = None
    held: Held | None = None
    order: Order | None = None

    def __post_init__(self) -> None:
        """Refuse an empty or a double fact."""
        if len([fact for fact in self._facts if fact is not None]) != 1:
            raise ValueError("a fact must be exactly one of `count`, `distinct`, `held` and `order`")

    @property
    def _facts(self) -> tuple[Count | Distinct | Held | Order | None, ...]:
        return (self.count, self.distinct, self.held, self.order)

    def judge(self, listing: Listing) -> str:
        """What is wrong; empty when the fact holds."""
        return next(fact.judge(listing) for fact in self._facts if fact is not None)


class Step(Strict, frozen=True, kw_only=True):
    """One thing that is done, or that must come true before the next."""

    apply: str = ""
    create_output_of: str = ""
    arguments: tuple[str, ...] = ()
    kubectl: tuple[str, ...] = ()
    eventually: str = ""
    within_seconds: int = 0
    hold: tuple[Fact, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a step that is none or several things, or that waits for nothing."""
        done = [what for what in (self.apply, self.create_output_of, self.kubectl, self.eventually) if what]
        if len(done) != 1:
            raise ValueError("a step must be one of `apply`, `create_output_of`, `kubectl` and `eventually`")
        if bool(self.eventually) != bool(self.hold) or bool(self.eventually) != bool(self.within_seconds):
            raise ValueError("`eventually` must come with `within_seconds` and `hold`")


class Shows(Strict, frozen=True, kw_only=True):
    """The whole file."""

    nodes: tuple[Nodes, ...]
    steps: tuple[Step, ...]
    always: tuple[Fact, ...] = ()


def examples() -> list[Path]:
    """The folders of all examples."""
    return sorted(path for path in EXAMPLES.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))


def read(folder: Path) -> Shows:
    """What an example must show."""
    return msgspec.convert(yaml.safe_load((folder / "shows.yaml").read_text()), Shows)


def manifests(folder: Path) -> list[Path]:
    """The files of an example that are applied."""
    return sorted(path for path in folder.glob("*.yaml") if path.name != "shows.yaml")


def at(found: Object, path: str) -> Any:
    """The value at a dotted path; None when there is none."""
    here: Any = found
    for step in path.split("."):
        here = here.get(step) if isinstance(here, Mapping) else None
    return here


def is_live(pod: Object) -> bool:
    """Whether a pod holds something of a node: bound, and not yet over."""
    return bool(at(pod, "spec.nodeName")) and at(pod, "status.phase") not in ("Succeeded", "Failed")


def matches(found: Object, where: Mapping[str, Any]) -> bool:
    """Whether an object has these values at these dotted paths; "present" and "absent" ask only whether there is one."""
    for path, want in where.items():
        value = at(found, path)
        if want in ("present", "absent"):
            if (value is not None) != (want == "present"):
                return False
        elif value != want:
            return False
    return True

"""The fairness ledger against an integral that is worked out from the whole story at its end."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from entresol.engine.fairness import Due, Fairness
from entresol.model.identifiers import RoleId
from entresol.model.resources import Resources

ROLE = RoleId("a")
CORES = 10


def share_of(held: Resources) -> float:
    return held.get("cpu") / (1000 * CORES)


@dataclass
class Line:
    """One role over time: the points at which anything changed, with what was true from there on."""

    at: float = 0.0
    entitlement: float = 0.0
    wanting: bool = False
    cores: int = 0
    points: list[tuple[float, float, bool, int]] = field(default_factory=list)

    def note(self) -> None:
        self.points.append((self.at, self.entitlement, self.wanting, self.cores))

    def integral(self) -> tuple[float, float, float]:
        entitled = held = deficit = 0.0
        for (begin, due, wanting, cores), (end, *_) in zip(self.points, [*self.points[1:], (self.at,)], strict=True):
            seconds, share = end - begin, cores / CORES
            entitled += due * seconds
            held += share * seconds
            deficit += max(0.0, due - share) * seconds if wanting else 0.0
        return entitled, held, deficit

    def due(self) -> Due:
        return Due(self.entitlement, self.wanting, Resources.of(cpu=1000 * self.cores))


STEPS = st.lists(
    st.tuples(
        st.floats(0.0, 20.0),  # seconds until the change
        st.sampled_from(("due", "cores", "both")),
        st.integers(0, CORES),
        st.booleans(),
        st.floats(0.0, 1.5),  # seconds until the tick that answers it
    ),
    max_size=30,
)


@given(STEPS)
def test_changes_that_come_alone_are_entered_exactly(steps: list[tuple[float, str, int, bool, float]]) -> None:
    ledger, line = Fairness(), Line()
    line.note()
    ledger.settle(0.0, {ROLE: line.due()}, share_of)
    shown = (0.0, 0.0, 0.0)
    for pause, what, number, wanting, tick in steps:
        line.at += pause
        if what != "due":
            line.cores = number
        if what != "cores":
            line.entitlement, line.wanting = number / CORES, wanting
        line.note()
        ledger.stir(line.at, {} if what == "due" else {ROLE: line.due().holding})
        shown = _look(ledger, line.at, shown)
        line.at += tick
        shown = _look(ledger, line.at, shown)
        ledger.settle(line.at, {ROLE: line.due()}, share_of)
        shown = _look(ledger, line.at, shown)
    want = line.integral()
    assert all(abs(one - other) < 1e-6 for one, other in zip(shown, want, strict=True)), (shown, want)


@given(st.lists(st.tuples(st.floats(0.0, 2.0), st.integers(0, CORES), st.booleans(), st.booleans()), max_size=60))
def test_however_it_goes_what_is_held_is_exact_and_nothing_ever_falls(
    steps: list[tuple[float, int, bool, bool]],
) -> None:
    ledger, line = Fairness(), Line()
    line.note()
    ledger.settle(0.0, {ROLE: line.due()}, share_of)
    shown = (0.0, 0.0, 0.0)
    for pause, number, wanting, tick in steps:
        line.at += pause
        line.cores, line.entitlement, line.wanting = number, 1.0 - number / CORES, wanting
        line.note()
        ledger.stir(line.at, {ROLE: line.due().holding})
        if tick and ledger.due(line.at):
            ledger.settle(line.at, {ROLE: line.due()}, share_of)
        shown = _look(ledger, line.at, shown)
    line.at += 1.0
    ledger.settle(line.at, {ROLE: line.due()}, share_of)
    shown = _look(ledger, line.at, shown)
    assert abs(shown[1] - line.integral()[1]) < 1e-6


def _look(ledger: Fairness, at: float, before: tuple[float, float, float]) -> tuple[float, float, float]:
    """What is shown now, which is never less than before."""
    account = ledger.account(ROLE, at)
    assert account is not None
    now = account.entitled, account.held, account.deficit
    assert all(new >= old for new, old in zip(now, before, strict=True)), (before, now)
    return now

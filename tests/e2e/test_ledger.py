"""The fairness ledger in the roles' statuses against an integral of the test's own, over two kills of the operator."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from devcluster.cluster import Cluster
from devcluster.operator_process import NAMESPACE, OperatorProcess
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually
from tests.support.arithmetic import amounts, effective_requests, total
from tests.support.meter import Meter, Sums, Team
from tests.support.objects import pod_spec, runs, task
from tests.support.witness import Witness

LEASE = f"{NAMESPACE}/entresol"
TERMS = {"lease_seconds": "4", "lease_renew_seconds": "2.4", "lease_retry_seconds": "0.6"}
WHOLE = total([amounts({"cpu": "6", "memory": "16Gi", "pods": "110"})] * 4)
MOST = 0.02
"""The error that the ledger may have, as a part of what was due."""

Ledger = dict[str, str]


@pytest.fixture
def meter(cluster: Cluster) -> Iterator[Meter]:
    """What the test sees for itself."""
    watching = Witness(cluster.identity())
    watching.history = seen = Meter()
    with watching:
        yield seen


def ledger(lab: Lab, role: str) -> Ledger:
    """A role's account as it is written; empty before the first time."""
    found: Ledger = lab.frole(role).status.get("ledger") or {}
    return found


def when(ledger: Ledger, name: str = "asOf") -> float:
    return datetime.fromisoformat(ledger[name]).timestamp()


def sums(ledger: Ledger) -> Sums:
    names = ("entitledShareSeconds", "heldShareSeconds", "deficitShareSeconds")
    return Sums(*(float(ledger[name]) for name in names))


def led_until(lab: Lab) -> float:
    """The last renewal of the Lease."""
    namespace, name = LEASE.split("/")
    lease = lab.api.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}")
    return datetime.fromisoformat(lease["spec"]["renewTime"]).timestamp()


def one_by_one(lab: Lab, namespace: str, number: int) -> None:
    """Tasks that come one after the other, and run for 10 to 20 seconds, no two neighbours alike."""
    for index in range(number):
        lab.create(task(f"t-{index:03}", namespace, annotations=runs(10 + 7 * index % 11)))


class Reign:
    """One operator after the other, and the spans in which there was one; the last is still open."""

    def __init__(self, lab: Lab, operator: OperatorProcess, roles: tuple[str, ...]) -> None:
        self.spans: list[tuple[float, float]] = []
        self._lab, self._operator, self._roles = lab, operator, roles
        self._began = 0.0
        self._leaderless = dict.fromkeys(roles, 0.0)

    def begin(self) -> None:
        """The first one leads already: each role's account is open."""
        opened = eventually("every role has an account", self._ledgers, all)
        self._began = min(when(each, "since") for each in opened)

    def killed(self) -> None:
        """It is killed, and the next one takes over, which says itself for how long nobody led."""
        self._operator.kill()
        end = max(led_until(self._lab), *(when(each) for each in self._ledgers()))
        self.spans.append((self._began, end))
        before = [float(each["leaderlessSeconds"]) for each in self._ledgers()]
        self._operator.start(wait=True, seconds=60.0, lease=LEASE, **TERMS)
        after = eventually(
            "the next one has written",
            lambda: [float(each["leaderlessSeconds"]) for each in self._ledgers()],
            lambda now: all(one > other for one, other in zip(now, before, strict=True)),
            seconds=90,
        )
        gaps = [one - other for one, other in zip(after, before, strict=True)]
        assert max(gaps) - min(gaps) < 0.01, "every role's account names the same time without a leader"
        assert gaps[0] < 30
        self._began = end + gaps[0]

    def ended(self) -> None:
        """It is told to end, and says its last words."""
        told = time.time()
        self._operator.stop()
        # What no tick had answered yet, a second at most, is left to the next one.
        assert all(told - 2.0 < when(each) < time.time() for each in self._ledgers())

    def until(self, end: float) -> list[tuple[float, float]]:
        """The spans of a role whose account ends then."""
        return [*self.spans, (self._began, end)]

    def _ledgers(self) -> list[Ledger]:
        return [ledger(self._lab, role) for role in self._roles]


def test_the_ledger_is_right_over_two_kills(
    lab: Lab, operator: OperatorProcess, meter: Meter, record_property: Callable[[str, object], None]
) -> None:
    """From a decision to a pod that the test can see only the ledger counts; so nothing comes and goes in bursts."""
    operator.start(wait=True, seconds=60.0, lease=LEASE, **TERMS)
    early, late = lab.tenant("early", weight=1), lab.tenant("late", weight=2)
    reign = Reign(lab, operator, (early, late))
    reign.begin()
    lab.nodes(4, cpu="6")
    one_by_one(lab, early, 60)
    time.sleep(4)
    one_by_one(lab, late, 60)
    time.sleep(8)
    reign.killed()
    time.sleep(8)
    reign.killed()
    time.sleep(9)
    reign.ended()

    demand = effective_requests(pod_spec())
    teams = {early: Team(1, demand), late: Team(2, demand)}
    for role in teams:
        last = ledger(lab, role)
        said, true = sums(last), meter.sums(teams, WHOLE, reign.until(when(last)))[role]
        record_property(role, f"ledger {said}, seen {true}")
        assert true.entitled > 3.0
        for name in ("entitled", "held", "deficit"):
            error = abs(getattr(said, name) - getattr(true, name)) / true.entitled
            assert error <= MOST, f"{role}: {name} is {getattr(said, name):.3f}, not {getattr(true, name):.3f}"
    missed = float(ledger(lab, late)["deficitShareSeconds"])
    assert missed > 0.5, "who came late must have missed something, or nothing was shown"
    operator.start()

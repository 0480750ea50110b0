"""The fairness ledger in the roles' statuses against an integral of the test's own, over two kills of the operator."""

import logging
import time
from collections.abc import Iterable, Iterator
from datetime import datetime

import pytest

from devcluster.cluster import Cluster
from devcluster.operator_process import NAMESPACE, OperatorProcess
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually
from tests.support.arithmetic import amounts, effective_requests, total
from tests.support.meter import Meter, Sums, Team
from tests.support.objects import FOREVER, pod_spec, runs, task
from tests.support.witness import Witness

LEASE = f"{NAMESPACE}/entresol"
TERMS = {"lease_seconds": "4", "lease_renew_seconds": "2.4", "lease_retry_seconds": "0.6"}
WHOLE = total([amounts({"cpu": "6", "memory": "16Gi", "pods": "110"})] * 4)
MOST = 0.02
"""The error that the ledger may have, as a part of what was due or held, whichever is more."""

Ledger = dict[str, str]
_log = logging.getLogger(__name__)


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


def leaderless(ledger: Ledger) -> float:
    return float(ledger["leaderlessSeconds"])


def led_until(lab: Lab) -> float:
    """The last renewal of the Lease."""
    namespace, name = LEASE.split("/")
    lease = lab.api.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}")
    return datetime.fromisoformat(lease["spec"]["renewTime"]).timestamp()


def one_by_one(lab: Lab, namespace: str, ends: Iterable[float]) -> None:
    """Endless Tasks, but that of the first ones some end by themselves after so many seconds, one after the other."""
    for index, seconds in enumerate(ends):
        lab.create(task(f"brief-{index:02}", namespace, annotations=runs(seconds)))
    for index in range(40):
        lab.create(task(f"t-{index:02}", namespace, annotations=FOREVER))


class Reign:
    """One operator after the other, and for each role the spans in which there was one; the last is still open."""

    def __init__(self, lab: Lab, operator: OperatorProcess, roles: tuple[str, ...]) -> None:
        self._lab, self._operator = lab, operator
        self._spans: dict[str, list[tuple[float, float]]] = {role: [] for role in roles}
        self._began: dict[str, float] = {}

    def begin(self) -> None:
        """The first one leads already: each role's account is open."""
        opened = eventually("every role has an account", self._ledgers, lambda found: all(found.values()))
        self._began = {role: when(each, "since") for role, each in opened.items()}

    def killed(self) -> None:
        """It is killed, and the next one takes over, which says itself for how long nobody led."""
        self._operator.kill()
        renewed, before = led_until(self._lab), self._ledgers()
        self._operator.start(wait=True, seconds=60.0, lease=LEASE, **TERMS)
        after = eventually(
            "the next one has written",
            self._ledgers,
            lambda now: all(leaderless(now[role]) > leaderless(before[role]) for role in now),
            seconds=90,
        )
        for role, last in before.items():
            end = max(renewed, when(last))
            self._spans[role].append((self._began[role], end))
            self._began[role] = end + leaderless(after[role]) - leaderless(last)
            assert self._began[role] - end < 30
        took_over = self._began.values()
        assert max(took_over) - min(took_over) < 0.01, "every role's account names the same moment"

    def ended(self) -> None:
        """It is told to end, and says its last words."""
        told = time.time()
        self._operator.stop()
        # What no tick had answered yet, a second at most, is left to the next one.
        assert all(told - 2.0 < when(each) < time.time() for each in self._ledgers().values())

    def spans(self, role: str) -> list[tuple[float, float]]:
        """When somebody led, up to the end of the role's account."""
        return [*self._spans[role], (self._began[role], when(ledger(self._lab, role)))]

    def _ledgers(self) -> dict[str, Ledger]:
        return {role: ledger(self._lab, role) for role in self._spans}


def test_the_ledger_is_right_over_two_kills(lab: Lab, operator: OperatorProcess, meter: Meter) -> None:
    """From a decision to a pod that the test can see only the ledger counts: so few Tasks come and go, one by one."""
    operator.start(wait=True, seconds=60.0, lease=LEASE, **TERMS)
    early, late = lab.tenant("early", weight=1), lab.tenant("late", weight=2)
    reign = Reign(lab, operator, (early, late))
    reign.begin()
    lab.nodes(4, cpu="6")
    one_by_one(lab, early, [8 + 2 * index for index in range(14)])
    time.sleep(4)
    one_by_one(lab, late, [])
    time.sleep(8)
    reign.killed()
    time.sleep(8)
    reign.killed()
    time.sleep(9)
    reign.ended()

    demand = effective_requests(pod_spec())
    teams = {early: Team(1, demand), late: Team(2, demand)}
    for role in teams:
        said, true = sums(ledger(lab, role)), meter.sums(teams, WHOLE, reign.spans(role))[role]
        _log.info("%s: ledger %s, seen %s", role, said, true)
        assert true.entitled > 3.0
        for name in ("entitled", "held", "deficit"):
            error = abs(getattr(said, name) - getattr(true, name)) / max(true.entitled, true.held)
            assert error <= MOST, f"{role}: {name} is {getattr(said, name):.3f}, not {getattr(true, name):.3f}"
    missed = float(ledger(lab, late)["deficitShareSeconds"])
    assert missed > 0.5, "who came late must have missed something, or nothing was shown"
    operator.start()

"""The figures of a contended cluster, worked out from what a watch and the API server's metrics would say."""

from collections import Counter

import pytest

from tests.bench.contended import DEMANDS, PODS, Outcome, figures, optimum, shares, work, written
from tests.bench.meters import Requests
from tests.bench.watcher import Seen


def _outcome(bound: dict[str, int], counts: dict[tuple[str, str, str], int] | None = None) -> Outcome:
    seen = [Seen(f"{role}/p-{i}", None, 10.0 + i / 1000) for role, number in bound.items() for i in range(number)]
    return Outcome(9.0, 9.5, seen, Requests(Counter(counts or {}), 0), 1.0)


@pytest.mark.parametrize(
    ("memory", "want"),
    [pytest.param(32, 1 / 3, id="CPU alone is scarce"), pytest.param(16, 0.4, id="CPU and memory are scarce")],
)
def test_the_optimum_is_the_one_of_the_fluid(memory: int, want: float) -> None:
    assert optimum(memory) == pytest.approx(dict.fromkeys(DEMANDS, want))


def test_a_share_is_the_larger_of_two_fractions() -> None:
    assert shares({"small": 100, "cores": 100}, 16) == pytest.approx({"small": 0.25, "cores": 0.375, "square": 0})


def test_bindings_reads_and_leases_are_not_writes_about_pending_pods() -> None:
    asked = {
        ("POST", "pods", "binding"): 500,
        ("LIST", "pods", ""): 3,
        ("GET", "nodes", ""): 3,
        ("PUT", "leases", ""): 6,
        ("PATCH", "pods", "status"): 40,
        ("POST", "events", ""): 2,
    }
    assert written(Requests(Counter(asked), 0)).total() == 42


def test_a_round_in_figures() -> None:
    bound = {"small": 267, "cores": 89, "square": 133}
    pending = len(DEMANDS) * PODS - sum(bound.values())
    found = figures(_outcome(bound, {("PATCH", "pods", "status"): 2 * pending}), 32)
    assert found["lowest share"] == pytest.approx(0.3325)
    assert found["worst distance"] == pytest.approx(1 / 3 - 0.3325)
    assert found["CPU used"] == pytest.approx(1.0)
    assert found["writes per pending pod"] == pytest.approx(2.0)
    assert found["seconds to last bind"] == pytest.approx(1.266)
    assert found["of these, since ready"] == pytest.approx(0.766)
    assert found["evictions"] == 0


@pytest.mark.parametrize(
    "request_", [("POST", "pods", "eviction"), ("DELETE", "pods", "")], ids=["an eviction", "a deletion"]
)
def test_whoever_takes_a_pod_away_has_evicted_it(request_: tuple[str, str, str]) -> None:
    assert figures(_outcome({"small": 1}, {request_: 1}), 32)["evictions"] == 1


def test_a_pod_that_went_away_counts_whoever_did_it() -> None:
    found = _outcome({"small": 1})
    found.seen[0].gone = 11.0
    assert figures(found, 32)["evictions"] == 1


def test_nothing_bound_is_no_figure() -> None:
    with pytest.raises(RuntimeError, match="not one pod"):
        figures(_outcome({}), 32)


def test_the_work_of_contenders_differs_in_the_scheduler_alone() -> None:
    ours, theirs = (list(work(contender)) for contender in ("Entresol", "kube-scheduler"))
    assert len(ours) == len(DEMANDS) * PODS
    assert {pod["spec"].pop("schedulerName") for pod in ours} == {"entresol"}
    assert {pod["spec"].pop("schedulerName") for pod in theirs} == {"default-scheduler"}
    assert ours == theirs

"""Percentiles are values that were measured, and a pod without a node is never left out of them."""

import pytest

from tests.bench.latency import ENTRESOL, EXHAUSTED, FLOOD, KUBE, LIMITED, Phase, latencies, percentile
from tests.bench.watcher import Seen


@pytest.mark.parametrize(
    ("values", "percent", "want"),
    [
        pytest.param([7.0], 50, 7.0, id="one value is every percentile"),
        pytest.param([1.0, 2.0, 3.0, 4.0], 50, 2.0, id="half of them do not exceed the second"),
        pytest.param(list(map(float, range(1, 101))), 99, 99.0, id="one in a hundred is above the 99th percentile"),
        pytest.param(list(map(float, range(1, 102))), 99, 100.0, id="rounded towards the worse"),
        pytest.param([1.0, 2.0], 100, 2.0, id="all of them do not exceed the last"),
    ],
)
def test_percentiles(values: list[float], percent: int, want: float) -> None:
    assert percentile(values, percent) == want


def test_latencies_are_in_order() -> None:
    assert latencies([Seen("a/1", 1.0, 3.0), Seen("a/2", 2.0, 3.0)]) == [1.0, 2.0]


def test_a_pod_without_a_node_ends_the_run() -> None:
    with pytest.raises(RuntimeError, match="1 of 2 pods"):
        latencies([Seen("a/1", 1.0, 3.0), Seen("a/2", 2.0)])


def test_a_phase_counts_its_own_pods_alone() -> None:
    phase = Phase("alone", frozenset({"a/1", "a/2"}), cpu=0.004)
    found = phase.figures([Seen("a/1", 1.0, 1.002), Seen("a/2", 1.0, 1.004), Seen("flood/1", 1.0), Seen("a/3", 0, 9)])
    assert found == pytest.approx(
        {"alone, p50, ms": 2.0, "alone, p95, ms": 4.0, "alone, p99, ms": 4.0, "alone, CPU ms per pod": 2.0}
    )


@pytest.mark.parametrize(
    ("contender", "want"), [(ENTRESOL, 1), (KUBE, 0)], ids=["Entresol knows roles", "kube-scheduler knows none"]
)
def test_a_flood_has_a_role_where_roles_are_known(contender: str, want: int) -> None:
    made = [*LIMITED.tenant(contender), *LIMITED.pods(contender)]
    kinds = [one["kind"] for one in made]
    assert kinds.count("FrameworkRole") == want
    assert kinds.count("Pod") == FLOOD


def test_only_one_flood_asks_for_what_is_exhausted() -> None:
    assert "example.com/licence" in EXHAUSTED.resources["requests"]
    assert "example.com/licence" not in LIMITED.resources["requests"]
    assert LIMITED.role["limit"] == {"pods": 10}

"""The independent integral, on a story whose sums can be worked out in the head."""

from dataclasses import astuple

import pytest

from tests.support.arithmetic import amounts
from tests.support.meter import Meter, Sums, Team

WHOLE = amounts({"cpu": "4", "pods": "110"})
TEAMS = {"a": Team(1, amounts({"cpu": "1", "pods": "1"})), "b": Team(1, amounts({"cpu": "1", "pods": "1"}))}


def test_early_and_late() -> None:
    meter = Meter()
    meter.points = [
        (100.0, {"a": (4, 2)}),  # a has everything
        (110.0, {"a": (4, 2), "b": (0, 6)}),  # b comes, and is due a half
        (120.0, {"a": (2, 2), "b": (2, 4)}),  # which it has from here on
        (130.0, {"b": (2, 0)}),  # b wants no more, and a is gone
    ]
    found = meter.sums(TEAMS, WHOLE, [(100.0, 125.0), (130.0, 135.0)])
    assert astuple(found["a"]) == pytest.approx((10.0 + 5.0 + 2.5, 10.0 + 10.0 + 2.5, 0.0))
    assert astuple(found["b"]) == pytest.approx((5.0 + 2.5 + 2.5, 2.5 + 2.5, 5.0))
    assert meter.sums(TEAMS, WHOLE, [])["a"] == Sums(0.0, 0.0, 0.0)


def test_what_waits_what_runs_and_what_has_ended() -> None:
    meter = Meter()
    owner = [{"kind": "Task", "apiVersion": "entresol.dev/v1alpha1", "uid": "t"}]
    metadata = {"uid": "p", "name": "t-1", "namespace": "a", "ownerReferences": owner}
    pod = {
        "metadata": {**metadata, "annotations": {"entresol.dev/role": "a"}},
        "spec": {"schedulerName": "entresol", "nodeName": "n", "containers": []},
        "status": {"phase": "Running"},
    }
    meter.task_seen({"metadata": {"uid": "t", "name": "t", "namespace": "a"}})
    meter.pod_seen(pod)
    meter.pod_seen({**pod, "status": {"phase": "Succeeded"}})
    meter.pod_gone("p")
    meter.task_seen({"metadata": {"uid": "t", "name": "t", "namespace": "a"}, "status": {"state": "TASK_FINISHED"}})
    assert [counts for _, counts in meter.points] == [{"a": (0, 1)}, {"a": (1, 0)}, {}]

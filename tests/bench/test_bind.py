"""The figures of a round are quotients of what was counted between the same two moments."""

import json
from collections import Counter
from pathlib import Path

import pytest

from entresol.kube.names import attempt_in
from tests.bench import tenants
from tests.bench.bind import MAIN, Course, Size, aims, ratios
from tests.bench.meters import Meter, Requests
from tests.bench.record import Record
from tests.bench.watcher import Binds

BIND = ("POST", "pods", "binding")


def counted(bindings: int, events: int) -> Requests:
    return Requests(Counter({BIND: bindings, ("POST", "events", ""): events}), refused=0)


@pytest.fixture
def course() -> Course:
    """A thousand pods in ten seconds, half an Event for each in the window; nobody's CPU moved."""
    meter = Meter(dict.fromkeys(("scheduler", "apiserver", "etcd", "watch"), 1))
    meter.stop()
    asked = {"start": counted(0, 0), "low": counted(60, 10), "high": counted(960, 460), "end": counted(1000, 1000)}
    return Course(99.0, 115.0, Binds([100 + index / 100 for index in range(1000)]), meter, asked)


def test_a_round_in_figures(course: Course) -> None:
    found = course.values(BIND)
    assert found["rate"] == pytest.approx(100)
    assert (found["first_bind_after"], found["settled_after"]) == (1.0, 16.0)
    assert (found["requests"], found["requests_in_all"], found["refused"]) == (1.5, 2.0, 0.0)
    assert found["scheduler_ms"] == 0


def test_what_never_settled_has_no_such_moment(course: Course) -> None:
    never = Course(course.launched, float("nan"), course.binds, course.meter, course.asked)
    assert "settled_after" not in never.values(BIND)


def test_the_main_size_has_the_bare_name_and_what_is_missing_is_not_measured(tmp_path: Path) -> None:
    record = Record("bind", tmp_path)
    for size in (MAIN, "5000x20000"):
        record.round(f"kube_scheduler {size}", {"rate": 400.0})
        record.round(f"entresol_pods {size}", {"rate": 1400.0, "scheduler_ms": 0.4, "requests": 1.2})
    found = aims(record, ratios(record))
    kept = record.as_json(found)
    assert kept["ratios"] == {
        "entresol_pods_vs_kube_scheduler": 3.5,
        "entresol_pods_vs_kube_scheduler_at_5000x20000": 3.5,
    }
    assert [aim.reached for aim in found] == [True, True, None, None, None, True, False, None]


def test_a_size_is_read_as_it_is_written() -> None:
    assert str(Size.parse("200x1000")) == "200x1000"


def test_pods_and_tasks_of_an_item_ask_for_the_same() -> None:
    plain = [pod["spec"]["containers"] for pod in tenants.pods(20, tenants.ENTRESOL)]
    assert plain == [task["spec"]["template"]["spec"]["containers"] for task in tenants.tasks(20)]


def test_bare_clients_send_what_the_product_would() -> None:
    listed = [{"metadata": {"namespace": "team-1", "name": "p", "uid": "u"}}] * 3
    found = list(tenants.bindings(listed, ["a", "b"]))
    assert [json.loads(bytes(each.body))["target"]["name"] for each in found] == ["a", "b", "a"]
    assert found[0].path == "/api/v1/namespaces/team-1/pods/p/binding"
    pods = [json.loads(bytes(each.body)) for each in tenants.launches(3, ["a", "b"])]
    assert [pod["spec"]["nodeName"] for pod in pods] == ["a", "b", "a"]
    owners = [pod["metadata"]["ownerReferences"][0]["uid"] for pod in pods]
    assert [attempt_in(pod["metadata"]["name"], uid) for pod, uid in zip(pods, owners, strict=True)] == [1, 1, 1]

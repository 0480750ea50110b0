"""The table of metrics, its page, and what the log looks like."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from devcluster import binaries
from entresol import gauges
from entresol.allocator.shares import Dominant
from entresol.engine.effects import Announce, AttemptEnded
from entresol.engine.events import Launched, LaunchRefused, PodsListed, Refusal, Synced, Ticked
from entresol.engine.status import FrameworkStatus, RoleStatus, Summary
from entresol.gauges import COUNTER, GAUGE, Picture, Row, Standing, Stream
from entresol.metrics import TABLE, Metrics, page
from entresol.model.accounts import Account
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId, TaskId
from entresol.model.resources import Resources
from entresol.model.tasks import FAILED, FINISHED, Attempt
from entresol.runtime import journal
from entresol.runtime.observe import Observer
from entresol.settings import LOG_FORMATS
from tests.shell.operating import empty_picture

ROOT = Path(__file__).resolve().parent.parent.parent
ALLOWED_LABELS = {
    "charged", "code", "event", "framework", "kind", "outcome", "reason", "refusal", "resource", "role", "state", "unit", "verb", "version",
}  # fmt: skip
SOME = Resources.of({"cpu": 1500, "memory": 2**30, "pods": 3, "nvidia.com/gpu": 1})


def full_picture() -> Picture:
    role = RoleStatus(
        id=RoleId("team"), weight=2, held=SOME, wanted=SOME, share=Dominant("cpu", 0.25), entitlement=0.5, floor=0.5,
        waiting=4, frameworks=1, oldest_wait=12.5, placeable=3, guarantee_unmet=True,
        account=Account(since=0.0, as_of=100.0, entitled=50.0, held=25.0, deficit=20.0),
    )  # fmt: skip
    framework = FrameworkStatus(
        id=FrameworkId("team/batch"), role=RoleId("team"), counts={"TASK_RUNNING": 3}, held=SOME,
        share=Dominant("cpu", 0.25), entitlement=0.5,
    )  # fmt: skip
    summary = Summary(
        roles=(role,), frameworks=(framework,), reasons={(FrameworkId("team/batch"), "NoRoomNow"): 4}, agents=2,
        totals=SOME, offers=0, launches=1, leaderless=7.5,
    )  # fmt: skip
    stream = Stream(age=0.5, objects=3, lists=1, restarts=2, malformed=1)
    leads = Standing(leads=True, age=1.5)
    return Picture(
        summary=summary, recovering=False, deeds=1, streams={"pods": stream}, drift={"pods": 2}, standing=leads
    )


def samples(some: Metrics) -> dict[str, float]:
    lines = [line for line in some.render().decode().splitlines() if not line.startswith("#")]
    return {head: float(value) for head, _, value in (line.rpartition(" ") for line in lines)}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_metric_follows_the_conventions(row: Row) -> None:
    assert row.name.startswith("entresol_")
    assert (row.name.endswith("_total")) is (row.kind == COUNTER)
    assert row.help.endswith(".")
    assert set(row.labels) <= ALLOWED_LABELS, "labels must be few and bounded: never a task, a pod or an offer"


def test_gauges_show_the_picture_in_base_units() -> None:
    shown = samples(Metrics(full_picture))
    assert shown['entresol_role_allocated_resources{resource="cpu",role="team",unit="core"}'] == 1.5
    assert shown['entresol_role_allocated_resources{resource="memory",role="team",unit="byte"}'] == 2**30
    assert shown['entresol_role_waiting_resources{resource="nvidia.com/gpu",role="team",unit="integer"}'] == 1
    assert shown['entresol_role_entitlement_ratio{role="team"}'] == 0.5
    assert shown['entresol_role_oldest_waiting_seconds{role="team"}'] == 12.5
    assert shown['entresol_framework_tasks{framework="team/batch",role="team",state="TASK_RUNNING"}'] == 3
    assert shown['entresol_waiting_tasks{framework="team/batch",reason="NoRoomNow"}'] == 4
    assert shown['entresol_watch_restarts_total{kind="pods"}'] == 2
    assert shown["entresol_recovering"] == 0
    assert shown['entresol_drift_objects{kind="pods"}'] == 2


def test_the_fairness_ledger_is_shown_in_share_seconds() -> None:
    shown = samples(Metrics(full_picture))
    assert shown['entresol_role_placeable_tasks{role="team"}'] == 3
    assert shown['entresol_role_guarantee_unmet{role="team"}'] == 1
    assert shown['entresol_role_entitled_share_seconds_total{role="team"}'] == 50.0
    assert shown['entresol_role_held_share_seconds_total{role="team"}'] == 25.0
    assert shown['entresol_role_deficit_share_seconds_total{role="team"}'] == 20.0
    assert shown["entresol_ledger_leaderless_seconds_total"] == 7.5


def test_a_standby_shows_what_is_its_own_and_nothing_of_the_cluster() -> None:
    stream = Stream(age=0.5, objects=3, lists=1, restarts=2, malformed=1)
    standing = Standing(leads=False)
    picture = Picture(summary=None, recovering=True, deeds=0, streams={"pods": stream}, standing=standing)
    shown = samples(Metrics(lambda: picture))
    assert shown["entresol_leader"] == 0
    assert shown['entresol_watch_age_seconds{kind="pods"}'] == 0.5
    own = {head.partition("{")[0] for head in shown if head.startswith("entresol_")}
    assert "entresol_build_info" in own
    assert not own & {
        "entresol_agents",
        "entresol_recovering",
        "entresol_lease_age_seconds",
        "entresol_deeds_under_way",
    }
    assert not {name for name in own if name.startswith(("entresol_role_", "entresol_framework_", "entresol_cluster_"))}


def test_every_metric_of_the_table_is_exported() -> None:
    some = Metrics(full_picture)
    for row in TABLE:
        if row.kind != GAUGE and row not in gauges.TABLE:
            labels = ["x"] * len(row.labels)
            some.add(row, *labels) if row.kind == COUNTER else some.observe(row, 0.5, *labels)
    text = some.render().decode()
    assert [row.name for row in TABLE if f"\n{row.name}" not in text] == []


def test_a_series_vanishes_with_what_it_spoke_of() -> None:
    pictures = [full_picture(), empty_picture()]
    some = Metrics(lambda: pictures.pop(0))
    assert 'role="team"' in some.render().decode()
    assert 'role="team"' not in some.render().decode()


def test_the_exposition_satisfies_promtool() -> None:
    promtool = binaries.promtool()
    text = Metrics(full_picture).render()
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_the_page_is_fresh() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == page(), "run `make docs`"
    printed = subprocess.run([sys.executable, "-m", "entresol.metrics"], capture_output=True, check=True, text=True)
    assert printed.stdout == page()


# --- observation ---


def test_what_happens_is_counted() -> None:
    some = Metrics(empty_picture)
    observer = Observer(some)
    observer.handled(Launched(TaskId("t"), 1, PodId("p"), SOME), (), 0.001)
    observer.handled(LaunchRefused(TaskId("t"), 1, Refusal.QUOTA, "full"), (), 0.001)
    for state, charged in ((FAILED, True), (FINISHED, False)):
        ended = Attempt(number=1, state=state, reason="Error", agent=AgentId("n1"), charged=charged)
        observer.handled(Ticked(), (Announce(TaskId("t"), AttemptEnded(ended)),), 0.001)
    observer.cycled(5, 0.01, 0.005)
    observer.cycled(0, 0.01, 0.005)
    shown = samples(some)
    assert shown["entresol_launched_total"] == 1
    assert shown['entresol_launches_refused_total{refusal="QuotaExceeded"}'] == 1
    assert shown['entresol_attempts_ended_total{charged="true",state="TASK_FAILED"}'] == 1
    assert shown['entresol_engine_events_total{event="Ticked"}'] == 2
    assert shown["entresol_grants_total"] == 5
    assert shown["entresol_cycle_seconds_count"] == 2


def test_the_log_tells_what_is_rare_and_not_what_is_many(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    observer = Observer(Metrics(empty_picture))
    observer.handled(Synced(), (), 0.0)
    observer.handled(Launched(TaskId("t"), 1, PodId("p"), SOME), (), 0.0)
    observer.handled(PodsListed(0.0, frozenset()), (), 0.0)
    observer.handled(LaunchRefused(TaskId("t"), 2, Refusal.INVALID, "no image"), (), 0.0)
    assert [record.message for record in caplog.records] == [
        "the whole cluster is listed; allocation begins",
        "attempt 2 of task t was refused (Invalid): no image",
    ]
    caplog.set_level(logging.DEBUG)
    observer.handled(Ticked(), (), 0.0)
    assert caplog.records[-1].message == "Ticked() -> []"


@pytest.mark.parametrize("style", LOG_FORMATS)
def test_log_lines_look_as_they_were_asked_to(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        journal.configure("warning", style)
        logging.getLogger("some.where").info("not this")
        logging.getLogger("some.where").warning("a %s happened", "thing")
        error = ZeroDivisionError("by zero")
        logging.getLogger("some.where").error("and this", exc_info=error)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.getLogger("kopf.objects").setLevel(logging.NOTSET)
    lines = capsys.readouterr().err.splitlines()
    if style == "json":
        first, second = map(json.loads, lines)
        assert (first["level"], first["logger"], first["message"]) == ("warning", "some.where", "a thing happened")
        assert "ZeroDivisionError: by zero" in second["exception"]
    else:
        assert lines[0].endswith("WARNING some.where: a thing happened")
        assert lines[-1] == "ZeroDivisionError: by zero"

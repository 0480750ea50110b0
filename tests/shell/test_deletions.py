"""Deletions are repeated until they are done, and spare namesakes."""

import logging

import pytest

from entresol.engine.effects import DeletePod, DeleteTask
from entresol.engine.events import Launched, Refusal
from entresol.kube.resources import PODS, TASKS
from entresol.model.identifiers import PodId, TaskId
from entresol.runtime.refusals import Refused
from tests.shell.executing import LOST_AFTER, LOST_BEFORE, Bench, create
from tests.support.fake_faults import Fault, Refuse

DELETIONS: dict[str, tuple[Fault, ...]] = {
    "nothing goes wrong": (),
    "the server is away": (LOST_BEFORE, Refuse(500), Refuse(503)),
    "the connection breaks after": (LOST_AFTER,),
    "the server is busy": (Refuse(429, retry_after=0),),
}


@pytest.mark.parametrize("faults", DELETIONS.values(), ids=DELETIONS)
async def test_a_deletion_is_repeated_until_it_is_done(bench: Bench, faults: tuple[Fault, ...]) -> None:
    pod = await bench.make_pod()
    bench.cluster.trouble("delete", *faults)
    assert await bench.end(DeletePod(PodId(pod), "team/web")) == []
    assert bench.cluster.objects(PODS) == []


async def test_a_pod_is_deleted_before_the_watch_has_shown_it(bench: Bench) -> None:
    """The engine may not know its name yet."""
    task = await bench.make_task()
    (outcome,) = await bench.end(create(task))
    assert isinstance(outcome, Launched)
    await bench.end(DeletePod(outcome.pod, "", grace=0))
    assert bench.cluster.objects(PODS) == []
    assert bench.cluster.seen[-1].body["gracePeriodSeconds"] == 0


async def test_a_namesake_of_a_deleted_pod_is_spared(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await bench.make_pod()
    await bench.end(DeletePod(PodId("another"), "team/web"))
    assert len(bench.cluster.objects(PODS)) == 1
    assert caplog.records == []


async def test_a_deletion_that_is_forbidden_is_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    pod = await bench.make_pod()
    bench.cluster.trouble("delete", Refuse(403, "Forbidden", "no such right"))
    await bench.end(DeletePod(PodId(pod), "team/web"), DeletePod(PodId("unknown"), ""))
    assert [record.message for record in caplog.records] == [
        "pod unknown cannot be deleted: it was never seen",
        "team/web cannot be deleted: no such right",
    ]


async def test_a_task_is_deleted_by_its_uid_once_its_end_is_written(bench: Bench) -> None:
    task = await bench.make_task()
    await bench.end(DeleteTask(task), DeleteTask(TaskId("nobody")))
    assert bench.cluster.objects(TASKS) == []
    assert bench.places == ["record"]


async def test_a_task_whose_end_cannot_be_written_is_deleted_all_the_same(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    task = await bench.make_task()
    bench.refused = Refused(Refusal.INVALID, "status.message: too long")
    caplog.set_level(logging.INFO)
    await bench.end(DeleteTask(task))
    assert bench.cluster.objects(TASKS) == []
    assert "team/one is deleted before its end was written: status.message: too long" in caplog.text

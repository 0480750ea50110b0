"""Whose fault an attempt's end was: the table, row by row."""

import pytest

from entresol.engine.attempts import judge, word
from entresol.model import tasks
from entresol.model.identifiers import PodId
from entresol.model.tasks import Ending, Phase, Pod
from tests.engine.story import amounts

CASES = {
    "a pod that succeeded has finished": (
        Phase.SUCCEEDED,
        Ending(exit_code=0),
        False,
        tasks.FINISHED,
        False,
        "Completed",
    ),
    "success counts although its node was being drained": (
        Phase.SUCCEEDED,
        Ending(disruption="EvictionByEvictionAPI"),
        True,
        tasks.FINISHED,
        False,
        "Completed",
    ),
    "a killed child in a pod that succeeded changes nothing": (
        Phase.SUCCEEDED,
        Ending(container_reason="OOMKilled", exit_code=0),
        False,
        tasks.FINISHED,
        False,
        "Completed",
    ),
    "a pod that vanished while running is lost": (Phase.RUNNING, Ending(), False, tasks.LOST, False, "PodGone"),
    "eviction through the API is not charged": (
        Phase.FAILED,
        Ending(disruption="EvictionByEvictionAPI", exit_code=137),
        False,
        tasks.LOST,
        False,
        "EvictionByEvictionAPI",
    ),
    "a taint that threw it out is not charged": (
        Phase.FAILED,
        Ending(disruption="DeletionByTaintManager"),
        True,
        tasks.LOST,
        False,
        "DeletionByTaintManager",
    ),
    "a kubelet without CPU left drops it": (
        Phase.FAILED,
        Ending(reason="OutOfcpu"),
        False,
        tasks.DROPPED,
        False,
        "OutOfcpu",
    ),
    "a kubelet without GPUs left drops it too": (
        Phase.FAILED,
        Ending(reason="OutOfnvidia.com/gpu"),
        False,
        tasks.DROPPED,
        False,
        "OutOfnvidia.com/gpu",
    ),
    "a refused pod stays refused after the kubelet restarted": (
        Phase.FAILED,
        Ending(reason="OutOfmemory", container_reason="ContainerStatusUnknown", exit_code=137),
        False,
        tasks.DROPPED,
        False,
        "OutOfmemory",
    ),
    "a wrong node affinity drops it": (
        Phase.FAILED,
        Ending(reason="NodeAffinity"),
        False,
        tasks.DROPPED,
        False,
        "NodeAffinity",
    ),
    "node pressure loses it": (
        Phase.FAILED,
        Ending(reason="Evicted", disruption="TerminationByKubelet", exit_code=137),
        False,
        tasks.LOST,
        False,
        "TerminationByKubelet",
    ),
    "more storage than its limits allow is charged": (
        Phase.FAILED,
        Ending(reason="Evicted", exit_code=137, container_reason="Error"),
        False,
        tasks.FAILED,
        True,
        "Evicted",
    ),
    "a node that shuts down loses it": (
        Phase.FAILED,
        Ending(reason="NodeShutdown"),
        False,
        tasks.LOST,
        False,
        "NodeShutdown",
    ),
    "its own deadline is charged": (
        Phase.FAILED,
        Ending(reason="DeadlineExceeded", exit_code=137),
        False,
        tasks.FAILED,
        True,
        "DeadlineExceeded",
    ),
    "exit 143 under deletion is the deletion's doing": (
        Phase.FAILED,
        Ending(exit_code=143, container_reason="Error"),
        True,
        tasks.LOST,
        False,
        "Error",
    ),
    "exit 3 is charged": (
        Phase.FAILED,
        Ending(exit_code=3, container_reason="Error"),
        False,
        tasks.FAILED,
        True,
        "Error",
    ),
    "out of memory is charged": (
        Phase.FAILED,
        Ending(exit_code=137, container_reason="OOMKilled"),
        False,
        tasks.FAILED,
        True,
        "OOMKilled",
    ),
    "a failure without any word is charged": (Phase.FAILED, Ending(), False, tasks.FAILED, True, "Error"),
    "a deletion without any word is a deletion": (Phase.FAILED, Ending(), True, tasks.LOST, False, "Deleted"),
}


@pytest.mark.parametrize(
    ("phase", "ending", "deleting", "want_state", "want_charged", "want_word"), CASES.values(), ids=CASES.keys()
)
def test_end(phase: Phase, ending: Ending, deleting: bool, want_state: str, want_charged: bool, want_word: str) -> None:
    """The first row that applies decides."""
    pod = Pod(id=PodId("p"), name="a/p", demand=amounts(1), phase=phase, ending=ending, deleting=deleting)
    verdict = judge(pod)
    assert (verdict.state, verdict.charged, word(pod)) == (want_state, want_charged, want_word)

"""How an attempt ended, and whose fault it was: one table, read from the top.

A container that fails is the user's failure and counts against `maxAttempts`. Whatever ended the pod from outside
(eviction, a lost node, a kubelet that refused it, a deletion) does not. The order matters: a killed container shows
exit code 137 whoever killed it, so what the cluster says of the pod comes before what its containers say; and a pod
that succeeded did so even if its node was being drained (decisions.md 10; the kubelet's words were seen on a real one).

`Evicted` is said of two things. A node that runs short evicts whom it likes and says that it disrupted the pod; that is
nobody's failure. A pod that used more storage than its own limits allow is evicted without such a condition; that is
the storage's OOM kill, and were it not charged the Task would be tried for ever.
"""

from collections.abc import Callable
from typing import NamedTuple

from entresol.model import tasks
from entresol.model.tasks import Ending, Phase, Pod

REFUSED_BY_KUBELET = frozenset(
    {"NodeAffinity", "NodePorts", "TaintToleration", "UnexpectedAdmissionError", "OutOfcpu", "OutOfmemory", "OutOfpods"}
)
"""`status.reason` of a pod that the kubelet never started; other resources follow the same pattern, `OutOf…`."""

ENDED_FROM_OUTSIDE = frozenset({"NodeLost", "NodeShutdown", "Terminated", "Shutdown", "Preempting"})
"""`status.reason` of a pod that ran and was ended by its node."""


class Verdict(NamedTuple):
    """The attempt's Mesos state, and whether the user is charged for it."""

    state: str
    charged: bool


class Row(NamedTuple):
    """One line of the table."""

    case: str
    applies: Callable[[Pod], bool]
    verdict: Verdict


TABLE: tuple[Row, ...] = (
    Row("it succeeded", lambda pod: pod.phase is Phase.SUCCEEDED, Verdict(tasks.FINISHED, charged=False)),
    Row("it vanished without an end", lambda pod: not pod.over, Verdict(tasks.LOST, charged=False)),
    Row("something disrupted it", lambda pod: bool(pod.ending.disruption), Verdict(tasks.LOST, charged=False)),
    Row(
        "the kubelet refused it",
        lambda pod: pod.ending.reason in REFUSED_BY_KUBELET or pod.ending.reason.startswith("OutOf"),
        Verdict(tasks.DROPPED, charged=False),
    ),
    Row("its node ended it", lambda pod: pod.ending.reason in ENDED_FROM_OUTSIDE, Verdict(tasks.LOST, charged=False)),
    Row("it used too much storage", lambda pod: pod.ending.reason == "Evicted", Verdict(tasks.FAILED, charged=True)),
    Row("it ran too long", lambda pod: pod.ending.reason == "DeadlineExceeded", Verdict(tasks.FAILED, charged=True)),
    Row("somebody deleted it", lambda pod: pod.deleting, Verdict(tasks.LOST, charged=False)),
    Row("a container failed", lambda _: True, Verdict(tasks.FAILED, charged=True)),
)


def judge(pod: Pod) -> Verdict:
    """The verdict on a pod that is over, or gone as last seen."""
    return next(row.verdict for row in TABLE if row.applies(pod))


def word(pod: Pod) -> str:
    """The most telling single word for how a pod ended."""
    ending: Ending = pod.ending
    if pod.phase is Phase.SUCCEEDED:
        return "Completed"
    if not pod.over:
        return ending.disruption or "PodGone"
    return ending.disruption or ending.reason or ending.container_reason or ("Deleted" if pod.deleting else "Error")

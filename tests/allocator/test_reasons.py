"""Why a class finds no room: every agent under the first thing that stands in its way."""

from dataclasses import replace

import pytest

from entresol.allocator.plan import OverLimit
from entresol.allocator.snapshot import AgentView, ClusterSnapshot
from entresol.model.constraints import Barrier, Effect, Exclusion, HostPort, Taint
from entresol.model.reasons import Shortage
from entresol.model.work import TaskClass
from tests.support.builders import Batch, agent, batch, cluster, framework, resources, role, run, work

FULL = resources(cpu=10)


def out(barrier: Barrier, detail: str = "", count: int = 1) -> tuple[Exclusion, int]:
    return Exclusion(barrier, detail), count


CASES: dict[str, tuple[TaskClass, list[AgentView], Shortage, bool]] = {
    # sentence: (class, agents, why, whether it never fits)
    "no agents at all": (work(cpu=1), [], Shortage(), True),
    "too small, by the first resource that lacks": (
        work(cpu=50, memory=50),
        [agent("n1", cpu=10, memory=10), agent("n2", cpu=99, memory=10)],
        Shortage(agents=2, too_small=(("cpu", 1), ("memory", 1))),
        True,
    ),
    "a resource that no agent has": (
        work(cpu=1, gpu=1),
        [agent("n1", cpu=10), agent("n2", cpu=10)],
        Shortage(agents=2, too_small=(("nvidia.com/gpu", 2),)),
        True,
    ),
    "busy": (
        work(cpu=5),
        [agent("n1", used=FULL, cpu=10)],
        Shortage(agents=1, busy=(("cpu", 1),)),
        False,
    ),
    "busy and too small count apart, the larger number first": (
        work(cpu=5, memory=5),
        [
            agent("n1", used=FULL, cpu=10, memory=10),
            agent("n2", used=resources(memory=9), cpu=10, memory=10),
            agent("n3", used=resources(memory=9), cpu=10, memory=10),
            agent("n4", cpu=10, memory=1),
        ],
        Shortage(agents=4, too_small=(("memory", 1),), busy=(("memory", 2), ("cpu", 1))),
        False,
    ),
    "closed, tainted, and the wrong labels": (
        work(cpu=1, selector={"disk": "ssd"}),
        [
            agent("n1", is_open=False, cpu=9, labels={"disk": "ssd"}),
            agent("n2", taints=["dedicated"], cpu=9, labels={"disk": "ssd"}),
            agent("n3", cpu=9, labels={"disk": "hdd"}),
            agent("n4", cpu=9),
        ],
        Shortage(
            agents=4,
            excluded=(out(Barrier.SELECTOR, "disk=ssd", 2), out(Barrier.CLOSED), out(Barrier.TAINT, "dedicated")),
        ),
        True,
    ),
    "outside the framework's partition": (
        work(cpu=1, partition={"pool": "red"}),
        [agent("n1", cpu=9, labels={"pool": "blue"})],
        Shortage(agents=1, excluded=(out(Barrier.PARTITION, "pool=red"),)),
        True,
    ),
    "an excluded agent is not counted again for its size": (
        work(cpu=50),
        [agent("n1", taints=["dedicated"], cpu=1)],
        Shortage(agents=1, excluded=(out(Barrier.TAINT, "dedicated"),)),
        True,
    ),
    "a host port that is taken passes": (
        work(cpu=1, ports=[80, HostPort(53, "UDP")]),
        [agent("n1", cpu=9, ports=[80]), agent("n2", cpu=9, ports=[HostPort(53, "UDP")])],
        Shortage(agents=2, excluded=(out(Barrier.PORT, "53/UDP"), out(Barrier.PORT, "80/TCP"))),
        False,
    ),
    "a taken port on an agent that is too small is no hope": (
        work(cpu=50, ports=[80]),
        [agent("n1", cpu=9, ports=[80])],
        Shortage(agents=1, too_small=(("cpu", 1),)),
        True,
    ),
    "an agent that is avoided passes": (
        work(cpu=1, avoid=["n1", "gone"]),
        [agent("n1", cpu=9)],
        Shortage(agents=1, excluded=(out(Barrier.AVOIDED),)),
        False,
    ),
    "an agent that is avoided and tainted does not": (
        work(cpu=1, avoid=["n1"]),
        [agent("n1", cpu=9, taints=[Taint("dedicated", "", Effect.NO_EXECUTE)])],
        Shortage(agents=1, excluded=(out(Barrier.TAINT, "dedicated"),)),
        True,
    ),
}


@pytest.mark.parametrize(("shape", "machines", "want", "never"), CASES.values(), ids=CASES.keys())
def test_shortage(shape: TaskClass, machines: list[AgentView], want: Shortage, never: bool) -> None:
    (passed,) = run(cluster(machines, framework("f", Batch(2, shape)))).final.passes
    assert (passed.framework, passed.work, passed.verdict) == ("team/f", shape, want)
    assert want.never is never


def test_what_the_cycle_itself_granted_makes_busy() -> None:
    final = run(cluster([agent("n", cpu=9)], framework("f", Batch(9, work(cpu=2, ports=[80]))))).final
    assert final.passes[0].verdict == Shortage(agents=1, excluded=(out(Barrier.PORT, "80/TCP"),))
    final = run(cluster([agent("n", cpu=9)], framework("f", batch(9, cpu=2)))).final
    assert final.passes[0].verdict == Shortage(agents=1, busy=(("cpu", 1),))


def test_what_a_framework_refused_is_said_and_passes() -> None:
    snapshot = cluster(
        [agent("n", cpu=9), agent("o", cpu=1)],
        framework("f", batch(9, cpu=2), external=True),
        refusals={"f": {"n": [resources(cpu=5)], "o": [resources(cpu=5)]}},
    )
    (passed,) = run(snapshot).final.passes
    assert passed.verdict == Shortage(agents=2, excluded=(out(Barrier.REFUSED),), too_small=(("cpu", 1),))
    assert isinstance(passed.verdict, Shortage)
    assert not passed.verdict.never


OVER: dict[str, tuple[ClusterSnapshot, tuple[str, ...]]] = {
    "the limited resource is named": (
        cluster([agent("n", cpu=9)], framework("f", batch(9, cpu=2)), roles=[role("f", limit={"cpu": 3})]),
        ("cpu",),
    ),
    "all that would be passed, in alphabetical order": (
        cluster(
            [agent("n", cpu=9)],
            framework("f", batch(9, memory=9, cpu=9)),
            roles=[role("f", limit={"memory": 3, "cpu": 3, "pods": 0})],
        ),
        ("cpu", "memory"),
    ),
    "the limit comes before the lack of room, for room would not help": (
        cluster([agent("n", cpu=1)], framework("f", batch(9, cpu=2)), roles=[role("f", limit={"cpu": 1})]),
        ("cpu",),
    ),
}


@pytest.mark.parametrize(("snapshot", "want"), OVER.values(), ids=OVER.keys())
def test_over_limit(snapshot: ClusterSnapshot, want: tuple[str, ...]) -> None:
    (passed,) = run(snapshot).final.passes
    assert passed.verdict == OverLimit(want)


def test_every_class_of_every_framework_is_explained_once_in_order() -> None:
    shape, other = work(cpu=9), work(cpu=8)
    snapshot = cluster(
        [agent("n", cpu=1)],
        framework("b", Batch(2, shape)),
        framework("a", Batch(2, shape, created=5), Batch(2, other)),
    )
    passes = run(snapshot).final.passes
    assert [(each.framework, each.work) for each in passes] == [("team/a", other), ("team/a", shape), ("team/b", shape)]
    verdicts = [each.verdict for each in passes]
    assert verdicts[1] is verdicts[2], "one diagnosis serves every framework that waits for the class"


def test_a_class_that_is_done_is_not_explained() -> None:
    assert run(cluster([agent("n", cpu=9)], framework("f", batch(2, cpu=1)))).final.passes == ()


def test_an_empty_queue_is_nothing() -> None:
    view = framework("f", batch(0, cpu=1))
    assert replace(view, queues=()).queues == ()
    outcome = run(cluster([agent("n", cpu=9)], view))
    assert (outcome.grants, outcome.final.passes, outcome.final.standings) == ((), (), ())

"""What is remembered between cycles, and that it is remembered: identity decides, and what is not used is forgotten."""

from dataclasses import replace

import pytest

from entresol.allocator.memo import GENERATION, SPARE_NAMES, Cache
from entresol.allocator.snapshot import AgentView, ClusterSnapshot
from entresol.model.constraints import Exclusion
from entresol.model.work import TaskClass
from tests.support.builders import Batch, agent, agents, batch, cluster, framework, resources, run, work

SHAPE = work(cpu=1, selector={"zone": "a"})
MACHINES = [agent(f"n{i}", cpu=4, labels={"zone": "a"}) for i in range(6)]
SNAPSHOT = cluster(MACHINES, framework("f", Batch(9, SHAPE)))


def reopen(cache: Cache, snapshot: ClusterSnapshot) -> None:
    for _ in cache.open(snapshot):
        pass


def opened(*snapshots: ClusterSnapshot) -> Cache:
    cache = Cache()
    for snapshot in snapshots:
        reopen(cache, snapshot)
    return cache


def with_agents(views: list[AgentView]) -> ClusterSnapshot:
    return replace(SNAPSHOT, agents=tuple(sorted(views, key=lambda view: view.agent.id)))


def test_equal_classes_are_one_kind_and_a_known_object_is_not_hashed_again() -> None:
    cache = opened(SNAPSHOT)
    twin = work(cpu=1, selector={"zone": "a"})
    assert cache.kind(SHAPE) is cache.kind(twin)
    assert cache.kind(SHAPE).work is SHAPE


def test_classes_that_differ_in_amounts_stand_on_one_ground() -> None:
    cache = opened(SNAPSHOT)
    assert cache.kind(SHAPE).ground is cache.kind(work(cpu=2, selector={"zone": "a"}, ports=[80])).ground
    assert cache.kind(SHAPE).ground is not cache.kind(work(cpu=1)).ground


def test_agents_that_did_not_change_are_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    honest = TaskClass.exclusion

    def counted(self: TaskClass, this: object) -> Exclusion | None:
        asked.append(this.id)  # type: ignore[attr-defined]
        return honest(self, this)  # type: ignore[arg-type]

    monkeypatch.setattr(TaskClass, "exclusion", counted)
    cache = Cache()
    run(SNAPSHOT, cache=cache)
    assert sorted(asked) == [f"n{i}" for i in range(6)]
    asked.clear()
    changed = list(MACHINES)
    changed[2] = replace(MACHINES[2], agent=replace(MACHINES[2].agent, attributes={"zone": "b"}))
    changed[3] = replace(MACHINES[3], free=resources(cpu=1))
    run(with_agents(changed), cache=cache)
    assert asked == ["n2"], "labels make an agent another; free room does not"
    asked.clear()
    run(with_agents([*changed[1:], agent("n00", cpu=3)]), cache=cache)
    assert asked == ["n00"], "who only moved is not asked either"


ROWS = {
    "nothing changed": ([0, 1, 2, 3], []),
    "one agent has less room": ([0, 9, 2, 3], [1]),
    "the first leaves": ([1, 2, 3], []),
    "one joins in between": ([0, 1, 10, 2, 3], [2]),
}


@pytest.mark.parametrize(("now", "want"), ROWS.values(), ids=ROWS.keys())
def test_rows_of_agents_that_did_not_change_are_kept(now: list[int], want: list[int]) -> None:
    views = {i: MACHINES[i] for i in range(4)} | {
        9: replace(MACHINES[1], free=resources(cpu=1)),
        10: agent("n1x", cpu=2),
    }
    cache = opened(with_agents(MACHINES[:4]))
    rows = {id(row) for row in cache.matrix.rows}
    reopen(cache, with_agents([views[i] for i in now]))
    assert [i for i, row in enumerate(cache.matrix.rows) if id(row) not in rows] == want
    assert [cache.matrix.rows[i][0] for i in want] == [1] * (9 in now) + [2] * (10 in now)


def test_a_resource_that_nobody_named_before_gets_a_position() -> None:
    more = cluster(MACHINES, framework("f", batch(1, cpu=1, fpga=1)))
    names = [opened(SNAPSHOT).axes.names, opened(SNAPSHOT, more).axes.names]
    assert names == [("cpu",), ("cpu", "example.com/fpga")]
    assert opened(SNAPSHOT, more, SNAPSHOT).axes.names == names[1], "a few that nobody names now do no harm"


def test_positions_nobody_names_are_taken_back_when_there_are_many() -> None:
    many = resources(**{f"r{i}": 1 for i in range(SPARE_NAMES + 1)})
    cache = opened(SNAPSHOT, cluster(MACHINES, framework("f", batch(1, many))))
    assert len(cache.axes.names) == SPARE_NAMES + 2
    reopen(cache, SNAPSHOT)
    assert cache.axes.names == ("cpu",)


def test_a_class_nobody_asks_about_is_forgotten_and_one_in_use_is_not() -> None:
    cache = opened(SNAPSHOT)
    used, unused = cache.kind(SHAPE), cache.kind(work(cpu=3, selector={"zone": "b"}))
    for _ in range(2 * GENERATION):
        reopen(cache, SNAPSHOT)
        cache.kind(SHAPE)
    assert cache.kind(SHAPE) is used
    assert cache.kind(work(cpu=3, selector={"zone": "b"})) is not unused


RED, BLUE = {"zone": "a"}, {"zone": "b"}


def relabelled(view: AgentView, labels: dict[str, str]) -> AgentView:
    return replace(view, agent=replace(view.agent, attributes=labels))


def with_gpu(view: AgentView, **size: int) -> AgentView:
    whole = resources(cpu=9, **size)
    return replace(view, agent=replace(view.agent, allocatable=whole), free=whole)


IDLE = replace(SNAPSHOT, frameworks=())
FIRST_BLUE = relabelled(MACHINES[0], BLUE)
SEQUENCES = {
    "one leaves as another joins": [
        with_agents([FIRST_BLUE, *MACHINES[1:4]]),
        with_agents(MACHINES[1:5]),
        with_agents([FIRST_BLUE, *MACHINES[2:5]]),
    ],
    "an agent changes while nobody looks, and then all move": [
        SNAPSHOT,
        replace(IDLE, agents=(FIRST_BLUE, *MACHINES[1:])),
        replace(IDLE, agents=(FIRST_BLUE, *MACHINES[2:])),
        with_agents([FIRST_BLUE, *MACHINES[2:]]),
    ],
    "an agent gets a scarce resource and loses it again": [
        with_agents([with_gpu(MACHINES[0]), MACHINES[1]]),
        with_agents([with_gpu(MACHINES[0], gpu=1), MACHINES[1]]),
        with_agents([with_gpu(MACHINES[0]), MACHINES[1]]),
    ],
    "the last one is added": [with_agents(MACHINES[:3]), with_agents(MACHINES[:4])],
}


@pytest.mark.parametrize("snapshots", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_what_is_remembered_follows_when(snapshots: list[ClusterSnapshot]) -> None:
    cache = Cache()
    for snapshot in snapshots:
        assert run(snapshot, cache=cache).steps == run(snapshot).steps


def test_all_agents_may_leave_and_return() -> None:
    cache = Cache()
    nobody = with_agents([])
    for snapshot in (SNAPSHOT, nobody, SNAPSHOT, with_agents(agents(3, cpu=1)), SNAPSHOT):
        assert run(snapshot, cache=cache).steps == run(snapshot).steps

"""Which waiting tasks stay within their role's limit: the merge of queues says what going through all in order says."""

from hypothesis import given
from hypothesis import strategies as some

from entresol.allocator.snapshot import Queue
from entresol.engine.cycle import within
from entresol.model.identifiers import AgentId, TaskId
from entresol.model.resources import Resources
from entresol.model.work import TaskClass, Unit

DEMANDS = some.builds(Resources.of, cpu=some.integers(0, 4), memory=some.integers(0, 4), pods=some.just(1))


def queues_of(demands: list[Resources], members: list[int]) -> tuple[Queue, ...]:
    """As many queues as demands; unit *i* of the line stands in queue `members[i]`."""
    classes = [TaskClass(demand=demand, avoid=(AgentId(f"n{i}"),)) for i, demand in enumerate(demands)]
    units: list[list[Unit]] = [[] for _ in demands]
    for i, member in enumerate(members):
        units[member % len(demands)].append(Unit(((), float(i), f"a/{i}"), TaskId(str(i)), 0.0))
    return tuple(Queue(work, tuple(own)) for work, own in zip(classes, units, strict=True) if own)


def one_after_the_other(held: Resources, limit: dict[str, int], queues: tuple[Queue, ...]) -> frozenset[TaskId]:
    """The same, by trying every unit."""
    admitted = set()
    for unit, work in sorted(((unit, queue.work) for queue in queues for unit in queue.units), key=lambda one: one[0]):
        after = held + work.demand
        if all(after.get(name) <= limit[name] for name, _ in work.demand if name in limit):
            held = after
            admitted.add(unit.task)
    return frozenset(admitted)


@given(
    held=DEMANDS,
    limit=some.dictionaries(some.sampled_from(["cpu", "memory", "pods"]), some.integers(0, 12)),
    demands=some.lists(DEMANDS, min_size=1, max_size=4),
    members=some.lists(some.integers(0, 3), max_size=12),
)
def test_the_merge_admits_whom_trying_everybody_admits(
    held: Resources, limit: dict[str, int], demands: list[Resources], members: list[int]
) -> None:
    queues = queues_of(demands, members)
    assert within(held, limit, queues) == one_after_the_other(held, limit, queues)

"""How long an allocation cycle takes: `python -m tests.bench.cycle_time`.

Prints, per size, the first cycle (nothing remembered), the same cycle again with a warm cache, and one after a single
agent changed. Times are the process's own, so a busy machine does not count.
"""

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import process_time

from entresol.allocator.allocate import allocate
from entresol.allocator.memo import Cache
from entresol.allocator.plan import Plan
from entresol.allocator.snapshot import AgentView, ClusterSnapshot
from entresol.model.identifiers import RoleId
from entresol.model.policy import Policy
from entresol.model.resources import Resources
from entresol.model.work import TaskClass
from tests.support.builders import Batch, agent, cluster, framework, policy, resources, role, work

SHAPES = [(16, 64, 0), (32, 128, 0), (64, 256, 0), (96, 512, 0), (16, 128, 0), (64, 128, 0), (64, 512, 4), (96, 768, 8)]
SIZES = {"small": (1_000, 100, 10_000), "large": (10_000, 1_000, 100_000)}


def fleet(machines: int, frameworks: int, tasks: int, classes: int = 127) -> ClusterSnapshot:
    """A cluster of eight kinds of agents, filled at random up to 70 %, and frameworks of weight 1 to 4."""
    draw = random.Random(7)
    kinds = [_class(draw) for _ in range(classes)]
    per = tasks // frameworks // 5
    tenants = [
        framework(f"f{i:05}", *[Batch(per, draw.choice(kinds), created=draw.random() * 100) for _ in range(5)])
        for i in range(frameworks)
    ]
    tenants = [replace(view, role=RoleId(f"r{i % max(1, frameworks // 10):04}")) for i, view in enumerate(tenants)]
    roles = [role(name, weight=draw.randint(1, 4)) for name in sorted({str(view.role) for view in tenants})]
    return cluster([_agent(draw, i) for i in range(machines)], *tenants, roles=roles)


def _class(draw: random.Random) -> TaskClass:
    gpu = draw.choice([0, 0, 0, 0, 1, 2])
    cpu = draw.choice([500, 1000, 2000, 4000, 8000])
    return work(cpu=cpu, memory=draw.randint(1, 32) << 30, pods=1, gpu=gpu)


def _agent(draw: random.Random, i: int) -> AgentView:
    cpu, memory, gpu = draw.choice(SHAPES)
    part = draw.random() * 0.7
    used = resources(cpu=int(cpu * 1000 * part), memory=int((memory << 30) * part), pods=int(110 * part))
    return agent(f"n{i:05}", used=used, cpu=cpu * 1000, memory=memory << 30, pods=110, gpu=gpu)


def timed(take: Callable[[], Iterator[Plan]]) -> tuple[float, float, int]:
    """Seconds until the last plan, the longest step, and how many grants."""
    began = before = process_time()
    longest, grants = 0.0, 0
    for plan in take():
        now = process_time()
        longest, before = max(longest, now - before), now
        grants += len(plan.grants)
    return process_time() - began, longest, grants


def report(name: str, snapshot: ClusterSnapshot, chosen: Policy) -> None:
    cache = Cache()
    for label, current in (
        ("first", snapshot),
        ("again", replace(snapshot, cycle=2)),
        ("one agent changed", replace(snapshot, agents=(_emptied(snapshot.agents[0]), *snapshot.agents[1:]))),
    ):
        seconds, longest, grants = timed(lambda current=current: allocate(current, chosen, cache))  # type: ignore[misc]
        rate = grants / seconds
        print(  # noqa: T201 - a command prints
            f"{name:22} {label:18} {grants:7} grants {1000 * seconds:8.1f} ms  "
            f"{rate:9.0f}/s  longest step {1000 * longest:6.1f} ms"
        )


def _emptied(view: AgentView) -> AgentView:
    return replace(view, free=Resources.of({**dict(view.agent.allocatable)}))


def main() -> None:
    for name, size in SIZES.items():
        if name in (sys.argv[1:] or SIZES):
            snapshot = fleet(*size)
            report(f"{name}, 1000 per cycle", snapshot, policy(grants_per_cycle=1000))
            report(f"{name}, to the end", snapshot, policy(grants_per_cycle=1_000_000))


if __name__ == "__main__":
    main()

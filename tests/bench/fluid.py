"""Seeded random clusters, what would be fair on them if tasks were a fluid, and how near a plan comes.

A cluster has three to ten agents, each at least four times as large as the largest task, and two to six tenants with
endless work of one shape each and weights of one to three. In the set `constrained` every other tenant may use only
some of the agents. Every instance has a seed of its own, so the first sixty are the same in a short run and a long one.

What is fair is worked out by `tests.support.oracle` with linear programs (HiGHS), which share nothing with the product.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from entresol.allocator.snapshot import ClusterSnapshot
from tests.support.builders import Batch, agent, cluster, framework, role, work
from tests.support.oracle import Problem, Vector

SETS = ("unconstrained", "constrained")

Outcome = Sequence[int]
"""How many tasks each tenant got."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How near one plan comes to the fluid optimum.

    Attributes:
        lowest: its lowest share per weight, as a part of the optimum's.
        sum: the sum of its shares, as a part of the optimum's.
        sliced: of its tenants, the part that would have had more of a slice of every agent as large as its weight.
        shortfall: by how many tasks of its own the worst tenant is below the lowest level of the optimum.
    """

    lowest: float
    sum: float
    sliced: float
    shortfall: float


def instance(kind: str, number: int) -> Problem:
    """One cluster of a set; the same on every machine."""
    draw = random.Random(f"{kind} {number}")
    users, machines = draw.randint(2, 6), draw.randint(3, 10)
    demands = [[draw.randint(1, 8), draw.randint(1, 8)] for _ in range(users)]
    largest = [max(demand[r] for demand in demands) for r in range(2)]
    return Problem(
        agents=[[draw.randint(4 * most, 12 * most) for most in largest] for _ in range(machines)],
        demands=demands,
        weights=[draw.randint(1, 3) for _ in range(users)],
        tasks=[float("inf")] * users,
        eligible=_eligible(draw, users, machines) if kind == "constrained" else None,
    )


def _eligible(draw: random.Random, users: int, machines: int) -> list[list[bool]]:
    """Every other tenant may use some of the agents, at least one; the rest may use all."""
    table = [[user % 2 == 0 or draw.random() < 0.5 for _ in range(machines)] for user in range(users)]
    for row in table:
        row[draw.randrange(machines)] = True
    return table


def snapshot_of(problem: Problem, placement: str) -> ClusterSnapshot:
    """The instance as the allocator sees it: one framework for each tenant, and more work than room."""
    room = [sum(size) for size in zip(*problem.agents, strict=True)]
    open_to = problem.eligible or [[True] * len(problem.agents)] * len(problem.demands)
    machines = [
        agent(
            f"n{i:02}",
            cpu=int(cpu),
            memory=int(memory),
            labels={f"u{u}": "yes" for u, row in enumerate(open_to) if row[i]},
        )
        for i, (cpu, memory) in enumerate(problem.agents)
    ]
    tenants = []
    for u, (cpu, memory) in enumerate(problem.demands):
        selector = {} if all(open_to[u]) else {f"u{u}": "yes"}
        shape = work(cpu=int(cpu), memory=int(memory), selector=selector)
        tenants.append(framework(f"u{u}", Batch(int(room[0] // cpu) + 1, shape)))
    return cluster(
        machines,
        *[replace(tenant, placement=placement) for tenant in tenants],
        roles=[role(f"u{u}", weight=int(weight)) for u, weight in enumerate(problem.weights)],
    )


def figures(problem: Problem, fluid: Vector, outcome: Outcome) -> Figures:
    """How near an outcome comes."""
    weights, units = np.array(problem.weights, float), np.array(outcome, float)
    shares = units * problem.unit_shares
    level = (fluid / weights).min()
    behind = (level - shares / weights) / (problem.unit_shares / weights)
    return Figures(
        lowest=float((shares / weights).min() / level),
        sum=float(shares.sum() / fluid.sum()),
        sliced=float((units < slices(problem)).mean()),
        shortfall=float(max(0.0, behind.max())),
    )


def slices(problem: Problem) -> Vector:
    """How many whole tasks fit into each tenant's slices: its part by weight of every agent that it may use."""
    agents, demands = np.array(problem.agents, float), np.array(problem.demands, float)
    parts = np.array(problem.weights, float) / sum(problem.weights)
    whole = np.floor((parts[:, None, None] * agents[None] / demands[:, None]).min(axis=2) + 1e-9)
    allowed = np.ones_like(whole) if problem.eligible is None else np.array(problem.eligible, float)
    counts: Vector = (whole * allowed).sum(axis=1)
    return counts

"""What would be fair if tasks were a fluid, worked out by means that share nothing with the product.

`fill` raises all users of one pool step by step; `leximin` solves a sequence of linear programs over many agents. Where
both apply they agree, and the tests hold the product's own filling against both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

Matrix = Sequence[Sequence[float]]
Vector = NDArray[np.float64]

EPSILON = 1e-9


@dataclass(frozen=True)
class Problem:
    """Users who each want tasks of one shape.

    Attributes:
        agents: capacity by agent and resource.
        demands: the shape by user and resource.
        weights: by user.
        tasks: how many tasks each user has; infinity for a user with endless work.
        eligible: by user and agent; everybody everywhere if left out.
    """

    agents: Matrix
    demands: Matrix
    weights: Sequence[float]
    tasks: Sequence[float]
    eligible: Sequence[Sequence[bool]] | None = None

    @property
    def unit_shares(self) -> Vector:
        """The dominant share of one task, by user."""
        shares: Vector = (np.array(self.demands, float) / np.array(self.agents, float).sum(axis=0)).max(axis=1)
        return shares


def fill(problem: Problem) -> Vector:
    """Dominant shares by user when all agents are one pool: everyone rises in proportion to weight until stopped."""
    left = np.array(problem.agents, float).sum(axis=0)
    whole = left.copy()
    demands = np.array(problem.demands, float)
    per_level = np.array(problem.weights, float) / problem.unit_shares
    done = np.zeros(len(demands))
    tasks = np.array(problem.tasks, float)
    rising = tasks > 0
    while rising.any():
        rate = np.where(rising, per_level, 0.0)
        use = rate @ demands
        steps = [left[r] / use[r] for r in range(len(left)) if use[r] > 0]
        steps += [(tasks[u] - done[u]) / rate[u] for u in range(len(tasks)) if rising[u]]
        step = min(steps)
        done += rate * step
        left -= use * step
        rising &= done < tasks - EPSILON
        rising &= ~(demands[:, left <= EPSILON * whole] > 0).any(axis=1)
    return done * problem.unit_shares


def leximin(problem: Problem) -> Vector:
    """Dominant shares by user, lexicographically largest from the lowest weighted share up, on separate agents."""
    program = _Program(problem)
    users = range(len(problem.demands))
    fixed: dict[int, float] = {}
    while len(fixed) < len(users):
        level = program.highest_level(fixed)
        floor = {u: level - EPSILON for u in users if u not in fixed}
        stuck = [u for u in floor if program.highest_of(u, fixed | floor) <= level + 1e-6 * max(1.0, level)]
        for user in stuck or [min(floor)]:
            fixed[user] = level
    return np.array([fixed[u] * problem.weights[u] for u in users])


class _Program:
    """The linear programs over x[user, agent] (tasks, fractional) and one level."""

    def __init__(self, problem: Problem) -> None:
        agents, demands = np.array(problem.agents, float), np.array(problem.demands, float)
        self._users, self._agents = len(demands), len(agents)
        self._per_task = problem.unit_shares / np.array(problem.weights, float)
        self._rows: list[Vector] = []
        self._bounds: list[float] = []
        for n in range(self._agents):
            for r in range(agents.shape[1]):
                row = self._blank()
                row[n : self._users * self._agents : self._agents] = demands[:, r]
                self._add(row, float(agents[n, r]))
        for u, tasks in enumerate(problem.tasks):
            if np.isfinite(tasks):
                row = self._blank()
                row[u * self._agents : (u + 1) * self._agents] = 1.0
                self._add(row, float(tasks))
        open_to = problem.eligible or [[True] * self._agents] * self._users
        self._ranges = [(0, None if may else 0) for row in open_to for may in row] + [(0, None)]

    def _blank(self) -> Vector:
        return np.zeros(self._users * self._agents + 1)

    def _add(self, row: Vector, bound: float) -> None:
        self._rows.append(row)
        self._bounds.append(bound)

    def _share(self, user: int) -> Vector:
        row = self._blank()
        row[user * self._agents : (user + 1) * self._agents] = self._per_task[user]
        return row

    def highest_level(self, fixed: dict[int, float]) -> float:
        """The highest level that everybody who is not fixed can have at once."""
        rows, bounds = [], []
        for user in range(self._users):
            row = -self._share(user)
            row[-1] = 0.0 if user in fixed else 1.0
            rows.append(row)
            bounds.append(-(fixed[user] - EPSILON) if user in fixed else 0.0)
        goal = self._blank()
        goal[-1] = -1.0
        return self._solve(goal, rows, bounds)

    def highest_of(self, user: int, floors: dict[int, float]) -> float:
        """The highest level that one user can have while the others keep theirs."""
        rows = [-self._share(u) for u in floors]
        return self._solve(-self._share(user), rows, [-(floor - EPSILON) for floor in floors.values()])

    def _solve(self, goal: Vector, rows: list[Vector], bounds: list[float]) -> float:
        answer = linprog(
            goal,
            A_ub=np.array([*self._rows, *rows]),
            b_ub=[*self._bounds, *bounds],
            bounds=self._ranges,
            method="highs",
        )
        if not answer.success:
            raise AssertionError(f"the program must have a solution: {answer.message}")
        return -float(answer.fun)

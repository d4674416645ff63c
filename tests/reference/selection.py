"""Equilibria of best-AI selection by a scan over the follower's values, one program by HiGHS at a time."""

import itertools

import numpy as np
from scipy.optimize import linprog

from tests.reference.persuasion import best_value, full_information


def shortfall(prior, follower, leaders, value) -> float:
    """By how much some leader must miss f_j(value) at outcomes worth `value`; at most 0 at an equilibrium."""
    states, actions = follower.shape
    wanted = [best_value(prior[None], follower[None], leader[None], value) for leader in leaders]
    rows, right = [], []
    for a, b in itertools.permutations(range(actions), 2):
        row = np.zeros((states, actions))
        row[:, a] = follower[:, b] - follower[:, a]
        rows.append(np.append(row.ravel(), 0.0))
        right.append(0.0)
    for leader, level in zip(leaders, wanted, strict=True):  # U_j(x) + t >= f_j(value)
        rows.append(np.append(-leader.ravel(), -1.0))
        right.append(-level)
    equal = np.zeros((states + 1, states * actions + 1))
    equal[:states, :-1] = np.kron(np.eye(states), np.ones(actions))
    equal[states, :-1] = follower.ravel()
    result = linprog(
        np.append(np.zeros(states * actions), 1.0),
        np.array(rows),
        right,
        equal,
        np.append(prior, value),
        bounds=[(0, None)] * (states * actions) + [(None, None)],
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return result.fun if result.status == 0 else np.inf


def worst_value(prior, follower, leaders, points: int, slack: float = 1e-8) -> tuple[float, float]:
    """The least equilibrium value lies between these two, if no equilibria hide between grid points."""
    none, full = (prior @ follower).max(), full_information(prior, follower)
    grid = np.linspace(none, full, points)
    # Full information, the last, always is an equilibrium's value.
    place = next(i for i, value in enumerate(grid) if shortfall(prior, follower, leaders, value) <= slack)
    low, high = grid[max(place - 1, 0)], grid[place]
    if place == 0:
        return low, high
    while high - low > 1e-7:
        middle = (low + high) / 2
        if shortfall(prior, follower, leaders, middle) <= slack:
            high = middle
        else:
            low = middle
    return low, high

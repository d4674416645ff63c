"""Rating games in their scores: what the distances of their utilities are by formula, by HiGHS."""

import numpy as np
from scipy.optimize import linprog


def utilities(scores: np.ndarray, ratings: np.ndarray) -> np.ndarray:
    """-(a - x(s))^2 for scores [S], entry by entry."""
    return np.array([[-((a - x) ** 2) for a in ratings] for x in scores])


def largest_error(scores: np.ndarray, target: np.ndarray) -> float:
    """The least over weights w >= 0, sum w = 1, of max_s |sum_i w_i x_i(s) - h(s)|."""
    leaders, items = scores.shape
    ones = np.ones((items, 1))
    return _least(
        np.r_[np.zeros(leaders), 1.0],
        np.block([[scores.T, -ones], [-scores.T, -ones]]),
        np.r_[target, -target],
        leaders,
    )


def mean_error(scores: np.ndarray, target: np.ndarray, prior: np.ndarray) -> float:
    """The least over weights w >= 0, sum w = 1, of sum_s p(s) |sum_i w_i x_i(s) - h(s)|."""
    leaders, items = scores.shape
    each = np.eye(items)
    return _least(
        np.r_[np.zeros(leaders), prior],
        np.block([[scores.T, -each], [-scores.T, -each]]),
        np.r_[target, -target],
        leaders,
    )


def largest_loss(scores: np.ndarray, target: np.ndarray, ratings: np.ndarray, prior: np.ndarray) -> float:
    """The largest E (a - h)^2 over obedient outcomes [S, A] that every leader likes as well as a = h.

    Every target must be among the ratings.
    """
    off = -utilities(target, ratings)
    items, actions = off.shape
    marginals = np.kron(np.eye(items), np.ones(actions))
    rows = []
    for told in range(actions):  # what it costs her to be told this and to give another rating
        for other in range(actions):
            row = np.zeros((items, actions))
            row[:, told] = off[:, told] - off[:, other]
            rows.append(row.ravel())
    limits = [0.0] * len(rows)
    for own in scores:
        rows.append(-utilities(own, ratings).ravel())
        limits.append(float(prior @ (target - own) ** 2))
    solution = linprog(
        -off.ravel(), A_ub=np.array(rows), b_ub=limits, A_eq=marginals, b_eq=prior, method="highs"
    )
    assert solution.status == 0, solution.message
    return -float(solution.fun)


def _least(costs: np.ndarray, matrix: np.ndarray, limits: np.ndarray, leaders: int) -> float:
    solution = linprog(
        costs,
        A_ub=matrix,
        b_ub=limits,
        A_eq=(np.arange(costs.size) < leaders)[None].astype(float),
        b_eq=[1.0],
        bounds=(0, None),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert solution.status == 0, solution.message
    return float(solution.fun)

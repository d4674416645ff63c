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

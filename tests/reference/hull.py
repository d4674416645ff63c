"""Hull distances by HiGHS (sup norm, mean range) and by Lawson-Hanson (root mean square)."""

import numpy as np
from scipy.optimize import linprog, nnls


def indicators(offset: str | np.ndarray, rows: int) -> np.ndarray:
    if isinstance(offset, str):
        return np.ones((rows, 1)) if offset == "constant" else np.zeros((rows, 0))
    return (offset[:, None] == np.unique(offset)[None, :]).astype(float)


def sup_distance(target: np.ndarray, utilities: np.ndarray, offset: str | np.ndarray, scale: str) -> float:
    """The linear program of Definition 1, stated once more from scratch."""
    leaders, rows = utilities.shape
    groups = indicators(offset, rows)
    design = np.hstack([utilities.T, groups])
    ones = np.ones((rows, 1))
    simplex = scale == "simplex"
    solution = linprog(
        np.r_[np.zeros(design.shape[1]), 1.0],
        A_ub=np.block([[design, -ones], [-design, -ones]]),
        b_ub=np.r_[target, -target],
        A_eq=np.r_[np.ones(leaders), np.zeros(groups.shape[1] + 1)][None, :] if simplex else None,
        b_eq=[1.0] if simplex else None,
        bounds=[(0, None)] * leaders + [(None, None)] * (groups.shape[1] + 1),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert solution.status == 0, solution.message
    return float(solution.fun)


def mean_range(prior: np.ndarray, follower: np.ndarray, leaders: np.ndarray, scale: str) -> float:
    """Average alignment of a game: the largest and the least error of each (t, s) as variables."""
    utilities = leaders.reshape(len(leaders), prior.size, -1)
    count, cells, actions = utilities.shape
    target, weights = follower.reshape(cells, actions), prior.reshape(-1)
    top = np.repeat(np.eye(cells), actions, 0)
    none = np.zeros_like(top)
    mixture = utilities.transpose(1, 2, 0).reshape(-1, count)
    simplex = scale == "simplex"
    solution = linprog(
        np.r_[np.zeros(count), weights, -weights],
        A_ub=np.block([[mixture, -top, none], [-mixture, none, top]]),
        b_ub=np.r_[target.reshape(-1), -target.reshape(-1)],
        A_eq=np.r_[np.ones(count), np.zeros(2 * cells)][None, :] if simplex else None,
        b_eq=[1.0] if simplex else None,
        bounds=[(0, None)] * count + [(None, None)] * (2 * cells),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert solution.status == 0, solution.message
    return float(solution.fun)


def square_distance(target: np.ndarray, utilities: np.ndarray, offset: str | np.ndarray, scale: str) -> float:
    """Lawson-Hanson; offsets are projected out, sum w = 1 enters through a homogenising row.

    The point of the hull of `utilities - target` nearest 0 is found as the ray of
    min |A w|^2 + (1 - sum w)^2 over w >= 0.
    """
    groups = indicators(offset, target.size)
    projector = np.eye(target.size) - groups @ np.linalg.pinv(groups)
    if scale == "cone":
        columns = projector @ utilities.T
        columns[:, np.abs(columns).max(axis=0) < 1e-14 * np.abs(utilities).max()] = (
            0.0  # constant but for rounding
        )
        weights, _ = nnls(columns, projector @ target, maxiter=1000)
        residual = projector @ target - columns @ weights
    else:
        differences = projector @ (utilities - target[None, :]).T
        size = max(np.abs(differences).max(), 1e-300)
        system = np.vstack([differences / size, np.ones(differences.shape[1])])
        weights, _ = nnls(system, np.r_[np.zeros(target.size), 1.0], maxiter=1000)
        residual = differences @ (weights / weights.sum())
    return float(np.sqrt(np.mean(residual**2)))

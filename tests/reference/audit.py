"""What an audit reports, once more from the rows: NumPy, and SciPy's nnls and linprog on all rows at once."""

from itertools import combinations

import numpy as np
from scipy.optimize import linprog, minimize_scalar

from tests.reference import panel


def standardised(models: np.ndarray, target: np.ndarray, train: np.ndarray, scale: str):
    """In standard deviations of the target on train rows, columns centred there."""
    unit = target[train].std()
    spread = models[train].std(axis=0) if scale == "standard" else unit
    return (models - models[train].mean(axis=0)) / spread, (target - target[train].mean()) / unit


def predict(models: np.ndarray, target: np.ndarray, train: np.ndarray, hull: str) -> np.ndarray:
    """Predictions of the least squares mixture, with intercept, fitted on train rows of centred columns."""
    if models.shape[1] == 0:
        return np.full(len(target), target[train].mean())
    fit, aim = models[train], target[train]
    means, mean = fit.mean(axis=0), aim.mean()
    weights = (panel.hull_weights if hull == "simplex" else panel.cone_weights)(fit - means, aim - mean)
    return (models - means) @ weights + mean


def distances(models: np.ndarray, target: np.ndarray, train: np.ndarray, hull: str) -> tuple[float, float]:
    """Train and held-out root mean squares."""
    error = target - predict(models, target, train, hull)
    return panel.rms(error[train]), panel.rms(error[~train])


def heldout(models: np.ndarray, target: np.ndarray, train: np.ndarray, hull: str, chosen) -> float:
    """The held-out distance of some models."""
    return distances(models[:, list(chosen)], target, train, hull)[1]


def worst_loss(models: np.ndarray, target: np.ndarray, train: np.ndarray, hull: str, lost: int) -> float:
    """The worst held-out distance over every set of `lost` models."""
    everyone = set(range(models.shape[1]))
    return max(
        heldout(models, target, train, hull, sorted(everyone - set(gone)))
        for gone in combinations(sorted(everyone), lost)
    )


def smallest(models: np.ndarray, target: np.ndarray, train: np.ndarray, hull: str, limit: float) -> set[int]:
    """The fewest models whose train distance is within `limit`; of these the nearest."""
    for size in range(1, models.shape[1] + 1):
        found = {
            chosen: distances(models[:, list(chosen)], target, train, hull)[0]
            for chosen in combinations(range(models.shape[1]), size)
        }
        best = min(found, key=found.__getitem__)
        if found[best] <= limit:
            return set(best)
    return set(range(models.shape[1]))


def least_sup(models: np.ndarray, target: np.ndarray, hull: str) -> float:
    """The least largest error with an intercept: one linear program of all rows."""
    rows, count = models.shape
    one = np.ones((rows, 1))
    solution = linprog(
        np.r_[np.zeros(count + 1), 1.0],
        A_ub=np.block([[models, one, -one], [-models, -one, -one]]),
        b_ub=np.r_[target, -target],
        A_eq=np.r_[np.ones(count), 0.0, 0.0][None] if hull == "simplex" else None,
        b_eq=[1.0] if hull == "simplex" else None,
        bounds=[(0, None)] * count + [(None, None)] * 2,
        method="highs",
    )
    assert solution.success, solution.message
    return solution.fun


def least_absolute(models: np.ndarray, target: np.ndarray, hull: str) -> float:
    """The least mean absolute error: one linear program of all rows. A constant is free on the cone only."""
    rows, count = models.shape
    one, each = np.full((rows, 1), float(hull == "cone")), np.eye(rows)
    solution = linprog(
        np.r_[np.zeros(count + 1), np.full(rows, 1 / rows)],
        A_ub=np.block([[models, one, -each], [-models, -one, -each]]),
        b_ub=np.r_[target, -target],
        A_eq=np.r_[np.ones(count), np.zeros(rows + 1)][None] if hull == "simplex" else None,
        b_eq=[1.0] if hull == "simplex" else None,
        bounds=[(0, None)] * count + [(None, None)] + [(0, None)] * rows,
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert solution.success, solution.message
    return solution.fun


def square_bound(models: np.ndarray, target: np.ndarray, prior: np.ndarray, hull: str) -> float:
    """The least 4 E e^2 over the simplex, or 4 / (2 - b)^2 E (e + constant)^2 over weights of sum b < 2.

    For each b the weights are b times those of a simplex; b is searched.
    """
    root = np.sqrt(prior / prior.sum())[:, None]

    def mean_square(weights: np.ndarray) -> float:
        error = models @ weights - target
        mean = prior @ error / prior.sum() if hull == "cone" else 0.0
        return float(prior @ (error - mean) ** 2 / prior.sum())

    def best(total: float) -> float:
        centre = prior / prior.sum() if hull == "cone" else np.zeros(len(prior))
        columns = root * (total * (models - centre @ models))
        aim = (root * (target - centre @ target)[:, None])[:, 0]
        weights = panel.hull_weights(columns * np.sqrt(len(prior)), aim * np.sqrt(len(prior)))
        return 4 / (2 - total) ** 2 * mean_square(total * weights)

    if hull == "simplex":
        return best(1.0)
    grid = np.linspace(0, 1.99, 400)
    around = grid[int(np.argmin([best(total) for total in grid]))]
    ends = max(around - 0.005, 0.0), min(around + 0.005, 1.995)
    return min(minimize_scalar(best, bounds=ends, method="bounded", options={"xatol": 1e-9}).fun, best(0.0))

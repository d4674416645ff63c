"""Least squares over the hull from second moments: what a fit needs to know of the rows.

With N rows of K models and the target, every fit to any part of the rows, with any weights of the rows, and
its mean squared distance on any other part, follow from matrices [K + 2, K + 2] of second moments. They
are summed once; a bootstrap, a split or a lost model then costs nothing that grows with N.

Precision: a root mean square computed so is exact to about 1e-8 of the columns' size. What a report prints
as the distance is computed from the rows (`certify`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

# Added to the unit diagonal of a Gram matrix, so that columns that depend on each other can be factored.
RIDGE = 1e-12

# A weight above this counts as used.
USED = 1e-6


@dataclass(frozen=True, eq=False)
class Mixture:
    """Predictions `x @ weights + offset` of the target; weights [K], 0 for models left out."""

    weights: Float[np.ndarray, " K"]
    offset: float

    def residual(self, models: Float[np.ndarray, "N K"], target: Float[np.ndarray, " N"]) -> np.ndarray:
        """What the mixture leaves of the target, row by row."""
        used = np.flatnonzero(self.weights)
        return target - models[:, used] @ self.weights[used] - self.offset

    def support(self) -> np.ndarray:
        """The places of the models with weight."""
        return np.flatnonzero(self.weights > USED)


def moments(
    models: Float[np.ndarray, "N K"], target: Float[np.ndarray, " N"], counts: np.ndarray | None = None
) -> Float[np.ndarray, "P P"]:
    """Sums of products of the K models, the target and the constant 1 (P = K + 2), rows repeated `counts` times."""
    columns = np.column_stack([models, target, np.ones(len(target))])
    return columns.T @ (columns if counts is None else counts[:, None] * columns)


def fit(sums: Float[np.ndarray, "P P"], models: Int[np.ndarray, " S"] | Sequence[int], hull: str) -> Mixture:
    """The nearest point of the hull of some models, by least squares with an intercept.

    `hull` "simplex" asks for weights that sum to 1, "cone" for weights of at least 0. The offset is the best
    constant. Without models the constant alone.
    """
    models = np.asarray(models, int)
    total = sums[-1, -1]
    means = sums[-1, :-1] / total
    weights = np.zeros(len(sums) - 2)
    if len(models):
        chosen = np.append(models, len(weights))
        covariance = sums[np.ix_(chosen, chosen)] / total - np.outer(means[chosen], means[chosen])
        weights[models] = (_simplex if hull == "simplex" else _cone)(covariance)
    return Mixture(weights, float(means[-1] - means[:-1] @ weights))


def distance(sums: Float[np.ndarray, "P P"], mixture: Mixture) -> float:
    """The root mean squared distance of a mixture over the rows that `sums` adds up."""
    errors = np.concatenate([-mixture.weights, [1.0, -mixture.offset]])
    return float(np.sqrt(max(errors @ sums @ errors, 0.0) / sums[-1, -1]))


def line(sums: Float[np.ndarray, "P P"], weights: Float[np.ndarray, " K"]) -> Mixture:
    """Weights times their best slope, of either sign, with the best intercept: ordinary least squares."""
    total = sums[-1, -1]
    means = sums[-1, :-1] / total
    mixed = np.append(weights, 0.0)
    spread = mixed @ sums[:-1, :-1] @ mixed / total - (mixed @ means) ** 2
    shared = mixed @ sums[:-1, -2] / total - (mixed @ means) * means[-1]
    slope = shared / spread if spread > 1e-12 * abs(mixed @ sums[:-1, :-1] @ mixed) / total else 0.0
    return Mixture(slope * weights, float(means[-1] - slope * (mixed @ means)))


def _cone(covariance: np.ndarray) -> np.ndarray:
    return _nonnegative(covariance[:-1, :-1], covariance[:-1, -1])


def _simplex(covariance: np.ndarray) -> np.ndarray:
    """As in `solve.least_squares`: non-negative least squares after a rescaling."""
    shared = covariance[:-1, -1]
    gram = covariance[:-1, :-1] - shared[:, None] - shared[None, :] + covariance[-1, -1]
    kappa = float(np.diagonal(gram).mean())
    kappa = kappa if kappa > 0 else 1.0
    weights = _nonnegative(gram + kappa, np.full(len(gram), kappa))
    return weights / weights.sum()


def _nonnegative(gram: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """Minimise w' gram w / 2 - moment' w over w >= 0: SciPy's active sets, on a factor of the Gram matrix.

    The exact zeros of active sets are what makes the search for models that can go exact and cheap.
    """
    length = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
    length = np.where(length > 0, length, 1.0)
    scaled = gram / length[:, None] / length[None, :]
    factor = np.linalg.cholesky(scaled + RIDGE * len(gram) * np.eye(len(gram)))
    right = solve_triangular(factor, moment / length, lower=True, check_finite=False)
    return nnls(factor.T, right, maxiter=30 * len(gram))[0] / length

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
    """Sums of products of the K models, the target and the constant 1 (P = K + 2), rows repeated
    `counts` times.
    """
    columns = np.column_stack([models, target, np.ones(len(target))])
    return columns.T @ (columns if counts is None else counts[:, None] * columns)


def fit(
    sums: Float[np.ndarray, "P P"],
    models: Int[np.ndarray, " S"] | Sequence[int],
    hull: str,
    start: Mixture | None = None,
) -> Mixture:
    """The nearest point of the hull of some models, by least squares with an intercept.

    `hull` "simplex" asks for weights that sum to 1, "cone" for weights of at least 0. The offset is the best
    constant. Without models the constant alone. `start` is the fit of a similar problem: it saves time only.
    """
    models = np.asarray(models, int)
    total = sums[-1, -1]
    means = sums[-1, :-1] / total
    weights = np.zeros(len(sums) - 2)
    if len(models):
        chosen = np.append(models, len(weights))
        covariance = sums[np.ix_(chosen, chosen)] / total - np.outer(means[chosen], means[chosen])
        passive = None if start is None else start.weights[models] > 0
        weights[models] = (_simplex if hull == "simplex" else _cone)(covariance, passive)
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


def _cone(covariance: np.ndarray, passive: np.ndarray | None) -> np.ndarray:
    return _nonnegative(covariance[:-1, :-1], covariance[:-1, -1], passive)


def _simplex(covariance: np.ndarray, passive: np.ndarray | None) -> np.ndarray:
    """As in `solve.least_squares`: non-negative least squares after a rescaling."""
    shared = covariance[:-1, -1]
    gram = covariance[:-1, :-1] - shared[:, None] - shared[None, :] + covariance[-1, -1]
    kappa = float(np.diagonal(gram).mean())
    kappa = kappa if kappa > 0 else 1.0
    weights = _nonnegative(gram + kappa, np.full(len(gram), kappa), passive)
    return weights / weights.sum()


def _nonnegative(gram: np.ndarray, moment: np.ndarray, passive: np.ndarray | None) -> np.ndarray:
    """Minimise w' gram w / 2 - moment' w over w >= 0: active sets, on a Gram matrix with a unit diagonal.

    The exact zeros of active sets are what makes the search for models that can go exact and cheap.
    SciPy's method starts from nothing; from a good guess of the weights above 0 a few exchanges do.
    """
    length = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
    length = np.where(length > 0, length, 1.0)
    gram = gram / length[:, None] / length[None, :]
    np.fill_diagonal(gram, gram.diagonal() + RIDGE * len(gram))
    moment = moment / length
    weights = None if passive is None else _exchanged(gram, moment, passive)
    if weights is None:
        weights = nnls(*_system(gram, moment), maxiter=30 * len(gram))[0]
    return weights / length


def _system(gram: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A square system whose least squares problem has this Gram matrix and moment."""
    try:
        factor = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        # All columns within rounding of the target: what is left of the matrix need not be positive.
        values, vectors = np.linalg.eigh(gram)
        roots = np.sqrt(np.maximum(values, RIDGE * len(gram)))
        return roots[:, None] * vectors.T, (vectors.T @ moment) / roots
    return factor.T, solve_triangular(factor, moment, lower=True, check_finite=False)


def _exchanged(gram: np.ndarray, moment: np.ndarray, passive: np.ndarray) -> np.ndarray | None:
    """The minimiser by exchanging all weights that break a condition of optimality (Kim and Park 2011).

    What it returns meets the conditions, so that it is the minimiser; None if the exchanges do not settle.
    """
    precision = 1e-13 * np.abs(moment).max()
    fewest, patience = len(moment) + 1, 3
    while True:
        weights = np.zeros(len(moment))
        inside = np.flatnonzero(passive)
        if len(inside):
            try:
                weights[inside] = np.linalg.solve(gram[np.ix_(inside, inside)], moment[inside])
            except np.linalg.LinAlgError:
                return None
        wrong = np.where(passive, weights < 0, gram @ weights - moment < -precision)
        count = int(wrong.sum())
        if count == 0:
            return weights
        if count < fewest:
            fewest, patience = count, 3
        else:
            patience -= 1
            if patience == 0:
                return None
        passive = passive ^ wrong

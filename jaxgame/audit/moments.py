"""Least squares over the hull from second moments: what a fit needs to know of the rows.

The second moments of some rows are the matrix [K + 2, K + 2] of the sums of products of K models, the target
and the constant 1. A least squares fit to these rows follows from it, and so does the mean squared distance
of any weights on these rows. Once the moments are summed, a refit (to resampled rows, to a split, without a
model) costs nothing that grows with the number N of rows.

Precision: a root mean square computed so is exact to about 1e-8 of the columns' size. What a report prints
as the distance is computed from the rows (`certify`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

# Added to the unit diagonal of a Gram matrix, K times: linearly dependent columns can then be factored.
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


def columns(models: Float[np.ndarray, "N K"], target: Float[np.ndarray, " N"]) -> Float[np.ndarray, "N P"]:
    """The K models, the target and the constant 1 side by side (P = K + 2)."""
    return np.column_stack([models, target, np.ones(len(target))])


def moments(
    rows: Float[np.ndarray, "N P"], counts: Float[np.ndarray, " N"] | None = None
) -> Float[np.ndarray, "P P"]:
    """Sums of products over `rows` (see `columns`), each taken `counts` times (None: once)."""
    return rows.T @ (rows if counts is None else counts[:, None] * rows)


class LeastSquares:
    """The least squares problem of one hull on given moments, for any set of the models.

    `sums` are second moments (`moments`); `hull` "cone" asks for weights of at least 0, "simplex" for weights
    that also sum to 1. The offset is the best constant. Both become the same problem: to minimise
    w' gram w / 2 - moment' w over w >= 0, where `gram` has a unit diagonal.

    Methods of active sets give weights that are exactly 0. A model of weight 0 can be left out without any
    change of the fit, and the searches in `value` rest on that.
    """

    def __init__(self, sums: Float[np.ndarray, "P P"], hull: str):
        total = sums[-1, -1]
        self.hull, self.means = hull, sums[-1, :-1] / total
        covariance = sums[:-1, :-1] / total - np.outer(self.means, self.means)
        gram, moment = covariance[:-1, :-1], covariance[:-1, -1]
        if hull == "simplex":
            # As in `hull.least_squares`: non-negative least squares after a rescaling.
            gram = gram - moment[:, None] - moment[None, :] + covariance[-1, -1]
            kappa = float(np.diagonal(gram).mean()) if len(gram) else 0.0
            kappa = kappa if kappa > 0 else 1.0
            gram, moment = gram + kappa, np.full(len(gram), kappa)
        length = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
        self.length = np.where(length > 0, length, 1.0)
        self.gram = gram / self.length[:, None] / self.length[None, :]
        np.fill_diagonal(self.gram, self.gram.diagonal() + RIDGE * len(gram))
        self.moment = moment / self.length

    def fit(self, models: Int[np.ndarray, " S"] | Sequence[int], start: Mixture | None = None) -> Mixture:
        """The nearest point of the hull of some models; without models the best constant.

        `start`, the fit of a similar problem, saves time only: the weights above 0 are guessed to be the
        same, and a few exchanges correct the guess. Without it, or if they do not settle, SciPy's method is
        used.
        """
        models = np.asarray(models, int)
        weights = np.zeros(len(self.moment))
        if len(models):
            found = None if start is None else self._exchanged(models, start)
            weights = self._from_nothing(models) if found is None else found
            weights = weights / self.length
            if self.hull == "simplex":
                weights = weights / weights.sum()
        return Mixture(weights, float(self.means[-1] - self.means[:-1] @ weights))

    def _from_nothing(self, models: np.ndarray) -> np.ndarray:
        """The minimiser by SciPy's active sets, which start with all weights at 0."""
        weights = np.zeros(len(self.moment))
        system = _system(self.gram[np.ix_(models, models)], self.moment[models])
        weights[models] = nnls(*system, maxiter=30 * len(models))[0]
        return weights

    def _exchanged(self, models: np.ndarray, start: Mixture) -> np.ndarray | None:
        """The minimiser by exchanging all weights that break a condition of optimality (Kim and Park 2011).

        Weights below 0 leave the set of those that are not 0, weights at 0 that would gain join it. What is
        returned meets all conditions, so that it is the minimiser. None if three exchanges in a row do not
        bring the number of broken conditions below the fewest so far: the method may then cycle.
        """
        allowed = np.zeros(len(self.moment), bool)
        allowed[models] = True
        passive = allowed & (start.weights > 0)
        precision = 1e-13 * np.abs(self.moment[models]).max()
        fewest, patience = len(models) + 1, 3
        while True:
            weights = np.zeros(len(self.moment))
            inside = np.flatnonzero(passive)
            rows = self.gram[inside]
            if len(inside):
                try:
                    weights[inside] = np.linalg.solve(rows[:, inside], self.moment[inside])
                except np.linalg.LinAlgError:
                    return None
            slack = weights[inside] @ rows - self.moment
            wrong = np.where(passive, weights < 0, allowed & (slack < -precision))
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


def fit(
    sums: Float[np.ndarray, "P P"],
    models: Int[np.ndarray, " S"] | Sequence[int],
    hull: str,
    start: Mixture | None = None,
) -> Mixture:
    """One fit to some moments: see `LeastSquares`."""
    return LeastSquares(sums, hull).fit(models, start)


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


def _system(gram: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A matrix A and a vector b with A' A = gram and A' b = moment: what SciPy's method asks for."""
    try:
        factor = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        # All columns within rounding of the target: the matrix is rounding errors, and need not be positive.
        values, vectors = np.linalg.eigh(gram)
        roots = np.sqrt(np.maximum(values, RIDGE * len(gram)))
        return roots[:, None] * vectors.T, (vectors.T @ moment) / roots
    return factor.T, solve_triangular(factor, moment, lower=True, check_finite=False)

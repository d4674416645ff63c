"""Distances on the rows themselves, with a proof from below: least squares and the sup norm.

Any weights bound a distance from above, any signed measure from below: a measure m with m(1) = 0 and dual
norm 1 gives `<m, target> - max_i <m, model_i>` on the simplex, and on the cone the bound of
`jaxgame.core.cone`. Both ends are evaluated on all rows, whatever the solver did.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import linprog

from jaxgame.audit.moments import Mixture
from jaxgame.core.cone import cone_bound

# The linear program has K + 2 unknowns: K weights, the offset and the distance. So many rows per unknown join
# it in each round; it begins with as many of the largest and of the smallest residuals.
ROWS_PER_UNKNOWN = 1
ROUNDS = 40
# Ends that differ by less than this, relative to the target's largest entry, have met.
CLOSED = 1e-7


@dataclass(frozen=True, eq=False)
class Certified:
    """A mixture that attains `upper` and a proof that none is nearer than `lower`, in the target's units."""

    mixture: Mixture
    lower: float
    upper: float


def rms(values: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def sup(values: np.ndarray) -> float:
    """Largest absolute entry."""
    return float(np.abs(values).max())


def certify_square(
    models: Float[np.ndarray, "N K"], target: Float[np.ndarray, " N"], mixture: Mixture, hull: str
) -> Certified:
    """The bracket of a least squares fit; the measure is m = residual / (its root mean square, times N).

    The root mean square of residual / (its root mean square) is 1, so that m has dual norm 1.
    """
    residual = mixture.residual(models, target)
    # The best constant: exact to rounding here, to about 1e-8 where moments gave it.
    mixture = Mixture(mixture.weights, mixture.offset + float(residual.mean()))
    residual = residual - residual.mean()
    upper = rms(residual)
    if upper == 0:
        return Certified(mixture, 0.0, 0.0)
    measure = residual / (upper * len(residual))
    sizes = np.sqrt(np.einsum("nk,nk->k", models, models) / len(models))
    return Certified(
        mixture, min(_separation(measure, models, target, sizes, rms(target), hull), upper), upper
    )


def certify_sup(
    models: Float[np.ndarray, "N K"], target: Float[np.ndarray, " N"], start: Mixture, hull: str
) -> Certified:
    """The least largest error over all rows, by linear programs (HiGHS) on the rows that matter.

    A program on some rows bounds the error over all rows from below, through its multipliers. Its weights,
    tried on all rows, bound it from above. The rows where they err most join the program, until both ends
    meet (CLOSED, relative to the target's largest entry), no further row joins, or ROUNDS are over. `start`
    is any mixture: it chooses the first rows.
    """
    count = ROWS_PER_UNKNOWN * (models.shape[1] + 2)
    residual = start.residual(models, target)
    best = _half_range(start, residual)
    lower = 0.0
    size = max(sup(target), 1e-300)
    order = np.argsort(residual)
    rows = np.union1d(order[:count], order[-count:])
    for _ in range(ROUNDS):
        solved = _program(models[rows], target[rows], hull)
        if solved is None:
            break
        weights, measure = solved
        chosen = models[rows]
        sizes = np.abs(chosen).max(axis=0)
        lower = max(lower, _separation(measure, chosen, target[rows], sizes, sup(target[rows]), hull))
        residual = Mixture(weights, 0.0).residual(models, target)
        found = _half_range(Mixture(weights, 0.0), residual)
        best = min(best, found, key=lambda certified: certified.upper)
        if best.upper - lower <= CLOSED * size:
            break
        order = np.argsort(-np.abs(residual - found.mixture.offset))
        more = np.union1d(rows, order[:count])
        if len(more) == len(rows):
            break
        rows = more
    return Certified(best.mixture, min(lower, best.upper), best.upper)


def _half_range(mixture: Mixture, residual: np.ndarray) -> Certified:
    """Half the range of what weights leave, attained by moving the offset to its middle."""
    top, bottom = float(residual.max()), float(residual.min())
    moved = Mixture(mixture.weights, mixture.offset + (top + bottom) / 2)
    return Certified(moved, 0.0, (top - bottom) / 2)


def _program(models: np.ndarray, target: np.ndarray, hull: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Weights and a measure of mass at most 1 on some rows; None if HiGHS gives up."""
    count = models.shape[1]
    sizes = np.abs(models).max(axis=0)
    sizes = np.where((sizes > 0) & (hull == "cone"), sizes, 1.0)
    one = np.ones((len(target), 1))
    design = np.column_stack([models / sizes, one])
    solution = linprog(
        np.append(np.zeros(count + 1), 1.0),
        A_ub=np.block([[design, -one], [-design, -one]]),
        b_ub=np.concatenate([target, -target]),
        A_eq=np.append(np.ones(count), [0.0, 0.0])[None, :] if hull == "simplex" else None,
        b_eq=[1.0] if hull == "simplex" else None,
        bounds=[(0, None)] * count + [(None, None)] * 2,
        method="highs-ipm",
        options={"dual_feasibility_tolerance": 1e-10, "primal_feasibility_tolerance": 1e-10},
    )
    if solution.x is None:
        return None
    weights = np.maximum(solution.x[:count], 0.0) / sizes
    if hull == "simplex":
        weights /= weights.sum()
    above, below = np.split(solution.ineqlin.marginals, 2)
    measure = above - below  # the marginals of a least cost are at most 0
    measure = measure - measure.mean()
    mass = np.abs(measure).sum()
    return weights, measure / mass if mass > 0 else measure


def _separation(
    measure: np.ndarray,
    models: np.ndarray,
    target: np.ndarray,
    sizes: np.ndarray,
    size: float,
    hull: str,
) -> float:
    """The lower end that a measure proves (see the module).

    `sizes` [K] and `size` are the norms of models and target, in the norm of the distance.
    """
    if hull == "simplex":
        return max(-float((measure @ (models - target[:, None])).max()), 0.0)
    return float(cone_bound(measure @ target, measure @ models, size=size, sizes=sizes))

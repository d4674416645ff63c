"""The least mean absolute error of a mixture, with a proof from below, on all rows.

Simplex: no constant is added, as the theorem asks (`average`). A measure m with |m_n| <= 1 / N then proves

    <m, target> - max_i <m, model_i>.

Cone: a constant is free, so that m must sum to 0, and the bound is that of `jaxgame.core.cone`. The best m
is sign(residual) / N on every row that the best mixture does not meet. Only the signs of rows near 0 are in
doubt, so that a linear program on these few rows solves the problem of all (Portnoy and Koenker 1997, who
do the same for quantile regression).
"""

import numpy as np
from jaxtyping import Float
from scipy import sparse
from scipy.optimize import linprog

from jaxgame.audit.certify import CLOSED, Certified
from jaxgame.audit.moments import LeastSquares, Mixture, moments
from jaxgame.core.cone import cone_bound

# Reweighted least squares, before the program: each time a third as many rows count as near 0.
STEPS = 4
NEARER = 3
# Rows that begin in the program: so many for each of the K + 2 columns, and no fewer than FEWEST. At most
# GROWTH times as many are in it at the end, in at most ROUNDS.
ROWS_PER_COLUMN = 8
FEWEST = 200
GROWTH = 5
ROUNDS = 12


def mean_absolute(values: np.ndarray) -> float:
    """Mean absolute entry."""
    return float(np.abs(values).mean())


def certify_absolute(rows: Float[np.ndarray, "N P"], hull: str) -> Certified:
    """The least mean absolute error over all rows (`moments.columns`), by linear programs (HiGHS) on some.

    A program takes the signs of all other rows for known. Its weights, tried on all rows, bound the error
    from above, its multipliers and the signs from below. Rows whose sign was another join the program, until
    both ends meet (CLOSED, relative to the target's largest entry), ROUNDS are over, or the program would
    become too large: then the bracket stays as wide as it is.
    """
    models, target = rows[:, :-2], rows[:, -2]
    count = max(ROWS_PER_COLUMN * rows.shape[1], FEWEST)
    most = GROWTH * count
    best = _reweighted(rows, hull)
    residual = best.residual(models, target)
    least, lower = mean_absolute(residual), 0.0
    signs = np.where(residual < 0, -1.0, 1.0)
    order = np.argsort(np.abs(residual))
    open_rows = order[:count]
    closed = CLOSED * max(float(np.abs(target).max()), 1e-300)
    for _ in range(ROUNDS):
        solved = _program(models, target, signs, open_rows, hull)
        if solved is None:  # so few rows do not bound the weights
            if len(open_rows) >= min(len(rows), most):
                break
            open_rows = np.union1d(open_rows, order[: 2 * len(open_rows)])
            continue
        mixture, measure = solved
        lower = max(lower, _proved(measure, models, target, hull))
        residual = mixture.residual(models, target)
        if mean_absolute(residual) < least:
            best, least = mixture, mean_absolute(residual)
        wrong = signs * residual < 0
        wrong[open_rows] = False
        if least - lower <= closed or not wrong.any() or len(open_rows) >= most:
            break
        open_rows = np.union1d(open_rows, order[wrong[order]][: len(open_rows)])
    return Certified(best, min(lower, least), least)


def without_constant(sums: Float[np.ndarray, "P P"]) -> Float[np.ndarray, "P P"]:
    """Moments from which `LeastSquares` fits with the constant 0: those of columns whose means are 0."""
    sums = sums.copy()
    sums[-1, :-1] = sums[:-1, -1] = 0
    return sums


def _reweighted(rows: np.ndarray, hull: str) -> Mixture:
    """A mixture of nearly the least mean absolute error: least squares with weights 1 / |residual|.

    Near 0 weights are bounded, by the size of a residual such that fewer and fewer rows are below it.
    """
    models, target = rows[:, :-2], rows[:, -2]
    everyone = np.arange(models.shape[1])

    def fitted(counts: np.ndarray | None, start: Mixture | None) -> Mixture:
        sums = moments(rows, counts)
        return LeastSquares(without_constant(sums) if hull == "simplex" else sums, hull).fit(everyone, start)

    mixture = fitted(None, None)
    for step in range(1, STEPS + 1):
        sizes = np.abs(mixture.residual(models, target))
        place = len(rows) // NEARER**step
        near = np.partition(sizes, place)[place]
        if near == 0:
            break
        mixture = fitted(1 / np.maximum(sizes, near), mixture)
    return mixture


def _program(
    models: np.ndarray, target: np.ndarray, signs: np.ndarray, open_rows: np.ndarray, hull: str
) -> tuple[Mixture, np.ndarray] | None:
    """A mixture and a measure, if all but some rows err on the side `signs`; None if HiGHS finds neither."""
    cone = hull == "cone"
    known = signs.copy()
    known[open_rows] = 0.0
    chosen, aim, number = models[open_rows], target[open_rows], models.shape[1]
    sizes = np.abs(chosen).max(axis=0)
    sizes = np.where((sizes > 0) & cone, sizes, 1.0)
    # Unknowns: weights, the constant if there is one, and what each open row errs by, above and below.
    one, each = np.ones((len(aim), int(cone))), np.eye(len(aim))
    system = np.column_stack([chosen / sizes, one, each, -each])
    cost = np.concatenate([-(known @ models) / sizes, [-known.sum()] * cone, np.ones(2 * len(aim))])
    if not cone:
        system = np.vstack([system, np.append(np.ones(number), np.zeros(2 * len(aim)))])
        aim = np.append(aim, 1.0)
    free = [(None, None)] * cone
    solution = linprog(
        cost,
        A_eq=sparse.csc_array(system),
        b_eq=aim,
        bounds=[(0, None)] * number + free + [(0, None)] * (2 * len(open_rows)),
        method="highs-ds",
        options={"dual_feasibility_tolerance": 1e-10, "primal_feasibility_tolerance": 1e-10},
    )
    if solution.x is None:
        return None
    weights = np.maximum(solution.x[:number], 0.0) / sizes
    if not cone:
        weights /= weights.sum()
    known[open_rows] = np.clip(solution.eqlin.marginals[: len(open_rows)], -1.0, 1.0)
    return Mixture(weights, float(solution.x[number]) if cone else 0.0), known / len(known)


def _proved(measure: np.ndarray, models: np.ndarray, target: np.ndarray, hull: str) -> float:
    """The lower end that a measure of at most 1 / N on every row proves (see the module)."""
    if hull == "simplex":
        return float(measure @ target - (measure @ models).max())
    measure = measure - measure.mean()
    measure = measure / max(1.0, np.abs(measure).max() * len(measure))
    sizes = np.abs(models).mean(axis=0)
    return float(cone_bound(measure @ target, measure @ models, size=mean_absolute(target), sizes=sizes))

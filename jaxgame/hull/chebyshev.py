"""Best approximation in the sup norm by non-negative or convex combinations: a linear program.

    minimise  t   subject to   |target - columns w - groups c| <= t,   w >= 0,   (sum w = 1),   c free

The method is Mehrotra's predictor-corrector interior point on the primal-dual pair, whose start is
strictly feasible on the simplex; see `chebyshev_step` for one step and its cost.

Each iterate is scored by the bounds below rather than by the method's own gap, and the best weights
and the best measure are kept, separately. So a step that loses accuracy near the solution does no harm.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided
from jaxgame.core.cone import cone_bound
from jaxgame.hull.chebyshev_step import Iterate, step

MAX_ITERATIONS = 60


class ChebyshevFit(NamedTuple):
    """Weights [K] and a signed measure [D] that bound the distance from above and from below."""

    weights: Float[Array, " K"]
    measure: Float[Array, " D"]
    converged: Bool[Array, ""]
    iterations: Int[Array, ""]


def half_range(
    residual: Float[Array, " D"], groups: Float[Array, "D G"]
) -> tuple[Float[Array, ""], Float[Array, " G"]]:
    """The least sup norm of `residual` after one shift per group, and the shifts that attain it.

    `groups` [D, G] is 0/1 with one 1 per row; with G = 0 no shift is allowed.
    """
    if groups.shape[1] == 0:
        return jnp.abs(residual).max(), jnp.zeros(0, residual.dtype)
    member = groups > 0
    top = jnp.where(member, residual[:, None], -jnp.inf).max(axis=0)
    bottom = jnp.where(member, residual[:, None], jnp.inf).min(axis=0)
    return ((top - bottom) / 2).max(), (top + bottom) / 2


def centre(vectors: Float[Array, "D *N"], groups: Float[Array, "D G"]) -> Float[Array, "D *N"]:
    """Subtract from each column of `vectors` its mean within each group."""
    return vectors - groups @ (groups.T @ vectors / groups.sum(axis=0).reshape(-1, *[1] * (vectors.ndim - 1)))


def separation(
    measure: Float[Array, " D"],
    target: Float[Array, " D"],
    columns: Float[Array, "D K"],
    *,
    simplex: bool,
    rounding: float = 0.0,
) -> Float[Array, ""]:
    """How far `measure` m puts the target beyond every combination: a lower bound on the distance.

    For a measure of dual norm 1 that sums to 0 in each group (theory, section 3):
    `<m, target> - max_i <m, column_i>` on the simplex. On the cone `<m, target>`, less a charge of
    `CONE_REACH` for the part of `<m, column_i> <= 0` that fails: the bound then holds against all
    w with `sum w_i |column_i|_inf <= CONE_REACH |target|_inf`, and against all w if nothing fails.
    `rounding` is how far each product may be off, in parts of the vector's largest entry.
    """
    size, sizes = jnp.abs(target).max(), jnp.abs(columns).max(axis=0)
    value = measure @ target - rounding * size
    scores = measure @ columns + rounding * sizes
    if simplex:
        return jnp.maximum(value - scores.max(), 0.0)
    return cone_bound(value, scores, size=size, sizes=sizes)


def unit_measure(measure: Float[Array, " D"], groups: Float[Array, "D G"]) -> Float[Array, " D"]:
    """The nearest measure that sums to 0 in each group, rescaled to total mass 1 (0 if it vanishes)."""
    centred = centre(measure, groups)
    mass = jnp.abs(centred).sum()
    usable = (mass > 0) & jnp.isfinite(mass)
    return divided(centred, mass, usable)


def chebyshev_fit(
    target: Float[Array, " D"],
    columns: Float[Array, "D K"],
    groups: Float[Array, "D G"],
    *,
    simplex: bool,
) -> ChebyshevFit:
    """Weights and a measure whose bounds on the sup-norm distance meet, for one problem.

    `converged` says that they met within 2e-12 of the data's size (7e-6 in single precision).
    """
    tolerance = float(jnp.finfo(target.dtype).eps) ** 0.75
    target, columns, column_size = _standardise(target, columns, groups, simplex=simplex)
    design = jnp.concatenate([columns, groups], axis=1)
    start = _start(target, design, columns.shape[1], simplex=simplex)

    def score(state: _State, iterate: Iterate) -> _State:
        return _score(state, iterate, target, columns, groups, simplex=simplex)

    def unfinished(state: _State) -> Bool[Array, ""]:
        # A complementarity gap below rounding (or NaN) means that further steps cannot help.
        alive = state.iterate.gap() > jnp.finfo(target.dtype).eps
        return alive & (state.upper - state.lower > tolerance) & (state.iterations < MAX_ITERATIONS)

    def advance(state: _State) -> _State:
        return score(state, step(state.iterate, design, columns.shape[1], simplex=simplex))

    final = lax.while_loop(
        unfinished,
        advance,
        score(
            _State(
                iterate=start,
                weights=start.v[: columns.shape[1]],
                measure=jnp.zeros_like(target),
                upper=jnp.asarray(jnp.inf, target.dtype),
                lower=jnp.asarray(0.0, target.dtype),
                iterations=jnp.asarray(-1),
            ),
            start,
        ),
    )
    return ChebyshevFit(
        weights=final.weights / column_size,
        measure=final.measure,
        converged=final.upper - final.lower <= tolerance,
        iterations=final.iterations,
    )


class _State(NamedTuple):
    iterate: Iterate
    weights: Array
    measure: Array
    upper: Array
    lower: Array
    iterations: Array


def _standardise(
    target: Array, columns: Array, groups: Array, *, simplex: bool
) -> tuple[Array, Array, Array]:
    """An equivalent problem without offsets in the data and of size about 1; w is divided by the last."""
    if simplex:  # sum w = 1: what is to be approximated can be taken into the columns
        columns = columns - target[:, None]
        target = jnp.zeros_like(target)
    columns = centre(columns, groups)
    target = centre(target, groups)
    size = jnp.abs(columns).max(axis=0)
    size = jnp.where(size > 0, size, 1.0)
    if simplex:
        return target, columns / size.max(), jnp.ones_like(size)
    target_size = jnp.abs(target).max()
    target_size = jnp.where(target_size > 0, target_size, 1.0)
    return target / target_size, columns / size[None, :], size / target_size


def _start(target: Array, design: Array, leaders: int, *, simplex: bool) -> Iterate:
    """Strictly feasible on the simplex; on the cone stationarity in w is reached on the way."""
    rows = target.shape[0]
    w = jnp.full(leaders, 1 / leaders, target.dtype)
    residual = target - design[:, :leaders] @ w
    t = 1.1 * jnp.abs(residual).max() + 1e-2
    return Iterate(
        v=jnp.concatenate([w, jnp.zeros(design.shape[1] - leaders, target.dtype), t[None]]),
        slack=jnp.concatenate([t - residual, t + residual, w]),
        dual=jnp.concatenate([jnp.full(2 * rows, 0.5 / rows, target.dtype), jnp.ones(leaders, target.dtype)]),
        y=jnp.asarray(1.0 if simplex else 0.0, target.dtype),
    )


def _score(
    state: _State, iterate: Iterate, target: Array, columns: Array, groups: Array, *, simplex: bool
) -> _State:
    """Move to `iterate`, keep its weights and its measure where they bound better than those kept."""
    rows = columns.shape[0]
    weights = iterate.slack[2 * rows :]
    weights = weights / weights.sum() if simplex else weights
    upper, _ = half_range(target - columns @ weights, groups)
    measure = unit_measure(iterate.dual[:rows] - iterate.dual[rows : 2 * rows], groups)
    lower = separation(measure, target, columns, simplex=simplex)
    # Comparisons with NaN are false: a broken iterate is never kept.
    return _State(
        iterate=iterate,
        weights=jnp.where(upper < state.upper, weights, state.weights),
        measure=jnp.where(lower > state.lower, measure, state.measure),
        upper=jnp.where(upper < state.upper, upper, state.upper),
        lower=jnp.where(lower > state.lower, lower, state.lower),
        iterations=state.iterations + 1,
    )

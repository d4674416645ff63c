"""Non-negative least squares from normal equations, and least squares over the simplex as a case of it.

    minimise  w' gram w / 2 - moment' w   subject to   w >= 0

Simplex: with sum w = 1 the residual is a point of the hull of the columns `column_i - target`, and the
least one solves `min |A w|^2 + kappa (1 - sum w)^2` over w >= 0 for any kappa > 0 after rescaling: along
a ray w = alpha v the best alpha leaves a value that increases in |A v| alone [own].

After the Gram matrix, D K^2 / 2 multiplications once, nothing depends on the number of rows.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxgame.core.arithmetic import divided

MAX_ITERATIONS = 50


class NonNegativeFit(NamedTuple):
    """Minimiser [K] and the number of interior-point steps."""

    weights: Float[Array, " K"]
    iterations: Int[Array, ""]


def simplex_least_squares(columns: Float[Array, "D K"]) -> NonNegativeFit:
    """Weights on the simplex of the point of the columns' convex hull that is nearest to 0."""
    fit = nonnegative_least_squares(*simplex_problem(columns))
    return fit._replace(weights=fit.weights / fit.weights.sum())


def simplex_problem(columns: Float[Array, "D K"]) -> tuple[Float[Array, "K K"], Float[Array, " K"]]:
    """Gram matrix and moment whose non-negative solution, divided by its sum, is the simplex's."""
    gram = columns.T @ columns
    kappa = jnp.diagonal(gram).mean()
    kappa = jnp.where(kappa > 0, kappa, 1.0)
    return gram + kappa, jnp.full(gram.shape[0], kappa)


def nonnegative_least_squares(gram: Float[Array, "K K"], moment: Float[Array, " K"]) -> NonNegativeFit:
    """Minimise w' gram w / 2 - moment' w over w >= 0 by Mehrotra's predictor-corrector method.

    `gram` is positive semidefinite; it may be singular (repeated columns, more columns than rows).
    """
    dtype = gram.dtype
    leaders = gram.shape[0]
    # Columns of unit length: weights of leaders on different scales then converge alike.
    length = jnp.sqrt(jnp.diagonal(gram))
    length = jnp.where(length > 0, length, 1.0)
    gram = gram / (length[:, None] * length[None, :])
    moment = moment / length
    size = jnp.abs(moment).max()
    size = jnp.where(size > 0, size, 1.0)
    moment = moment / size
    eps = jnp.finfo(dtype).eps
    shift = 100 * eps * jnp.eye(leaders, dtype=dtype)

    class State(NamedTuple):
        w: Array
        z: Array
        iterations: Array
        error: Array
        best: Array
        best_error: Array

    def step(state: State) -> State:
        w, z = state.w, state.z
        residual = gram @ w - moment - z
        factor = lax.linalg.cholesky(gram + shift + jnp.diag(z / w), symmetrize_input=False)

        def solve(aim: Array) -> tuple[Array, Array]:
            right = (aim / w - residual)[:, None]
            half = lax.linalg.triangular_solve(factor, right, left_side=True, lower=True)
            dw = lax.linalg.triangular_solve(factor, half, left_side=True, lower=True, transpose_a=True)[:, 0]
            return dw, (aim - z * dw) / w

        def reach(x: Array, d: Array) -> Array:
            return divided(-x, d, d < 0, jnp.inf).min()

        dw, dz = solve(-w * z)
        length = jnp.minimum(1.0, jnp.minimum(reach(w, dw), reach(z, dz)))
        remaining = ((w + length * dw) @ (z + length * dz)) / (w @ z)
        dw, dz = solve(remaining**3 * (w @ z) / leaders - w * z - dw * dz)
        # One length for both: with a quadratic objective the dual residual shrinks only then.
        length = jnp.minimum(1.0, 0.995 * jnp.minimum(reach(w, dw), reach(z, dz)))
        return score(state, w + length * dw, z + length * dz)

    def score(state: State, w: Array, z: Array) -> State:
        error = w @ z + jnp.abs(gram @ w - moment - z).max()
        better = error < state.best_error
        return State(
            w,
            z,
            state.iterations + 1,
            error,
            jnp.where(better, w, state.best),
            jnp.where(better, error, state.best_error),
        )

    def unfinished(state: State) -> Array:
        # A comparison with NaN is false: a broken lane stops.
        return (state.error > 10 * eps) & (state.iterations < MAX_ITERATIONS)

    one = jnp.ones(leaders, dtype)
    infinite = jnp.asarray(jnp.inf, dtype)
    start = State(one, one, jnp.asarray(-1), infinite, one, infinite)
    final = lax.while_loop(unfinished, step, score(start, one, one))
    return NonNegativeFit(weights=final.best * size / length, iterations=final.iterations)

"""One predictor-corrector step of the interior-point method for the Chebyshev fit.

The unknowns are v = (w, c, t). All inequalities together are `slack = (t - residual, t + residual, w) >= 0`,
which moves by G dv with G = [[V, 1], [-V, 1], [I, 0]] and V = [columns, groups]; `dual >= 0` are their
multipliers, y that of sum w = 1. Optimality: G' dual = e_t + y e_w and slack * dual = 0.

Eliminating slacks and multipliers leaves the positive definite matrix G' diag(dual / slack) G, bordered on
the simplex by e_w: D K^2 + K^3 / 3 multiplications to assemble and factor for D rows and K columns.
(Eliminating dv instead gives K D^2 + D^3 / 3. It was tried for K > D: no faster on two cores, and wrong in
the sixth digit or worse where the hull barely contains the target.)
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxgame.core.arithmetic import divided


class Iterate(NamedTuple):
    """A primal-dual point, or a move of one: v [K + G + 1], slack and dual [2 D + K], y []."""

    v: Array
    slack: Array
    dual: Array
    y: Array

    def gap(self) -> Array:
        """The complementarity gap, which the method drives to 0."""
        return self.slack @ self.dual


def slack_move(move: Array, design: Array, leaders: int) -> Array:
    """G move."""
    rise, h = move[-1], design @ move[:-1]
    return jnp.concatenate([rise + h, rise - h, move[:leaders]])


def step(now: Iterate, design: Array, leaders: int, *, simplex: bool) -> Iterate:
    """The next point: slacks keep following v, other residuals shrink with the step length."""
    theta = now.dual / now.slack
    factor = _factor(theta, design, leaders)
    in_simplex = (jnp.arange(design.shape[1] + 1) < leaders).astype(design.dtype)
    along = _solve(factor, in_simplex) if simplex else in_simplex

    def direction(push: Array, stationarity: Array, total: Array | float) -> Iterate:
        """With d(dual) = push - theta d(slack): G' d(dual) - dy e_w = stationarity and sum dw = total."""
        dv = _solve(factor, _dual_pull(push, design, leaders) - stationarity)
        dy = jnp.zeros((), design.dtype)
        if simplex:
            dy = (in_simplex @ dv - total) / (in_simplex @ along)
            dv = dv - dy * along
        d_slack = slack_move(dv, design, leaders)
        return Iterate(dv, d_slack, push - theta * d_slack, dy)

    def lacking(move: Iterate) -> Array:
        return _dual_pull(move.dual, design, leaders) - move.y * in_simplex

    stationarity = jnp.zeros_like(in_simplex).at[-1].set(1.0) - lacking(now)
    total = 1 - in_simplex @ now.v
    gap = now.gap()

    # Predictor: straight at complementarity 0. Its success sets how far the corrector aims.
    predictor = direction(-now.dual, stationarity, total)
    level = (_move(now, predictor, 1.0).gap() / gap) ** 3 * gap / now.slack.size
    aim = (level - predictor.slack * predictor.dual) / now.slack - now.dual
    corrector = direction(aim, stationarity, total)

    # Rounding in the assembled matrix leaves residuals that later steps cannot mend: correct once.
    left = direction(jnp.zeros_like(aim), stationarity - lacking(corrector), total - in_simplex @ corrector.v)
    corrector = jax.tree.map(jnp.add, corrector, left)
    # Closer to the boundary as the gap closes: the last steps then converge faster than linearly.
    return _move(now, corrector, 1 - jnp.clip(gap, 1e-6, 5e-3))


def _dual_pull(dual: Array, design: Array, leaders: int) -> Array:
    """G' dual."""
    rows = design.shape[0]
    above, below, z = dual[:rows], dual[rows : 2 * rows], dual[2 * rows :]
    return jnp.concatenate([design.T @ (above - below), (above + below).sum()[None]]) + jnp.pad(
        z, (0, design.shape[1] + 1 - leaders)
    )


def _factor(theta: Array, design: Array, leaders: int) -> Array:
    """Cholesky factor of G' diag(theta) G, shifted by rounding so that repeated columns do not matter."""
    rows = design.shape[0]
    above, below = theta[:rows], theta[rows : 2 * rows]
    border = (design.T @ (above - below))[:, None]
    matrix = jnp.block(
        [
            [design.T @ ((above + below)[:, None] * design), border],
            [border.T, (above + below).sum()[None, None]],
        ]
    )
    diagonal = jnp.diagonal(matrix) + jnp.pad(theta[2 * rows :], (0, matrix.shape[0] - leaders))
    shifted = (1 + 20 * jnp.finfo(theta.dtype).eps) * diagonal
    return lax.linalg.cholesky(
        jnp.where(jnp.eye(matrix.shape[0], dtype=bool), shifted[:, None], matrix), symmetrize_input=False
    )


def _solve(factor: Array, right: Array) -> Array:
    half = lax.linalg.triangular_solve(factor, right[:, None], left_side=True, lower=True)
    return lax.linalg.triangular_solve(factor, half, left_side=True, lower=True, transpose_a=True)[:, 0]


def _move(now: Iterate, move: Iterate, fraction: float | Array) -> Iterate:
    """Go `fraction` of the way to the boundary, at most 1, in the primal and in the dual."""

    def longest(x: Array, d: Array) -> Array:
        return jnp.minimum(1.0, fraction * divided(-x, d, d < 0, jnp.inf).min())

    primal, dual = longest(now.slack, move.slack), longest(now.dual, move.dual)
    return jax.tree.map(lambda x, d, length: x + length * d, now, move, Iterate(primal, primal, dual, dual))

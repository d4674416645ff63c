"""One predictor-corrector step of the interior-point method for the Chebyshev fit.

Each row has two slacks, `above = t - residual` and `below = t + residual`, with multipliers p and q; z
belongs to w >= 0 and y to sum w = 1. With h = columns dw + groups dc the slacks move by dt +- h.
Write m = p - q, theta = p / above + q / below and delta = p / above - q / below. Eliminating
slacks and multipliers leaves a positive definite system in (dw, dc, dt), bordered on the simplex by the
sum of the weights: D K^2 + K^3 / 3 multiplications to assemble and factor, whatever the rows mean.

(Eliminating the weights instead gives a system in dm of K D^2 + D^3 / 3. It was tried for K > D: no
faster on two cores, and wrong in the sixth digit or worse where the hull barely contains the target.)
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array


class Iterate(NamedTuple):
    """A primal-dual point, or a move of one."""

    w: Array
    c: Array
    t: Array
    above: Array
    below: Array
    p: Array
    q: Array
    z: Array
    y: Array

    def gap(self) -> Array:
        """The complementarity gap, which the method drives to 0."""
        return self.above @ self.p + self.below @ self.q + self.w @ self.z


class _Aims(NamedTuple):
    """What is asked of the three families of products: above * p, below * q and w * z."""

    above: Array
    below: Array
    w: Array


class _Residuals(NamedTuple):
    """What is missing in stationarity in w, c and t, and in the sum of the weights."""

    w: Array | float
    c: Array | float
    t: Array | float
    total: Array | float


def step(now: Iterate, columns: Array, groups: Array, *, simplex: bool) -> Iterate:
    """The next point. Slacks keep following w, c and t; other residuals shrink with the step length."""
    rows, leaders = columns.shape
    theta_above, theta_below = now.p / now.above, now.q / now.below
    solve = _eliminated(now, theta_above, theta_below, columns, groups, simplex=simplex)

    def direction(aims: _Aims, lacking: _Residuals) -> Iterate:
        """Solve the linearised conditions: products move by `aims`, residuals by `lacking`."""
        push_above, push_below, push_z = aims.above / now.above, aims.below / now.below, aims.w / now.w
        dw, dc, dt, dy = solve(push_above - push_below, push_above + push_below, push_z, lacking)
        h = columns @ dw + groups @ dc
        return Iterate(
            w=dw,
            c=dc,
            t=dt,
            above=dt + h,
            below=dt - h,
            p=push_above - theta_above * (dt + h),
            q=push_below - theta_below * (dt - h),
            z=push_z - now.z / now.w * dw,
            y=dy,
        )

    lacking = _residuals(now, columns, groups, start=_Residuals(0.0, 0.0, 1.0, 1.0))
    products = _Aims(now.above * now.p, now.below * now.q, now.w * now.z)
    gap = now.gap()

    # Predictor: straight at complementarity 0. Its success sets how far the corrector aims.
    predictor = direction(_Aims(*(-product for product in products)), lacking)
    reached = _move(now, predictor, *_reach(now, predictor, 1.0))
    level = (reached.gap() / gap) ** 3 * gap / (2 * rows + leaders)
    second_order = _Aims(
        predictor.above * predictor.p, predictor.below * predictor.q, predictor.w * predictor.z
    )
    corrector = direction(jax.tree.map(lambda x, d: level - x - d, products, second_order), lacking)

    # Rounding in the assembled matrix leaves residuals that later steps cannot mend: correct once.
    left = _residuals(corrector, columns, groups, start=lacking)
    correction = direction(_Aims(*(jnp.zeros_like(product) for product in products)), left)
    corrector = jax.tree.map(jnp.add, corrector, correction)
    # Closer to the boundary as the gap closes: the last steps then converge faster than linearly.
    return _move(now, corrector, *_reach(now, corrector, 1 - jnp.clip(gap, 1e-6, 5e-3)))


def _eliminated(
    now: Iterate, theta_above: Array, theta_below: Array, columns: Array, groups: Array, *, simplex: bool
) -> Callable[[Array, Array, Array, _Residuals], tuple[Array, Array, Array, Array]]:
    """The reduced system's solver: from wanted moves of m, of p + q and of z to (dw, dc, dt, dy)."""
    leaders = columns.shape[1]
    theta, delta = theta_above + theta_below, theta_above - theta_below
    design = jnp.concatenate([columns, groups], axis=1)
    border = design.T @ delta
    matrix = jnp.block(
        [[design.T @ (theta[:, None] * design), border[:, None]], [border[None, :], theta.sum()[None, None]]]
    )
    solve = _factored(matrix + jnp.diag(jnp.pad(now.z / now.w, (0, groups.shape[1] + 1))))
    in_simplex = (jnp.arange(matrix.shape[0]) < leaders).astype(columns.dtype)
    along_simplex = solve(in_simplex) if simplex else in_simplex

    def moves(
        push: Array, push_sum: Array, pull: Array, lacking: _Residuals
    ) -> tuple[Array, Array, Array, Array]:
        right = [
            columns.T @ push + pull + lacking.w,
            groups.T @ push + lacking.c,
            (push_sum.sum() - lacking.t)[None],
        ]
        solution, dy = solve(jnp.concatenate(right)), jnp.zeros((), columns.dtype)
        if simplex:
            dy = (in_simplex @ solution - lacking.total) / (in_simplex @ along_simplex)
            solution = solution - dy * along_simplex
        return solution[:leaders], solution[leaders:-1], solution[-1], dy

    return moves


def _factored(matrix: Array) -> Callable[[Array], Array]:
    """Solver for a positive definite matrix, shifted by rounding so that repeated columns do not matter."""
    shift = 20 * jnp.finfo(matrix.dtype).eps * jnp.diagonal(matrix)
    factor = lax.linalg.cholesky(matrix + jnp.diag(shift), symmetrize_input=False)

    def solve(right: Array) -> Array:
        half = lax.linalg.triangular_solve(factor, right[:, None], left_side=True, lower=True)
        return lax.linalg.triangular_solve(factor, half, left_side=True, lower=True, transpose_a=True)[:, 0]

    return solve


def _residuals(point: Iterate, columns: Array, groups: Array, start: _Residuals) -> _Residuals:
    """What `point` leaves of the linear conditions, whose right-hand sides are `start`."""
    measure = point.p - point.q
    return _Residuals(
        w=start.w + columns.T @ measure + point.z - point.y,
        c=start.c + groups.T @ measure,
        t=start.t - (point.p + point.q).sum(),
        total=start.total - point.w.sum(),
    )


def _reach(now: Iterate, move: Iterate, fraction: float | Array) -> tuple[Array, Array]:
    """Primal and dual step lengths: `fraction` of the way to the boundary, at most 1."""

    def longest(*pairs: tuple[Array, Array]) -> Array:
        lengths = [jnp.where(d < 0, -x / jnp.where(d < 0, d, -1.0), jnp.inf).min() for x, d in pairs]
        return jnp.minimum(1.0, fraction * jnp.stack(lengths).min())

    primal = longest((now.above, move.above), (now.below, move.below), (now.w, move.w))
    dual = longest((now.p, move.p), (now.q, move.q), (now.z, move.z))
    return primal, dual


def _move(now: Iterate, move: Iterate, primal: Array, dual: Array) -> Iterate:
    length = Iterate(w=primal, c=primal, t=primal, above=primal, below=primal, p=dual, q=dual, z=dual, y=dual)
    return jax.tree.map(lambda x, d, step: x + step * d, now, move, length)

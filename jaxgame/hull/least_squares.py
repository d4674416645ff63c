"""Non-negative least squares from normal equations, and least squares over the simplex as a case of it.

    minimise  w' gram w / 2 - moment' w   subject to   w >= 0

Simplex: with sum w = 1 the residual is a point of the hull of the columns `column_i - target`, and the
least one solves `min |A w|^2 + kappa (1 - sum w)^2` over w >= 0 for any kappa > 0 after rescaling: along
a ray w = alpha v the best alpha leaves a value that increases in |A v| alone [own].

The method is that of active sets (Lawson and Hanson), by principal pivots (Keller 1973). The tableau writes
the weights in use and the slopes of the others as functions of the slopes of the former and the weights of
the latter. The weight with the steepest fall is raised until its slope is 0, and joins those in use; a
weight that reaches 0 on the way leaves them. After the Gram matrix, D K^2 / 2 multiplications once,
nothing depends on the number of rows: a pivot touches K^2 numbers.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided
from jaxgame.lp.lanes import (
    column_of,
    first_of,
    lanes_for,
    least,
    over_batches,
    pick,
    row_of,
    settled,
    work_through,
)

FLAT = 0.7  # powers of eps: a squared distance from the columns in use below which a column repeats them,
LEVEL = 0.9  # how much a weight must move for another one's rise to stop it,
CONTENT = 100  # and multiples of it: slopes that are 0


def simplex_least_squares(columns: Float[Array, "D K"]) -> Float[Array, " K"]:
    """Weights on the simplex of the point of the columns' convex hull that is nearest to 0."""
    weights = nonnegative_least_squares(*simplex_problem(columns))
    return weights / weights.sum()


def simplex_problem(columns: Float[Array, "D K"]) -> tuple[Float[Array, "K K"], Float[Array, " K"]]:
    """Gram matrix and moment whose non-negative solution, divided by its sum, is the simplex's."""
    gram = columns.T @ columns
    kappa = jnp.diagonal(gram).mean()
    kappa = jnp.where(kappa > 0, kappa, 1.0)
    return gram + kappa, jnp.full(gram.shape[0], kappa)


def nonnegative_least_squares(gram: Float[Array, "K K"], moment: Float[Array, " K"]) -> Float[Array, " K"]:
    """The weights that minimise w' gram w / 2 - moment' w over w >= 0.

    `gram` is positive semidefinite; it may be singular (repeated columns, more columns than rows): what a
    weight would add to those in use only by rounding stays 0. Vmapped calls are solved side by side.
    """
    # Columns of unit length: weights of leaders on different scales then converge alike.
    length = jnp.sqrt(jnp.diagonal(gram))
    length = jnp.where(length > 0, length, 1.0)
    moment = moment / length
    size = jnp.abs(moment).max()
    size = jnp.where(size > 0, size, 1.0)
    weights = over_batches(_solve)(gram / (length[:, None] * length[None, :]), moment / size)
    return weights * size / length


class _Set(NamedTuple):
    """Lanes with weights in use and others at 0: `tableau - left right` as in `hull.exchange`.

    `values` are those of the weights in use and of the others' slopes, while the weight `raised`, the
    `number`-th, is on its way; K if none is.
    """

    tableau: Float[Array, "K K W"]
    left: Float[Array, "K W"]
    right: Float[Array, "K W"]
    values: Float[Array, "K W"]
    used: Bool[Array, "K W"]
    number: Int[Array, " W"]
    raised: Float[Array, " W"]
    pivots: Int[Array, " W"]
    done: Bool[Array, " W"]


def _solve(gram: Float[Array, "B K K"], moment: Float[Array, "B K"]) -> Float[Array, "B K"]:
    """Weights of B problems."""
    problems, leaders = moment.shape

    def load(problem: Array, _: Array, __: Array) -> _Set:
        index = jnp.minimum(problem, problems - 1)
        slopes = -moment[index].T
        none = jnp.zeros(len(problem), jnp.int32)
        return _Set(
            tableau=jnp.moveaxis(gram[index], 0, -1),
            left=jnp.zeros_like(slopes),
            right=jnp.zeros_like(slopes),
            values=slopes,
            used=slopes > jnp.inf,
            number=none + leaders,
            raised=jnp.zeros(len(problem), slopes.dtype),
            pivots=none,
            done=none > 0,
        )

    def read(state: _Set, _: Array) -> tuple[Array, Array]:
        weights = jnp.where(state.used, jnp.maximum(state.values, 0.0), 0.0)
        return weights.T, jnp.zeros_like(state.done)

    lanes, blank = lanes_for(leaders * (leaders + 4)), jnp.zeros_like(moment)
    return work_through(problems, lanes, blank, load=load, step=_pivoted, read=read)


def _pivoted(state: _Set) -> _Set:
    """Raise a weight as far as it goes, and pivot on what stops it."""
    leaders = len(state.tableau)
    eps = float(jnp.finfo(state.values.dtype).eps)
    tableau = state.tableau - state.left[:, None] * state.right[None]
    place = np.arange(leaders, dtype=np.int32)[:, None]

    # The next weight to raise: of those that are more than rounding apart from the ones in use.
    curvature = tableau.reshape(leaders * leaders, -1)[:: leaders + 1]
    falls = ~state.used & (curvature > eps**FLAT)
    slope = jnp.where(falls, state.values, 0.0)
    steepest = least(slope)
    fresh = state.number == leaders
    number = jnp.where(fresh, first_of(slope <= steepest[None]), state.number)
    ends = fresh & (steepest >= -CONTENT * eps) | (state.pivots >= 10 * leaders)

    # It goes until its own slope is 0, or a weight in use is.
    along = column_of(tableau, number)
    own = place == number[None]
    bend = jnp.where(own, along, jnp.where(state.used, -along, 0.0))
    room = jnp.maximum(jnp.where(own, -state.values, state.values), 0.0)
    reach = divided(room, bend, bend > 0, jnp.inf)
    reach = jnp.where(bend > eps**LEVEL, reach, jnp.inf)
    length = least(reach)
    moving = ~state.done & ~ends & (length < jnp.inf)
    stop, number, moves = settled(first_of(reach <= length[None]), number, moving.astype(jnp.int32))
    moving = moves > 0
    length = jnp.where(moving, length, 0.0)
    raised = jnp.where(fresh, 0.0, state.raised) + length
    arrived = stop == number
    values = state.values + along * length[None]

    # A principal pivot: what stopped changes places with its counterpart, a slope or a weight of 0.
    at = (place == stop[None]) & moving[None]
    one = at.astype(values.dtype)
    column, row = column_of(tableau, stop), row_of(tableau, stop)
    scale = 1.0 / jnp.where(moving, pick(column, stop), 1.0)
    values = jnp.where(at, jnp.where(arrived, raised, 0.0)[None], values)
    return _Set(
        tableau=tableau,
        left=jnp.where(moving[None], column + one, 0.0),
        right=(row - one) * scale[None],
        values=values,
        used=state.used ^ at,
        number=jnp.where(arrived, leaders, number),
        raised=raised,
        pivots=state.pivots + moving.astype(jnp.int32),
        done=~moving,
    )

"""Two states: the concave closure of a function of the posterior, with a bound from above.

Posteriors are pairs of likelihoods d = (d_0, d_1) with sum 1; a scheme is a set of pairs whose weighted sum
is (1, 1). A homogeneous function h is given at G pairs; the best scheme splits (1, 1) between two of them,
one on either side, and any (y_0, y_1) with y.d >= h(d) for all d proves that none is worth more than
y_0 + y_1.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

MAX_TURNS = 200  # of the line; it seldom needs more than 10
ROUNDING = 1e-15  # in parts of the largest value


class Split(NamedTuple):
    """The best split among the points given, and the line that proves it."""

    scheme: Float[Array, "2 2"]
    line: Float[Array, "2"]
    excess: Float[Array, ""]  # by how much a point exceeds the line, at most
    chosen: Int[Array, "2"]  # the points, left and right
    turns: Int[Array, ""]

    def bound(self, excess: Float[Array, ""], rounding: Float[Array, "2"]) -> Float[Array, ""]:
        """What no split is worth more than if the line, raised by `excess`, is above the function.

        Values may be off by `rounding`, for each unit of each likelihood. Pairs have sum 1, and (1, 1) sum 2.
        """
        eps = 8 * jnp.finfo(rounding.dtype).eps
        raised = self.line + eps * jnp.abs(self.line) + rounding
        return raised.sum() + 2 * (excess + eps * jnp.abs(excess))


def best_split(
    points: Float[Array, "G 2"], values: Float[Array, " G"], start: Int[Array, "2"] | None = None
) -> Split:
    """Split (1, 1) between two of the points; (1, 0) and (0, 1) must be the first two.

    `start` is a guess, a point on the left and one on the right.

    A line through one point on either side is turned until no point exceeds it:

    1. draw the line through the left and the right point;
    2. find the point that exceeds it most; if that is by rounding only, stop: the line proves the split best;
    3. put that point in the place of the one on its side, and start again.

    Every turn raises the line at (1, 1), or tilts it about its left point: it ends.
    """
    on_left = points[:, 0] >= points[:, 1]
    number = jnp.arange(len(values), dtype=jnp.int32)
    tolerance = ROUNDING * jnp.abs(values).max()

    def through(i: Array, j: Array) -> tuple[Array, Array]:
        (a, b), (c, d) = points[i], points[j]
        determinant = a * d - b * c  # > 0, as j is strictly to the right
        line = jnp.stack([values[i] * d - values[j] * b, values[j] * a - values[i] * c]) / determinant
        return line, jnp.stack([d - c, a - b]) / determinant

    class State(NamedTuple):
        left: Array  # number of the point on the left, and on the right
        right: Array
        line: Array  # y with y.d = value at both
        weights: Array  # of both in the split
        worst: Array  # number of the point that exceeds the line most, by `excess`
        excess: Array
        turns: Array

    def at(i: Array, j: Array, turns: Array) -> State:
        line, weights = through(i, j)
        above = values - points @ line
        excess = above.max()
        worst = jnp.where(above == excess, number, 0).max()  # on a CPU much faster than argmax
        return State(i, j, line, weights, worst, excess, turns)

    def turn(state: State) -> State:
        left = on_left[state.worst]
        i = jnp.where(left, state.worst, state.left)
        j = jnp.where(left, state.right, state.worst)
        return at(i, j, state.turns + 1)

    first, second = jnp.arange(2, dtype=jnp.int32) if start is None else start
    # A point just right of the middle may have been rounded to its left.
    first, second = jnp.where(on_left[first], first, 0), jnp.where(on_left[second], 1, second)
    begin = at(first, second, jnp.int32(0))
    end = jax.lax.while_loop(lambda s: (s.excess > tolerance) & (s.turns < MAX_TURNS), turn, begin)
    columns = jnp.stack([points[end.left], points[end.right]], 1) * jnp.maximum(end.weights, 0.0)[None]
    return Split(
        scheme=columns / columns.sum(1, keepdims=True),
        line=end.line,
        excess=end.excess,
        chosen=jnp.stack([end.left, end.right]),
        turns=end.turns,
    )


def ties(zero: Float[Array, "*N"], one: Float[Array, "*N"]) -> tuple[Float[Array, "*N"], Float[Array, "*N"]]:
    """Where d_0 zero + d_1 one = 0, as pairs with sum 1; (1, 0) where that is nowhere inside."""
    # The signs are compared, not the product, which underflows.
    inside = (zero < 0) & (one > 0) | (zero > 0) & (one < 0)
    size = jnp.abs(zero) + jnp.abs(one)
    size = jnp.where(inside, size, 1.0)
    return jnp.where(inside, jnp.abs(one) / size, 1.0), jnp.where(inside, jnp.abs(zero) / size, 0.0)

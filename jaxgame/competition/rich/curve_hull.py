"""Concave hulls of values on a grid of posteriors of two states: the whole, and its height at the prior."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.competition.rich.concave_closure import certified
from jaxgame.core.arithmetic import divided

COLLINEAR = 1e-16  # a point that is no higher above an edge is on it
HIGHER = 1e-15  # a line that a point exceeds by less is at the top
MOST_TURNS = 64  # of a line; past that rounding makes it cycle


class Hull(NamedTuple):
    """The least concave function above values on the grid, and the points that carry it around each."""

    height: Float[Array, " N"]
    left: Int[Array, " N"]
    right: Int[Array, " N"]


class Top(NamedTuple):
    """The hull's height at the prior, bracketed in exact arithmetic, and the two points that carry it.

    `lower` is attained by `weights` of 0 and 1, first and last, and of the points number `carriers`, between.
    A carrier without weight may be any point. The affine function q -> multipliers . q proves `upper`.
    """

    lower: Float[Array, ""]
    upper: Float[Array, ""]
    carriers: Int[Array, " 2"]
    weights: Float[Array, " 4"]
    multipliers: Float[Array, " 2"]


def hull(x: Float[Array, " N"], y: Float[Array, " N"]) -> Hull:
    """Quickhull: on every edge so far, the point farthest above it is a corner too.

    All edges take a corner in a round, and when none is above any edge, the corners carry the hull.
    """
    count = len(x)
    number = jnp.arange(count, dtype=jnp.int32)

    def edges(on: Bool[Array, " N"]) -> Hull:
        left = jax.lax.cummax(jnp.where(on, number, 0))
        right = jax.lax.cummin(jnp.where(on, number, count - 1), reverse=True)
        run = x[right] - x[left]
        share = divided(x - x[left], run, run > 0)
        return Hull((1 - share) * y[left] + share * y[right], left, right)

    def step(state: tuple[Array, Array, Hull]) -> tuple[Array, Array, Hull]:
        on, _, _ = state
        found = edges(on)
        above = jnp.where(on, 0.0, y - found.height)
        farthest = jax.ops.segment_max(above, found.left, count, indices_are_sorted=True)
        new = (above >= farthest[found.left]) & (above > COLLINEAR)
        return on | new, new.any(), found

    ends = (number == 0) | (number == count - 1)
    blank = Hull(jnp.zeros_like(y), number, number)
    _, _, found = jax.lax.while_loop(lambda state: state[1], step, (ends, jnp.asarray(True), blank))
    return found._replace(height=jnp.maximum(found.height, y))


def top(x: Float[Array, " N"], y: Float[Array, " N"], ends: Float[Array, " 2"], at: Float[Array, ""]) -> Top:
    """The hull at `at` of values y, -inf where a point is left out, and of `ends` at 0 and 1.

    A line through a point on either side of `at` turns to the point that is farthest above it, until none
    is. Both bounds are then computed from what it found, whatever that is.
    """
    count = len(x)
    places = jnp.concatenate([jnp.array([0.0, 1.0], x.dtype), x])
    worth = jnp.concatenate([ends, y])
    # A point at `at` itself counts as before it, so that the two points never are one.
    before = jnp.where(at < 1, places <= at, places < at)

    def line(pair: Int[Array, " 2"]) -> tuple[Array, Array]:
        a, b = places[pair], worth[pair]
        slope = divided(b[1] - b[0], a[1] - a[0], a[1] > a[0])
        return b[0] - slope * a[0], slope

    def turned(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        pair, _, turns = state
        base, slope = line(pair)
        above = worth - (base + slope * places)
        farthest = above.argmax().astype(jnp.int32)
        higher = above.max() > HIGHER * (1 + jnp.abs(slope))
        left = before[farthest]
        new = jnp.stack([jnp.where(left, farthest, pair[0]), jnp.where(left, pair[1], farthest)])
        return jnp.where(higher, new, pair), higher, turns + 1

    start = (jnp.array([0, 1], jnp.int32), jnp.asarray(True), jnp.int32(0))
    pair, _, _ = jax.lax.while_loop(lambda state: state[1] & (state[2] < MOST_TURNS), turned, start)
    base, slope = line(pair)
    multipliers = jnp.stack([base, base + slope])
    target = jnp.stack([1 - at, at])
    share = divided(
        at - places[pair[0]], places[pair[1]] - places[pair[0]], places[pair[1]] > places[pair[0]]
    )
    two = places[pair]
    below = certified(
        jnp.stack([1 - two, two], 1), worth[pair], ends, target, jnp.stack([1 - share, share]), multipliers
    )
    above = certified(jnp.stack([1 - x, x], 1), y, ends, target, jnp.zeros_like(x), multipliers)
    # A corner that is one of the two has its weight there.
    corner = pair < 2
    inner = jnp.where(corner, 0.0, below.weights)
    corners = below.corner_weights + jnp.where(corner, below.weights, 0.0)
    return Top(
        lower=below.lower,
        upper=above.upper,
        carriers=jnp.where(pair < 2, pair * (count - 1), pair - 2),
        weights=jnp.stack([corners[0], inner[0], inner[1], corners[1]]),
        multipliers=above.multipliers,
    )

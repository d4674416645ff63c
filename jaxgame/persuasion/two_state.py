"""Persuasion with two states in closed form: a one-dimensional concave closure.

A recommendation is obeyed at posteriors in an interval, and only its two ends are needed. An extreme outcome
splits the prior between two ends, so that the frontier (loss, gain) is the upper concave envelope of at
most (2 M)^2 points. It is followed from full information to the budget, edge by edge; the multipliers are
those of the line that supports the closure [own].

With M recommendations this takes O(M^2) operations an edge, fewer than pivoting while M is small. Lanes W
are the last axis, as in `persuasion`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided
from jaxgame.persuasion.program import Program, Solution, is_start, scaled

GAIN_TOLERANCE = 1e-12  # a point that gains less is no reason to go on (coefficients are scaled to 1)


class _Walk(NamedTuple):
    """Where each budget has got to on the envelope; points are numbered, -1 is full information."""

    gain: Float[Array, "N W"]
    loss: Float[Array, "N W"]
    here: Int[Array, "N W"]
    there: Int[Array, "N W"]
    share: Float[Array, "N W"]  # of the way from here to there
    price: Float[Array, "N W"]
    reached: Bool[Array, "N W"]
    steps: Int[Array, ""]


def solve_many(program: Program, budget: Float[Array, "N W"]) -> Solution:
    """Best outcomes of every lane at N budgets; a leading axis N in every field."""
    _, messages, _, lanes = program.obedience.shape
    program, unit_gain, unit_loss = scaled(program)
    budget = jnp.maximum(budget, 0.0) / unit_loss[None]
    dtype = budget.dtype
    ends = _intervals(program.obedience)
    end = jnp.concatenate([ends.low, ends.high])  # [2M,W]: share of state 1 in a posterior's direction
    gain, loss = _at_ends(program.gain, ends), _at_ends(program.loss, ends)

    # All splits of the direction (1/2, 1/2) between an end on its left and one on its right, [2M,2M,W].
    usable = ~jnp.concatenate([ends.empty, ends.empty])
    pair = (usable & (end <= 0.5))[:, None] & (usable & (end >= 0.5))[None]
    gap = end[None] - end[:, None]
    # Of the left end; the two weights sum to 2.
    weight = divided(2 * (end[None] - 0.5), gap, gap > 0, 1.0)

    def points(values: Array) -> Array:
        return (weight * values[:, None] + (2 - weight) * values[None]).reshape(-1, 1, lanes)

    point_gain, point_loss = points(gain), points(loss)
    point_gain = jnp.where(pair.reshape(-1, 1, lanes), point_gain, -jnp.inf)
    full = is_start(program)
    start_gain = jnp.where(full, program.gain, 0.0).sum((0, 1))
    walk = _follow(point_gain, point_loss, start_gain, budget, steps=4 * messages + 4)

    # The outcome: the chosen ends with their weights, and full information where none was chosen yet.
    flat_weight = weight.reshape(-1, 1, lanes)
    number = _numbers(flat_weight.shape[0])
    ray, size = _numbers(2 * messages), 2 * messages
    placed = jnp.zeros((size, *budget.shape), dtype)
    for index, part in ((walk.here, 1 - walk.share), (walk.there, walk.share)):
        left = jnp.where(number == index[None], flat_weight, 0.0).sum(0)[None]
        part = jnp.where(index >= 0, part, 0.0)[None]
        index = index[None]
        placed += part * (
            jnp.where(ray == index // size, left, 0.0) + jnp.where(ray == index % size, 2 - left, 0.0)
        )
    of_full = jnp.where(walk.here < 0, 1 - walk.share, 0.0)[None, None]  # [1,1,N,W]
    on_low, on_high = placed[:messages], placed[messages:]  # [M,N,W]
    low, high = ends.low[:, None], ends.high[:, None]
    probability = jnp.stack([on_low * (1 - low) + on_high * (1 - high), on_low * low + on_high * high])
    probability = jnp.moveaxis(probability + of_full * full.astype(dtype)[:, :, None], 2, 0)  # [N,2,M,W]

    # The supporting line has height `top` at the middle and the least slope that clears all ends beyond.
    price = walk.price
    weighed = gain[:, None] - price[None] * loss[:, None]  # [2M,N,W]
    top = (walk.gain - price * walk.loss) / 2
    beyond = (usable & (end > 0.5))[:, None]
    run = jnp.where(beyond, end[:, None] - 0.5, 1.0)
    tilt = jnp.where(beyond, (weighed - top[None]) / run, -jnp.inf).max(0)
    line = jnp.stack([top - tilt / 2, top + tilt / 2])
    excess = program.gain[:, :, None] - price[None, None] * program.loss[:, :, None] - line[:, None]
    multipliers = _multipliers(program.obedience, ends, jnp.maximum(excess, 0.0))
    return Solution(
        probability,
        multipliers * unit_gain[None, None, None],
        price * (unit_gain / unit_loss)[None],
        walk.reached,
        jnp.broadcast_to(walk.steps - 1, budget.shape),
    )


class _Intervals(NamedTuple):
    """Where each recommendation is obeyed, and the obedience rows that bind at the two ends."""

    low: Float[Array, "M W"]
    high: Float[Array, "M W"]
    empty: Bool[Array, "M W"]
    first: Int[Array, "M W"]
    last: Int[Array, "M W"]


def _intervals(obedience: Float[Array, "2 M Q W"]) -> _Intervals:
    zero, one = obedience  # at the two ends of the line of posteriors
    root = zero / jnp.where(zero == one, 1.0, zero - one)
    lows = jnp.where((zero < 0) & (one >= 0), root, 0.0)
    highs = jnp.where((zero >= 0) & (one < 0), root, 1.0)
    hopeless = (zero < 0) & (one < 0)
    low, high = lows.max(1), highs.min(1)
    # A row negative at both ends binds at both: mark it as the row of either end.
    first = jnp.argmax(jnp.where(hopeless, 2.0, lows), 1).astype(jnp.int32)
    last = jnp.argmin(jnp.where(hopeless, -1.0, highs), 1).astype(jnp.int32)
    return _Intervals(low, high, (low > high) | hopeless.any(1), first, last)


def _at_ends(values: Float[Array, "2 M W"], ends: _Intervals) -> Float[Array, "ends W"]:
    """A coefficient at each recommendation's low ends, then at its high ends."""
    return jnp.concatenate([values[0] * (1 - t) + values[1] * t for t in (ends.low, ends.high)])


def _numbers(count: int) -> Int[Array, "_ 1 1"]:
    return jnp.arange(count, dtype=jnp.int32)[:, None, None]


def _follow(
    gain: Float[Array, "P 1 W"],
    loss: Float[Array, "P 1 W"],
    start_gain: Float[Array, " W"],
    budget: Float[Array, "N W"],
    steps: int,
) -> _Walk:
    """Follow the upper concave envelope of the points from (0, start_gain) until the budget is spent."""
    number = _numbers(gain.shape[0])

    def step(walk: _Walk) -> _Walk:
        rise, run = gain - walk.gain[None], loss - walk.loss[None]
        slope = jnp.where(rise > GAIN_TOLERANCE, rise / jnp.maximum(run, 1e-15), -1.0)
        price = slope.max(0)
        there = jnp.where(slope == price[None], number, -1).max(0)
        is_there = number == there[None]
        there_gain = jnp.where(is_there, gain, 0.0).sum(0)
        there_loss = jnp.where(is_there, loss, 0.0).sum(0)
        content = price < 0
        reached = content | (there_loss >= budget)
        longer = there_loss > walk.loss
        share = (budget - walk.loss) / jnp.where(longer, there_loss - walk.loss, 1.0)
        share = jnp.where(content, 0.0, jnp.where(longer, jnp.clip(share, 0.0, 1.0), 1.0))
        return _Walk(
            jnp.where(reached, walk.gain, there_gain),
            jnp.where(reached, walk.loss, there_loss),
            jnp.where(reached, walk.here, there),
            there,
            share,
            jnp.maximum(price, 0.0),
            reached,
            walk.steps + 1,
        )

    zero, none = jnp.zeros_like(budget), jnp.full(budget.shape, -1, jnp.int32)
    here = jnp.broadcast_to(start_gain[None], budget.shape)
    start = _Walk(here, zero, none, none, zero, zero, zero > 1, jnp.int32(0))
    return jax.lax.while_loop(lambda walk: ~jnp.all(walk.reached) & (walk.steps < steps), step, start)


def _multipliers(
    obedience: Float[Array, "2 M Q W"], ends: _Intervals, excess: Float[Array, "2 M N W"]
) -> Float[Array, "N M Q W"]:
    """Weights of the binding rows that bring each recommendation's line below the supporting one."""
    rows = jnp.arange(obedience.shape[2], dtype=jnp.int32)[None, :, None]
    at_first, at_last = rows == ends.first[:, None], rows == ends.last[:, None]  # [M,Q,W]

    def entries(at: Array) -> Array:
        return jnp.where(at[None], obedience, 0.0).sum(2)[:, :, None]  # [2,M,1,W]

    def ratio(x: Array, y: Array) -> Array:
        return divided(x, y, y > 0)

    (a, c), (b, d) = entries(at_first), entries(at_last)
    a, d = -a, -d
    hopeless = (a > 0) & (c < 0)  # row `first` is negative at both ends
    determinant = a * d - b * c
    crossed = (ends.low > ends.high)[:, None]
    both = crossed & ~hopeless & (determinant > 0)
    one = jnp.where(hopeless, jnp.maximum(ratio(excess[0], a), ratio(excess[1], -c)), ratio(excess[0], a))
    one = jnp.where(both, ratio(d * excess[0] + b * excess[1], determinant), one)
    two = jnp.where(both, ratio(c * excess[0] + a * excess[1], determinant), ratio(excess[1], d))
    two = jnp.where(hopeless, 0.0, two)
    combined = jnp.where(at_first[:, :, None], one[:, None], 0.0)
    combined += jnp.where(at_last[:, :, None], two[:, None], 0.0)  # [M,Q,N,W]
    return jnp.moveaxis(combined, 2, 0)

"""Where to look at a logit follower's curves, and the common tangents that prove most.

A leader gains on gaps, where its curve is below its closure: a line that touches the curve at two posteriors
clears it between them. The edges of the hull of a coarse grid are near these common tangents, and Newton's
method takes them there. Ladders of points around the touching points, at distances that shrink
geometrically, show where the leader gains for certain and where it is content. Everything here is a
proposal: bounds hold for whatever chords and whatever grid [own].
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.competition.rich.curve_hull import hull
from jaxgame.competition.rich.logit_curves import Problem, utilities
from jaxgame.core.arithmetic import divided

UNIFORM = 49  # points of the first grid, besides those around ties
AROUND_TIES = 12  # on either side of each, up to where the odds are e^64
SHORT = 1e-13  # a grid point that falls short of the hull by more is in a gap
NEWTON = 8  # steps; each about doubles the digits
# Rungs of a ladder, in parts of what the grid resolves, into the gap and out of it. On cells that grow by a
# factor of 3 or more a curve that leaves its tangent cannot be told from one that stays.
INTO = np.concatenate([1.5 ** -np.arange(8.0), 1.5**-7 * 2.2 ** -np.arange(1.0, 11.0)])
OUT = 2.0 ** -np.arange(6.0)
AROUND = 6  # grid points on either side of a corner between which Newton's method looks, and ladders stand
PARTS = 3  # of a cell that matters
NARROWEST = 1e-14  # no cell is split further
KEPT = 8  # refinements whose cells stay split


class Gaps(NamedTuple):
    """The ends of J gaps of each leader and its values there; `reach` is what the grid resolves around them.

    A gap that is not `found` has both ends at 0.
    """

    ends: Float[Array, "K J 2"]
    values: Float[Array, "K J 2"]
    reach: Float[Array, "K J 2"]
    found: Bool[Array, "K J"]


def first_grid(problem: Problem) -> tuple[Float[Array, " N"], Float[Array, " M"]]:
    """A uniform grid, and points around posteriors where a type is indifferent; then points between these."""
    actions = problem.exponent.shape[2]
    a, b = np.triu_indices(actions, 1)
    zero, one = (problem.exponent[:, s, a] - problem.exponent[:, s, b] for s in (0, 1))
    crossing = zero * problem.given[:, :1] - one * problem.given[:, 1:]
    tie = zero * problem.given[:, :1] / jnp.where(crossing != 0, crossing, 1.0)  # [T,B]
    scale = 1.0 / jnp.maximum(jnp.abs(crossing), 1.0)

    def around(steps: np.ndarray) -> Float[Array, " M"]:
        offsets = jnp.asarray(np.concatenate([-steps[::-1], steps]), tie.dtype)
        return _inside((tie[..., None] + scale[..., None] * offsets[None, None]).reshape(-1))

    uniform = jnp.asarray(np.linspace(0, 1, UNIFORM), tie.dtype)
    steps = 0.1 * 1.8 ** np.arange(AROUND_TIES)
    coarse = jnp.concatenate([uniform, problem.at[None], _inside(tie.reshape(-1)), around(steps)])
    return coarse, jnp.concatenate([jnp.asarray(even(UNIFORM), tie.dtype), around(steps * 1.8**0.5)])


def _inside(x: Float[Array, " M"]) -> Float[Array, " M"]:
    """Points outside the unit interval give way to points that fill it evenly."""
    return jnp.where((x > 0) & (x < 1), x, jnp.asarray(even(len(x)), x.dtype))


def even(count: int) -> np.ndarray:
    """Points [count] that fill the unit interval evenly, whatever the count, by the golden ratio."""
    return (0.5 + np.arange(count) * (math.sqrt(5) - 1) / 2) % 1.0


def gaps(problem: Problem, x: Float[Array, " N"]) -> Gaps:
    """Gaps of all leaders by Newton's method from the corners of their hulls on a grid.

    At the ends a < b of a gap v'(a) and v'(b) are the slope of the chord. That slope does not change, to
    first order, with a and b there: each takes Newton's step as if it stood still.
    """
    utility, last = problem.utility[:-1], len(x) - 1
    values, _, _ = utilities(problem, utility, x)
    hulls = jax.vmap(hull, (None, 0))(x, values)
    short = hulls.height - values > SHORT
    begins = short & ~jnp.concatenate([jnp.zeros_like(short[:, :1]), short[:, :-1]], 1)
    rank = jax.lax.cumsum(begins.astype(jnp.int32), 1)
    numbers = np.arange(1, _most_gaps(problem) + 1, dtype=np.int32)
    first = (rank[:, None] == numbers[None, :, None]).argmax(2)  # [K,J]
    found = rank[:, -1:] >= numbers[None]
    corners = jnp.stack([jnp.take_along_axis(side, first, 1) for side in (hulls.left, hulls.right)], 2)
    low, high = x[jnp.maximum(corners - AROUND, 0)], x[jnp.minimum(corners + AROUND, last)]
    reach, inside = (high - low) / 2, x[first][..., None]
    is_left = np.array([[[True, False]]])
    low, high = (
        jnp.where(is_left, low, jnp.maximum(low, inside)),
        jnp.where(is_left, jnp.minimum(high, inside), high),
    )

    def curve(at: Float[Array, "K J 2"]) -> list[Array]:
        flat = at.reshape(len(at), -1)
        found = jax.vmap(lambda utility, x: utilities(problem, utility[None], x))(utility, flat)
        return [f.reshape(at.shape) for f in found]

    def step(_: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        at, _, _ = state
        value, slope, bend = curve(at)
        length = at[..., 1] - at[..., 0]
        chord = divided(value[..., 1] - value[..., 0], length, length > 0)
        off = slope - chord[..., None]
        newton = jnp.clip(at - divided(off, bend, bend < 0), low, high)
        half = (at + jnp.where(off > 0, high, low)) / 2
        return jnp.where(bend < 0, newton, half), at, value

    start = x[corners]
    _, ends, there = jax.lax.fori_loop(0, NEWTON + 1, step, (start, start, start))
    return Gaps(jnp.where(found[..., None], ends, 0.0), there, reach, found)


def closure_from_below(
    found: Gaps, x: Float[Array, " N"], values: Float[Array, "K N"]
) -> Float[Array, "K N"]:
    """The curves themselves and, on gaps, the chords."""
    start, width = found.ends[..., :1], found.ends[..., 1:] - found.ends[..., :1]
    share = divided(x[None, None] - start, width, width > 0)  # [K,J,N]
    chords = (1 - share) * found.values[..., :1] + share * found.values[..., 1:]
    inside = (share > 0) & (share < 1)
    return jnp.maximum(jnp.where(inside, chords, -jnp.inf).max(1), values)


def ladders(found: Gaps) -> Float[Array, " M"]:
    """The ends of gaps, and points at either side of them."""
    rungs = jnp.asarray(np.concatenate([[0.0], INTO, -OUT]), found.ends.dtype)
    into = jnp.asarray([1.0, -1.0], found.ends.dtype)
    away = (into[None, None] * found.reach)[..., None] * rungs[None, None, None]
    points = found.ends[..., None] + away
    return _inside(jnp.where(found.found[..., None, None], points, -1.0).reshape(-1))


def split(x: Float[Array, " N"], cells: Int[Array, " W"]) -> Float[Array, " M"]:
    """M = W (PARTS - 1) points that divide cells; where one is too narrow for it, others."""
    left, width = x[cells], x[cells + 1] - x[cells]
    inner = left[:, None] + width[:, None] * jnp.asarray(np.arange(1, PARTS) / PARTS, x.dtype)[None]
    return _inside(jnp.where((width > NARROWEST)[:, None], inner, -1.0).reshape(-1))


def _most_gaps(problem: Problem) -> int:
    """The largest number of gaps of a leader that are looked at."""
    types, _, actions = problem.exponent.shape
    return types * (actions - 1) + 1

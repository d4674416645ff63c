"""What a grid of posteriors proves when the follower responds by logit: bounds, and laws that attain them.

Each function here judges a grid: nothing is lost by more than `bound`, a law of at most four posteriors
attains what it says, and the cells that decide both are to be split. So

- a leader's closure is at least its curve, and at least the chords of its gaps, whatever proposed them;
- a cell holds no equilibrium's posterior if some leader's closure, from below, exceeds its value, from
  above, on all of it. The most she loses over laws on the other cells is a linear program, from above;
- a posterior where a leader's tangent clears all of its curve, from above and to within rounding, is at its
  closure. A law on posteriors where all leaders are at theirs is an equilibrium [own].
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.competition.rich.curve_hull import Top, top
from jaxgame.competition.rich.logit_curves import ROUNDING, Curves, Problem
from jaxgame.competition.rich.logit_grid import Gaps, closure_from_below

ROUNDINGS = 4.0  # roundings that a leader may gain, as computed, at a posterior of an equilibrium
PRICES = (0.0, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7)
BESIDE = np.arange(
    -4, 6, dtype=np.int32
)  # grid points that may be an equilibrium's, counted from a cell of the bound
TOUCHING = 1e-5  # a touching point no farther from a cell is what keeps it open


class Law(NamedTuple):
    """A bound, and a law of certainty of state 0, two posteriors (some more with slack), and of state 1."""

    bound: Float[Array, ""]  # no equilibrium loses more; of a closure: no law is worth more
    attained: Float[Array, ""]
    x: Float[Array, " L"]
    weights: Float[Array, " L"]
    gain: Float[Array, ""]  # no leader gains more at the law
    cells: Int[Array, ""]
    opened: Int[Array, ""]  # cells that are not excluded


class Judged(NamedTuple):
    """What was proven, and W cells to split: of a bound on equilibria the first two carry it."""

    law: Law
    wanted: Int[Array, " W"]


def competing(problem: Problem, curves: Curves, gaps: Gaps) -> Judged:
    """Bounds by two leaders or more.

    1. Cells on which some leader falls short of its closure for certain are excluded: the bound is the most
       she loses over laws on the other ones.
    2. Grid points near the cells of that law, and the prior, are certified where every leader's tangent
       clears its curve: the most she loses over laws on them is attained.
    3. Cells that keep the likeliest of these points from being certified are to be split, too.
    """
    x, values, over = curves.x, curves.values[:-1], curves.over[:-1]
    short = closure_from_below(gaps, x, values) - values
    # What an equilibrium may gain is more than rounding: the law below keeps to cells that are open.
    rounding = (ROUNDINGS + 1) * problem.rounding
    excluded = (jnp.minimum(short[:, :-1], short[:, 1:]) > over + rounding).any(0)
    loss = -curves.values[-1]
    ends = jnp.stack([loss[0], loss[-1]])
    bound, cells = _cells_top(problem, curves, ~excluded, jnp.zeros_like(over[0]), ends)

    candidates, touching, near = beside(problem, curves, gaps, cells)
    gains = _gains(curves, candidates)
    sure = gains <= ROUNDINGS * problem.rounding
    law = top(x[candidates], jnp.where(sure, loss[candidates], -jnp.inf), ends, problem.at)

    first, second = gains[: 2 * len(BESIDE)].reshape(2, -1)[:, -BESIDE[0] : 2 - BESIDE[0]].T
    asked = jnp.where(near, touching, jnp.where(first <= second, cells, cells + 1))
    blocking = _blocking(curves, jnp.clip(asked, 0, len(x) - 1), cells, ROUNDINGS * problem.rounding)
    points = _with_ends(curves, candidates[law.carriers])
    gain = (ROUNDINGS + 2) * problem.rounding
    found = _law(curves, bound, law.lower, points, law.weights, gain, ~excluded)
    return Judged(found, jnp.concatenate([cells, blocking]))


def beside(
    problem: Problem, curves: Curves, gaps: Gaps, cells: Int[Array, " 2"]
) -> tuple[Int[Array, " M"], Int[Array, " 2"], Bool[Array, " 2"]]:
    """Grid points that may be an equilibrium's if these cells carry the bound.

    Those around them, the touching points nearest to them, and the prior; then the touching points alone, and
    whether they are what keeps the cells open.
    """
    x = curves.x
    # Rounding leaves cells open on the far side of touching points, which are more likely to be certified.
    away = jnp.abs(gaps.ends.reshape(-1)[None] - x[cells][:, None])
    nearest = gaps.ends.reshape(-1)[away.argmin(1)]
    touching = (x[None] < nearest[:, None]).sum(1, dtype=jnp.int32)
    prior = (x < problem.at).sum(dtype=jnp.int32)
    candidates = jnp.concatenate([(cells[:, None] + BESIDE[None]).reshape(-1), touching, prior[None]])
    return jnp.clip(candidates, 0, len(x) - 1), touching, away.min(1) < TOUCHING


def at_closure(problem: Problem, curves: Curves, gaps: Gaps) -> Judged:
    """The first leader's closure at the prior: no law is worth more than the bound, one attains the other."""
    del gaps
    low, high, wanted = at_prior(problem, curves)
    every = jnp.ones_like(curves.x[1:]) > 0
    points = _with_ends(curves, low.carriers)
    return Judged(
        _law(curves, high.upper, low.lower, points, low.weights, high.upper - low.lower, every), wanted
    )


def single(problem: Problem, curves: Curves, gaps: Gaps) -> Judged:
    """A single leader attains its closure at the prior: what it misses of it has a price.

    Each of PRICES gives a bound by weak duality, and a law that is an equilibrium if the leader would take
    it.
    """
    del gaps
    x, value = curves.x, curves.values[0]
    low, high, wanted = at_prior(problem, curves)
    short = jnp.stack([1 - x, x], 1) @ high.multipliers - value
    least = jnp.maximum(jnp.minimum(short[:-1], short[1:]) - curves.over[0] - problem.rounding, 0.0)
    missed = high.upper - low.lower + 2 * problem.rounding
    loss = -curves.values[-1]
    every = jnp.ones_like(least) > 0

    def priced(price: Float[Array, ""]) -> tuple[Array, Array, Array, Array, Array]:
        ends = jnp.stack([loss[0] - price * short[0], loss[-1] - price * short[-1]])
        ends = jnp.minimum(ends, jnp.stack([loss[0], loss[-1]]))
        bound, cells = _cells_top(problem, curves, every, price * least, ends)
        law = top(x, loss - price * jnp.maximum(short, 0.0), ends, problem.at)
        points = _with_ends(curves, law.carriers)
        # No worse for the leader than the law that it would take on this grid.
        attains = law.weights @ value[points] >= low.lower - ROUNDING
        attained = jnp.where(attains, law.weights @ loss[points], -1.0)
        return bound + price * missed, attained, cells, points, law.weights

    bounds, attained, cells, points, weights = jax.vmap(priced)(jnp.asarray(PRICES, x.dtype))
    best = attained.argmax()
    fails = attained[best] < 0
    points = jnp.where(fails, _with_ends(curves, low.carriers), points[best])
    weights = jnp.where(fails, low.weights, weights[best])
    gain = high.upper + problem.rounding - low.lower + problem.rounding
    found = _law(curves, bounds.min(), weights @ loss[points], points, weights, gain, least <= 0)
    return Judged(found, jnp.concatenate([cells[bounds.argmin()], wanted]))


def _law(
    curves: Curves,
    bound: Array,
    attained: Array,
    points: Int[Array, " 4"],
    weights: Float[Array, " 4"],
    gain: Array,
    opened: Bool[Array, " C"],
) -> Law:
    wide = jnp.diff(curves.x) > 0
    cells, open_cells = (found.sum(dtype=jnp.int32) for found in (wide, wide & opened))
    return Law(bound, attained, curves.x[points], weights, gain, cells, open_cells)


def _with_ends(curves: Curves, carriers: Int[Array, " 2"]) -> Int[Array, " 4"]:
    """Numbers of the points of a law: the ends of the grid, and two between."""
    return jnp.concatenate(
        [jnp.zeros_like(carriers[:1]), carriers, jnp.full_like(carriers[:1], len(curves.x) - 1)]
    )


def _cells_top(
    problem: Problem, curves: Curves, allowed: Bool[Array, " C"], extra: Float[Array, " C"], ends: Array
) -> tuple[Float[Array, ""], Int[Array, " 2"]]:
    """The most that a law on the allowed cells may lose, `extra` on each less; the two cells it needs."""
    loss, error = -curves.values[-1], curves.under[-1]
    x = jnp.concatenate([curves.x[:-1], curves.x[1:]])
    most = jnp.concatenate([loss[:-1] + error - extra, loss[1:] + error - extra])
    found = top(x, jnp.where(jnp.concatenate([allowed, allowed]), most, -jnp.inf), ends, problem.at)
    return found.upper + problem.rounding, found.carriers % len(error)


def above_line(
    curves: Curves, leader: Int[Array, ""], at: Int[Array, ""], slope: Float[Array, ""]
) -> Float[Array, " C"]:
    """How far each cell of a leader's curve, from above, is above a line from its value at a grid point."""
    x, value = curves.x, curves.values[leader, at]

    def above(places: Array, heights: Array) -> Array:
        return heights - (value + slope * (places - x[at]))

    def highest(points: Array) -> Array:
        return jnp.maximum(points[:-1], points[1:])

    met = jnp.maximum(
        above(curves.middle[leader], curves.peak[leader]), highest(above(x, curves.raised[leader]))
    )
    return jnp.minimum(met, highest(above(x, curves.values[leader])) + curves.over[leader])


def _excess(curves: Curves, leader: Int[Array, ""], at: Int[Array, ""]) -> Float[Array, " C"]:
    """The same for its tangent there."""
    return above_line(curves, leader, at, curves.slopes[leader, at])


def _gains(curves: Curves, points: Int[Array, " M"]) -> Float[Array, " M"]:
    """The most that a leader may gain at grid points; where the state is known nothing is left to reveal."""

    def gain(leader: Array, at: Array) -> Array:
        return _excess(curves, leader, at).max()

    leaders = jnp.arange(len(curves.values) - 1)
    gains = jax.vmap(jax.vmap(gain, (None, 0)), (0, None))(leaders, points).max(0)
    known = (curves.x[points] <= 0) | (curves.x[points] >= 1)
    return jnp.where(known, 0.0, gains)


def _blocking(
    curves: Curves, points: Int[Array, " 2"], otherwise: Int[Array, " 2"], allowed: Float[Array, ""]
) -> Int[Array, " W"]:
    """Of each leader and point the cells farthest above the tangent, on its left and on its right."""
    x, number = curves.x, np.arange(len(curves.x) - 1, dtype=np.int32)

    def blocking(leader: Array, at: Array) -> Array:
        excess = _excess(curves, leader, at)
        sides = jnp.stack([number < at, number >= at])
        excess = jnp.where(sides & (x[at] > 0) & (x[at] < 1), excess[None], -jnp.inf)
        return jnp.where(excess.max(1) > allowed, excess.argmax(1).astype(jnp.int32), otherwise)

    leaders = jnp.arange(len(curves.values) - 1)
    return jax.vmap(jax.vmap(blocking, (None, 0)), (0, None))(leaders, points).reshape(-1)


def at_prior(problem: Problem, curves: Curves) -> tuple[Top, Top, Int[Array, " 8"]]:
    """The first leader's closure at the prior from below and from above, and the cells that decide it."""
    x, value, raised = curves.x, curves.values[0], curves.raised[0]
    low = top(x, value, jnp.stack([value[0], value[-1]]), problem.at)
    places, heights = jnp.concatenate([x, curves.middle[0]]), jnp.concatenate([raised, curves.peak[0]])
    high = top(places, heights, jnp.stack([raised[0], raised[-1]]), problem.at)
    points = jnp.concatenate([low.carriers, high.carriers % len(x)])
    return low, high, jnp.clip(jnp.concatenate([points - 1, points]), 0, len(x) - 2)

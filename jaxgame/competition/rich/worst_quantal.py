"""The worst equilibrium of simultaneous competition with a logit follower and two states.

Utilities are smooth functions v of the public posterior x of state 1, not linear on regions: a grid of
posteriors takes the place of vertices, and bounds on what happens between its points (`logit_curves`) that of
exactness [own]. So

- a leader's closure is at least that of the values on the grid, and at most that of those values raised by
  the cells' errors;
- a cell holds no equilibrium's posterior if some leader's closure, from below, exceeds its value, from
  above, on all of it. The least value over laws on the other cells is a linear program, from below;
- a law on grid points where all leaders are at their closures, from above, to within rounding, is an
  equilibrium. Where a utility is concave its tangents bound it from above and touch it, so that a posterior
  at which a tangent clears the whole curve can be proven to be at the closure.

Cells that matter to these programs, and to the closures at their solutions, are split again and again.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.competition.independent.entry import steepness
from jaxgame.competition.rich.concave_closure import ConcaveClosure, concave_closure
from jaxgame.competition.rich.equilibrium import LeaderClosure, WorstRichEquilibrium, told
from jaxgame.competition.rich.logit_curves import (
    ROUNDING,
    Curves,
    Problem,
    curves_on,
    first_grid,
    problem_of,
    refined,
    responses,
)
from jaxgame.core.arithmetic import divided
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.units import is_sound, standard, unheard, unknown

CLOSURE_ROUNDS = 10
COLLINEAR = 1e-16  # a point that is no higher above an edge is on it
ROUNDINGS = 4.0  # roundings that a leader may gain, as computed, at a posterior of an equilibrium
PRICES = (0.0, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7)


class _Hull(NamedTuple):
    """The least concave function above values on the grid, and the points that carry it around each."""

    height: Float[Array, " N"]
    left: Int[Array, " N"]
    right: Int[Array, " N"]


class _Law(NamedTuple):
    """What a grid tells: a bound, and a law of posteriors that is an equilibrium."""

    bound: Float[Array, ""]  # no equilibrium loses more
    attained: Float[Array, ""]
    cells: Float[Array, " N_minus_1"]  # weights in the program of the bound
    points: Float[Array, " N"]  # weights of the law
    open: Bool[Array, " N_minus_1"]
    gain: Float[Array, ""]  # no leader gains more at the law


class _Search(NamedTuple):
    """The loop: judge the grid `x`; stop if the bracket is narrow or `rounds` are over, else split cells."""

    x: Float[Array, " N"]
    law: _Law
    rounds: Int[Array, ""]
    done: Bool[Array, ""]


@functools.partial(jax.jit, static_argnames="rounds")
def worst_quantal(
    game: Game, rationality: Float[Array, ""], tolerance: Float[Array, ""], rounds: int
) -> WorstRichEquilibrium:
    """The follower's least equilibrium value when she responds by logit, for two states; see the module.

    Posteriors [N, 2] of the result are the last grid; `slack` is a few roundings: 6e-14 of a
    leader's range, and 6e-15 for each unit of the exponent of her response. A law that misses no more may
    have posteriors off by some sqrt(slack), and both ends may be below the exact one by as much. With a
    rationality of 0 all is linear and exact. Where the bracket is wider than the tolerance after `rounds`
    rounds, `converged` is False.

    Raises ValueError for other than two states.
    """
    units = standard(game)
    steep, usable = steepness(units, rationality)
    sound = units.sound & usable & is_sound(tolerance)
    problem = problem_of(units, jnp.asarray(steep))
    width = jnp.where(sound, tolerance, 1.0) * units.stake

    def ends(law: _Law) -> Bracket:
        """What she loses. Neither less than 0 nor more than 1, whatever a huge rationality may round."""
        attained, bound = jnp.maximum(law.attained - problem.rounding, 0.0), jnp.minimum(law.bound, 1.0)
        return Bracket(problem.her_unit * attained, problem.her_unit * bound)

    def judged(x: Float[Array, " N"]) -> tuple[_Law, Float[Array, " N"]]:
        curves = curves_on(problem, x)
        law, wanted = (_competing if len(game.leaders) > 1 else _single)(problem, curves)
        return law, refined(curves, wanted)

    def step(search: _Search) -> _Search:
        law, finer = judged(search.x)
        done = (ends(law).width <= width) | (search.rounds == rounds)
        x = jnp.where(done, search.x, finer)
        return _Search(x, law, search.rounds + (~done).astype(jnp.int32), done)

    first = first_grid(problem, rounds)
    blank = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(judged, first)[0])
    start = _Search(first, blank, jnp.int32(0), jnp.asarray(False))
    final = jax.lax.while_loop(lambda search: ~search.done, step, start)
    x, found = final.x, final.law
    cells = jnp.diff(x) > 0
    return told(
        units,
        sound,
        ends(found),
        width,
        posteriors=jnp.stack([1 - x, x], 1),
        weights=found.points,
        responses=jnp.moveaxis(responses(problem, x), 2, 0),
        slack=found.gain,
        candidates=cells.sum(dtype=jnp.int32),
        opened=(found.open & cells).sum(dtype=jnp.int32),
        pivots=final.rounds,
    )


@jax.jit
def closure_quantal(game: Game, leader: Int[Array, ""], rationality: Float[Array, ""]) -> LeaderClosure:
    """One leader's closure at the prior when the follower responds by logit, for two states."""
    units = standard(Game(game.prior, game.follower, game.leaders[leader][None]))
    steep, usable = steepness(units, rationality)
    sound = units.sound & usable
    problem = problem_of(units, jnp.asarray(steep))

    def step(x: Array, _: None) -> tuple[Array, tuple[Array, Array, Array, Array]]:
        curves = curves_on(problem, x)
        low, high, wanted = _at_prior(problem, curves)
        return refined(curves, wanted), (x, low.lower, high.upper, _with_ends(low))

    _, rounds = jax.lax.scan(step, first_grid(problem, CLOSURE_ROUNDS), None, length=CLOSURE_ROUNDS)
    x, lower, upper, weights = (entry[-1] for entry in rounds)
    # Neither less than 0 nor more than 1, whatever a huge rationality may round.
    lower, upper = jnp.maximum(lower - problem.rounding, 0.0), jnp.minimum(upper + problem.rounding, 1.0)
    value = Bracket(problem.unit[0] * lower, problem.unit[0] * upper)
    return LeaderClosure(
        value=unknown(sound, units.leader(0).bracket(value)),
        posteriors=unheard(sound, jnp.stack([1 - x, x], 1)),
        weights=unheard(sound, weights),
    )


def _hull(x: Float[Array, " N"], y: Float[Array, " N"]) -> _Hull:
    """Quickhull: on every edge so far, the point farthest above it is a corner too.

    All edges take a corner in a round, and when none is above any edge, the corners carry the hull.
    """
    count = len(x)
    number = jnp.arange(count, dtype=jnp.int32)

    def edges(on: Bool[Array, " N"]) -> _Hull:
        left = jax.lax.cummax(jnp.where(on, number, 0))
        right = jax.lax.cummin(jnp.where(on, number, count - 1), reverse=True)
        run = x[right] - x[left]
        share = divided(x - x[left], run, run > 0)
        return _Hull((1 - share) * y[left] + share * y[right], left, right)

    def step(state: tuple[Array, Array]) -> tuple[Array, Array]:
        on, _ = state
        hull = edges(on)
        above = jnp.where(on, 0.0, y - hull.height)
        farthest = jax.ops.segment_max(above, hull.left, count, indices_are_sorted=True)
        new = (above >= farthest[hull.left]) & (above > COLLINEAR)
        return on | new, new.any()

    start = (number == 0) | (number == count - 1)
    on, _ = jax.lax.while_loop(lambda state: state[1], step, (start, jnp.asarray(True)))
    hull = edges(on)
    return hull._replace(height=jnp.maximum(hull.height, y))


def _program(
    problem: Problem, x: Float[Array, " N"], loss: Float[Array, " N"], ends: Array
) -> ConcaveClosure:
    """The largest mean of `loss` over laws on x (-inf: left out) and the ends that average to the prior."""
    target = jnp.stack([1 - problem.at, problem.at])
    return concave_closure(jnp.stack([1 - x, x], 1), loss, ends, target)


def _with_ends(found: ConcaveClosure) -> Float[Array, " N"]:
    """Weights on the grid, whose first and last points are the ends."""
    return found.weights.at[0].add(found.corner_weights[0]).at[-1].add(found.corner_weights[1])


def _cells_program(
    problem: Problem, curves: Curves, allowed: Bool[Array, " C"], extra: Float[Array, " C"], ends: Array
) -> tuple[Float[Array, ""], Float[Array, " C"]]:
    """The most that a law on the allowed cells may lose, `extra` on each less; weights of cells."""
    loss, error = -curves.values[-1], curves.under[-1]
    x = jnp.concatenate([curves.x[:-1], curves.x[1:]])
    most = jnp.concatenate([loss[:-1] + error - extra, loss[1:] + error - extra])
    found = _program(problem, x, jnp.where(jnp.concatenate([allowed, allowed]), most, -jnp.inf), ends)
    cells = found.weights.reshape(2, -1).sum(0)
    return found.upper + problem.rounding, cells


def _above(curves: Curves, player: int | Array) -> tuple[Float[Array, " N_and_C"], Float[Array, " N_and_C"]]:
    """Points such that what joins them is above the curve: those of the grid at even places."""
    x, middle = curves.x, curves.middle[player]
    size = 2 * len(x) - 1
    joined = jnp.zeros(size, x.dtype)
    raised, peak = curves.raised[player], curves.peak[player]
    return joined.at[::2].set(x).at[1::2].set(middle), joined.at[::2].set(raised).at[1::2].set(peak)


def _beside(points: Bool[Array, " N"]) -> Bool[Array, " C"]:
    """Cells with one of the points as an end."""
    return points[:-1] | points[1:]


def _competing(problem: Problem, curves: Curves) -> tuple[_Law, Bool[Array, " C"]]:
    """Bounds by two leaders or more, and the cells that decide them.

    1. Each leader's closure from below (`hull`) and from above (`above`).
    2. Cells on which some leader falls short of its closure for certain are excluded: the bound is the most
       she loses over laws on the other ones.
    3. Grid points where no leader falls short are certified: the most she loses over laws on them is
       attained.
    """
    x = curves.x
    leaders = len(curves.values) - 1
    values, over = curves.values[:-1], curves.over[:-1]
    hull = jax.vmap(_hull, (None, 0))(x, values)
    above = jax.vmap(lambda player: _hull(*_above(curves, player)))(jnp.arange(leaders))
    short = hull.height - values
    # What an equilibrium may gain is more than rounding: the law below keeps to cells that are open.
    rounding = (ROUNDINGS + 1) * problem.rounding
    excluded = (jnp.minimum(short[:, :-1], short[:, 1:]) > over + rounding).any(0)
    opened = ~excluded
    loss = -curves.values[-1]
    ends = jnp.stack([loss[0], loss[-1]])
    bound, cells = _cells_program(problem, curves, opened, jnp.zeros_like(over[0]), ends)
    certified = (above.height[:, ::2] - values <= ROUNDINGS * problem.rounding).all(0)
    law = _program(problem, x, jnp.where(certified, loss, -jnp.inf), ends)
    points = _with_ends(law)

    # Split the cells of the bound's program and beside the law's points, and what holds closures up there.
    wanted = cells > 0
    inner = (law.weights > 0) & certified
    wanted |= _beside(inner)
    here = jnp.concatenate([wanted[:1], wanted]) | jnp.concatenate([wanted, wanted[-1:]])
    carriers = jnp.zeros(len(x), bool)
    for side in (hull.left, hull.right, above.left[:, ::2] // 2, above.right[:, ::2] // 2):
        carriers = carriers.at[jnp.where(here[None], side, len(x))].set(True, mode="drop")
    wanted |= _beside(carriers)
    return _Law(bound, law.lower, cells, points, opened, (ROUNDINGS + 2) * problem.rounding), wanted


def _at_prior(problem: Problem, curves: Curves) -> tuple[ConcaveClosure, ConcaveClosure, Bool[Array, " C"]]:
    """The first leader's closure at the prior from below and from above, and the cells that decide it."""
    value = curves.values[0]
    ends = jnp.stack([value[0], value[-1]])
    low = _program(problem, curves.x, value, ends)
    raised = jnp.stack([curves.raised[0, 0], curves.raised[0, -1]])
    high = _program(problem, *_above(curves, 0), raised)
    above = (high.weights > 0)[1::2] | _beside((high.weights > 0)[::2])
    return low, high, _beside(low.weights > 0) | above


def _single(problem: Problem, curves: Curves) -> tuple[_Law, Bool[Array, " C"]]:
    """A single leader attains its closure at the prior: what it misses of it has a price.

    Each of PRICES gives a bound by weak duality, and a law that is an equilibrium if the leader would take
    it.
    """
    x, value = curves.x, curves.values[0]
    low, high, wanted = _at_prior(problem, curves)
    line = jnp.stack([1 - x, x], 1) @ high.multipliers
    short = line - value
    least = jnp.maximum(jnp.minimum(short[:-1], short[1:]) - curves.over[0] - problem.rounding, 0.0)
    missed = high.upper - low.lower + 2 * problem.rounding
    loss = -curves.values[-1]
    every = jnp.ones_like(least) > 0

    def priced(price: Float[Array, ""]) -> tuple[Array, Array, Array, Array]:
        ends = jnp.stack([loss[0] - price * short[0], loss[-1] - price * short[-1]])
        ends = jnp.minimum(ends, jnp.stack([loss[0], loss[-1]]))
        bound, cells = _cells_program(problem, curves, every, price * least, ends)
        law = _program(problem, x, loss - price * jnp.maximum(short, 0.0), ends)
        points = _with_ends(law)
        # No worse for the leader than the law that it would take on this grid.
        attains = points @ value >= low.lower - ROUNDING
        return bound + price * missed, jnp.where(attains, points @ loss, -1.0), cells, points

    bounds, attained, cells, points = jax.vmap(priced)(jnp.asarray(PRICES, x.dtype))
    place, best = bounds.argmin(), attained.argmax()
    own = _with_ends(low)
    fails = attained[best] < 0
    law = _Law(
        bound=bounds.min(),
        attained=jnp.where(fails, own @ loss, attained[best]),
        cells=cells[place],
        points=jnp.where(fails, own, points[best]),
        open=least <= 0,
        gain=high.upper + problem.rounding - low.lower + problem.rounding,
    )
    return law, wanted | (cells[place] > 0) | _beside(law.points > 0)

"""The worst equilibrium of simultaneous competition with a logit follower and two states.

Utilities are smooth functions v of the public posterior x of state 1, not linear on regions: a grid of
posteriors takes the place of vertices [own]. On a cell of width w a utility stays within w^2/8 max |v''| of
its chord. A bound on v'' that holds on the cell only, by the probabilities the follower can give to actions
other than her favourite there, decays exponentially away from ties. So

- a leader's closure is at least that of the values on the grid, and at most that of those values raised by
  the cells' errors;
- a cell holds no equilibrium's posterior if some leader's closure, from below, exceeds its value, from
  above, on all of it. The least value over laws on the other cells is a linear program, from below;
- a law on grid points where all leaders are at their closures, from above, to within rounding, is an
  equilibrium. Where a utility is concave its tangents bound it from above and touch it, so that a posterior
  at which a tangent clears the whole curve can be proven to be at the closure.

Cells that matter to these programs, and to the closures at their solutions, are split again and again.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.bracket import Bracket
from jaxgame.competition import posteriors
from jaxgame.competition.equilibrium import LeaderClosure, WorstEquilibrium
from jaxgame.game import Game
from jaxgame.solve.closure import Closure, concave_closure

UNIFORM = 65  # points of the first grid, besides those around ties
AROUND_TIES = 12  # on either side of each, at distances that grow by a factor of 3
CLOSURE_ROUNDS = 10
SPLIT = 32  # cells a round, into PARTS each
PARTS = 4
NARROWEST = 1e-14  # no cell is split further

# Rounding of a utility from 0 to 1, and what it gains by a unit of the exponent of her response.
ROUNDING = 1e-14
ROUNDING_OF_EXPONENT = 1e-15

COLLINEAR = 1e-16  # a point that is no higher above an edge is on it
STEEPEST = 1e100  # a rationality, in units of her losses, that overflows nothing
EQUILIBRIUM = 4.0  # roundings that a leader may gain at a posterior of an equilibrium
PRICES = (0.0, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7)


class _Problem(NamedTuple):
    """Utilities from 0 to 1 given state and type: K leaders' and, last, minus the follower's losses."""

    given: Float[Array, "T 2"]
    at: Float[Array, ""]  # the prior probability of state 1
    utility: Float[Array, "P T 2 A"]
    exponent: Float[Array, "T 2 A"]  # of her response
    rounding: Float[Array, ""]


class _Curves(NamedTuple):
    """Utilities at grid points, how far they get from their chords on cells, and a point above each cell.

    On a cell `chord - under <= v <= chord + over`; v also is below what joins `raised` at the cell's ends to
    `peak` at `middle` (where v is concave: its tangents, with `raised` = v at the ends).
    """

    x: Float[Array, " N"]
    values: Float[Array, "P N"]
    over: Float[Array, "P N_minus_1"]
    under: Float[Array, "P N_minus_1"]
    middle: Float[Array, "P N_minus_1"]
    peak: Float[Array, "P N_minus_1"]
    raised: Float[Array, "P N"]


class _Hull(NamedTuple):
    """The least concave function above values on the grid, and the points that carry it around each."""

    height: Float[Array, " N"]
    left: Int[Array, " N"]
    right: Int[Array, " N"]


class _Law(NamedTuple):
    bound: Float[Array, ""]  # no equilibrium loses more
    attained: Float[Array, ""]
    cells: Float[Array, " N_minus_1"]  # weights in the program of the bound
    points: Float[Array, " N"]  # weights of the law
    open: Bool[Array, " N_minus_1"]
    gain: Float[Array, ""]  # no leader gains more at the law


class _Search(NamedTuple):
    x: Float[Array, " N"]
    law: _Law
    rounds: Int[Array, ""]
    done: Bool[Array, ""]


def worst_quantal(
    game: Game, rationality: float | Float[Array, ""], tolerance: float, rounds: int
) -> WorstEquilibrium:
    """The follower's least equilibrium value when she responds by logit, for two states; see the module.

    Posteriors [N, 2] of the result are the last grid; `slack` is a few roundings: 4e-14 of a
    leader's range, and 4e-15 for each unit of the exponent of her response. `value.lower` bounds exact
    equilibria; one up to `slack` may have posteriors off by some sqrt(slack), and `value.upper` may be
    below the exact one by as much. With a rationality of 0 all is linear and exact. Where the bracket is
    wider than the tolerance after `rounds` rounds, `converged` is False.

    Raises ValueError for other than two states.
    """
    problem = _problem(game, rationality)
    unit = posteriors.values(game).her_unit
    full = (game.prior * game.follower.max(2)).sum()

    def judged(x: Float[Array, " N"]) -> tuple[_Law, Float[Array, " N"]]:
        curves = _curves(problem, x)
        law, wanted = (_competing if len(game.leaders) > 1 else _single)(problem, curves)
        return law, _refined(curves, wanted)

    def step(search: _Search) -> _Search:
        law, finer = judged(search.x)
        done = ((law.bound - law.attained) * unit <= tolerance) | (search.rounds == rounds)
        x = jnp.where(done, search.x, finer)
        return _Search(x, law, search.rounds + (~done).astype(jnp.int32), done)

    first = _first(problem, rounds)
    blank = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(judged, first)[0])
    start = _Search(first, blank, jnp.int32(0), jnp.asarray(False))
    final = jax.lax.while_loop(lambda search: ~search.done, step, start)
    x, found = final.x, final.law
    # Nothing is worth more than 1 of these units, whatever rounding may add at a huge rationality.
    bottom, top = full - unit * jnp.minimum(found.bound, 1.0), full - unit * found.attained
    value = Bracket(jnp.minimum(bottom, top), top)
    cells = jnp.diff(x) > 0
    return WorstEquilibrium(
        value=value,
        posteriors=jnp.stack([1 - x, x], 1),
        weights=found.points,
        responses=jnp.moveaxis(_responses(problem, x), 2, 0),
        slack=found.gain,
        converged=value.width <= tolerance,
        candidates=cells.sum(dtype=jnp.int32),
        open=(found.open & cells).sum(dtype=jnp.int32),
        pivots=final.rounds,
    )


def closure_quantal(
    game: Game, leader: int | Int[Array, ""], rationality: float | Float[Array, ""]
) -> LeaderClosure:
    """One leader's closure at the prior when the follower responds by logit, for two states."""
    alone = Game(game.prior, game.follower, game.leaders[leader][None])
    problem = _problem(alone, rationality)
    values = posteriors.values(alone)

    def step(x: Array, _: None) -> tuple[Array, tuple[Array, Array, Array, Array]]:
        curves = _curves(problem, x)
        low, high, wanted = _at_prior(problem, curves)
        return _refined(curves, wanted), (x, low.lower, high.upper, _with_ends(low))

    _, rounds = jax.lax.scan(step, _first(problem, CLOSURE_ROUNDS), None, length=CLOSURE_ROUNDS)
    x, lower, upper, weights = (entry[-1] for entry in rounds)
    base = jnp.stack([1 - problem.at, problem.at]) @ values.base[0]
    unit = values.unit[0]
    return LeaderClosure(
        value=Bracket(unit * lower + base, unit * jnp.minimum(upper + problem.rounding, 1.0) + base),
        posteriors=jnp.stack([1 - x, x], 1),
        weights=weights,
    )


def _problem(game: Game, rationality: float | Array) -> _Problem:
    _, states, _ = game.follower.shape
    if states != 2:
        raise ValueError(
            f"game has {states} states; with a finite rationality two are supported: merge states, or take "
            "rationality infinity (best responses) for up to 4"
        )
    marginal, given = posteriors.conditional(game.prior)
    values = posteriors.values(game)
    possible = game.prior[..., None] > 0
    gains = (game.leaders - game.leaders.min(3, keepdims=True)) / values.unit[:, None, None, None]
    loss = (game.follower.max(2, keepdims=True) - game.follower) / values.her_unit
    # What is impossible is worth nothing to leaders, and tells a type that there is none of nothing.
    gains, loss = jnp.where(possible[None], gains, 0.0), jnp.where(possible, loss, 0.0)
    steepness = jnp.minimum(jnp.asarray(rationality, loss.dtype) * values.her_unit, STEEPEST)
    return _Problem(
        given=given,
        at=marginal[1],
        utility=jnp.concatenate([gains, -loss[None]]),
        exponent=-steepness * loss,
        rounding=ROUNDING + ROUNDING_OF_EXPONENT * steepness,
    )


def _responses(problem: _Problem, x: Float[Array, " N"]) -> Float[Array, "T A N"]:
    """Probabilities of actions at posteriors x."""
    belief, _ = _beliefs(problem, x)
    return jax.nn.softmax(_between(problem.exponent, belief), axis=1)


def _utilities(problem: _Problem, x: Float[Array, " N"]) -> Float[Array, "P N"]:
    belief, weight = _beliefs(problem, x)
    worth = jax.vmap(_between, (0, None))(problem.utility, belief)  # [P,T,A,N]
    return ((worth * _responses(problem, x)[None]).sum(2) * weight[None]).sum(1)


def _beliefs(problem: _Problem, x: Float[Array, " N"]) -> tuple[Float[Array, "T N"], Float[Array, "T N"]]:
    """Each type's probability of state 1, and the type's probability."""
    zero, one = problem.given[:, :1] * (1 - x)[None], problem.given[:, 1:] * x[None]
    weight = zero + one
    return one / jnp.where(weight > 0, weight, 1.0), weight


def _between(ends: Float[Array, "T 2 A"], belief: Float[Array, "T N"]) -> Float[Array, "T A N"]:
    return ends[:, 0, :, None] * (1 - belief)[:, None] + ends[:, 1, :, None] * belief[:, None]


def _curves(problem: _Problem, x: Float[Array, " N"]) -> _Curves:
    def derivative(f: Callable[[Array], Array]) -> Callable[[Array], Array]:
        return lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),))[1]

    def utilities(x: Array) -> Array:
        return _utilities(problem, x)

    values, slopes = utilities(x), derivative(utilities)(x)
    bends = derivative(derivative(utilities))(x)
    second, third, coarse = _derivative_bounds(problem, x)

    # Bounds on v'' on a cell, from its ends or from the cell as a whole.
    width = jnp.diff(x)[None]
    ends = jnp.stack([bends[:, :-1], bends[:, 1:]])
    most = jnp.minimum(ends.max(0) + width / 2 * third, second)
    least = jnp.maximum(ends.min(0) - width / 2 * third, -second)
    over = jnp.minimum(width**2 / 8 * jnp.maximum(-least, 0.0), coarse)
    under = jnp.minimum(width**2 / 8 * jnp.maximum(most, 0.0), coarse)

    # Where v is concave its tangents at the two ends meet above it; any point above both will do.
    concave = jnp.maximum(most, 0.0) * width**2 / 2 <= ROUNDING / 4
    bend = slopes[:, :-1] - slopes[:, 1:]
    rise = values[:, 1:] - values[:, :-1]
    reach = (rise - slopes[:, 1:] * width) / jnp.where(bend > 0, bend, 1.0)
    reach = jnp.where(bend > 0, jnp.clip(reach, 0.0, width), width / 2)
    tangents = jnp.maximum(
        values[:, :-1] + slopes[:, :-1] * reach, values[:, 1:] - slopes[:, 1:] * (width - reach)
    )
    chord = values[:, :-1] + rise * jnp.where(width > 0, reach / jnp.where(width > 0, width, 1.0), 0.0)
    raise_by = jnp.where(concave, 0.0, over)
    none = jnp.zeros_like(raise_by[:, :1])
    raised = values + jnp.maximum(jnp.concatenate([none, raise_by], 1), jnp.concatenate([raise_by, none], 1))
    return _Curves(
        x=x,
        values=values,
        over=over,
        under=under,
        middle=x[None, :-1] + reach,
        peak=jnp.where(concave, tangents, chord + over),
        raised=raised,
    )


def _derivative_bounds(
    problem: _Problem, x: Float[Array, " N"]
) -> tuple[Float[Array, "P C"], Float[Array, "P C"], Float[Array, "P C"]]:
    """On each cell bounds on |v''|, on |v'''|, and on the distance from the chord by the range of v.

    By how probable actions other than the favourite get: all decay exponentially away from ties.
    """
    belief, weight = _beliefs(problem, x)
    response = _responses(problem, x)
    # Log-odds are linear in the belief.
    exponents = _between(problem.exponent, belief)
    odds = exponents[:, None] - exponents[:, :, None]  # [T,A,A,N]: of b against a at [a, b]
    odds = jnp.minimum(odds[..., :-1], odds[..., 1:])
    largest = 1.0 / jnp.exp(jnp.minimum(odds, 700.0)).sum(2)  # [T,A,C]
    favourite = (response[..., :-1] + response[..., 1:]).argmax(1)  # [T,C]
    is_favourite = favourite[:, None] == jnp.arange(response.shape[1])[None, :, None]
    others = jnp.where(is_favourite, 0.0, largest)[None]

    # With g = sum_a P(a) worth_a, y = slope_a - mean slope:  P' = P y,  P'' = P (y^2 - Var),
    # P''' = P (y^3 - 3 y Var - third moment). The favourite's worth may be subtracted from all.
    slope = problem.exponent[:, 1] - problem.exponent[:, 0]  # [T,A]
    steep = jnp.abs(slope[:, :, None] - slope[:, None]).max(2)  # [T,A]
    spread = steep.max(1, keepdims=True)
    first, second = steep, jnp.maximum(steep**2, spread**2 / 4)
    third = steep**3 + 0.75 * steep * spread**2 + 0.1 * spread**3
    first, second, third = (bound[None, :, :, None] for bound in (first, second, third))
    gap = _gap(problem, belief, is_favourite)  # [P,T,A,C]
    change = (problem.utility[:, :, 1] - problem.utility[:, :, 0])[..., None]  # [P,T,A,1]
    change = jnp.abs(change - jnp.where(is_favourite[None], change, 0.0).sum(2, keepdims=True))
    bend = (others * (second * gap + 2 * first * change)).sum(2)  # [P,T,C]
    twist = (others * (third * gap + 3 * second * change)).sum(2)

    # v is g's perspective, w g(n / w) with n and w linear in x: v'' = g'' both^2 / w^3.
    both = problem.given[:, 0] * problem.given[:, 1]
    possible = (both > 0)[:, None]
    least = jnp.where(possible, jnp.minimum(weight[:, :-1], weight[:, 1:]), 1.0)
    square = jnp.where(possible, both[:, None] ** 2, 0.0)
    tilt = jnp.abs(problem.given[:, 1] - problem.given[:, 0])[:, None]
    second_x = (square / least**3)[None] * bend
    third_x = (square * both[:, None] / least**5)[None] * twist + 3 * (square * tilt / least**4)[None] * bend
    coarse = 2 * jnp.maximum(weight[:, :-1], weight[:, 1:])[None] * (others * gap).sum(2)
    return second_x.sum(1), third_x.sum(1), coarse.sum(1)


def _gap(
    problem: _Problem, belief: Float[Array, "T N"], is_favourite: Bool[Array, "T A C"]
) -> Float[Array, "P T A C"]:
    """The most that an action is worth more or less than the favourite on each cell."""

    def at(belief: Float[Array, "T C"]) -> Float[Array, "P T A C"]:
        worth = jax.vmap(_between, (0, None))(problem.utility, belief)
        return jnp.abs(worth - jnp.where(is_favourite[None], worth, 0.0).sum(2, keepdims=True))

    return jnp.maximum(at(belief[:, :-1]), at(belief[:, 1:]))


def _first(problem: _Problem, rounds: int) -> Float[Array, " N"]:
    """A uniform grid, points around posteriors where a type is indifferent, and room for refining it."""
    actions = problem.exponent.shape[2]
    a, b = np.triu_indices(actions, 1)
    zero, one = (problem.exponent[:, s, a] - problem.exponent[:, s, b] for s in (0, 1))
    crossing = zero * problem.given[:, :1] - one * problem.given[:, 1:]
    tie = zero * problem.given[:, :1] / jnp.where(crossing != 0, crossing, 1.0)  # [T,B]
    scale = 1.0 / jnp.maximum(jnp.abs(crossing), 1.0)
    steps = 0.1 * 3.0 ** np.arange(AROUND_TIES)
    offsets = jnp.asarray(np.concatenate([-steps[::-1], [0.0], steps]), tie.dtype)
    around = (tie[..., None] + scale[..., None] * offsets[None, None]).reshape(-1)
    uniform = jnp.asarray(np.linspace(0, 1, UNIFORM), tie.dtype)
    inside = jnp.where((around > 0) & (around < 1), around, 1.0)
    x = jnp.concatenate([uniform, problem.at[None], inside])
    room = jnp.ones(rounds * SPLIT * (PARTS - 1), x.dtype)
    return jnp.sort(jnp.concatenate([x, room]))


def _refined(curves: _Curves, wanted: Bool[Array, " C"]) -> Float[Array, " N"]:
    """Split the wanted cells, then those with the largest errors; the end of the grid has room for them."""
    x = curves.x
    width = jnp.diff(x)
    score = jnp.maximum(curves.over, curves.under).max(0) + jnp.where(wanted, 10.0, 0.0)
    score = jnp.where(width > NARROWEST, score, 0.0)
    worth, cells = jax.lax.top_k(score, SPLIT)
    parts = jnp.asarray(np.arange(1, PARTS) / PARTS, x.dtype)
    new = x[cells][:, None] + width[cells][:, None] * parts[None]
    new = jnp.where(worth[:, None] > 0, new, 1.0).reshape(-1)
    return jnp.sort(jnp.concatenate([x[: -len(new)], new]))


def _hull(x: Float[Array, " N"], y: Float[Array, " N"]) -> _Hull:
    """Quickhull: on every edge so far, the point farthest above it is a corner too."""
    count = len(x)
    number = jnp.arange(count, dtype=jnp.int32)

    def edges(on: Bool[Array, " N"]) -> _Hull:
        left = jax.lax.cummax(jnp.where(on, number, 0))
        right = jax.lax.cummin(jnp.where(on, number, count - 1), reverse=True)
        run = x[right] - x[left]
        share = jnp.where(run > 0, (x - x[left]) / jnp.where(run > 0, run, 1.0), 0.0)
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


def _program(problem: _Problem, x: Float[Array, " N"], loss: Float[Array, " N"], ends: Array) -> Closure:
    """The largest mean of `loss` over laws on x (-inf: left out) and the ends that average to the prior."""
    target = jnp.stack([1 - problem.at, problem.at])
    return concave_closure(jnp.stack([1 - x, x], 1), loss, ends, target)


def _with_ends(found: Closure) -> Float[Array, " N"]:
    """Weights on the grid, whose first and last points are the ends."""
    return found.weights.at[0].add(found.corner_weights[0]).at[-1].add(found.corner_weights[1])


def _cells_program(
    problem: _Problem, curves: _Curves, allowed: Bool[Array, " C"], extra: Float[Array, " C"], ends: Array
) -> tuple[Float[Array, ""], Float[Array, " C"]]:
    """The most that a law on the allowed cells may lose, `extra` on each less; weights of cells."""
    loss, error = -curves.values[-1], curves.under[-1]
    x = jnp.concatenate([curves.x[:-1], curves.x[1:]])
    most = jnp.concatenate([loss[:-1] + error - extra, loss[1:] + error - extra])
    found = _program(problem, x, jnp.where(jnp.concatenate([allowed, allowed]), most, -jnp.inf), ends)
    cells = found.weights.reshape(2, -1).sum(0)
    return found.upper + problem.rounding, cells


def _above(curves: _Curves, player: int | Array) -> tuple[Float[Array, " N_and_C"], Float[Array, " N_and_C"]]:
    """Points such that what joins them is above the curve: those of the grid at even places."""
    x, middle = curves.x, curves.middle[player]
    size = 2 * len(x) - 1
    joined = jnp.zeros(size, x.dtype)
    raised, peak = curves.raised[player], curves.peak[player]
    return joined.at[::2].set(x).at[1::2].set(middle), joined.at[::2].set(raised).at[1::2].set(peak)


def _beside(points: Bool[Array, " N"]) -> Bool[Array, " C"]:
    """Cells with one of the points as an end."""
    return points[:-1] | points[1:]


def _competing(problem: _Problem, curves: _Curves) -> tuple[_Law, Bool[Array, " C"]]:
    """Bounds by two leaders or more, and the cells that decide them."""
    x = curves.x
    leaders = len(curves.values) - 1
    values, over = curves.values[:-1], curves.over[:-1]
    hull = jax.vmap(_hull, (None, 0))(x, values)
    above = jax.vmap(lambda player: _hull(*_above(curves, player)))(jnp.arange(leaders))
    short = hull.height - values
    excluded = (jnp.minimum(short[:, :-1], short[:, 1:]) > over + problem.rounding).any(0)
    opened = ~excluded
    loss = -curves.values[-1]
    ends = jnp.stack([loss[0], loss[-1]])
    bound, cells = _cells_program(problem, curves, opened, jnp.zeros_like(over[0]), ends)
    certified = (above.height[:, ::2] - values <= EQUILIBRIUM * problem.rounding).all(0)
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
    return _Law(bound, law.lower, cells, points, opened, EQUILIBRIUM * problem.rounding), wanted


def _at_prior(problem: _Problem, curves: _Curves) -> tuple[Closure, Closure, Bool[Array, " C"]]:
    """The first leader's closure at the prior from below and from above, and the cells that decide it."""
    value = curves.values[0]
    ends = jnp.stack([value[0], value[-1]])
    low = _program(problem, curves.x, value, ends)
    raised = jnp.stack([curves.raised[0, 0], curves.raised[0, -1]])
    high = _program(problem, *_above(curves, 0), raised)
    above = (high.weights > 0)[1::2] | _beside((high.weights > 0)[::2])
    return low, high, _beside(low.weights > 0) | above


def _single(problem: _Problem, curves: _Curves) -> tuple[_Law, Bool[Array, " C"]]:
    """A single leader attains its closure at the prior: what it misses of it has a price."""
    x, value = curves.x, curves.values[0]
    low, high, wanted = _at_prior(problem, curves)
    line = jnp.stack([1 - x, x], 1) @ high.multipliers
    short = line - value
    least = jnp.maximum(jnp.minimum(short[:-1], short[1:]) - curves.over[0] - problem.rounding, 0.0)
    missed = jnp.maximum(high.upper - low.lower, 0.0) + 2 * problem.rounding
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

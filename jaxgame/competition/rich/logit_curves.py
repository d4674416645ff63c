"""A logit follower and two states: utilities as smooth functions of the public posterior, on a grid of it.

`problem_of` scales the game, `utilities` gives the curves and two derivatives, `curves_on` bounds what they
do between grid points. On a cell of width w a utility v stays within w^2/8 max |v''| of its chord. The bounds
on v'' hold on the cell only, by the probabilities the follower can give to actions other than her favourite
there, and decay exponentially away from ties [own].
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgame.competition.independent.entry import STEEPEST
from jaxgame.competition.rich import posteriors
from jaxgame.core.arithmetic import divided
from jaxgame.core.units import Standard

# Rounding of a utility from 0 to 1, and what it gains by a unit of the exponent of her response.
ROUNDING = 1e-14
ROUNDING_OF_EXPONENT = 1e-15


class Problem(NamedTuple):
    """Utilities from 0 to 1 given state and type: K leaders' and, last, minus the follower's losses.

    What is impossible is worth nothing, and tells a type that there is none of nothing. `unit` and `her_unit`
    take utilities to standard units, in which the game was given.
    """

    given: Float[Array, "T 2"]
    at: Float[Array, ""]  # the prior probability of state 1
    utility: Float[Array, "P T 2 A"]
    exponent: Float[Array, "T 2 A"]  # of her response
    rounding: Float[Array, ""]  # of a utility as computed
    unit: Float[Array, " K"]
    her_unit: Float[Array, ""]


class Curves(NamedTuple):
    """Utilities at grid points, how far they get from their chords on cells, and a point above each cell.

    On a cell `chord - under <= v <= chord + over`; v also is below what joins `raised` at the cell's ends to
    `peak` at `middle` (on fine grids lines as steep as v gets, with `raised` = v at the ends).
    """

    x: Float[Array, " N"]
    values: Float[Array, "P N"]
    slopes: Float[Array, "P N"]
    over: Float[Array, "P N_minus_1"]
    under: Float[Array, "P N_minus_1"]
    middle: Float[Array, "P N_minus_1"]
    peak: Float[Array, "P N_minus_1"]
    raised: Float[Array, "P N"]


def problem_of(units: Standard, rationality: Float[Array, ""]) -> Problem:
    """The game in units of 0 to 1; both are given in standard ones. ValueError for other than two states."""
    _, states, _ = units.loss.shape
    if states != 2:
        raise ValueError(
            f"game has {states} states; with a finite rationality two are supported: merge states, or take "
            "rationality infinity (best responses) for up to 4"
        )
    marginal, given = posteriors.conditional(units.game.prior)
    found = posteriors.ranges(units)
    steepness = jnp.minimum(rationality * found.her_unit, STEEPEST)
    return Problem(
        given=given,
        at=marginal[1],
        utility=jnp.concatenate([found.gain, -found.loss[None]]),
        exponent=-steepness * found.loss,
        rounding=ROUNDING + ROUNDING_OF_EXPONENT * steepness,
        unit=found.unit,
        her_unit=found.her_unit,
    )


def responses(problem: Problem, x: Float[Array, " N"]) -> Float[Array, "T A N"]:
    """Probabilities of actions at posteriors x."""
    belief, _ = _beliefs(problem, x)
    return jax.nn.softmax(_between(problem.exponent, belief), axis=1)


def utilities(
    problem: Problem, utility: Float[Array, "P T 2 A"], x: Float[Array, " N"]
) -> tuple[Float[Array, "P N"], Float[Array, "P N"], Float[Array, "P N"]]:
    """Expected utilities v at the public posteriors x, and the derivatives v' and v''.

    With w the probability of a type and g its utility as a function of its belief, v is the sum of w g over
    types; v'' is that of g'' both^2 / w^3, both being the product of P(t | s) over the two states. Of g, the
    mean of what actions are worth, the derivatives are covariances with the slopes of the exponents.
    """
    belief, weight = _beliefs(problem, x)
    response = responses(problem, x)[None]
    worth = jax.vmap(_between, (0, None))(utility, belief)  # [P,T,A,N]
    change = (utility[:, :, 1] - utility[:, :, 0])[..., None]
    slope = (problem.exponent[:, 1] - problem.exponent[:, 0])[..., None]  # [T,A,1]
    slope = (slope - (response[0] * slope).sum(1, keepdims=True))[None]
    mean = (response * worth).sum(2)
    worth = worth - mean[:, :, None]
    first = (response * (change + slope * worth)).sum(2)
    second = (response * slope * (2 * change + slope * worth)).sum(2)
    both = (problem.given[:, 0] * problem.given[:, 1])[:, None]
    tilt = (problem.given[:, 1] - problem.given[:, 0])[:, None]
    moved = (both / jnp.where(weight > 0, weight, 1.0))[None]
    bend = second * moved**2 / jnp.where(weight > 0, weight, 1.0)[None]
    return (weight[None] * mean).sum(1), (tilt[None] * mean + first * moved).sum(1), bend.sum(1)


def _beliefs(problem: Problem, x: Float[Array, " N"]) -> tuple[Float[Array, "T N"], Float[Array, "T N"]]:
    """Each type's probability of state 1 at the public posteriors x, and the type's own probability there."""
    zero, one = problem.given[:, :1] * (1 - x)[None], problem.given[:, 1:] * x[None]
    weight = zero + one
    return one / jnp.where(weight > 0, weight, 1.0), weight


def _between(ends: Float[Array, "T 2 A"], belief: Float[Array, "T N"]) -> Float[Array, "T A N"]:
    """The expectation, linear in the belief, of what is `ends` in the two states."""
    return ends[:, 0, :, None] * (1 - belief)[:, None] + ends[:, 1, :, None] * belief[:, None]


def curves_on(problem: Problem, x: Float[Array, " N"]) -> Curves:
    """Everybody's utility on a grid of posteriors, with bounds on what it is between grid points."""

    values, slopes, bends = utilities(problem, problem.utility, x)
    second, third, coarse = _derivative_bounds(problem, x)

    # Bounds on v'' on a cell, from its ends or from the cell as a whole.
    width = jnp.diff(x)[None]
    ends = jnp.stack([bends[:, :-1], bends[:, 1:]])
    most = jnp.minimum(ends.max(0) + width / 2 * third, second)
    least = jnp.maximum(ends.min(0) - width / 2 * third, -second)
    over = jnp.minimum(width**2 / 8 * jnp.maximum(-least, 0.0), coarse)
    under = jnp.minimum(width**2 / 8 * jnp.maximum(most, 0.0), coarse)

    # Lines from the two ends, as steep as v gets on the cell, meet above it: tangents where it is concave.
    # Where they meet too high, v is raised all over the cell.
    rising = slopes[:, :-1] + width * jnp.maximum(most, 0.0)
    falling = slopes[:, 1:] - width * jnp.maximum(most, 0.0)
    bend = rising - falling
    rise = values[:, 1:] - values[:, :-1]
    reach = (rise - falling * width) / jnp.where(bend > 0, bend, 1.0)
    reach = jnp.where(bend > 0, jnp.clip(reach, 0.0, width), width / 2)
    meeting = jnp.maximum(values[:, :-1] + rising * reach, values[:, 1:] - falling * (width - reach))
    chord = values[:, :-1] + rise * divided(reach, width, width > 0)
    low = meeting - chord <= jnp.maximum(coarse, ROUNDING)
    raise_by = jnp.where(low, 0.0, over)
    none = jnp.zeros_like(raise_by[:, :1])
    raised = values + jnp.maximum(jnp.concatenate([none, raise_by], 1), jnp.concatenate([raise_by, none], 1))
    return Curves(
        x=x,
        values=values,
        slopes=slopes,
        over=over,
        under=under,
        middle=x[None, :-1] + reach,
        peak=jnp.where(low, meeting, chord + over),
        raised=raised,
    )


def _derivative_bounds(
    problem: Problem, x: Float[Array, " N"]
) -> tuple[Float[Array, "P C"], Float[Array, "P C"], Float[Array, "P C"]]:
    """On each cell bounds on |v''|, on |v'''|, and on the distance from the chord by the range of v.

    By how probable actions other than the favourite get: all decay exponentially away from ties.
    """
    belief, weight = _beliefs(problem, x)
    response = responses(problem, x)
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
    problem: Problem, belief: Float[Array, "T N"], is_favourite: Bool[Array, "T A C"]
) -> Float[Array, "P T A C"]:
    """The most that an action is worth more or less than the favourite on each cell."""

    def at(belief: Float[Array, "T C"]) -> Float[Array, "P T A C"]:
        worth = jax.vmap(_between, (0, None))(problem.utility, belief)
        return jnp.abs(worth - jnp.where(is_favourite[None], worth, 0.0).sum(2, keepdims=True))

    return jnp.maximum(at(belief[:, :-1]), at(belief[:, 1:]))

"""Persuasion programs: what they are, and bounds on them that hold whatever a solver did.

The program, in probabilities p[s,m] of recommendation m in state s (priors are folded into the coefficients):

    maximise  sum gain p   over   p >= 0,   sum_m p[s,m] = 1,
                                  sum_s obedience[s,m,q] p[s,m] >= 0,   sum loss p <= budget

`start` is a recommendation in each state that is always feasible: full information, with loss 0.

Arrays carry a batch as their last axis W ("lanes"), which suits the processor's vector units.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

# Obedience (of a largest entry of 1) and budget may be missed by this much: rounding of the outcome.
FEASIBILITY = 1e-12


class Program(NamedTuple):
    """Coefficients, one program per lane; obedience rows are scaled to a largest entry of about 1.

    Losses and obedience are exact but for a few roundings of their own size, a gain but for some of `size`.
    """

    gain: Float[Array, "S M W"]
    size: Float[Array, "S W"]
    loss: Float[Array, "S M W"]  # >= 0, and 0 at the start
    obedience: Float[Array, "S M Q W"]  # >= 0 at the start
    start: Int[Array, "S W"]


class Solution(NamedTuple):
    """A proposed outcome and proposed multipliers, neither to be trusted."""

    probability: Float[Array, "S M W"]
    obedience: Float[Array, "M Q W"]  # multipliers, >= 0
    price: Float[Array, " W"]  # multiplier of the budget, >= 0
    converged: Bool[Array, " W"]
    pivots: Int[Array, " W"]


class Bounds(NamedTuple):
    """A feasible outcome, what it attains, and what no outcome exceeds; -inf if no outcome is feasible.

    `height + price budget` is `upper`, and bounds what every other budget allows, too. `multipliers`
    [M, Q, W] and `price` [W] prove it: proposals that are negative or no numbers count as 0.
    """

    probability: Float[Array, "S M W"]
    lower: Float[Array, " W"]
    upper: Float[Array, " W"]
    height: Float[Array, " W"]
    multipliers: Float[Array, "M Q W"]
    price: Float[Array, " W"]
    feasible: Bool[Array, " W"]


def bounds(program: Program, budget: Float[Array, " W"], solution: Solution) -> Bounds:
    """Both bounds from any outcome and any multipliers, true in exact arithmetic (theory, section 14).

    Weak duality, for any multipliers lam, rho >= 0 and any outcome p with slacks `obey` and budget - loss:

        gain(p) + lam obey(p) + rho (budget - loss(p)) <= sum_s max_m weighed[s, m] + rho budget

    The right side is `upper`. An outcome may miss obedience and budget by FEASIBILITY; `lower` is what it
    gains less what these misses are worth at the prices lam and rho. Both sides are evaluated a second time
    with absolute values and moved outwards by the rounding of sums that long, so that they cross only if
    something is wrong.
    """
    feasible = budget >= -FEASIBILITY
    budget = jnp.maximum(budget, 0.0)
    multipliers, price = _usable(solution.obedience), _usable(solution.price)
    probability, obeyed = _repaired(program, budget, solution.probability)
    rounding = _rounding(program)

    weighed = program.gain + (multipliers[None] * program.obedience).sum(2) - price[None, None] * program.loss
    sizes = (multipliers[None] * jnp.abs(program.obedience)).sum(2) + price[None, None] * program.loss
    height = (weighed + rounding * (program.size[:, None] + sizes)).max(1).sum(0)
    spent = price * budget
    upper = height + spent + rounding * (jnp.abs(height) + spent)

    attained = (program.gain * probability).sum((0, 1)) - rounding * program.size.sum(0)
    missed = jnp.maximum(obeyed.rounded - obeyed.slack, 0.0)
    lost = (program.loss * probability).sum((0, 1))
    over = jnp.maximum((1 + rounding) * lost - budget, 0.0)
    lower = attained - (1 + rounding) * ((multipliers * missed).sum((0, 1)) + price * over)

    nothing = jnp.where(feasible, 0.0, -jnp.inf)
    return Bounds(probability, lower + nothing, upper + nothing, height, multipliers, price, feasible)


def _usable(multipliers: Array) -> Array:
    return jnp.where(jnp.isfinite(multipliers), jnp.maximum(multipliers, 0.0), 0.0)


def _rounding(program: Program) -> float:
    """Of the sums above, in parts of the sum of absolute values: twice n u for the longest of them.

    Coefficients are sums over types, of which there are no more than rows.
    """
    states, messages, rows, _ = program.obedience.shape
    longest = max(states + 3 * rows, states * messages + 2 * rows) + 10
    return longest * float(jnp.finfo(program.gain.dtype).eps)


class _Obeyed(NamedTuple):
    """Slacks of an outcome's obedience rows, and what computing them may have rounded."""

    slack: Float[Array, "M Q W"]
    rounded: Float[Array, "M Q W"]

    @classmethod
    def of(cls, program: Program, probability: Float[Array, "S M W"]) -> "_Obeyed":
        slack = (program.obedience * probability[:, :, None]).sum(0)
        size = (jnp.abs(program.obedience) * probability[:, :, None]).sum(0)
        return cls(slack, _rounding(program) * size)


def _repaired(
    program: Program, budget: Float[Array, " W"], probability: Float[Array, "S M W"]
) -> tuple[Float[Array, "S M W"], _Obeyed]:
    """A feasible outcome near any given one, and how it obeys.

    Rescaling restores the totals. A recommendation that misses obedience hands back to the start part of
    the states where it is not the start: as much as obedience asks. Then the start
    replaces part of everything, as much as the budget asks, and everything if a check still fails.
    """
    at = is_start(program)
    start = at.astype(probability.dtype)
    p = jnp.where(jnp.isfinite(probability), jnp.maximum(probability, 0.0), 0.0)
    total = p.sum(1, keepdims=True)
    usable = (total > 0) & jnp.isfinite(total)
    p = jnp.where(usable, p / jnp.where(usable, total, 1.0), start)
    slack = (program.obedience * p[:, :, None]).sum(0)
    held = (program.obedience * jnp.where(at, p, 0.0)[:, :, None]).sum(0)
    missed = slack < -FEASIBILITY
    # held - slack is what speaks against the recommendation, and exceeds held where obedience is missed.
    back = jnp.where(missed, 1.0 - held / jnp.where(missed, held - slack, 1.0), 0.0).max(1)
    p = jnp.where(at, p, p * (1.0 - back)[None])
    p = jnp.where(at, p + (1.0 - p.sum(1, keepdims=True)), p)

    lost = (program.loss * p).sum((0, 1))
    over = lost > budget
    reveal = jnp.where(over, 1.0 - budget / jnp.where(over, lost, 1.0), 0.0)[None, None]
    p = p * (1.0 - reveal) + start * reveal
    obeyed = _Obeyed.of(program, p)
    checked = (obeyed.slack >= -FEASIBILITY).all((0, 1))
    checked &= (program.loss * p).sum((0, 1)) <= budget + FEASIBILITY
    attained = (program.gain * p).sum((0, 1))
    full = jnp.where(at, program.gain, 0.0).sum((0, 1))
    better = checked & (attained >= full)
    # Full information misses nothing.
    kept = _Obeyed(*(jnp.where(better[None, None], x, 0.0) for x in obeyed))
    return jnp.where(better[None, None], p, start), kept


def is_start(program: Program) -> Bool[Array, "S M W"]:
    """Where the start recommends."""
    return program.start[:, None] == jnp.arange(program.gain.shape[1], dtype=jnp.int32)[None, :, None]


def scaled(program: Program) -> tuple[Program, Float[Array, " W"], Float[Array, " W"]]:
    """The program with gain (less the start's, in each state) and loss of largest entry 1, and both units."""

    def unit(size: Float[Array, " W"]) -> Float[Array, " W"]:
        return jnp.where(size > 0, size, 1.0)

    at = is_start(program)
    # Exactly 0 at the start, also where XLA rounds product and difference once: that column is empty.
    gain = program.gain - jnp.where(at, program.gain, 0.0).sum(1, keepdims=True)
    gain = jnp.where(at, 0.0, gain)
    unit_gain, unit_loss = unit(jnp.abs(gain).max((0, 1))), unit(program.loss.max((0, 1)))
    gain, loss = gain / unit_gain[None, None], program.loss / unit_loss[None, None]
    return program._replace(gain=gain, loss=loss), unit_gain, unit_loss

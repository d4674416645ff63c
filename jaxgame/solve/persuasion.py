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

# Obedience and budget may be missed by this much, in the units of their coefficients: rounding.
FEASIBILITY = 1e-12


class Program(NamedTuple):
    """Coefficients, one program per lane; obedience rows are scaled to a largest entry of 1."""

    gain: Float[Array, "S M W"]
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
    """A feasible outcome, what it attains, and what no outcome exceeds; -inf if no outcome is feasible."""

    probability: Float[Array, "S M W"]
    lower: Float[Array, " W"]
    upper: Float[Array, " W"]
    feasible: Bool[Array, " W"]


def bounds(
    program: Program,
    budget: Float[Array, " W"],
    solution: Solution,
    tolerance: Float[Array, "M Q W"],
) -> Bounds:
    """Both bounds from any outcome and any multipliers.

    Obedience counts as met within `tolerance`, FEASIBILITY over what its rows were divided by.
    """
    feasible = budget >= -FEASIBILITY
    budget = jnp.maximum(budget, 0.0)
    probability, lower = _repaired(program, budget, solution.probability, tolerance)
    upper = _dual_bound(program, budget, solution.obedience, solution.price)
    # Where they meet they may cross by the rounding of their two evaluations.
    upper = jnp.maximum(upper, lower)
    nothing = jnp.where(feasible, 0.0, -jnp.inf)
    return Bounds(probability, lower + nothing, upper + nothing, feasible)


def _dual_bound(
    program: Program,
    budget: Float[Array, " W"],
    multipliers: Float[Array, "M Q W"],
    price: Float[Array, " W"],
) -> Float[Array, " W"]:
    """Weak duality: sum_s max_m (gain + sum_q multipliers obedience - price loss) + price budget."""
    multipliers, price = jnp.maximum(multipliers, 0.0), jnp.maximum(price, 0.0)
    weighed = program.gain + (multipliers[None] * program.obedience).sum(2) - price[None, None] * program.loss
    return weighed.max(1).sum(0) + price * budget


def _repaired(
    program: Program,
    budget: Float[Array, " W"],
    probability: Float[Array, "S M W"],
    tolerance: Float[Array, "M Q W"],
) -> tuple[Float[Array, "S M W"], Float[Array, " W"]]:
    """A feasible outcome near any given one, and the gain it attains.

    Rescaling restores the totals. A recommendation that misses obedience hands back to the start part of
    the states where it is not the start: as much as obedience asks. Then the start
    replaces part of everything, as much as the budget asks, and everything if a check still fails.
    """
    at = is_start(program)
    start = at.astype(probability.dtype)
    p = jnp.maximum(jnp.nan_to_num(probability), 0.0)
    total = p.sum(1, keepdims=True)
    p = jnp.where(total > 0, p / jnp.where(total > 0, total, 1.0), start)
    slack = (program.obedience * p[:, :, None]).sum(0)
    held = (program.obedience * jnp.where(at, p, 0.0)[:, :, None]).sum(0)
    missed = slack < -tolerance
    # held - slack is what speaks against the recommendation, and exceeds held where obedience is missed.
    back = jnp.where(missed, 1.0 - held / jnp.where(missed, held - slack, 1.0), 0.0).max(1)
    p = jnp.where(at, p, p * (1.0 - back)[None])
    p = jnp.where(at, p + (1.0 - p.sum(1, keepdims=True)), p)

    lost = (program.loss * p).sum((0, 1))
    over = lost > budget
    reveal = jnp.where(over, 1.0 - budget / jnp.where(over, lost, 1.0), 0.0)[None, None]
    p = p * (1.0 - reveal) + start * reveal
    checked = ((program.obedience * p[:, :, None]).sum(0) >= -tolerance).all((0, 1))
    checked &= (program.loss * p).sum((0, 1)) <= budget + FEASIBILITY
    attained = (program.gain * p).sum((0, 1))
    full = jnp.where(at, program.gain, 0.0).sum((0, 1))
    better = checked & (attained >= full)
    return jnp.where(better[None, None], p, start), jnp.where(better, attained, full)


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

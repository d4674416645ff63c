"""Persuasion programs, and what solvers propose for them.

The program, in probabilities p[s,m] of recommendation m in state s (priors are folded into the coefficients):

    maximise  sum gain p   over   p >= 0,   sum_m p[s,m] = 1,
                                  sum_s obedience[s,m,q] p[s,m] >= 0,   sum loss p <= budget

`start` is a recommendation in each state that is always feasible: full information, with loss 0.

Arrays carry a batch as their last axis W ("lanes"), which suits the processor's vector units.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


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


class Path(NamedTuple):
    """Where N budgets lie along V proposals: which one they have passed, and how far on to the next."""

    first: Int[Array, "N W"]
    share: Float[Array, "N W"]  # from 0 to 1


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


def rounding_of(program: Program) -> float:
    """Of the sums above, in parts of the sum of absolute values: twice n u for the longest of them.

    Coefficients are sums over types, of which there are no more than rows.
    """
    states, messages, rows, _ = program.obedience.shape
    longest = max(states + 3 * rows, states * messages + 2 * rows) + 10
    return longest * float(jnp.finfo(program.gain.dtype).eps)

"""Obedient outcomes near any that is proposed.

What is to obey is judged by two sums for each recommendation m and other action q: what speaks for m, `kept`,
and what speaks against it, `broken`. m is obeyed where kept >= broken, and a difference of the two that is
only rounding is told from one that is not by their sizes, however near a tie the actions are.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgame.core.arithmetic import divided
from jaxgame.persuasion.program import Program, rounding_of

# Where obedience can hold only with equality, what speaks against a recommendation may exceed what speaks for
# it by OBEYED of the row's largest entry, and by LIKELY of itself, which is less where those are small.
OBEYED = 1e-12
LIKELY = 1e-9

REPAIRS = 12  # rounds of `_obedient`


class Obeyed(NamedTuple):
    """What speaks for each recommendation against each other action, and what speaks against it."""

    kept: Float[Array, "*N M Q W"]
    broken: Float[Array, "*N M Q W"]

    @classmethod
    def of(cls, program: Program, probability: Float[Array, "S M W"]) -> "Obeyed":
        """Both sums of every row, from their difference and their sum."""
        slack = (program.obedience * probability[:, :, None]).sum(0)
        size = (jnp.abs(program.obedience) * probability[:, :, None]).sum(0)
        return cls((size + slack) / 2, (size - slack) / 2)

    def missed(self) -> Bool[Array, "*N M Q W"]:
        """Where another action is better."""
        return self.broken > self.kept + jnp.minimum(OBEYED, LIKELY * self.broken)


def law_of(at: Bool[Array, "S M W"], probability: Float[Array, "S M W"]) -> Float[Array, "S M W"]:
    """A law of recommendations in each state near what was proposed; the start where nothing was."""
    p = jnp.where(jnp.isfinite(probability), jnp.maximum(probability, 0.0), 0.0)
    total = p.sum(1, keepdims=True)
    usable = (total > 0) & jnp.isfinite(total)
    return divided(p, total, usable, at.astype(p.dtype))


def obedient(
    program: Program, at: Bool[Array, "S M W"], p: Float[Array, "S M W"]
) -> tuple[Float[Array, "S M W"], Obeyed]:
    """An obedient outcome near any given one: exactly where obedience can hold strictly, else within OBEYED.

    A recommendation that another action beats is made less often in the states that speak against it, as
    much as that action asks, and the start more often, where nothing speaks against it. That may leave other
    actions better, thus REPAIRS rounds at most. What still is not obeyed hands all back to the start but what
    full information keeps. Most outcomes need one round or none, and no more passes over the rows are made.
    """
    enough = 1.0 - 4 * rounding_of(program)

    def refill(p: Array) -> tuple[Array, Obeyed]:
        # Not below 0: where nothing is left for the start, the sum may have been rounded to above 1.
        p = jnp.where(at, jnp.maximum(p + (1.0 - p.sum(1, keepdims=True)), 0.0), p)
        return p, Obeyed.of(program, p)

    def weaken(state: tuple[Array, Array, Obeyed]) -> tuple[Array, Array, Obeyed]:
        count, p, (kept, broken) = state
        share = jnp.where(broken > enough * kept, enough * kept / jnp.where(broken > 0, broken, 1.0), 1.0)
        less = jnp.where(program.obedience < 0, share[None], 1.0).min(2)
        return count + 1, *refill(jnp.where(at, p, p * less))

    def hand_back(p: Array, obeyed: Obeyed) -> tuple[Array, Obeyed]:
        missed = obeyed.missed()
        held = (program.obedience * jnp.where(at, p, 0.0)[:, :, None]).sum(0)
        # What full information keeps is part of `kept`, and less than `broken` where obedience is missed.
        rest = jnp.where(missed, obeyed.broken - obeyed.kept + held, 1.0)
        back = jnp.where(missed, 1.0 - held / rest, 0.0).max(1)
        return refill(jnp.where(at, p, p * (1.0 - back)[None]))

    start = jnp.int32(0), p, Obeyed.of(program, p)
    _, p, obeyed = jax.lax.while_loop(lambda x: (x[0] < REPAIRS) & x[2].missed().any(), weaken, start)
    return jax.lax.cond(obeyed.missed().any(), hand_back, lambda *same: same, p, obeyed)

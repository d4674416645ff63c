"""Persuasion programs: what they are, and bounds on them that hold whatever a solver did.

The program, in probabilities p[s,m] of recommendation m in state s (priors are folded into the coefficients):

    maximise  sum gain p   over   p >= 0,   sum_m p[s,m] = 1,
                                  sum_s obedience[s,m,q] p[s,m] >= 0,   sum loss p <= budget

`start` is a recommendation in each state that is always feasible: full information, with loss 0.

Arrays carry a batch as their last axis W ("lanes"), which suits the processor's vector units.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

# A budget may be negative by this much: rounding.
FEASIBILITY = 1e-12

# Where obedience can hold only with equality, what speaks against a recommendation may exceed what speaks for
# it by OBEYED of the row's largest entry, and by LIKELY of itself, which is less where those are small.
OBEYED = 1e-12
LIKELY = 1e-9

REPAIRS = 12  # rounds of `_obedient`

# A plain proof replaces the one proposed if it is better by more than this part of the gains.
PLAIN = 1e-10


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


def bounds(program: Program, budget: Float[Array, "N W"], solution: Solution) -> Bounds:
    """Both bounds at N budgets by any outcomes and multipliers, true in exact arithmetic (theory, section 6).

    All fields have the leading axis N. Weak duality, for any multipliers lam, rho >= 0 and any outcome p with
    slacks `obey` and budget - loss:

        gain(p) + lam obey(p) + rho (budget - loss(p)) <= sum_s max_m weighed[s, m] + rho budget

    The right side is `upper`. An outcome may miss obedience by OBEYED, where it can hold only with equality;
    `lower` is what it gains less what that is worth at the prices lam. Both sides are evaluated a second time
    with absolute values and moved outwards by the rounding of sums that long, so that they cross only if
    something is wrong.
    """
    at = is_start(program)
    outcome, obeyed = jax.lax.map(lambda p: _obedient(program, at, _law(at, p)), solution.probability)
    return jax.vmap(lambda *one: _bounds(program, at, *one))(budget, solution, outcome, obeyed)


def _bounds(
    program: Program,
    at: Bool[Array, "S M W"],
    budget: Float[Array, " W"],
    solution: Solution,
    outcome: Float[Array, "S M W"],
    obeyed: "_Obeyed",
) -> Bounds:
    """The same at one budget, from an outcome that is obedient or else counts for nothing."""
    feasible = budget >= -FEASIBILITY
    budget = jnp.maximum(budget, 0.0)
    rounding = _rounding(program)
    dual = _dual(program, at, budget, solution)
    probability, kept, broken = _within(program, at, budget, outcome, obeyed)

    missed = jnp.where(broken > 0, jnp.maximum(rounding * (kept + broken) - (kept - broken), 0.0), 0.0)
    over = jnp.maximum((1 + rounding) * (program.loss * probability).sum((0, 1)) - budget, 0.0)
    unpaid = (1 + rounding) * ((dual.multipliers * missed).sum((0, 1)) + dual.price * over)
    attained = (program.gain * probability).sum((0, 1)) - rounding * program.size.sum(0)

    nothing = jnp.where(feasible, 0.0, -jnp.inf)
    return Bounds(
        probability,
        attained - unpaid + nothing,
        dual.upper + nothing,
        dual.height,
        dual.multipliers,
        dual.price,
        feasible,
    )


def _rounding(program: Program) -> float:
    """Of the sums above, in parts of the sum of absolute values: twice n u for the longest of them.

    Coefficients are sums over types, of which there are no more than rows.
    """
    states, messages, rows, _ = program.obedience.shape
    longest = max(states + 3 * rows, states * messages + 2 * rows) + 10
    return longest * float(jnp.finfo(program.gain.dtype).eps)


class _Dual(NamedTuple):
    upper: Float[Array, " W"]
    height: Float[Array, " W"]
    multipliers: Float[Array, "M Q W"]
    price: Float[Array, " W"]


def _dual(
    program: Program, at: Bool[Array, "S M W"], budget: Float[Array, " W"], solution: Solution
) -> _Dual:
    """Weak duality with the multipliers proposed, or with those of two plain proofs where they are better.

    Nobody gains more than everything (multipliers of 0), nor more than full information and the budget at the
    price of the steepest exchange of one action for another (obedience multipliers of 0). Where they are no
    better but for rounding, those proposed are kept: they say more about other budgets.
    """
    rounding = _rounding(program)
    multipliers, price = (
        jnp.where(jnp.isfinite(x), jnp.maximum(x, 0.0), 0.0) for x in (solution.obedience, solution.price)
    )

    def proved(weighed: Array, sizes: Array) -> Float[Array, " W"]:
        return (weighed + rounding * (program.size[:, None] + sizes)).max(1).sum(0)

    def bound(height: Float[Array, " W"], price: Float[Array, " W"]) -> Float[Array, " W"]:
        spent = price * budget
        return height + spent + rounding * (jnp.abs(height) + spent)

    rows = (multipliers[None] * program.obedience).sum(2)
    paid = price[None, None] * program.loss
    sizes = (multipliers[None] * jnp.abs(program.obedience)).sum(2) + paid
    height = proved(program.gain + rows - paid, sizes)
    best = _Dual(bound(height, price), height, multipliers, price)

    # The plain proofs depend on the program alone: under a vmap over budgets they are made once.
    known = jnp.where(at, program.gain, 0.0).sum(1, keepdims=True)
    rise = program.gain - known
    exchange = (rise > 0) & (program.loss > 0)
    steepest = jnp.where(exchange, rise / jnp.where(exchange, program.loss, 1.0), 0.0).max((0, 1))
    paid = steepest[None, None] * program.loss
    plain = (
        (proved(program.gain, 0 * program.loss), 0 * steepest),
        (proved(program.gain - paid, paid), steepest),
    )
    for height, price in plain:
        upper = bound(height, price)
        better = upper < best.upper - PLAIN * program.size.sum(0)
        best = _Dual(
            jnp.where(better, upper, best.upper),
            jnp.where(better, height, best.height),
            jnp.where(better[None, None], 0.0, best.multipliers),
            jnp.where(better, price, best.price),
        )
    return best


class _Obeyed(NamedTuple):
    """What speaks for each recommendation against each other action, and what speaks against it."""

    kept: Float[Array, "*N M Q W"]
    broken: Float[Array, "*N M Q W"]

    @classmethod
    def of(cls, program: Program, probability: Float[Array, "S M W"]) -> "_Obeyed":
        slack = (program.obedience * probability[:, :, None]).sum(0)
        size = (jnp.abs(program.obedience) * probability[:, :, None]).sum(0)
        return cls((size + slack) / 2, (size - slack) / 2)

    def missed(self) -> Bool[Array, "*N M Q W"]:
        """Where another action is better."""
        return self.broken > self.kept + jnp.minimum(OBEYED, LIKELY * self.broken)


def _law(at: Bool[Array, "S M W"], probability: Float[Array, "S M W"]) -> Float[Array, "S M W"]:
    """A law of recommendations in each state near what was proposed; the start where nothing was."""
    p = jnp.where(jnp.isfinite(probability), jnp.maximum(probability, 0.0), 0.0)
    total = p.sum(1, keepdims=True)
    usable = (total > 0) & jnp.isfinite(total)
    return jnp.where(usable, p / jnp.where(usable, total, 1.0), at.astype(p.dtype))


def _within(
    program: Program,
    at: Bool[Array, "S M W"],
    budget: Float[Array, " W"],
    p: Float[Array, "S M W"],
    obeyed: _Obeyed,
) -> tuple[Float[Array, "S M W"], Float[Array, "M Q W"], Float[Array, "M Q W"]]:
    """An outcome within the budget near an obedient one, and how it obeys.

    The start replaces part of everything, as much as the budget asks, and everything if a check fails or it
    gains more.
    """
    start = at.astype(p.dtype)
    lost = (program.loss * p).sum((0, 1))
    over = lost > budget
    reveal = jnp.where(over, 1.0 - budget / jnp.where(over, lost, 1.0), 0.0)
    p = p * (1.0 - reveal)[None, None] + start * reveal[None, None]
    # The start, for which everything speaks, has its share of the sums, and the rest shrinks.
    of_start = jnp.where(at[:, :, None], program.obedience, 0.0).sum(0)
    kept = (1.0 - reveal)[None, None] * obeyed.kept + reveal[None, None] * of_start
    broken = (1.0 - reveal)[None, None] * obeyed.broken
    checked = ~obeyed.missed().any((0, 1))
    checked &= (program.loss * p).sum((0, 1)) <= (1 + _rounding(program)) * budget
    attained = (program.gain * p).sum((0, 1))
    full = jnp.where(at, program.gain, 0.0).sum((0, 1))
    better = (checked & (attained >= full))[None, None]
    return jnp.where(better, p, start), jnp.where(better, kept, of_start), jnp.where(better, broken, 0.0)


def _obedient(
    program: Program, at: Bool[Array, "S M W"], p: Float[Array, "S M W"]
) -> tuple[Float[Array, "S M W"], _Obeyed]:
    """An obedient outcome near any given one: exactly where obedience can hold strictly, else within OBEYED.

    A recommendation that another action beats is made less often in the states that speak against it, as
    much as that action asks, and the start more often, where nothing speaks against it. That may leave other
    actions better, thus REPAIRS rounds at most. What still is not obeyed hands all back to the start but what
    full information keeps. Most outcomes need one round or none, and no more passes over the rows are made.
    """
    enough = 1.0 - 4 * _rounding(program)

    def refill(p: Array) -> tuple[Array, _Obeyed]:
        p = jnp.where(at, p + (1.0 - p.sum(1, keepdims=True)), p)
        return p, _Obeyed.of(program, p)

    def weaken(state: tuple[Array, Array, _Obeyed]) -> tuple[Array, Array, _Obeyed]:
        count, p, (kept, broken) = state
        share = jnp.where(broken > enough * kept, enough * kept / jnp.where(broken > 0, broken, 1.0), 1.0)
        less = jnp.where(program.obedience < 0, share[None], 1.0).min(2)
        return count + 1, *refill(jnp.where(at, p, p * less))

    def hand_back(p: Array, obeyed: _Obeyed) -> tuple[Array, _Obeyed]:
        missed = obeyed.missed()
        held = (program.obedience * jnp.where(at, p, 0.0)[:, :, None]).sum(0)
        # What full information keeps is part of `kept`, and less than `broken` where obedience is missed.
        rest = jnp.where(missed, obeyed.broken - obeyed.kept + held, 1.0)
        back = jnp.where(missed, 1.0 - held / rest, 0.0).max(1)
        return refill(jnp.where(at, p, p * (1.0 - back)[None]))

    start = jnp.int32(0), p, _Obeyed.of(program, p)
    _, p, obeyed = jax.lax.while_loop(lambda x: (x[0] < REPAIRS) & x[2].missed().any(), weaken, start)
    return jax.lax.cond(obeyed.missed().any(), hand_back, lambda *same: same, p, obeyed)


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

"""Persuasion programs: what they are, and bounds on them that hold whatever a solver did.

The program, in probabilities p[s,m] of recommendation m in state s (priors are folded into the coefficients):

    maximise  sum gain p   over   p >= 0,   sum_m p[s,m] = 1,
                                  sum_s obedience[s,m,q] p[s,m] >= 0,   sum loss p <= budget

`start` is a recommendation in each state that is always feasible: full information, with loss 0.

Arrays carry a batch as their last axis W ("lanes"), which suits the processor's vector units.
"""

from typing import NamedTuple, TypeVar

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


Tree = TypeVar("Tree")


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


class Path(NamedTuple):
    """Where N budgets lie along V proposals: which one they have passed, and how far on to the next."""

    first: Int[Array, "N W"]
    share: Float[Array, "N W"]  # from 0 to 1


def bounds(
    program: Program, budget: Float[Array, "N W"], solution: Solution, path: Path | None = None
) -> Bounds:
    """Both bounds at N budgets by any outcomes and multipliers, true in exact arithmetic (theory, section 6).

    All fields have the leading axis N. `solution` has a leading axis too: a proposal for each budget or, with
    `path`, those of which outcomes are mixtures, each with multipliers for budgets from there on. Weak
    duality, for any multipliers lam, rho >= 0 and any outcome p with slacks `obey` and budget - loss:

        gain(p) + lam obey(p) + rho (budget - loss(p)) <= sum_s max_m weighed[s, m] + rho budget

    The right side is `upper`. An outcome may miss obedience by OBEYED, where it can hold only with equality;
    `lower` is what it gains less what that is worth at the prices lam. Both sides are evaluated a second time
    with absolute values and moved outwards by the rounding of sums that long, so that they cross only if
    something is wrong.
    """
    at = is_start(program)
    rounding = _rounding(program)
    feasible = budget >= -FEASIBILITY
    budget = jnp.maximum(budget, 0.0)
    proof = jax.lax.map(lambda x: _proposed(program, *x), (solution.obedience, solution.price))
    vertex = _vertices(program, at, solution.probability, proof.multipliers, carried=path is not None)
    if path is not None:
        proof = _picked(proof, path.first)
        vertex = _mixed(vertex, path)
    size = program.size.sum(0)[None]
    dual = _better(proof, _plain(program, at), budget, size, rounding)

    # The start, with which nothing is missed, replaces as much of everything as the budget asks.
    # A sum that is computed twice may be rounded twice: no divisor depends on which of the two is larger.
    share = budget / jnp.where(vertex.lost > 0, vertex.lost, 1.0)
    kept = jnp.where(vertex.lost > budget, jnp.minimum(share, 1.0), 1.0)
    reveal = 1.0 - kept
    start = at.astype(reveal.dtype)[None]
    probability = vertex.probability * kept[:, None, None] + start * reveal[:, None, None]
    over = jnp.maximum((1 + rounding) * kept * vertex.lost - budget, 0.0)
    unpaid = (1 + rounding) * (jnp.where(dual.plain, 0.0, kept * vertex.owed) + dual.price * over)
    full = jnp.where(at, program.gain, 0.0).sum((0, 1))[None]
    attained = kept * vertex.gained + reveal * full - rounding * size

    nothing = jnp.where(feasible, 0.0, -jnp.inf)
    return Bounds(
        probability,
        attained - unpaid + nothing,
        dual.upper + nothing,
        dual.height,
        jnp.where(dual.plain[:, None, None], 0.0, proof.multipliers),
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


class _Proof(NamedTuple):
    """That no outcome gains more than `height + price budget`."""

    multipliers: Float[Array, "N M Q W"]
    price: Float[Array, "N W"]
    height: Float[Array, "N W"]


def _proposed(program: Program, multipliers: Float[Array, "M Q W"], price: Float[Array, " W"]) -> _Proof:
    """Weak duality with the multipliers proposed; those that are negative or no numbers count as 0."""
    multipliers, price = (jnp.where(jnp.isfinite(x), jnp.maximum(x, 0.0), 0.0) for x in (multipliers, price))
    rows = (multipliers[None] * program.obedience).sum(2)
    paid = price[None, None] * program.loss
    sizes = (multipliers[None] * jnp.abs(program.obedience)).sum(2) + paid
    return _Proof(multipliers, price, _height(program, program.gain + rows - paid, sizes))


def _height(
    program: Program, weighed: Float[Array, "S M W"], sizes: Float[Array, "S M W"]
) -> Float[Array, " W"]:
    """What no outcome gains more than but for the price; infinite where a product overflowed."""
    height = (weighed + _rounding(program) * (program.size[:, None] + sizes)).max(1).sum(0)
    return jnp.where(jnp.isnan(height), jnp.inf, height)


def _plain(program: Program, at: Bool[Array, "S M W"]) -> tuple[Float[Array, "2 W"], Float[Array, "2 W"]]:
    """Height and price of two proofs that need no solver.

    Nobody gains more than everything (multipliers of 0), nor more than full information and the budget at the
    price of the steepest exchange of one action for another (obedience multipliers of 0).
    """
    known = jnp.where(at, program.gain, 0.0).sum(1, keepdims=True)
    rise = program.gain - known
    exchange = (rise > 0) & (program.loss > 0)
    steepest = jnp.where(exchange, rise / jnp.where(exchange, program.loss, 1.0), 0.0).max((0, 1))
    paid = steepest[None, None] * program.loss
    everything = _height(program, program.gain, jnp.zeros_like(program.loss))
    exchanged = _height(program, program.gain - paid, paid)
    return jnp.stack([everything, exchanged]), jnp.stack([jnp.zeros_like(steepest), steepest])


class _Dual(NamedTuple):
    upper: Float[Array, "N W"]
    height: Float[Array, "N W"]
    price: Float[Array, "N W"]
    plain: Bool[Array, "N W"]  # whether a plain proof is the better one


def _better(
    proof: _Proof,
    plain: tuple[Float[Array, "2 W"], Float[Array, "2 W"]],
    budget: Float[Array, "N W"],
    size: Float[Array, "1 W"],
    rounding: float,
) -> _Dual:
    """At each budget the proof proposed or a plain one.

    Where that is no better but for rounding, the one proposed is kept: it says more about other budgets.
    """

    def bound(height: Array, price: Array) -> Float[Array, "N W"]:
        spent = price * budget
        return height + spent + rounding * (jnp.abs(height) + spent)

    best = _Dual(bound(proof.height, proof.price), proof.height, proof.price, jnp.zeros(budget.shape, bool))
    for height, price in zip(*(x[:, None] for x in plain), strict=True):
        upper = bound(height, price)
        better = upper < best.upper - PLAIN * size
        other = _Dual(upper, height, price, jnp.ones_like(better))
        best = _Dual(*(jnp.where(better, new, old) for new, old in zip(other, best, strict=True)))
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


class _Vertex(NamedTuple):
    """An obedient outcome and sums over it, linear or convex in it.

    `owed` is what it misses of obedience at the multipliers proposed with it, `owing` at those before.
    """

    probability: Float[Array, "N S M W"]
    lost: Float[Array, "N W"]
    gained: Float[Array, "N W"]
    owed: Float[Array, "N W"]
    owing: Float[Array, "N W"]


def _vertices(
    program: Program,
    at: Bool[Array, "S M W"],
    probability: Float[Array, "V S M W"],
    multipliers: Float[Array, "V M Q W"],
    *,
    carried: bool,
) -> _Vertex:
    """Obedient outcomes near those proposed; where there is none, or the start gains more, the start.

    If `carried`, the outcome before replaces it, for then what follows loses no less than what is before.
    """
    rounding = _rounding(program)
    full = jnp.where(at, program.gain, 0.0).sum((0, 1))
    start = at.astype(probability.dtype)
    none = jnp.zeros_like(multipliers[0])

    def vertex(before: tuple[Array, Array, Array], proposal: tuple[Array, Array]) -> tuple[tuple, _Vertex]:
        p, weights = proposal
        p, obeyed = _obedient(program, at, _law(at, p))
        usable = ~obeyed.missed().any((0, 1)) & ((program.gain * p).sum((0, 1)) >= full)
        kept, broken = obeyed
        missed = jnp.where(broken > 0, jnp.maximum(rounding * (kept + broken) - (kept - broken), 0.0), 0.0)
        fallback, unkept, earlier = before
        p = jnp.where(usable[None, None], p, fallback)
        missed = jnp.where(usable[None, None], missed, unkept)
        found = _Vertex(
            p,
            (program.loss * p).sum((0, 1)),
            (program.gain * p).sum((0, 1)),
            (weights * missed).sum((0, 1)),
            (earlier * missed).sum((0, 1)),
        )
        return ((p, missed, weights) if carried else before), found

    return jax.lax.scan(vertex, (start, none, none), (probability, multipliers))[1]


def _mixed(vertex: _Vertex, path: Path) -> _Vertex:
    """Of two vertices, with what the mixture owes at the multipliers of the first."""
    second = jnp.minimum(path.first + 1, len(vertex.lost) - 1)
    here, there = _picked(vertex, path.first), _picked(vertex, second)
    there = there._replace(owed=jnp.where(second == path.first, here.owed, there.owing))
    return jax.tree.map(lambda x, y: _along(path.share, x, y), here, there)


def _along(share: Float[Array, "N W"], x: Float[Array, "N *_ W"], y: Float[Array, "N *_ W"]) -> Array:
    share = share.reshape(share.shape[0], *[1] * (x.ndim - 2), share.shape[1])
    return (1.0 - share) * x + share * y


def _picked(tree: Tree, index: Int[Array, "N W"]) -> Tree:
    """Of arrays [V, ..., W] those of each lane's index."""

    def pick(x: Array) -> Array:
        return jax.vmap(lambda i: jnp.take_along_axis(x, i.reshape(1, *[1] * (x.ndim - 2), -1), 0)[0])(index)

    return jax.tree.map(pick, tree)


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

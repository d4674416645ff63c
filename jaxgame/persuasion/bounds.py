"""Bounds on persuasion programs that hold whatever a solver did: what a sceptic reads first.

`bounds` takes any outcomes and any multipliers. From the outcomes it makes feasible ones (`repair`), whose
gain no optimum is below; the multipliers prove, by weak duality, what no optimum is above.
"""

from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided
from jaxgame.persuasion.program import Path, Program, Solution, is_start, rounding_of
from jaxgame.persuasion.repair import law_of, obedient

# A budget may be negative by this much: rounding.
FEASIBILITY = 1e-12

# A plain proof replaces the one proposed if it is better by more than this part of the gains.
PLAIN = 1e-10


Tree = TypeVar("Tree")


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
    rounding = rounding_of(program)
    feasible = budget >= -FEASIBILITY
    budget = jnp.maximum(budget, 0.0)
    proof = jax.lax.map(lambda x: _proposed(program, *x), (solution.obedience, solution.price))
    vertex = _vertices(program, at, solution.probability, proof.multipliers, carried=path is not None)
    if path is not None:  # not to be trusted either
        first = jnp.clip(path.first, 0, len(solution.price) - 1)
        share = jnp.where(jnp.isfinite(path.share), jnp.clip(path.share, 0.0, 1.0), 0.0)
        path = Path(first, share)
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
    height = (weighed + rounding_of(program) * (program.size[:, None] + sizes)).max(1).sum(0)
    return jnp.where(jnp.isnan(height), jnp.inf, height)


def _plain(program: Program, at: Bool[Array, "S M W"]) -> tuple[Float[Array, "2 W"], Float[Array, "2 W"]]:
    """Height and price of two proofs that need no solver.

    Nobody gains more than everything (multipliers of 0), nor more than full information and the budget at the
    price of the steepest exchange of one action for another (obedience multipliers of 0).
    """
    known = jnp.where(at, program.gain, 0.0).sum(1, keepdims=True)
    rise = program.gain - known
    exchange = (rise > 0) & (program.loss > 0)
    steepest = divided(rise, program.loss, exchange).max((0, 1))
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
    rounding = rounding_of(program)
    full = jnp.where(at, program.gain, 0.0).sum((0, 1))
    start = at.astype(probability.dtype)
    none = jnp.zeros_like(multipliers[0])

    def vertex(before: tuple[Array, Array, Array], proposal: tuple[Array, Array]) -> tuple[tuple, _Vertex]:
        p, weights = proposal
        p, obeyed = obedient(program, at, law_of(at, p))
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

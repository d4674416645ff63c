"""What a leader could have earned with one fixed offer, whatever the offer: external regret, certified.

In round n leader j meets the best offer of its rivals, which loses the follower l_n of full information. A
fixed offer x that loses her l wins the rounds with l_n > l (and ties with rivals of a higher index), and
leaves the others as they are. Of all offers that lose l none earns more than f_j, so that the best fixed
payoff is a maximum over l (theory, section 9), with w_n the weight of a round:

    max over l of  sum over {n: l_n > l} of w_n f_j(l) + sum over the others of w_n U_j(rival's outcome)

f_j rises with l: only an l just below one of the l_n, or tied with it, matters. Sorted once, sums from the
left give all of them: O(N log N). The upper end takes f_j from above; the lower end is what one offer that
was found so, full information, or no information would in fact have earned, judged round by round.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgame.core.bracket import Bracket
from jaxgame.core.units import Standard
from jaxgame.persuasion.frontier import Curve

# What the best rival offer loses where there is none, so that any offer wins; and where none is of use. No
# offer loses more than 1, none less than 0.
UNRIVALLED, UNHEARD = 2.0, -1.0
# She tells offers apart by what they lose her to this many parts of her unit: else rounding would decide
# between offers that are equal, such as full information from two leaders.
STEP = 2.0**-40


def felt(lost: Float[Array, "*N"]) -> Float[Array, "*N"]:
    """What offers lose her, as she tells them apart."""
    return jnp.round(lost / STEP) * STEP


class Faced(NamedTuple):
    """What each of K leaders met in N rounds, in standard units."""

    rival: Float[Array, "N K"]  # what the best rival offer loses, or UNRIVALLED, or UNHEARD
    theirs: Float[Array, "N K"]  # what the leader earns if it does not win
    ties: Bool[Array, "N K"]  # whether it wins if it ties with that rival


def against(
    lost: Float[Array, " K"], worth: Float[Array, "K K"], consulted: Bool[Array, " K"]
) -> tuple[Faced, Array]:
    """One round: what each leader met (fields [K]), and who is kept.

    `lost` [K] is what each offer loses her, `worth` [K, K] what each leader earns at each leader's offer, and
    `consulted` [K] who is asked at all.
    """
    everyone = jnp.arange(len(lost))
    heard = jnp.where(consulted, lost, jnp.inf)
    kept = heard.argmin()
    others = jnp.where(everyone[:, None] == everyone[None], jnp.inf, heard[None])
    best = others.argmin(1)
    rival = jnp.minimum(others.min(1), UNRIVALLED)
    theirs = jnp.where(rival < UNRIVALLED, worth[everyone, best], 0.0)
    faced = Faced(
        rival=jnp.where(consulted, rival, UNHEARD),
        theirs=jnp.where(consulted, theirs, worth[:, kept]),
        ties=everyone < best,
    )
    return faced, kept


def payoffs(faced: Faced, lost: Float[Array, "K M"], own: Float[Array, "K M"]) -> Float[Array, "K M"]:
    """What M offers of each leader would have earned in one round; `own` [K, M] if they are kept."""
    rival, theirs, ties = (x[:, None] for x in faced)
    return jnp.where((lost < rival) | (ties & (lost == rival)), own, theirs)


def best_fixed(
    units: Standard,
    curves: Curve,
    faced: Faced,
    weights: Float[Array, " N"],
    nothing: Float[Array, "T S A"],
) -> Bracket:
    """The most that a fixed offer would have earned each leader over the rounds: a bracket [K].

    `curves` holds all f_j, fields with a leading axis K; `weights` [N], at least 0, have sum 1; `nothing` is
    the outcome of no information. All in standard units.
    """
    leaders = jnp.arange(len(units.game.leaders))
    columns = jax.tree.map(lambda x: x.T, faced)

    def one(leader: Array, curve: Curve, rival: Array, theirs: Array, ties: Array) -> Bracket:
        return _best_of_one(units, leader, curve, Faced(rival, theirs, ties), weights, nothing)

    return jax.vmap(one)(leaders, curves, *columns)


def _best_of_one(
    units: Standard,
    leader: Array,
    curve: Curve,
    faced: Faced,  # fields [N]
    weights: Float[Array, " N"],
    nothing: Float[Array, "T S A"],
) -> Bracket:
    eps = jnp.finfo(weights.dtype).eps
    rounds = len(weights)
    # Sums of this many terms, none of them negative, round by less than this part of themselves.
    rounding = (2 * units.loss.size + 8) * eps
    summed = 4 * (rounds + 8) * eps  # of sums over the rounds, of terms of at most 1
    order = jnp.argsort(-faced.rival)
    rival, theirs, ties, weights = (x[order] for x in (*faced, weights))
    first = jnp.searchsorted(-rival, -rival, side="left")  # of those that lose as much
    past = jnp.searchsorted(-rival, -rival, side="right")
    budget = jnp.clip(rival, 0.0, units.uninformed())
    most = jax.vmap(lambda lost: curve.value((1 + rounding) * lost + STEP).upper)(budget)

    def up_to(terms: Array, place: Array) -> Array:
        return jnp.concatenate([jnp.zeros(1), jnp.cumsum(terms)])[place]

    every = (weights * theirs).sum()

    def earned(won: Array, given_up: Array, best: Array) -> Array:
        return won * best + every - given_up

    # Just below l_n all that lose as much are won; at l_n those where the leader wins the tie.
    tied = jnp.where(ties, weights, 0.0)
    below = earned(up_to(weights, past), up_to(weights * theirs, past), most)
    at = earned(
        up_to(weights, first) + up_to(tied, past) - up_to(tied, first),
        up_to(weights * theirs, first) + up_to(tied * theirs, past) - up_to(tied * theirs, first),
        most,
    )
    below = jnp.where(rival > 0, below, -jnp.inf)
    at = jnp.where(rival >= 0, at, -jnp.inf)
    upper = jnp.maximum(jnp.maximum(below.max(), at.max()), every)

    # One offer found so, and the two extremes, as they would have fared.
    found = curve.best(jnp.maximum((1 - 4 * rounding) * budget[below.argmax()] - 2 * STEP, 0.0))
    tried = jnp.stack([found, curve.outcome[0], nothing])
    lost = felt(jax.vmap(units.lost)(tried))[:, None]
    own = jax.vmap(lambda x: (units.game.leaders[leader] * x).sum())(tried)[:, None]
    wins = (lost < rival[None]) | (ties[None] & (lost == rival[None]))
    lower = (weights[None] * jnp.where(wins, own, theirs[None])).sum(1).max()
    return Bracket(lower - summed - rounding, upper + summed + rounding)

"""Whom the follower asks: r of K leaders drawn at random, of whom she keeps the one with the best offer.

With r = K that is best-AI selection, with r = 1 the average over monopolists. Between them no theorem is
known (theory, section 10): what is computed here are numbers.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.bracket import Bracket
from jaxgame.core.units import Standard
from jaxgame.persuasion.frontier import Curve


def check_consulted(consulted: int | None, leaders: int) -> int:
    """How many of `leaders` leaders are consulted: all for None.

    Raises ValueError for fewer than one, or more than there are.
    """
    if consulted is None:
        return leaders
    if not 1 <= consulted <= leaders:
        raise ValueError(f"consulted is {consulted}; it must be from 1 to {leaders}, the game's leaders")
    return consulted


def chance_by_rank(consulted: int, leaders: int) -> Float[np.ndarray, " K"]:
    """The probability that the best, the second best, ... offer is kept: it is drawn, and no better one.

    `consulted` r of K = `leaders` are drawn: at rank m, from 0, that is C(K - 1 - m, r - 1) / C(K, r).

    >>> chance_by_rank(2, 3).round(3).tolist()
    [0.667, 0.333, 0.0]
    """
    ways = [math.comb(leaders - 1 - rank, consulted - 1) for rank in range(leaders)]
    return np.array(ways) / math.comb(leaders, consulted)


def draw_consulted(key: Array, consulted: int, leaders: int) -> Bool[Array, " K"]:
    """Which of K = `leaders` leaders are among the `consulted`, drawn with `key`."""
    order = jax.random.permutation(key, leaders)
    return order < consulted


def kept_shares(lost: Float[Array, " K"], consulted: int) -> Float[Array, " K"]:
    """How likely each of K leaders is kept, by what its offer loses her; of those that tie the lowest index
    counts as the best. `consulted` are drawn.
    """
    leaders = len(lost)
    chance = jnp.asarray(chance_by_rank(consulted, leaders), lost.dtype)
    return jnp.zeros_like(lost).at[jnp.argsort(lost, stable=True)].set(chance)


class Rivals(NamedTuple):
    """A leader's K - 1 rivals from the best offer to the worst, and what it earns with them."""

    lost: Float[Array, " R"]  # what their offers lose the follower
    who: Int[Array, " R"]
    chance: Float[Array, " K"]  # of being kept, by rank
    before: Float[Array, " K"]  # what the leader earns from the rivals above it, by its own rank
    after: Float[Array, " K"]  # and from those below it

    @classmethod
    def of(
        cls,
        lost: Float[Array, " K"],
        worth: Float[Array, " K"],
        leader: Int[Array, ""],
        consulted: int,
    ) -> "Rivals":
        """Of all offers, by what they lose her and are worth to the leader."""
        leaders = len(lost)
        order = jnp.argsort(jnp.where(jnp.arange(leaders) != leader, lost, jnp.inf), stable=True)[:-1]
        chance = jnp.asarray(chance_by_rank(consulted, leaders), lost.dtype)
        none = jnp.zeros(1, lost.dtype)
        above, below = chance[:-1] * worth[order], chance[1:] * worth[order]
        before = jnp.concatenate([none, jnp.cumsum(above)])
        after = jnp.concatenate([jnp.cumsum(below[::-1])[::-1], none])
        return cls(lost[order], order, chance, before, after)

    def payoff(
        self, lost: Float[Array, ""], earned: Float[Array, ""], leader: Int[Array, ""]
    ) -> Float[Array, ""]:
        """What the leader earns with an offer that loses her so much, and is worth `earned` to it if kept."""
        rank = ((self.lost < lost) | ((self.lost == lost) & (self.who < leader))).sum()
        return self.chance[rank] * earned + self.before[rank] + self.after[rank]

    def last(self, earned: Float[Array, ""]) -> Float[Array, ""]:
        """The same below all rivals."""
        return self.chance[-1] * earned + self.before[-1]


def gains_where_some_are_asked(
    units: Standard,
    curves: Curve,
    lost: Float[Array, " K"],
    worth: Float[Array, "K K"],
    consulted: int,
) -> Bracket:
    """What each leader would gain by its best other offer, the rivals' as they are, if not all are consulted.

    Another offer matters by its rank: it is worth most just above a rival (from above: at its value), tied
    with it, or below all. From below it is an offer that is judged as it is.
    """
    rounding = rounding_of(units)

    def one(leader: Array, curve: Curve) -> tuple[Array, Array]:
        rivals = Rivals.of(lost, worth[leader], leader, consulted)
        now = rivals.payoff(lost[leader], worth[leader, leader], leader)
        budgets = jnp.append(rivals.lost, units.uninformed())
        most = jax.vmap(lambda budget: curve.value((1 + rounding) * budget).upper)(budgets)
        rank = (rivals.lost[None] < budgets[:, None]).sum(1)
        above = rivals.chance[rank] * most + rivals.before[rank] + rivals.after[rank]
        tied = jax.vmap(lambda budget, earned: rivals.payoff(budget, earned, leader))(budgets, most)
        under = jax.vmap(curve.best)(jnp.maximum((1 - 4 * rounding) * budgets, 0.0))
        earned = (units.game.leaders[leader][None] * under).sum((1, 2, 3))
        reached = jax.vmap(lambda x, e: rivals.payoff(units.lost(x), e, leader))(under, earned)
        return reached.max() - now, jnp.maximum(above.max(), tied.max()) - now

    lower, upper = jax.vmap(one)(jnp.arange(len(lost)), curves)
    return Bracket(lower - 4 * rounding, upper + 4 * rounding)


def rounding_of(units: Standard) -> float:
    """Sums over an outcome, of terms that are not negative, round by less than this part of themselves."""
    return (2 * units.loss.size + 8) * float(jnp.finfo(units.loss.dtype).eps)

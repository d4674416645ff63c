"""Proofs that no equilibrium of best-AI selection has its value in an interval: what a sceptic reads first.

At an equilibrium worth V(x) no leader earns less than f_j(V(x)) less the slack (theory, section 4). On values
[low, high] the concave f_j is at least any chord c_j between points of its graph with ends at or around them.
So an equilibrium x worth a value of the interval meets

    U_j(x) - c_j(V(x)) >= -slack for all j,    V(x) >= low,    -V(x) >= -high                     [own]

which are linear in x. Let weights w >= 0 of these conditions have sum 1 (after scaling). Whatever they are,

    max over conditions of what x misses  >=  sum_i w_i bound_i  -  (sum_i w_i left side_i)(x)

and the second sum is the utility of a made-up leader, at most the certified upper end of its best response.
Is the difference above 0 no outcome meets all conditions, and none is an equilibrium. A solver that proposes
wrong weights proves less, and nothing false. All in standard units (`units`).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgame.core.arithmetic import divided
from jaxgame.core.bracket import Bracket
from jaxgame.core.units import Standard
from jaxgame.lp.matrix_game import law
from jaxgame.persuasion.frontier import Curve, proved_curve
from jaxgame.persuasion.lanes import Solved
from jaxgame.persuasion.value import best_at, outcome_of_recommendations


class Interval(NamedTuple):
    """Values [low, high], and where the chords from `low` end, at `high` or above."""

    low: Float[Array, ""]
    high: Float[Array, ""]
    end: Float[Array, ""]


class Chords(NamedTuple):
    """Each leader's chord on an interval: base + slope (V - low)."""

    base: Float[Array, " K"]
    slope: Float[Array, " K"]


class Curves(NamedTuple):
    """What leaders earn at most, less the slack. A single leader has nobody to outbid: a constant."""

    curve: Curve  # every field with a leading axis K
    slack: Float[Array, " K"]
    alone: Float[Array, ""] | None  # what she loses without information, for a single leader

    @classmethod
    def of(cls, units: Standard, slack: Float[Array, " K"]) -> "Curves":
        """Of all leaders."""
        return cls.proved(units, slack)[0]

    @classmethod
    def proved(cls, units: Standard, slack: Float[Array, " K"]) -> tuple["Curves", Solved]:
        """Of all leaders, with the schemes and multipliers that prove them, as `proved_curve`."""
        leaders = units.game.leaders
        curve, solved = jax.vmap(proved_curve, (None, 0))(units.game, leaders)
        return cls(curve, slack, units.uninformed() if len(leaders) == 1 else None), solved

    def at(self, value: Float[Array, ""]) -> Bracket:
        """Brackets [K]."""
        budget = jnp.maximum(-value, 0.0) if self.alone is None else self.alone
        best = jax.vmap(lambda curve: curve.value(budget))(self.curve)
        return Bracket(best.lower - self.slack, best.upper - self.slack)

    def chords(self, interval: Interval) -> Chords:
        """Below the curves, wherever solvers were wrong: between points that are attained."""
        base, end = self.at(interval.low).lower, self.at(interval.end).lower
        width = interval.end - interval.low
        slope = divided(end - base, width, width > 0)
        return Chords(base, slope)

    def next_kink(self, value: Float[Array, ""], top: Float[Array, ""]) -> Float[Array, ""]:
        """The lowest kink of any curve above a value, at most `top`."""
        if self.alone is not None:
            return top
        worth = -self.curve.lost
        return jnp.minimum(jnp.where(worth > value, worth, jnp.inf).min(), top)

    def gain(self, units: Standard, outcome: Float[Array, "T S A"]) -> Float[Array, ""]:
        """What some leader may gain at most at an outcome beyond the slack."""
        best = self.at(-units.lost(outcome)).upper
        return (best - units.earned(outcome)).max()


class Conditions(NamedTuple):
    """R = K + 2 conditions that outcomes miss by `bounds` less their left sides, each divided by its size.

    First those of the leaders, then V(x) >= low, then V(x) <= high.
    """

    bounds: Float[Array, " R"]
    sizes: Float[Array, " R"]
    slope: Float[Array, " K"]

    @classmethod
    def of(cls, interval: Interval, chords: Chords) -> "Conditions":
        """On an interval; no left side exceeds 2 once it is divided by its size."""
        one = jnp.ones(2, chords.slope.dtype)
        sizes = jnp.concatenate([1 + jnp.abs(chords.slope), one])
        ends = jnp.stack([interval.low, -interval.high])
        bounds = jnp.concatenate([chords.base - chords.slope * interval.low, ends]) / sizes
        return cls(bounds, sizes, chords.slope)

    def missed(self, leaders: Float[Array, "C K"], follower: Float[Array, " C"]) -> Float[Array, "C R"]:
        """By how much outcomes that are worth this to all miss each condition; below 0 where they meet it."""
        worth = follower[:, None]
        leaders = leaders - worth * self.slope[None]
        return self.bounds[None] - jnp.concatenate([leaders, worth, -worth], 1) / self.sizes[None]


class Proof(NamedTuple):
    """That every outcome misses some condition by `missed` at least, if that is positive.

    `weights` [R] of the conditions prove it, and the `multipliers` [M, Q] of the made-up leader's obedience.
    """

    missed: Float[Array, ""]
    weight_of_high: Float[Array, ""]  # how fast that falls as the interval's `high` rises
    outcome: Float[Array, "T S A"]  # the made-up leader's best: what misses the weighed conditions least
    weights: Float[Array, " R"]
    multipliers: Float[Array, "M Q"]


def prove(units: Standard, conditions: Conditions, weights: Float[Array, " R"]) -> Proof:
    """What any weights prove; negative ones and those that are no numbers count as 0."""
    weights = law(weights)
    parts = weights / conditions.sizes
    utility = (parts[:-2, None, None, None] * units.game.leaders).sum(0)
    utility -= (parts[-2] - parts[-1] - parts[:-2] @ conditions.slope) * units.loss
    # Weighed by prior and conditions, no term of the offset or of the made-up utility exceeds 2.
    rounding = 8 * (len(weights) + 4) * jnp.finfo(utility.dtype).eps
    offset = weights @ conditions.bounds - rounding
    best = best_at(units.game, utility, jnp.full(1, jnp.inf))
    outcome = outcome_of_recommendations(units.game.prior, best.scheme, units.loss.shape[2])[0]
    return Proof(offset - best.upper[0], parts[-1], outcome, weights, best.obedience[0])

"""Leaders who compete for a score: what each gains by outscoring another, and what it would then offer.

The follower acts by her own utility and keeps the leader with the largest score, of those that tie the lowest
index (`scored`). Leader j wins from an offer that scores v with the best of its outcomes that score more: it
earns `f_j(v) = max { U_j(x): G_j(x) >= v }`, one linear program. All in standard units.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.units import Standard, is_sound, standard, unknown
from jaxgame.lp import LinearSolution
from jaxgame.selection.scored import OPTIMAL, Contest, extremes

INDIFFERENT = 1e-9  # revisions that gain less, in parts of what is at stake for the leader, are not made
ROUNDING = 2.0**-44  # scores of outcomes that linear programs found are about so exact


class Scores(NamedTuple):
    """What offers score, whom she keeps for it, and what that means for her and the leaders."""

    scores: Float[Array, " K"]
    selected: Int[Array, ""]
    lost: Float[Array, " K"]
    earned: Float[Array, " K"]
    gain: Bracket


class Reach(NamedTuple):
    """The least and the largest that each leader can score."""

    lowest: Bracket
    highest: Bracket


def reach_of(contest: Contest) -> Reach:
    """Brackets with an axis K."""
    return Reach(*jax.vmap(lambda score: extremes(contest, score))(contest.scores))


def judged(units: Standard, contest: Contest, reach: Reach, offers: Float[Array, "K T S A"]) -> Scores:
    """What the offers of all leaders come to, and what each could gain by another."""
    scores = _scores(contest, offers)
    selected = scores.argmax()
    earned = units.earned(offers[selected])
    gain = gains(contest, reach, scores[selected], earned, selected)
    return Scores(scores, selected, jax.vmap(units.lost)(offers), earned, gain)


def gains(
    contest: Contest, reach: Reach, score: Array, earned: Float[Array, " K"], kept: Int[Array, ""]
) -> Bracket:
    """What each leader would earn more than `earned` by outscoring the `kept` leader's `score`, [K].

    The kept leader itself need score no more than its best rival can. -inf for one who cannot.
    """
    everyone = jnp.arange(len(earned))
    others = jnp.where(everyone == kept, -jnp.inf, reach.highest.lower).max()
    others = jnp.maximum(others, reach.lowest.lower.min())  # a single leader may score as little as it likes
    level = jnp.where(everyone == kept, jnp.minimum(score, others), score)

    def most(leader: Array, level: Array) -> Bracket:
        # At most what scores a little less brings, at least what scores a little more.
        upper, lower = (_best(contest, leader, level + sign * ROUNDING).value for sign in (-1.0, 1.0))
        return Bracket(-lower.upper, -upper.lower)

    found = jax.vmap(most)(everyone, level)
    return Bracket(found.lower - earned - ROUNDING, found.upper - earned + ROUNDING)


def outscored(
    units: Standard,
    contest: Contest,
    reach: Reach,
    offers: Float[Array, "K T S A"],
    leader: Int[Array, ""],
    outbid: float,
) -> Float[Array, "T S A"]:
    """The leader's offer after it has compared keeping, outscoring its rivals by `outbid`, and withdrawing.

    `outbid` is in parts of the unit of scores, about what is at stake in them. Where less room is left, it
    scores all it can. To withdraw is to score as little as it can.
    """
    scores = _scores(contest, offers)
    bar = jnp.where(jnp.arange(len(scores)) == leader, -jnp.inf, scores).max()
    level = jnp.minimum(bar + outbid, reach.highest.lower[leader] - ROUNDING)
    unbound = jnp.asarray(-jnp.inf, level.dtype)
    own = contest.scores[leader]
    none = jnp.zeros((0, len(own)), own.dtype)
    tried = (_best(contest, leader, level), contest.least(own, none, none[:, 0]))

    def payoff(offer: Array) -> Array:
        instead = offers.at[leader].set(offer)
        kept = _scores(contest, instead).argmax()
        return (units.game.leaders[leader] * instead[kept]).sum()

    candidates = jnp.stack([contest.obedient.outcome(found.x) for found in tried])
    solved = jnp.stack([found.status == OPTIMAL for found in tried])
    worth = jnp.where(solved, jax.vmap(payoff)(candidates), unbound)
    place = worth.argmax()
    better = worth[place] > payoff(offers[leader]) + INDIFFERENT
    return jnp.where(better, candidates[place], offers[leader])


def largest_gain(
    game: Game,
    outcome: Float[Array, "T S A"],
    score: Float[Array, "*each T S A"],
    kept: int | Int[Array, ""],
) -> Bracket:
    """The exploitability of an outcome that the leader `kept` offers, in the leaders' utility units."""
    return _largest_gain(game, outcome, score, jnp.asarray(kept, int))


@jax.jit
def _largest_gain(game: Game, outcome: Array, score: Array, kept: Array) -> Bracket:
    units = standard(game)
    sound = units.sound & is_sound(outcome, score)
    contest = Contest.of(units, jnp.where(sound, score, 0.0))
    outcome = jnp.where(sound, outcome, 0.0)
    level = (contest.counted[kept] * outcome).sum()
    gain = gains(contest, reach_of(contest), level, units.earned(outcome), kept)
    return unknown(sound, Bracket(*((units.leaders.unit * x).max() for x in (gain.lower, gain.upper))))


def _best(contest: Contest, leader: Array, level: Array) -> LinearSolution:
    """The leader's best outcome of those that score at least `level`."""
    return contest.least(-contest.leaders[leader], -contest.scores[leader][None], -level[None])


def _scores(contest: Contest, offers: Float[Array, "K T S A"]) -> Float[Array, " K"]:
    return (contest.counted * offers).sum((1, 2, 3))

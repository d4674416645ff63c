"""The worst slack-equilibrium of simultaneous competition with rich signals and a best-responding follower.

With two leaders or more a law of public posteriors and her responses is an eta-equilibrium's iff it averages
to the prior and no leader i gains more than eta_i by revealing more. What revealing more earns at best is the
closure at every posterior: the condition is `E[cav U_i(q) - U_i(q)] <= eta_i` [own] (let two leaders send
everything, and whoever deviates can only refine the law). A single leader is to earn `cav U(prior) - eta`.
With slack 0 these are the conditions of `worst`.

On the region of a map the excess `cav U_i - U_i` is concave, so that mass moved to the region's vertices
makes it no larger, and all losses stay. What is left is an exact linear program over pairs of a vertex and a
map, and corners, with a row for each leader (`slack_program`).

Ties are as in `worst`: maps that are the only best ones near a posterior count in what a leader gains for
certain, all best ones in what it gains at most.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgame.competition.rich import posteriors
from jaxgame.competition.rich.concave_closure import Basis
from jaxgame.competition.rich.equilibrium import WorstRichEquilibrium, told
from jaxgame.competition.rich.pair_closures import (
    apart,
    at_corners,
    at_pairs,
    closures_at,
    closures_everywhere,
    with_corners,
)
from jaxgame.competition.rich.slack_program import Law, Program, bound, forgiven, kept, proposed
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.units import is_sound, standard

# In parts of a leader's range: the bound is about gains that exceed the slack by so much (rounding is far
# below), the law that attains the other end exceeds it by this part of that at most.
BEYOND = 1e-9
SPENT = 0.9


@jax.jit
def worst_slack(game: Game, tolerance: Float[Array, ""], slack: Float[Array, "*K"]) -> WorstRichEquilibrium:
    """`worst_equilibrium` for a best-responding follower and slack [K] or one for all.

    1. All pairs of a posterior and a map that is best there, and what leaders gain there by revealing more,
       at least and at most.
    2. Two programs: what she loses most on laws whose least excess is within the slack is the bound, on those
       whose largest excess is it is attained.
    """
    units = standard(game)
    sound, game = units.sound & is_sound(tolerance, slack) & (jnp.asarray(slack) >= 0).all(), units.game
    pairs, values = posteriors.pairs(game), posteriors.values(units)
    marginal, _ = posteriors.conditional(game.prior)
    eta = jnp.where(sound, forgiven(units, values.unit, slack), 0.0)
    gains = _gains_of_many if game.leaders.shape[0] > 1 else _gains_of_one
    least, most, corner, missed, safe, start = gains(game, pairs, values, marginal)
    followed = at_pairs(pairs, values.loss[None])[0]
    every = (pairs.posterior @ values.loss.T).min(1)

    def program(loss: Array, excess: Array, allowed: Array) -> Program:
        worth = jnp.where(pairs.valid, loss, -jnp.inf)
        return Program(pairs.posterior, worth, excess, jnp.zeros_like(marginal), corner, marginal, allowed)

    above = program(followed, least, eta + missed + BEYOND)
    below = program(every, most, eta + SPENT * BEYOND)
    both = jax.tree.map(lambda *x: jnp.stack(x), above, below)
    found = jax.vmap(proposed, (0, None))(both, start)
    proved = bound(above, found.multipliers[0], found.prices[0])
    attained = kept(below, found.weights[1], safe)
    # No law loses more than no information. Without a vertex that there should be that is all that is known.
    none = (marginal @ values.loss.T).min()
    proved = jnp.minimum(jnp.where(pairs.complete, proved, none), none)
    loss = Bracket(*(values.her_unit * end for end in apart(game, attained.worth, proved)))
    actions = game.follower.shape[2]
    responses = jax.nn.one_hot(jnp.asarray(pairs.maps), actions, dtype=game.prior.dtype)
    known = jax.nn.one_hot(game.follower.argmax(2), actions, dtype=game.prior.dtype)  # [T,S,A]
    candidates = len(pairs.valid) // len(pairs.maps)
    return told(
        units,
        sound,
        loss,
        tolerance * units.stake,
        posteriors=with_corners(pairs.posterior),
        weights=jnp.concatenate(attained.law),
        responses=jnp.concatenate([jnp.repeat(responses, candidates, 0), jnp.moveaxis(known, 1, 0)]),
        slack=attained.excess.max(),
        candidates=pairs.valid.sum(dtype=jnp.int32),
        opened=(pairs.valid & (least <= above.allowed[:, None]).all(0)).sum(dtype=jnp.int32),
        pivots=found.pivots.max(),
    )


_Gains = tuple[Array, Array, Array, Array, Law, Basis | None]


def _gains_of_many(
    game: Game, pairs: posteriors.Pairs, values: posteriors.Values, marginal: Float[Array, " S"]
) -> _Gains:
    """What leaders gain at pairs by revealing more, at least and at most [K, N]; nothing at corners [K, S].

    Then what is not known of it at the prior, a law at which nobody gains, and no basis, as at the corners
    nobody does.
    """
    gain = at_pairs(pairs, values.gain)
    lower, upper, _ = closures_everywhere(pairs, gain, *at_corners(game, values))
    # On the region of a map that is not strict the excess may be negative: the least one counts everywhere.
    by_map = (len(gain), len(pairs.maps), -1)
    short = jnp.where(pairs.valid[None], lower - gain, jnp.inf).reshape(by_map)
    short = jnp.where(pairs.strict[None, :, None], short, short.min(2, keepdims=True))
    short = jnp.where(pairs.valid[None], short.reshape(gain.shape), 0.0)
    nothing = jnp.zeros_like(values.gain[:, 0])
    safe = Law(jnp.zeros_like(gain[0]), marginal)
    return jnp.maximum(short, 0.0), jnp.maximum(upper - gain, 0.0), nothing, nothing[:, 0], safe, None


def _gains_of_one(
    game: Game, pairs: posteriors.Pairs, values: posteriors.Values, marginal: Float[Array, " S"]
) -> _Gains:
    """The same for a single leader: by how much a pair is below its supporting line at the prior.

    Averages of that are what a law misses of the closure there.
    """
    gain = at_pairs(pairs, values.gain)
    low, high = at_corners(game, values)
    sure, best, _ = closures_at(pairs, gain[0], low[0], high[0], marginal)
    short = jnp.where(
        pairs.valid[None], jnp.maximum((pairs.posterior @ best.multipliers)[None] - gain, 0.0), 0.0
    )
    corner = jnp.where(marginal[None] > 0, jnp.maximum(best.multipliers[None] - high, 0.0), 0.0)
    missed = jnp.maximum(best.upper - sure.lower, 0.0)[None]
    return short, short, corner, missed, Law(best.weights, best.corner_weights), best.basis

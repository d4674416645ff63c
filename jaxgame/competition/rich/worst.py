"""The follower's worst equilibrium of simultaneous competition with rich, correlated signals.

Leaders can add to the public information whatever signal they like (Gentzkow and Kamenica 2017), so that a
law of public posteriors is an equilibrium's iff it averages to the prior and no leader gains by revealing
more at any of its posteriors q: the leader's utility there is its concave closure. Full revelation is an
equilibrium of two leaders or more: nobody can undo it.

For a best-responding follower this is an exact linear program over finitely many pairs (q, a) of a
posterior and a map of actions that is best there [own]. On the region of a, a polytope, all utilities are
linear and leader i's closure is concave, so that the excess of the closure over U_i(., a), concave and at
least 0, vanishes on a union of faces. Mass on a face may be moved to its vertices without changing
anything. The worst equilibrium mixes vertices that no leader can improve on, and the corners, where the
state is known. A single leader must attain its closure at the prior instead.

Ties. The bracket holds over all rules by which the follower takes one of her best maps at each posterior. A
leader gains for certain from a map that is the only best one arbitrarily near (it reveals a little more
or less); it gains from another one, such as one of two actions that she never tells apart, only if the
rule is in its favour. So a map of the first kind counts in proving that a pair is not an equilibrium's,
maps of both kinds count in proving that it is.

A logit follower is `worst_quantal`.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxgame.competition.rich import posteriors
from jaxgame.competition.rich.concave_closure import concave_closure
from jaxgame.competition.rich.equilibrium import LeaderClosure, WorstRichEquilibrium, told
from jaxgame.competition.rich.pair_closures import (
    apart,
    at_corners,
    at_pairs,
    closures_at,
    closures_everywhere,
    with_corners,
)
from jaxgame.competition.rich.worst_quantal import closure_quantal, worst_quantal, worst_quantal_slack
from jaxgame.competition.rich.worst_slack import worst_slack
from jaxgame.core import checks
from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.units import is_sound, standard, unheard, unknown

# All are parts of a leader's range of utility, its largest difference between two actions.
EXCLUDING_GAIN = 1e-9  # a pair is excluded if a leader gains more for certain: rounding is far below
ROUNDING = 1e-13  # of a utility
EQUILIBRIUM_GAIN = 1e-8  # nobody gains more at a pair of an equilibrium

# What a single leader's loss costs the follower in the program for it: a bound for each, the best one counts.
PRICES = (0.0, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5)


def worst_equilibrium(
    game: Game,
    *,
    rationality: float | Float[Array, ""] = math.inf,
    tolerance: float = 1e-6,
    slack: float | Float[Array, "*K"] = 0.0,
    rounds: int = 16,
) -> WorstRichEquilibrium:
    """The follower's least equilibrium value in `game`, with a certified bracket [own].

    `rationality` is infinity for best responses, with at most 4 states, or that of a logit follower, with
    two states (`worst_quantal`); one that is traced must be finite. `tolerance` is the width aimed at, in
    parts of what is at stake for the follower, `sum_ts P(t,s) (max_a u - min_a u)`. For a logit follower a
    grid is refined at most 3 `rounds` times: of random games 99% need no refinement for a tolerance of 1e-4,
    nine in ten none for 1e-6, and hardly any more than 10.

    `slack` > 0, a number or one for each leader [K], asks for all slack-equilibria, where no leader gains
    more than that by revealing more, in the leaders' utility units. It is kept to within 1e-9 of a leader's
    range, the largest difference between two actions (to a few roundings for a logit follower), and so is a
    traced one of 0: where a gain of 1e-9 matters both ends differ from those at 0.

    Which laws of posteriors are equilibria, and why a linear program finds the worst, is told in theory,
    section 4 (1). A single leader takes its best law of posteriors, and those that tie for it are its
    equilibria. Ties of the follower: whichever best action she takes (see the module). An action counts as
    best within 1e-9 of its gap to another one; both ends are exact to about 1e-9 of the utilities' ranges,
    in whatever units. Works under jit and vmap.

    Raises ValueError for too many states or pairs (4,096), a tolerance that is not positive, a slack that is
    negative, infinite or no number, fewer than one round, a negative rationality, and precision below
    float64.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> from jaxgame import competition
    >>> judge = jg.make_game(                     # two prosecutors compete, and leave the judge at 0.7
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]] * 2
    ... )
    >>> found = competition.worst_equilibrium(judge)
    >>> round(float(found.value.lower), 6), round(float(found.value.upper), 6), bool(found.converged)
    (0.7, 0.7, True)
    """
    _check(game, rationality)
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}; it must be positive")
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; it must be at least 1")
    checks.check_slack(slack, len(game.leaders))
    forgiving = not checks.is_concrete(slack) or bool(np.any(np.asarray(slack) > 0))
    if _is_finite(rationality):
        if forgiving:
            return worst_quantal_slack(game, rationality, tolerance, slack, rounds)
        return worst_quantal(game, rationality, tolerance, rounds)
    if forgiving:
        return worst_slack(game, tolerance, slack)
    return _best_response(game, tolerance)


def leader_closure(
    game: Game, leader: int | Int[Array, ""], *, rationality: float | Float[Array, ""] = math.inf
) -> LeaderClosure:
    """What leader `leader` of `game` earns at best if it alone informs her: its closure at the prior.

    No signal earns more than the concave closure of its utility as a function of the posterior, and one with
    as many messages as states attains it (Kamenica and Gentzkow 2011). With `rationality` infinity the
    follower responds best, ties broken in the leader's favour, with at most 4 states; with a finite one she
    is logit, with two. `leader` may be traced. The answer is in the leader's utility units.

    Raises ValueError as `worst_equilibrium` does for games and rationalities, and for a leader that is not
    there.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> from jaxgame import competition
    >>> judge = jg.make_game(
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]]
    ... )
    >>> round(float(competition.leader_closure(judge, 0).value.lower), 9)
    0.6
    """
    _check(game, rationality)
    checks.check_leader_index(leader, game.leaders.shape[0])
    if _is_finite(rationality):
        return closure_quantal(game, leader, rationality)
    return _closure_alone(Game(game.prior, game.follower, game.leaders[leader][None]))


@jax.jit
def _closure_alone(alone: Game) -> LeaderClosure:
    """`leader_closure` of the only leader of a game, for a best-responding follower."""
    units = standard(alone)
    pairs, values = posteriors.pairs(units.game), posteriors.values(units)
    marginal, _ = posteriors.conditional(alone.prior)
    gain = at_pairs(pairs, values.gain)[0]
    _, high = at_corners(units.game, values)
    best = concave_closure(pairs.posterior, jnp.where(pairs.valid, gain, -jnp.inf), high[0], marginal)
    value = Bracket(*(values.unit[0] * end for end in apart(units.game, best.lower, best.upper)))
    return LeaderClosure(
        value=unknown(units.sound, units.leader(0).bracket(value)),
        posteriors=unheard(units.sound, with_corners(pairs.posterior)),
        weights=unheard(units.sound, jnp.concatenate([best.weights, best.corner_weights])),
    )


def _check(game: Game, rationality: float | Array) -> None:
    if checks.is_concrete(rationality) and not rationality >= 0:
        raise ValueError(f"rationality is {float(rationality)}; it must be at least 0 (infinity is allowed)")
    checks.check_float64("game", game.follower, "closures")


def _is_finite(rationality: float | Array) -> bool:
    """A traced rationality is taken for finite."""
    return not checks.is_concrete(rationality) or math.isfinite(float(rationality))


@jax.jit
def _best_response(game: Game, tolerance: Float[Array, ""]) -> WorstRichEquilibrium:
    """`worst_equilibrium` for a best-responding follower.

    1. All pairs of a posterior and a map that is best there, and everybody's utility at them.
    2. Each leader's closure at each pair: pairs that no equilibrium holds are excluded, pairs that one may
       hold are certified. Between the two are pairs of which rounding or ties leave it open.
    3. What she loses most over laws on pairs not excluded is the bound, on certified ones it is attained.
    """
    units = standard(game)
    sound, game = units.sound & is_sound(tolerance), units.game
    pairs, values = posteriors.pairs(game), posteriors.values(units)
    marginal, _ = posteriors.conditional(game.prior)
    gain = at_pairs(pairs, values.gain)  # [K,N]
    low, high = at_corners(game, values)
    # What the follower loses: the map's own loss for the lower end of her value is the larger one.
    followed = at_pairs(pairs, values.loss[None])[0]
    every = (pairs.posterior @ values.loss.T).min(1)
    if game.leaders.shape[0] > 1:
        lower, upper, pivots = closures_everywhere(pairs, gain, low, high)
        gains = (lower - gain > EXCLUDING_GAIN) & pairs.valid[None]
        # On the region of a map that is not strict the excess may be negative: all vertices go, or none.
        by_map = (len(values.gain), len(pairs.maps), -1)
        nowhere = (gains | ~pairs.valid[None]).reshape(by_map).all(2, keepdims=True)
        counts = pairs.strict[None, :, None] | nowhere
        excluded = (gains.reshape(by_map) & counts).reshape(gains.shape).any(0)
        allowed = pairs.valid & ~excluded
        certified = pairs.valid & (upper - gain <= EQUILIBRIUM_GAIN).all(0)
        losses = jnp.stack(
            [jnp.where(allowed, followed, -jnp.inf), jnp.where(allowed & certified, every, -jnp.inf)]
        )
        known = jnp.zeros_like(marginal)
        closure = jax.vmap(concave_closure, (None, 0, None, None))(pairs.posterior, losses, known, marginal)
        bound, attained, pivots = closure.upper[0], closure.lower[1], pivots.max()
        weights, corners = closure.weights[1], closure.corner_weights[1]
    else:
        bound, attained, allowed, weights, corners, pivots = _single(
            pairs, values, gain[0], low[0], high[0], marginal, followed, every
        )
    # Without a vertex that there should be, what she loses without information is the bound.
    bound = jnp.where(pairs.complete, bound, (marginal @ values.loss.T).min())
    loss = Bracket(*(values.her_unit * end for end in apart(game, attained, bound)))
    actions = game.follower.shape[2]
    responses = jax.nn.one_hot(jnp.asarray(pairs.maps), actions, dtype=game.prior.dtype)
    candidates = len(pairs.valid) // len(pairs.maps)
    known = jax.nn.one_hot(game.follower.argmax(2), actions, dtype=game.prior.dtype)  # [T,S,A]
    return told(
        units,
        sound,
        loss,
        tolerance * units.stake,
        posteriors=with_corners(pairs.posterior),
        weights=jnp.concatenate([weights, corners]),
        responses=jnp.concatenate([jnp.repeat(responses, candidates, 0), jnp.moveaxis(known, 1, 0)]),
        slack=jnp.asarray(EQUILIBRIUM_GAIN, game.prior.dtype),
        candidates=pairs.valid.sum(dtype=jnp.int32),
        opened=allowed.sum(dtype=jnp.int32),
        pivots=pivots,
    )


def _single(
    pairs: posteriors.Pairs,
    values: posteriors.Values,
    gain: Float[Array, " N"],
    low: Float[Array, " S"],
    high: Float[Array, " S"],
    marginal: Float[Array, " S"],
    followed: Float[Array, " N"],
    every: Float[Array, " N"],
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """A single leader attains its closure at the prior: a loss against it has a price.

    Each of PRICES gives a bound by weak duality, and a law that is an equilibrium if the leader would take
    it.
    """
    sure, best, pivots = closures_at(pairs, gain, low, high, marginal)
    short = jnp.maximum(pairs.posterior @ best.multipliers - gain, 0.0)
    short_corners = jnp.maximum(best.multipliers - high, 0.0)
    missed = best.upper - sure.lower + ROUNDING
    # A law that misses no more is among those that the bounds are about.
    least = best.upper - jnp.minimum(missed, EQUILIBRIUM_GAIN)

    def priced(price: Float[Array, ""]) -> tuple[Array, Array, Array, Array]:
        """A bound on the loss, then a law, if it is one that the leader takes."""
        cost = jnp.where(pairs.valid, followed - price * short, -jnp.inf)
        law = concave_closure(pairs.posterior, cost, -price * short_corners, marginal)
        attains = law.weights @ gain + law.corner_weights @ high >= least
        return (
            law.upper + price * missed,
            jnp.where(attains, law.weights @ every, -1.0),
            law.weights,
            law.corner_weights,
        )

    bounds, attained, weights, corners = jax.vmap(priced)(jnp.asarray(PRICES, gain.dtype))
    place = attained.argmax()
    # The leader's own law, if none of those.
    own = attained[place] < 0
    return (
        bounds.min(),
        jnp.where(own, best.weights @ every, attained[place]),
        pairs.valid & (short <= EQUILIBRIUM_GAIN),
        jnp.where(own, best.weights, weights[place]),
        jnp.where(own, best.corner_weights, corners[place]),
        pivots,
    )

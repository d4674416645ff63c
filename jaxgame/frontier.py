"""A leader's whole value curve f_j, computed once: then every best response is an interpolation.

f_j is piecewise linear, and the walk that solves its program passes all its kinks (`solve.pivoting`). The
outcomes at the kinks and their mixtures are best responses to any threshold; the multipliers at each kink are
an affine function above the whole curve. Both hold whatever the solver did: a kink it missed
widens the bracket between its neighbours.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgame.bracket import Bracket
from jaxgame.game import Game
from jaxgame.leader import check_leader, outcome_of_recommendations
from jaxgame.leader_program import solve_frontiers
from jaxgame.record import record
from jaxgame.solve.persuasion import FEASIBILITY


@record
class Frontier:
    """The kinks of f_j, from full information down to the leader's best outcome; the last is repeated.

    `outcome` [N, T, S, A] are best responses, worth `worth` [N] to the follower, descending, and `earned` [N]
    to the leader, ascending. No outcome worth v earns more than `above - price * v` [N], for
    each of the N. `converged` says that brackets at the kinks are narrower than 1e-9 of the leader's scale
    and that no kink is missing.
    """

    worth: Float[Array, " N"]
    earned: Float[Array, " N"]
    outcome: Float[Array, "N T S A"]
    above: Float[Array, " N"]
    price: Float[Array, " N"]
    converged: Bool[Array, ""]

    def value(self, threshold: Float[Array, ""]) -> Bracket:
        """f_j at one threshold; -inf above full information, as `leader_value`."""
        first, share = self._between(threshold)
        lower = _mixed(self.earned, first, share)
        upper = jnp.maximum((self.above - self.price * threshold).min(), lower)
        nothing = jnp.where(threshold <= self.worth[0] + FEASIBILITY, 0.0, -jnp.inf)
        return Bracket(lower + nothing, upper + nothing)

    def best(self, threshold: Float[Array, ""]) -> Float[Array, "T S A"]:
        """The outcome [T, S, A] that attains `value(threshold).lower`; full information above it."""
        first, share = self._between(threshold)
        return _mixed(self.outcome, first, share)

    def _between(self, threshold: Float[Array, ""]) -> tuple[Int[Array, ""], Float[Array, ""]]:
        """The last kink worth at least the threshold, and how far it is from there to the next."""
        last = len(self.worth) - 1
        first = jnp.clip((self.worth >= threshold).sum() - 1, 0, last)
        high, low = self.worth[first], self.worth[jnp.minimum(first + 1, last)]
        inside = (high > low) & (threshold > low)
        share = jnp.where(inside, (high - threshold) / jnp.where(inside, high - low, 1.0), 0.0)
        return first, jnp.clip(share, 0.0, 1.0)


def leader_frontier(game: Game, leader: int | Int[Array, ""]) -> Frontier:
    """The whole curve f_j of leader j = `leader`, exact up to the brackets; not differentiable.

    Sizes and errors are those of `leader_value`. Works under jit and vmap.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game(
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]]
    ... )
    >>> curve = jg.leader_frontier(judge, 0)
    >>> [round(float(curve.value(jax.numpy.array(v)).upper), 6) for v in (0.7, 0.85, 1.0)]
    [0.6, 0.45, 0.3]
    """
    check_leader(game, leader)
    return _frontier(*jax.lax.stop_gradient((game.prior, game.follower, game.leaders[leader])))


@jax.jit
def _frontier(*arguments: Array) -> Frontier:
    solved = jax.tree.map(lambda x: x[0], solve_frontiers(*(x[None] for x in arguments)))
    prior, follower, utility = arguments
    outcome = outcome_of_recommendations(prior, solved.scheme, follower.shape[2])
    worth = (follower[None] * outcome).sum((1, 2, 3))
    # By weak duality the multipliers found at one threshold bound the curve at all.
    price = jnp.maximum(solved.price, 0.0)
    above = solved.upper + price * solved.threshold
    # Repaired outcomes are in order up to rounding; what is attained at less is attained at more worth too.
    return Frontier(
        worth=jax.lax.cummin(worth),
        earned=(utility[None] * outcome).sum((1, 2, 3)),
        outcome=outcome,
        above=above,
        price=price,
        converged=solved.converged.all(),
    )


def _mixed(values: Float[Array, "N ..."], first: Int[Array, ""], share: Float[Array, ""]) -> Array:
    following = jnp.minimum(first + 1, len(values) - 1)
    return (1 - share) * values[first] + share * values[following]

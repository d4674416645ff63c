"""What a leader could earn at most, whatever is said in however many rounds.

After any conversation each type's actions are obedient given her own type, and she is worth at least what she
could have without that leader. Nothing else is asked here: types are taken apart, as if the leader knew hers.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.frontier import Frontier, leader_frontier
from jaxgame.game import Game


def unlimited_bound(game: Game, leader: int | Int[Array, ""], level: Float[Array, ""]) -> Float[Array, ""]:
    """An upper bound on the leader's utility at outcomes worth at least `level` to the follower.

    The least, over the prices rho of the follower's value at the kinks of all types' curves, of

        sum_t max { U(x_t) + rho V(x_t) : x_t obedient } - rho level

    Every price gives a bound by weak duality, each maximum is bounded by the certified lines above the type's
    curve. With one type it is `leader_value(game, leader, level).value.upper`.
    """

    def alone(
        prior: Float[Array, " S"], follower: Float[Array, "S A"], utility: Float[Array, "S A"]
    ) -> Frontier:
        return leader_frontier(Game(prior[None], follower[None], utility[None, None]), 0)

    curves = jax.vmap(alone)(game.prior, game.follower, game.leaders[leader])  # [T,N]
    highest = (game.prior * game.follower.max(2)).sum(1)
    lowest = (game.prior[:, :, None] * game.follower).sum(1).max(1)
    level = jnp.minimum(level, highest.sum())

    def bound(price: Float[Array, ""]) -> Float[Array, ""]:
        rest = price - curves.price
        lines = curves.above + jnp.maximum(rest * highest[:, None], rest * lowest[:, None])
        return lines.min(1).sum() - price * level

    prices = jnp.concatenate([jnp.zeros(1), curves.price.reshape(-1)])
    return jax.vmap(bound)(prices).min()

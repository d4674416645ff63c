"""What a leader could earn at most, whatever is said in however many rounds.

After any conversation each type's actions are obedient given her own type, and she is worth at least what she
could have without that leader. Nothing else is asked here: types are taken apart, as if the leader knew hers.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.core.bracket import Bracket
from jaxgame.core.game import Game
from jaxgame.core.units import is_sound, standard
from jaxgame.persuasion.frontier import Curve, curve_of
from jaxgame.persuasion.value import budget_of


def unlimited_bound(game: Game, leader: int | Int[Array, ""], level: Float[Array, ""]) -> Float[Array, ""]:
    """An upper bound on `leader`'s utility at outcomes of `game` worth at least `level` to the follower.

    `level` is in her utility units, the bound in the leader's; it holds for any protocol. It is the least,
    over the prices rho of the follower's value at the kinks of all types' curves, of

        sum_t max { U(x_t) + rho V(x_t) : x_t obedient } - rho level

    Every price gives a bound by weak duality, each maximum is bounded by the certified lines above the type's
    curve. With one type it is `leader_value(game, leader, level).value.upper`. Infinite for an input that is
    not finite.
    """
    units = standard(game)
    sound = units.sound & is_sound(level)
    budget, doubt = budget_of(units, jnp.where(sound, level, 0.0))
    bound = bound_within(units.game, units.game.leaders[leader], jnp.maximum(budget, 0.0) + doubt)
    return jnp.where(sound, units.leader(leader).bracket(Bracket(bound, bound)).upper, jnp.inf)


def bound_within(game: Game, utility: Float[Array, "T S A"], budget: Float[Array, ""]) -> Float[Array, ""]:
    """The same for a leader with `utility` if the follower loses at most `budget`, all in standard units."""

    def alone(
        prior: Float[Array, " S"], follower: Float[Array, "S A"], utility: Float[Array, "S A"]
    ) -> Curve:
        single = Game(prior[None], follower[None], utility[None, None])
        return curve_of(single, utility[None])

    curves = jax.vmap(alone)(game.prior, game.follower, utility)  # [T,N]
    loss = game.follower.max(2, keepdims=True) - game.follower
    most = (game.prior[:, :, None] * loss).sum(1).min(1)  # without information
    rounding = (2 * loss.size + 16) * jnp.finfo(loss.dtype).eps

    def bound(price: Float[Array, ""]) -> Float[Array, ""]:
        dearer = jnp.maximum(curves.price - price, 0.0) * most[:, None]
        lines = curves.height + dearer + rounding * (jnp.abs(curves.height) + curves.price * most[:, None])
        return lines.min(1).sum() + (1 + rounding) * price * budget

    prices = jnp.concatenate([jnp.zeros(1), curves.price.reshape(-1)])
    return jax.vmap(bound)(prices).min()

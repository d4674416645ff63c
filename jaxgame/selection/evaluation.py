"""A finite evaluation period: the follower ranks leaders by what she saw, not by what offers are worth."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.core import checks
from jaxgame.core.game import Game
from jaxgame.core.record import record
from jaxgame.core.units import is_sound, standard, unheard
from jaxgame.selection.consulting import check_consulted, draw_consulted


@record
class Evaluation:
    """Whom the follower keeps after sampling, and what that costs her against exact evaluation.

    `means` [K] are the average utilities she saw, `selected` the leader with the largest (of those that tie
    the lowest index), `loss` >= 0 what the best offer is worth more to her than the selected one.
    """

    means: Float[Array, " K"]
    selected: Int[Array, ""]
    loss: Float[Array, ""]


def evaluate(
    key: Array,
    game: Game,
    offers: Float[Array, "K T S A"],
    interactions: int,
    *,
    consulted: int | None = None,
) -> Evaluation:
    """Let the follower try every leader in `interactions` independent draws of (type, state, action).

    `offers` [K, T, S, A] are the laws of type, state and action with each leader of the `game`; draws use the
    random `key`. Works under jit and vmap (over keys, for the law of
    the loss). `consulted` says how many leaders, drawn at random, she tries (None: all); the loss is still
    against the best of all offers.

    Raises ValueError for fewer than one interaction, offers of another shape than the leaders, and a number
    of consulted leaders that there is not.
    """
    if interactions < 1:
        raise ValueError(f"interactions is {interactions}; it must be at least 1")
    checks.check_shape("offers", offers, "[K, T, S, A]", game.leaders.shape, "as leaders is")
    leaders = offers.shape[0]
    asked = jnp.ones(leaders, bool)
    count = check_consulted(consulted, leaders)
    if count < leaders:
        key, asking = jax.random.split(key)
        asked = draw_consulted(asking, count, leaders)
    seen = jnp.log(jnp.maximum(offers, 0.0)).reshape(offers.shape[0], -1)  # log 0 = -inf is never drawn
    drawn = jax.random.categorical(key, seen[:, None], axis=-1, shape=(offers.shape[0], interactions))
    # A large constant would round the means, on which her choice rests.
    highest = game.follower.max()
    below = (game.follower - highest).reshape(-1)[drawn].mean(axis=1)
    units = standard(game)
    lost = jax.vmap(units.lost)(offers)
    selected = jnp.where(asked, below, -jnp.inf).argmax()
    found = Evaluation(below + highest, selected, units.follower.unit * (lost[selected] - lost.min()))
    return unheard(units.sound & is_sound(offers), found)

"""A finite evaluation period: the follower ranks leaders by what she saw, not by what offers are worth."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.core import checks
from jaxgame.core.arithmetic import divided
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


def sampled_score(
    key: Array, game: Game, interactions: int, *, shared: bool = False
) -> Float[Array, "*each T S A"]:
    """What leaders are kept by after a finite evaluation period: a random score, right on average.

    She tries each leader of the `game` in `interactions` cases (type, state), drawn from the prior with
    `key`, and counts what its advice brings her there, whatever it will be. That is a score, linear in
    outcomes: her utility, times how often a case was drawn over how often it should be. [K, T, S, A]: every
    leader meets cases of its own; [T, S, A] if the same are `shared` by all. In her utility units, but for a
    constant. How far it is off is `score_error`; what it costs at the worst equilibrium, `worst_equilibrium`
    with it as `score`. Works under jit and vmap (over keys, for the law of both).

    Raises ValueError for fewer than one interaction.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> judge = jg.make_game([0.7, 0.3], [[1.0, 0.0], [0.0, 1.0]], [[[0.0, 1.0], [0.0, 1.0]]] * 2)
    >>> key = jax.random.key(0)
    >>> seen = [jg.selection.sampled_score(key, judge, n, shared=True) for n in (10, 1000)]
    >>> [round(float(jg.selection.score_error(judge, score).upper), 3) for score in seen]
    [0.1, 0.001]
    """
    if interactions < 1:
        raise ValueError(f"interactions is {interactions}; it must be at least 1")
    leaders = 1 if shared else game.leaders.shape[0]
    prior = game.prior.reshape(-1)
    cases = jax.random.categorical(key, jnp.log(prior), shape=(leaders, interactions))
    seen = jax.nn.one_hot(cases, len(prior), dtype=prior.dtype).mean(1).reshape(leaders, *game.prior.shape)
    often = divided(seen, game.prior[None], game.prior[None] > 0)
    # A large constant would round the score: all leaders' scores lack the same one.
    score = often[..., None] * (game.follower - game.follower.max())[None]
    return unheard(is_sound(game.prior, game.follower), score[0] if shared else score)

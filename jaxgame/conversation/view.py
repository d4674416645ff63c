"""The game as a leader sees it who observes a view of the state: a coarsening of it, or a noisy reading."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgame.competition.independent.private import Private
from jaxgame.core.game import Game


def viewed(game: Game, view: Float[Array, "S V"] | None) -> Game:
    """The game whose states are what a leader of `game` sees: `view[s, v] = P(v | s)`; None: the state.

    Utilities become their expectations given (t, v): that leader can tell nothing more of the state than v.
    Whatever it says, outcomes of (type, what it sees, action) and everybody's values are those of this game.
    Pairs (t, v) of probability 0 get utility 0. Utilities keep their units.
    """
    if view is None:
        return game
    joint = game.prior[:, :, None] * view[None]  # [T,S,V]
    prior = joint.sum(1)
    weights = joint / jnp.where(prior > 0, prior, 1.0)[:, None]
    return Game(
        prior,
        (weights[..., None] * game.follower[:, :, None]).sum(1),
        (weights[None, ..., None] * game.leaders[:, :, :, None]).sum(2),
    )


def one_round_problem(
    game: Game, said: Float[Array, "S N"], view: Float[Array, "S V"] | None, leader: int | Int[Array, ""]
) -> Private:
    """What a leader faces in a conversation of one round when the follower also hears `said` from others.

    To the leader the others' joint message n is one more thing she knows: her types are (t, n).
    """
    types, states = game.prior.shape
    actions, messages = game.follower.shape[2], said.shape[1]
    shape = (types, messages, states, actions)
    together = Game(
        (game.prior[:, None] * said.T[None]).reshape(types * messages, states),
        jnp.broadcast_to(game.follower[:, None], shape).reshape(-1, states, actions),
        jnp.broadcast_to(game.leaders[leader][:, None], shape).reshape(1, -1, states, actions),
    )
    seen = viewed(together, view)
    return Private(seen.prior, seen.follower, seen.leaders[0])

"""Obedient outcomes as the x >= 0 of a linear program, for programs that `pivoting` does not know.

A scheme says recommendation m, a map from the follower's type to an action, with probability y(m|s). She
obeys if no other action is better for any type that hears m: rows that are linear in y. So is what an outcome
is worth to anybody.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgame.core.game import Game
from jaxgame.persuasion.lanes import recommendations
from jaxgame.persuasion.value import outcome_of_recommendations


class Obedient(NamedTuple):
    """Rows of a program whose N = S M variables are a scheme y(m|s), by state: rows y <= 0, sums y = 1."""

    prior: Float[Array, "T S"]
    rows: Float[Array, "R N"]
    sums: Float[Array, "S N"]
    actions: int

    @classmethod
    def of(cls, game: Game) -> "Obedient":
        """Those of a game in standard units."""
        types, states, actions = game.follower.shape
        maps, others = recommendations(types, actions)  # [M, T], [M, T, A - 1]
        count = len(maps)
        weighed = game.prior[:, :, None] * game.follower  # [T, S, A]
        kind = np.arange(types)
        told = weighed[kind[None], :, maps]  # [M, T, S]
        other = weighed[kind[None, :, None], :, others]  # [M, T, A - 1, S]
        gains = (other - told[:, :, None]).reshape(count, -1, states)  # by not obeying m
        own = jnp.eye(count, dtype=gains.dtype)
        rows = jnp.einsum("mrs,mn->mrsn", gains, own).reshape(-1, states * count)
        sums = jnp.repeat(jnp.eye(states, dtype=gains.dtype), count, axis=1)
        return cls(game.prior, rows, sums, actions)

    def worth(self, utility: Float[Array, "*each T S A"]) -> Float[Array, "*each N"]:
        """What outcomes are worth, as coefficients of y."""
        types = self.prior.shape[0]
        maps, _ = recommendations(types, self.actions)
        weighed = jnp.expand_dims(self.prior, (*range(utility.ndim - 3), utility.ndim - 1)) * utility
        heard = weighed[
            ..., np.arange(types)[None], :, maps
        ]  # [M, T, *K, S], numpy's order for mixed indices
        heard = jnp.moveaxis(heard.sum(1), 0, -1)
        return heard.reshape(*utility.shape[:-3], -1)

    def outcome(self, scheme: Float[Array, " N"]) -> Float[Array, "T S A"]:
        """The outcome of a scheme y."""
        states = self.prior.shape[1]
        return outcome_of_recommendations(self.prior, scheme.reshape(1, states, -1), self.actions)[0]

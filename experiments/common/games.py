"""The games of a run: which key a draw has, and the first leaders of a game."""

from collections.abc import Iterable

import jax
import numpy as np
from jaxtyping import Array

from jaxgame.core.game import Game


def draw_key(seed: int, draw: int) -> Array:
    """The key of one draw of a run, as `jaxgame.run_draws` makes it."""
    return jax.random.fold_in(jax.random.key(seed), draw)


def first_leaders(game: Game, count: int) -> Game:
    """The same game with its first `count` leaders only."""
    return Game(game.prior, game.follower, game.leaders[:count])


def repeated(numbers: Iterable[int], size: int) -> np.ndarray:
    """For each K the indices 0, ..., K - 1, repeated up to `size`: [K, size].

    Leaders repeated change neither hull nor equilibria, so that all K can share one compiled program.
    """
    return np.stack([np.arange(size) % k for k in numbers])

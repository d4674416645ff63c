"""The games of a run: the first leaders of a game, and all numbers of them in one shape."""

from collections.abc import Iterable

import numpy as np

from jaxgame.core.game import Game


def first_leaders(game: Game, count: int) -> Game:
    """The same game with its first `count` leaders only."""
    return Game(game.prior, game.follower, game.leaders[:count])


def repeated(numbers: Iterable[int], size: int) -> np.ndarray:
    """For each K the indices 0, ..., K - 1, repeated up to `size`: [K, size].

    Leaders repeated change neither hull nor equilibria, so that all K can share one compiled program.
    """
    return np.stack([np.arange(size) % k for k in numbers])

"""The games of a run: which key a draw has, the first leaders of a game, and the game of a table's row."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Array
from omegaconf import DictConfig

from experiments.common.families import make_family
from jaxgame.core.game import Game
from jaxgame.sampling import Shape


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


def game_of(config: DictConfig, row: Mapping[str, Any]) -> Game:
    """The game of one row of a run's table: its draw's key, its diversity and types, its first K leaders."""
    settings = config.experiment
    leaders = settings.leaders if isinstance(settings.leaders, int) else max(settings.leaders)
    types = row.get("types", settings.types)
    shape = Shape(leaders, types, settings.states, settings.actions)
    key = draw_key(config.run.seed, row["draw"])
    game = make_family(config.family).sample(key, shape, row.get("diversity", settings.diversity))
    return first_leaders(game, row.get("leaders", leaders))

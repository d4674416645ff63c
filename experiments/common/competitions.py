"""The three competitions side by side: their theorems as checks of one game, and what figures call them."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array
from omegaconf import DictConfig

from experiments.common.games import repeated
from jaxgame import theorems
from jaxgame.core.game import Game
from jaxgame.core.units import at_stake
from jaxgame.theorems import Guarantee, Premise

QUANTAL = "quantal"
TITLES = {
    "selection": "She keeps the single best model",
    "learning": "She hears all, takes a best action",
    QUANTAL: "She hears all, responds by logit",
}
COMPETITIONS = tuple(TITLES)

ROUNDS = 8  # refinements of a logit follower's grid


def checked(
    competition: str, game: Game, settings: DictConfig, known: Premise, slack: Array | None = None
) -> Guarantee:
    """The theorem of a competition on one game whose premise is known; `settings` say how exactly."""
    options: dict[str, Any] = {"tolerance": settings.tolerance, "known": known, "slack": slack}
    if competition == "selection":
        return theorems.best_ai_selection(game, **options)
    if competition == "learning":
        return theorems.bayes_optimal_learning(game, **options)
    return theorems.quantal_response(game, rationality_of(game, settings), rounds=ROUNDS, **options)


def rationality_of(game: Game, settings: DictConfig) -> Array:
    """Her rationality in her units of utility, so that she is as rational in games of any size."""
    stake = at_stake(game.prior, game.follower)
    return settings.rationality / jnp.where(stake > 0, stake, 1.0)


def padded(game: Game, most: int) -> Game:
    """The game with its leaders repeated up to `most`, as in runs: a logit follower's grid depends on it."""
    return Game(game.prior, game.follower, game.leaders[repeated([len(game.leaders)], most)[0]])

# The public names. Each module is imported when one of them is first used (see __init__.py).
from . import competition, conversation, hull, panel, sampling, selection, theorems
from .batch import run_draws, run_statistics
from .beliefs import Beliefs, action_values, joint_scheme, outcome, update
from .bracket import Bracket
from .frontier import Frontier, leader_frontier
from .game import (
    Game,
    full_information_value,
    game_from_outcomes,
    make_game,
    no_information_value,
)
from .hull import HullFit, game_hull_distance, hull_distance
from .leader import LeaderBest, leader_value, value_curve
from .response import best_response, quantal_regret_bound, quantal_response, regret

__version__: str

__all__ = [
    "Beliefs",
    "Bracket",
    "Frontier",
    "Game",
    "HullFit",
    "LeaderBest",
    "action_values",
    "best_response",
    "competition",
    "conversation",
    "full_information_value",
    "game_from_outcomes",
    "game_hull_distance",
    "hull",
    "hull_distance",
    "joint_scheme",
    "leader_frontier",
    "leader_value",
    "make_game",
    "no_information_value",
    "outcome",
    "panel",
    "quantal_regret_bound",
    "quantal_response",
    "regret",
    "run_draws",
    "run_statistics",
    "sampling",
    "selection",
    "theorems",
    "update",
    "value_curve",
]

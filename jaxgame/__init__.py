"""Games in which several misaligned AI models compete to advise one person, solved in batches."""

from jaxgame import competition, conversation, hull, panel, sampling, selection, theorems
from jaxgame.batch import run_draws, run_statistics
from jaxgame.beliefs import Beliefs, action_values, joint_scheme, outcome, update
from jaxgame.bracket import Bracket
from jaxgame.frontier import Frontier, leader_frontier
from jaxgame.game import (
    Game,
    full_information_value,
    game_from_outcomes,
    make_game,
    no_information_value,
)
from jaxgame.hull import HullFit, game_hull_distance, hull_distance
from jaxgame.leader import LeaderBest, leader_value, value_curve
from jaxgame.response import best_response, quantal_regret_bound, quantal_response, regret

__version__ = "0.1.0"

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

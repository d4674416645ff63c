# The public names. Each module is imported when one of them is first used (see __init__.py).
from . import (
    coalition,
    competition,
    conversation,
    hull,
    lp,
    menus,
    panel,
    proof,
    sampling,
    selection,
    theorems,
    users,
    verify,
)
from .core.beliefs import Beliefs, action_values, joint_scheme, outcome, update
from .core.bracket import Bracket
from .core.game import (
    Game,
    full_information_value,
    game_from_outcomes,
    make_game,
    no_information_value,
    rating_game,
)
from .core.response import best_response, quantal_regret_bound, quantal_response, regret
from .hull import HullFit, game_hull_distance, hull_distance
from .persuasion.frontier import Frontier, leader_frontier
from .persuasion.value import LeaderBest, leader_value, value_curve
from .runs.batch import run_draws, run_statistics

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
    "coalition",
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
    "lp",
    "make_game",
    "menus",
    "no_information_value",
    "outcome",
    "panel",
    "proof",
    "quantal_regret_bound",
    "quantal_response",
    "rating_game",
    "regret",
    "run_draws",
    "run_statistics",
    "sampling",
    "selection",
    "theorems",
    "update",
    "users",
    "value_curve",
    "verify",
]

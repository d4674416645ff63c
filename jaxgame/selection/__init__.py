"""Best-AI selection: the follower keeps the leader with the best offer (theory, section 4 (3))."""

from jaxgame.persuasion.frontier import leader_curves
from jaxgame.selection.dynamics import (
    ENDS,
    ORDERS,
    STARTS,
    OfferTrace,
    best_response_dynamics,
    starting_offers,
)
from jaxgame.selection.evaluation import Evaluation, evaluate, sampled_score
from jaxgame.selection.learners import RANDOM_RULES, RULES, LearningTrace, learning
from jaxgame.selection.outbidding import best_outbids, exploitability
from jaxgame.selection.proving import prove, prove_exploitability
from jaxgame.selection.proving_regrets import prove_regrets
from jaxgame.selection.scored import score_error
from jaxgame.selection.worst import WorstEquilibrium, worst_equilibrium

__all__ = [
    "ENDS",
    "ORDERS",
    "RANDOM_RULES",
    "RULES",
    "STARTS",
    "Evaluation",
    "LearningTrace",
    "OfferTrace",
    "WorstEquilibrium",
    "best_outbids",
    "best_response_dynamics",
    "evaluate",
    "exploitability",
    "leader_curves",
    "learning",
    "prove",
    "prove_exploitability",
    "prove_regrets",
    "sampled_score",
    "score_error",
    "starting_offers",
    "worst_equilibrium",
]

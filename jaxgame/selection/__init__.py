"""Best-AI selection: the follower keeps the leader with the best offer (theory, section 4 (3))."""

from jaxgame.selection.dynamics import (
    ENDS,
    ORDERS,
    STARTS,
    OfferTrace,
    best_response_dynamics,
    starting_offers,
)
from jaxgame.selection.evaluation import Evaluation, evaluate
from jaxgame.selection.learners import RULES, LearningTrace, learning
from jaxgame.selection.outbidding import best_outbids, exploitability
from jaxgame.selection.proving import prove, prove_exploitability
from jaxgame.selection.scored import score_error
from jaxgame.selection.worst import WorstEquilibrium, worst_equilibrium

__all__ = [
    "ENDS",
    "ORDERS",
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
    "learning",
    "prove",
    "prove_exploitability",
    "score_error",
    "starting_offers",
    "worst_equilibrium",
]

"""Simultaneous competition: the follower hears all leaders, then acts (theory, section 4 (1), (2)).

Independent signals: `best_response`, `best_response_dynamics`, `exploitability`. Rich and correlated signals,
all equilibria at once: `worst_equilibrium`; a leader alone: `leader_closure`.
"""

from jaxgame.competition.independent.dynamics import (
    STARTS,
    SchemeTrace,
    best_response_dynamics,
    exploitability,
    starting_schemes,
)
from jaxgame.competition.independent.private import TIES
from jaxgame.competition.independent.profile import law_distance, outcome_of, sampled_outcome
from jaxgame.competition.independent.reply import METHODS, SchemeReply, best_response
from jaxgame.competition.rich.equilibrium import LeaderClosure, WorstRichEquilibrium
from jaxgame.competition.rich.worst import leader_closure, worst_equilibrium
from jaxgame.core.revision import ENDS, ORDERS

__all__ = [
    "ENDS",
    "METHODS",
    "ORDERS",
    "STARTS",
    "TIES",
    "LeaderClosure",
    "SchemeReply",
    "SchemeTrace",
    "WorstRichEquilibrium",
    "best_response",
    "best_response_dynamics",
    "exploitability",
    "law_distance",
    "leader_closure",
    "outcome_of",
    "sampled_outcome",
    "starting_schemes",
    "worst_equilibrium",
]

"""Simultaneous competition: the follower hears all leaders (theory, section 4 (1), (2))."""

from jaxgame.competition.dynamics import (
    STARTS,
    Trace,
    best_response_dynamics,
    exploitability,
    starting_schemes,
)
from jaxgame.competition.private import TIES
from jaxgame.competition.profile import law_distance, outcome_of, sampled_outcome
from jaxgame.competition.reply import METHODS, Reply, best_response
from jaxgame.revision import ENDS, ORDERS

__all__ = [
    "ENDS",
    "METHODS",
    "ORDERS",
    "STARTS",
    "TIES",
    "Reply",
    "Trace",
    "best_response",
    "best_response_dynamics",
    "exploitability",
    "law_distance",
    "outcome_of",
    "sampled_outcome",
    "starting_schemes",
]

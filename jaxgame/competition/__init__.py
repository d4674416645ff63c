"""Simultaneous competition: the follower hears all leaders, then acts (theory, section 4 (1), (2)).

Two models of what signals can be, a room each:

- `independent`: messages are independent given the state, a leader is one scheme [S, M]. Read
  `independent.private` first: to a leader, what she hears from others is one more thing she knows.
- `rich`: signals are as correlated as leaders like, an equilibrium is a law of public posteriors. Read
  `rich.worst` first: which laws are equilibria, and why finitely many posteriors are enough.

| What a competition offers | Independent signals | Rich signals |
| --- | --- | --- |
| a best response | `best_response` | `leader_closure`, of a leader alone |
| exploitability | `exploitability` | `slack` of the equilibrium found |
| dynamics | `best_response_dynamics` from `starting_schemes` | |
| the worst equilibrium | | `worst_equilibrium` |
| a theorem | `law_distance`, its delta | `jaxgame.theorems` |

What a profile of schemes leads to is `outcome_of`, or `sampled_outcome` where joint messages are too many.
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

"""Many users: each keeps the leader best for her, and all hear the same (theory, section 11)."""

from jaxgame.users.alignment import KINDS, NORMS, UsersAlignment, alignment
from jaxgame.users.dynamics import UsersTrace, dynamics
from jaxgame.users.personal import personalised
from jaxgame.users.population import opposed, population
from jaxgame.users.reply import UsersBest, best_response, exploitability, sets_of
from jaxgame.users.standing import alone
from jaxgame.users.worst import UsersWorst, worst_equilibrium

__all__ = [
    "KINDS",
    "NORMS",
    "UsersAlignment",
    "UsersBest",
    "UsersTrace",
    "UsersWorst",
    "alignment",
    "alone",
    "best_response",
    "dynamics",
    "exploitability",
    "opposed",
    "personalised",
    "population",
    "sets_of",
    "worst_equilibrium",
]

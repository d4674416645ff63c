"""Simultaneous competition: the follower hears all leaders, then acts (theory, section 4 (1) and (2))."""

from jaxgame.competition.equilibrium import LeaderClosure, WorstEquilibrium
from jaxgame.competition.worst import leader_closure, worst_equilibrium

__all__ = ["LeaderClosure", "WorstEquilibrium", "leader_closure", "worst_equilibrium"]

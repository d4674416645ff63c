"""Simultaneous competition: the follower hears all leaders (theory, section 4 (1), (2))."""

from jaxgame.competition.reply import METHODS, Reply, best_response

__all__ = ["METHODS", "Reply", "best_response"]

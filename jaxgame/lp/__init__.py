"""Small linear programs by the thousand: see `linear`."""

from jaxgame.lp.linear import STATUS, LinearSolution, linprog

__all__ = ["STATUS", "LinearSolution", "linprog"]

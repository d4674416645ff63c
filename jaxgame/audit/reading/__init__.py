"""Reading a table of scores, as its owner has it.

`read` finds out what it is, `delimited` reads delimited text, and `layout` goes from wide and long tables of
cells to `Scores`.
"""

from jaxgame.audit.reading.read import read_scores

__all__ = ["read_scores"]

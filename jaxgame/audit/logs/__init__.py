"""Evaluation logs as they are, read into a table that can be audited.

`recognise` tells by the first record what files are and has them read: a module for each format, whose
`FORMAT` stands in `recognise.FORMATS`, and which leaves the table to `arrange`. Votes in the cells of a table
become numbers by `in_numbers`.
"""

from jaxgame.audit.logs.log import GROUP, ITEM, Log
from jaxgame.audit.logs.recognise import recognise
from jaxgame.audit.logs.votes import in_numbers

__all__ = ["GROUP", "ITEM", "Log", "in_numbers", "recognise"]

"""Reading a table of scores, as its owner has it.

`read` finds out what it is. Bytes come from `sources`; `delimited` (with `quoting`), `records` (JSON),
`columnar` (Parquet, Arrow) and `frames` (memory) make a `table` of cells of them, and `wide` and `long` make
`Scores` of that. On the way `cells` (with `marks`) turns any column into numbers, and `columns` tells which
of these are no scores.
"""

from jaxgame.audit.reading.read import read_scores

__all__ = ["read_scores"]

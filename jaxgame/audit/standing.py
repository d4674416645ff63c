"""What `--robust` finds, as plain records: how many reviewers may fail before harm gets through."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Depth:
    """A rejection depth: how many models object at least to any harmful change within a context.

    It lies between `lower` and `upper`, which are equal where it is known exactly; one more than there are
    models, if nothing in the context harms.
    """

    lower: int
    upper: int


@dataclass(frozen=True)
class Stands:
    """In how many contexts the others still block all harm, whichever models are removed.

    - `removed`: how many models fail, or are bribed;
    - `lower`, `upper`: the share of contexts, from 0 to 1; equal where all depths are known.
    """

    removed: int
    lower: float
    upper: float


@dataclass(frozen=True)
class Standing:
    """The panel as reviewers of an agent that chooses among the rows of a context.

    - `contexts`: how many groups of rows were looked at; `models`: how many reviewers there are;
    - `left_out`: groups that were not, for they have one row, or too many;
    - `method`: "faces" (every vertex looked at), "programs" (proved by covers), or "both", by the number of
      rows;
    - `exact`: in how many contexts the depth is known exactly; elsewhere it is a bracket;
    - `weakest`, `median`: the least depth of all contexts, and the median one (the lower of two);
    - `stands`: the share of contexts that stand the removal of any 0, 1, 2, ... models;
    - `sentence` says it in words.
    """

    contexts: int
    models: int
    left_out: int
    method: str
    exact: int
    weakest: Depth
    median: Depth
    stands: tuple[Stands, ...]
    sentence: str

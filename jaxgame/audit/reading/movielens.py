"""MovieLens ratings, which are known by their columns."""

from collections.abc import Sequence

# The columns of u.data and ratings.dat, which have no header.
RATINGS = ("userId", "movieId", "rating", "timestamp")
_KNOWN = tuple(name.lower() for name in RATINGS)


def are_ratings(columns: Sequence[str]) -> bool:
    """Whether a table with these `columns` holds MovieLens ratings; the last column need not be there."""
    return tuple(name.lower().replace("_", "") for name in columns) in (_KNOWN, _KNOWN[:3])

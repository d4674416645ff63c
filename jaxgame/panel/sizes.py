"""Which numbers of raters (or models) to look at."""

import itertools
from collections.abc import Sequence


def nested_sizes(largest: int) -> list[int]:
    """The powers of 2 below `largest`, and `largest` itself.

    >>> from jaxgame.panel import coverage
    >>> coverage.nested_sizes(20)
    [1, 2, 4, 8, 16, 20]
    """
    return [2**power for power in range(largest.bit_length()) if 2**power < largest] + [largest]


def check_sizes(sizes: Sequence[int], largest: int) -> None:
    """Raise ValueError unless `sizes` are increasing numbers of raters from 1 to `largest`."""
    if len(sizes) == 0 or sizes[0] < 1 or any(a >= b for a, b in itertools.pairwise(sizes)):
        raise ValueError(f"sizes is {list(sizes)}; it must be increasing numbers of raters from 1 on")
    if sizes[-1] > largest:
        raise ValueError(f"sizes has {sizes[-1]}, but a target of this panel has at most {largest} raters")

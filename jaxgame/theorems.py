"""The claims that experiments check: what each predicts, what was found, and the verdict.

Verdicts are three-valued: "yes", "no", and "undecided" where the brackets of the numbers that enter
are too wide to tell.
"""

import math
from dataclasses import dataclass

from jaxgame.checks import check_choice
from jaxgame.hull import GAME_OFFSETS
from jaxgame.sampling import Shape
from jaxgame.summary import wilson_interval


def wendel_probability(points: int, dimension: int) -> float:
    """P(0 in the hull of N points with a symmetric, absolutely continuous law in R^n) (Wendel 1962).

    `1 - 2^(1-N) sum_{k<n} C(N-1, k)`; in dimension 0 it is 1.

    Raises ValueError for fewer than one point or a negative dimension.

    >>> wendel_probability(points=8, dimension=4)
    0.5
    """
    if points < 1 or dimension < 0:
        raise ValueError(
            f"points is {points} and dimension {dimension}; they must be at least 1 and at least 0"
        )
    one_sided = sum(math.comb(points - 1, k) for k in range(min(dimension, points)))
    return float(1 - one_sided / 2 ** (points - 1)) if dimension else 1.0


def alignment_dimension(shape: Shape, offset: str) -> int:
    """In how many directions leaders' mistakes count: entries of the utility less free offsets.

    T S A without offset, T S A - 1 with a constant one, T S (A - 1) with one per (type, state).

    Raises ValueError for an unknown offset.
    """
    check_choice("offset", offset, GAME_OFFSETS)
    cells = shape.types * shape.states
    return cells * shape.actions - {"none": 0, "constant": 1, "state": cells}[offset]


@dataclass(frozen=True)
class CoverageCheck:
    """Wendel's formula against counted draws: expected share, counted bounds, interval, verdict."""

    expected: float
    inside: int
    undecided: int
    draws: int
    low: float
    high: float
    holds: str


def wendel_coverage(
    expected: float, inside: int, undecided: int, draws: int, confidence: float = 0.99
) -> CoverageCheck:
    """Check that `expected`, P(distance = 0), agrees with `inside` of `draws` draws.

    Premise: leaders are the follower plus independent symmetric noise (`sampling.Noise` at diversity 1).
    [low, high] covers the share for every way to settle the `undecided` draws; `holds` is "yes" if
    the expected share is in the Wilson interval however they are settled, "no" if it is in none.
    """
    lowest = wilson_interval(inside, draws, confidence)
    highest = wilson_interval(inside + undecided, draws, confidence)
    low, high = lowest[0], highest[1]
    in_all = highest[0] <= expected <= lowest[1]
    holds = "yes" if in_all else "undecided" if low <= expected <= high else "no"
    return CoverageCheck(expected, inside, undecided, draws, low, high, holds)

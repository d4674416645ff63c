"""How often a random game is exactly aligned: Wendel's closed form, and counted draws against it.

Leaders who are the follower plus independent symmetric noise have eps = 0 exactly if 0 is in the hull of
their errors, which are points with a symmetric law (theory, section 3). Nothing else of the library has a
closed form for random games of any size: the check covers the whole chain from sampling to solver.
"""

import math
from dataclasses import dataclass

from jaxgame.core.checks import check_choice
from jaxgame.hull import GAME_OFFSETS
from jaxgame.sampling import Shape
from jaxgame.summary import wilson_interval


def wendel_probability(points: int, dimension: int) -> float:
    """P(0 in the hull of N points with a symmetric, absolutely continuous law in R^n) (Wendel 1962).

    `1 - 2^(1-N) sum_{k<n} C(N-1, k)` with N = `points` of at least 1 and n = `dimension` of at least 0; in
    dimension 0 it is 1. The law of the points does not matter: flip each one's sign at random, and the number
    of sign patterns that leave all points on one side of a hyperplane is the same for all points in general
    position. The sum is one of integers: thousands of points are no trouble.

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

    With T types, S states and A actions of `shape` (its leaders do not matter) and an `offset` of the hull,
    it is T S A for "none", T S A - 1 for "constant", and T S (A - 1) for "state", one constant per (type,
    state): the distance ignores what an offset can absorb. It is the dimension that `wendel_probability`
    takes, with as many points as there are leaders (theory, section 3).

    Raises ValueError for an unknown offset.
    """
    check_choice("offset", offset, GAME_OFFSETS)
    cells = shape.types * shape.states
    return cells * shape.actions - {"none": 0, "constant": 1, "state": cells}[offset]


@dataclass(frozen=True)
class CoverageCheck:
    """Wendel's formula against counted draws.

    - `expected`: the share of draws with distance 0 that the formula predicts, from 0 to 1.
    - `inside`: draws proved to have distance 0; `undecided`: those whose bracket is too wide to tell;
      `draws`: all of them.
    - `low`, `high`: the share with its sampling error, for every way to settle the undecided draws.
    - `holds`: "yes", "no" or "undecided".
    """

    expected: float
    inside: int
    undecided: int
    draws: int
    low: float
    high: float
    holds: str


def wendel_coverage(
    expected: float, inside: int, undecided: int, draws: int, *, confidence: float = 0.99
) -> CoverageCheck:
    """Check that `expected`, P(distance = 0), agrees with `inside` of `draws` draws.

    Premise: leaders are the follower plus independent symmetric noise (`sampling.Noise` at diversity 1). Of
    the other draws `undecided` may be inside or not. Two Wilson intervals at level `confidence` (between 0
    and 1) bound what they may do: that of nobody else inside, and that of all of them. [low, high] covers
    both; `holds` is "yes" if the expected share is in the interval however the draws are settled, "no" if it
    is in none of them.
    """
    lowest = wilson_interval(inside, draws, confidence)
    highest = wilson_interval(inside + undecided, draws, confidence)
    low, high = lowest[0], highest[1]
    in_all = highest[0] <= expected <= lowest[1]
    holds = "yes" if in_all else "undecided" if low <= expected <= high else "no"
    return CoverageCheck(expected, inside, undecided, draws, low, high, holds)

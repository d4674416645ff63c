"""Schemes that she obeys exactly, near those that a solver found: what a proof's offers are.

Floats meet obedience up to rounding. In rationals each recommendation is by itself: its probabilities in all
states must lie in a cone. Three ways into it, the first that leads there counts:

1. less of it in states that speak against it, by as much as it misses, a few times;
2. rows that are missed hold with equality: some probabilities become quotients of integers, as they must
   where a recommendation is obeyed at one belief only, such as an action that is best where two others tie;
3. none of it.

What a state then lacks names the best actions there, which only adds to what is obeyed (`verify`, line 1).
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import scipy.optimize

from jaxgame.verify.best_ai_selection import Game
from jaxgame.verify.reading import Place, dot

SPARE = 1 - 2.0**-46  # left to full information, so that no rounding makes a sum exceed 1
WEAKENED = 6  # times
NEAR = 1 - 1e-6  # the least share that is left of a probability each time
MIXED = 8  # times with more of full information, if she is to keep a value

Row = Sequence[Fraction]  # of an obedience constraint, by state
Numbers = list[list[Fraction]]


def exact_game(prior: list, follower: list, leaders: list) -> Game:
    """The game of Fractions."""
    return Game(Place({"prior": prior, "follower": follower, "leaders": leaders}, "game"))


def obeyed(game: Game, proposal: np.ndarray, least: Fraction | None = None) -> Numbers:
    """Probabilities [S][M] of a scheme in X near the one proposed [S, M], worth at least `least` to her.

    Full information if there is no other; `least` is OPT at most.
    """
    y = np.where(np.isfinite(proposal), np.maximum(proposal, 0.0), 0.0)
    y = y / np.maximum(y.sum(1, keepdims=True), 1.0) * SPARE
    share = 1.0
    for _ in range(MIXED):
        numbers = _obeyed(game, share * y)
        if least is None:
            return numbers
        worth = dot(game.follower, game.scheme(numbers))
        if worth >= least:
            return numbers
        share *= max(1 - max(2 * float((least - worth) / (game.opt - worth)), 2.0**-50), 0.0)
    return [[Fraction(0)] * y.shape[1] for _ in y]


def scheme_of(game: Game, outcome: np.ndarray) -> np.ndarray:
    """A scheme [S, M] that induces, or nearly does, an outcome [T, S, A] that she has by obeying one.

    Of several types an outcome does not tell what is said together: a linear program finds that.
    """
    maps, prior = np.array(game.maps), np.array(game.prior, float)
    if game.types == 1:
        possible = prior[0][:, None] > 0
        return np.where(possible, outcome[0] / np.where(possible, prior[0][:, None], 1.0), 0.0)
    states, count = game.states, len(maps)
    named = (maps[:, :, None] == np.arange(game.actions)).astype(float)  # [M,T,A]
    sums = np.einsum("ts,sr,mta->tsarm", prior, np.eye(states), named).reshape(outcome.size, -1)
    rows = np.array(game.rows, float)  # [M,S,T,A]
    obey = np.einsum("mstb,mn->mtbsn", rows, np.eye(count)).reshape(-1, states * count)
    obey /= np.maximum(np.abs(obey).max(1, keepdims=True), np.finfo(float).tiny)
    missed = np.concatenate([np.eye(outcome.size), -np.eye(outcome.size)], 1)
    found = scipy.optimize.linprog(
        np.concatenate([np.zeros(states * count), np.ones(2 * outcome.size)]),
        A_ub=np.pad(-obey, ((0, 0), (0, 2 * outcome.size))),
        b_ub=np.zeros(len(obey)),
        A_eq=np.concatenate([sums, missed], 1),
        b_eq=outcome.reshape(-1),
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    proposal = np.zeros(states * count) if found.x is None else found.x[: states * count]
    return proposal.reshape(states, count)


def _obeyed(game: Game, y: np.ndarray) -> Numbers:
    """Recommendation by recommendation."""
    columns = []
    for m, column in enumerate(y.T):
        # One row, by state, for each type and other action.
        by_state = [[x for of_type in of_state for x in of_type] for of_state in game.rows[m]]
        rows = [row for row in zip(*by_state, strict=True) if any(row)]
        columns.append(into_cone(rows, column.tolist()) if column.any() else [Fraction(0)] * len(column))
    most = max(sum(entries) for entries in zip(*columns, strict=True))
    if most > 1:
        part = Fraction(int(2**60 / most), 2**60)
        columns = [[part * x for x in column] for column in columns]
    return [list(entries) for entries in zip(*columns, strict=True)]


def into_cone(rows: Sequence[Row], column: Sequence[float]) -> list[Fraction]:
    """Numbers of at least 0 near those given, for which no row is negative: all 0 if there are no others."""
    given = [Fraction(x) for x in column]
    missed = [row for row in rows if _along(row, given) < 0]
    if not missed:
        return given
    weakened = _weakened(rows, missed, column)
    return weakened if weakened is not None else _held(rows, missed, given)


def _weakened(rows: Sequence[Row], missed: list[Row], column: Sequence[float]) -> list[Fraction] | None:
    """Less where a state speaks against a recommendation; None if that takes too much, or leads nowhere."""
    column = list(column)
    for _ in range(WEAKENED):
        for row in missed:
            kept = sum(r * Fraction(x) for r, x in zip(row, column, strict=True) if r > 0)
            broken = -sum(r * Fraction(x) for r, x in zip(row, column, strict=True) if r < 0)
            share = float(kept / broken) * (1 - 2.0**-51) if broken > kept else 1.0
            if share < NEAR:
                return None
            column = [x * share if r < 0 else x for r, x in zip(row, column, strict=True)]
        found = [Fraction(x) for x in column]
        missed = [row for row in rows if _along(row, found) < 0]
        if not missed:
            return found
    return None


def _held(rows: Sequence[Row], missed: list[Row], given: list[Fraction]) -> list[Fraction]:
    """Rows that are missed hold with equality, and what becomes negative is 0; nothing if that never ends."""
    binding = list(missed)
    for _ in range(len(rows) + len(given)):
        found = solved(binding, given)
        if min(found) < 0:
            given = [Fraction(0) if z < 0 else x for x, z in zip(given, found, strict=True)]
            continue
        more = [row for row in rows if row not in binding and _along(row, found) < 0]
        if not more:
            return found
        binding += more
    return [Fraction(0)] * len(given)


def solved(binding: Sequence[Row], given: list[Fraction]) -> list[Fraction]:
    """Near the given numbers where all rows are 0: by elimination, of the largest terms first; 0 stays 0."""
    reduced: list[tuple[int, list[Fraction]]] = []
    for row in binding:
        rest = [r if x else Fraction(0) for r, x in zip(row, given, strict=True)]
        for pivot, other in reduced:
            rest = [a - rest[pivot] * b for a, b in zip(rest, other, strict=True)]
        sizes = [abs(r * x) for r, x in zip(rest, given, strict=True)]
        pivot = sizes.index(max(sizes))
        if not sizes[pivot]:
            continue  # it follows from the others
        rest = [r / rest[pivot] for r in rest]
        reduced = [
            (place, [a - other[pivot] * b for a, b in zip(other, rest, strict=True)])
            for place, other in reduced
        ]
        reduced.append((pivot, rest))
    pivots = {pivot for pivot, _ in reduced}
    found = list(given)
    for pivot, row in reduced:
        found[pivot] = -sum(
            (r * x for s, (r, x) in enumerate(zip(row, given, strict=True)) if s not in pivots), Fraction(0)
        )
    return found


def _along(row: Row, x: Sequence[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(row, x, strict=True)), Fraction(0))

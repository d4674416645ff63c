"""What single models are worth to the panel: growth, one model more or less, small panels, losses."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxgame.audit.moments import LeastSquares, Mixture, distance
from jaxgame.panel.sizes import nested_sizes

# All sets of at most this many models are compared, so that the smallest panel is exact.
EXACT_MODELS = 12
SAMPLES = 50

Sums = Float[np.ndarray, "P P"]


class Fits:
    """Least squares fits of one hull for any sets of models, each made once.

    `train` and `test` are the moments of train and held-out rows; `start` is the fit of the whole panel, from
    which other fits begin.
    """

    def __init__(self, train: Sums, test: Sums, hull: str, start: Mixture | None = None):
        self.train, self.test, self.hull, self.start = train, test, hull, start
        self.problem = LeastSquares(train, hull)
        self.known: dict[frozenset[int], Mixture] = {}

    def of(self, models: Sequence[int] | frozenset[int]) -> Mixture:
        """The least squares fit of some models."""
        key = frozenset(models)
        if key not in self.known:
            self.known[key] = self.problem.fit(sorted(key), self.start)
        return self.known[key]

    def fitted(self, models: Sequence[int] | frozenset[int]) -> float:
        """The distance on train rows."""
        return distance(self.train, self.of(models))

    def heldout(self, models: Sequence[int] | frozenset[int]) -> float:
        """The distance on held-out rows."""
        return distance(self.test, self.of(models))


def growth(
    fits: Fits, null: Fits, models: Sequence[int], orders: int, random: np.random.Generator
) -> list[dict[str, Any]]:
    """Held-out distance of the first K models in random orders, K = 1, 2, 4, ..., all: fields of `Growth`.

    `null` holds the fits to one shuffled target.
    """
    shuffles = [random.permutation(models) for _ in range(orders)]
    rows = []
    for size in nested_sizes(len(models)):
        sets = [frozenset(order[:size].tolist()) for order in shuffles]
        own = [fits.heldout(chosen) for chosen in sets]
        chance = [null.heldout(chosen) for chosen in sets]
        rows.append(
            {
                "models": size,
                "mean": float(np.mean(own)),
                "lower_quartile": float(np.quantile(own, 0.25)),
                "upper_quartile": float(np.quantile(own, 0.75)),
                "shuffled": float(np.mean(chance)),
            }
        )
    return rows


def smallest(fits: Fits, models: Sequence[int], limit: float) -> tuple[list[int], str]:
    """The fewest models whose train distance is within `limit`: exact up to 12 models, greedy beyond.

    Greedy: from the models with weight, leave out the one that is missed least while the rest stay within the
    limit. It finds a set from which no single model can be spared, not always a smallest one.
    """
    if len(models) <= EXACT_MODELS:
        for size in range(1, len(models) + 1):
            sets = list(itertools.combinations(models, size))
            distances = [fits.fitted(chosen) for chosen in sets]
            if min(distances) <= limit:
                return list(sets[int(np.argmin(distances))]), "exact"
        return list(models), "exact"
    left = frozenset(np.flatnonzero(fits.of(models).weights).tolist())
    while len(left) > 1:
        best, distance_without = _least_missed(fits, left)
        if distance_without > limit:
            break
        left = frozenset(np.flatnonzero(fits.of(left - {best}).weights).tolist())
    return sorted(left), "greedy"


def _least_missed(fits: Fits, models: frozenset[int]) -> tuple[int, float]:
    """The model whose loss raises the train distance least, and the distance without it.

    If the other weights could have any sign, the loss of model i would raise the mean square by
    w_i^2 / (inverse matrix)_ii; as they must be at least 0, it raises it by no less. So models are tried in
    the order of this least rise, until the next one's is above what the best reached.
    """
    options = sorted(models)
    weights = fits.of(models).weights[options]
    least = fits.fitted(models) ** 2 + weights**2 / _inverse_diagonal(fits.train, options, fits.hull)
    best, reached = options[0], np.inf
    for place in np.argsort(least):
        if np.sqrt(least[place]) > reached * (1 + 1e-9):
            break
        found = fits.fitted(models - {options[place]})
        if found < reached:
            best, reached = options[place], found
    return best, reached


def _inverse_diagonal(sums: Sums, models: list[int], hull: str) -> np.ndarray:
    """Diagonal of the inverse of the least squares problem's matrix, its equality included."""
    means = sums[-1, models] / sums[-1, -1]
    matrix = sums[np.ix_(models, models)] / sums[-1, -1] - np.outer(means, means)
    if hull == "simplex":
        ones = np.ones((len(models), 1))
        matrix = np.block([[matrix, ones], [ones.T, np.zeros((1, 1))]])
    return np.maximum(np.diagonal(np.linalg.pinv(matrix, hermitian=True))[: len(models)], 1e-300)


def losses(
    fits: Fits, models: Sequence[int], sizes: Sequence[int], random: np.random.Generator
) -> list[dict[str, Any]]:
    """The worst held-out distance after any k models are lost and the rest fitted again.

    `sizes` are the numbers k, increasing; those that would leave no model are left out. Exact for k = 1 and
    2: a loss that the fit does not notice needs no trial (`_noticed`). Beyond, the worst of a sample: random
    sets, and the worst smaller loss extended one model at a time, by the one that makes it worst.
    """
    whole = frozenset(models)
    rows: list[dict[str, Any]] = []
    worst: frozenset[int] = frozenset()
    reached = 0
    for size in sizes:
        if size >= len(whole):
            break
        if size <= 2:
            tried = _noticed(fits, whole, size)
            method = "exact"
        else:
            tried = {
                frozenset(random.choice(sorted(whole), size, replace=False).tolist()) for _ in range(SAMPLES)
            }
            while reached < size:
                options = [worst | {i} for i in np.flatnonzero(fits.of(whole - worst).weights).tolist()]
                if not options:  # the constant is all that is left of the fit
                    options = [worst | {min(whole - worst)}]
                worst = max(options, key=lambda lost: fits.heldout(whole - lost))
                reached += 1
            tried.add(worst)
            method = "sampled"
        distances = {lost: fits.heldout(whole - lost) for lost in sorted(tried, key=sorted)}
        found = max(distances, key=distances.__getitem__)
        if size <= 2:
            worst, reached = found, len(found)
        rows.append(
            {
                "lost": size,
                "method": method,
                "tried": len(tried),
                "distance": distances[found],
                "models": sorted(found),
            }
        )
    return rows


def _noticed(fits: Fits, whole: frozenset[int], size: int) -> set[frozenset[int]]:
    """Losses of at most `size` models that change the fit with every model lost, and the loss of none.

    If the fit without i gives j no weight, losing i and j leaves the same fit as losing i alone. So every
    loss of `size` models, taken one model after the other, has the fit of one of these.
    """
    found: set[frozenset[int]] = {frozenset()}
    last = found
    for _ in range(size):
        last = {lost | {i} for lost in last for i in np.flatnonzero(fits.of(whole - lost).weights).tolist()}
        found = found | last
    return found

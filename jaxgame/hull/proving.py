"""Proofs of distances to the hull: a fit's weights and its measure, as numbers that anyone can recheck."""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from jaxgame import verify
from jaxgame.core import checks
from jaxgame.core.checks import Numbers
from jaxgame.core.game import Game
from jaxgame.hull.distance import HullFit, game_hull_distance, game_labels, hull_distance
from jaxgame.proof import Proof
from jaxgame.proof.numbers import exact, outwards
from jaxgame.proof.schemes import solved
from jaxgame.verify.hull_distance import centred, size_of
from jaxgame.verify.reading import dot

BELOW = 1 - Fraction(1, 2**50)  # what is divided by a rounded number is lessened by this


def prove_distance(
    target: Numbers,
    utilities: Numbers,
    norm: str = "sup",
    offset: str | Numbers = "constant",
    scale: str = "simplex",
) -> Proof:
    """A proof of the distance of `target` [D] to the hull of `utilities` [K, D]: see `hull_distance`.

    `norm`, `offset` and `scale` are its options, and the bracket is that of its weights and its measure, in
    exact arithmetic. On the cone the measure is moved to where it excludes every leader, whatever the
    weights: the lower end is 0 if that cannot be. Not under jit or vmap.

    Raises ValueError as `hull_distance` does, and for traced numbers.

    >>> from jaxgame.hull import prove_distance
    >>> proof = prove_distance([0.0, 1.0, 0.0], [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    >>> proof.check().proved, float(proof.document["lower"]) <= 0.5 <= float(proof.document["upper"])
    (True, True)
    """
    if not checks.is_concrete(target, utilities):
        raise ValueError("target is traced; it must be concrete: a proof is made of numbers, not under jit")
    fit = hull_distance(target, utilities, norm, offset, scale)
    size = len(fit.measure)
    labels = _labels(offset, size)
    data = {"target": exact(np.asarray(target, float)), "utilities": exact(np.asarray(utilities, float))}
    return _proof(fit, data | {"groups": labels, "prior": [], "norm": norm, "scale": scale})


def prove_game_distance(
    game: Game, offset: str | None = None, scale: str = "simplex", norm: str = "sup"
) -> Proof:
    """The same of the follower's distance to the leaders of a `game`: see `game_hull_distance`.

    `offset`, `scale` and `norm` are its options. Raises ValueError as it does, and for a traced game.
    """
    if not checks.is_concrete(game.prior, game.follower, game.leaders):
        raise ValueError("game is traced; it must be concrete: a proof is made of numbers, not under jit")
    fit = game_hull_distance(game, offset, scale, norm)
    data = {
        "target": exact(np.asarray(game.follower).reshape(-1)),
        "utilities": exact(np.asarray(game.leaders).reshape(len(game.leaders), -1)),
        "groups": _labels(game_labels(game, offset, norm), game.follower.size),
        "prior": exact(np.asarray(game.prior).reshape(-1)) if norm == "mean" else [],
        "norm": norm,
        "scale": scale,
    }
    return _proof(fit, data)


def _labels(offset: str | Numbers, size: int) -> list[int]:
    """Labels from 0, in the order of those given; none without an offset."""
    if isinstance(offset, str):
        return [] if offset == "none" else [0] * size
    return np.unique(np.asarray(offset), return_inverse=True)[1].tolist()


def _proof(fit: HullFit, data: dict[str, Any]) -> Proof:
    """Both ends anew from weights and measure, moved outwards to short numbers."""
    target, utilities, norm, scale = (data[name] for name in ("target", "utilities", "norm", "scale"))
    labels, prior = data["groups"], data["prior"]
    groups = [[d for d, label in enumerate(labels) if label == one] for one in sorted(set(labels))]
    weights = [max(w, Fraction(0)) for w in exact(fit.weights)]
    parts = [w / sum(weights) for w in weights] if scale == "simplex" else weights
    left = [u - dot(parts, [row[d] for row in utilities]) for d, u in enumerate(target)]
    most = size_of(left, groups, prior, norm)

    measure = centred(exact(fit.measure), groups)
    if scale == "cone":
        measure = _excluding(measure, utilities, groups)
    if norm == "mean":
        measure = _capped(measure, groups, prior)
    least = dot(measure, target)
    if scale == "simplex":
        least -= max(dot(measure, row) for row in utilities)
    least = max(least, Fraction(0))
    if norm == "sup":
        least /= sum(map(abs, measure)) or 1
    if norm == "square":
        least = _root(least**2 / (len(target) * dot(measure, measure) or 1)) * BELOW
        most = _root(most) / BELOW
    lower, upper = outwards(least, most)
    header = {"schema_version": verify.SCHEMA_VERSION, "kind": "hull distance"}
    ends = {"lower": max(lower, Fraction(0)), "upper": upper}
    return Proof(header | data | ends | {"weights": weights, "measure": measure})


def _excluding(
    measure: list[Fraction], utilities: list[list[Fraction]], groups: list[list[int]]
) -> list[Fraction]:
    """A measure near this one that no leader's utility is above; none at all if that cannot be."""
    sums = [[Fraction(d in group) for d in range(len(measure))] for group in groups]
    apart = [centred(row, groups) for row in utilities]
    binding: list[list[Fraction]] = []
    for _ in range(len(utilities) + 1):
        above = [row for row in apart if dot(measure, row) > 0]
        if not above:
            return measure
        binding += above
        measure = solved([*sums, *binding], measure)
    return [Fraction(0)] * len(measure)


def _capped(measure: list[Fraction], groups: list[list[int]], prior: list[Fraction]) -> list[Fraction]:
    """No more mass in a group than the prior."""
    capped = list(measure)
    for p, group in zip(prior, groups, strict=True):
        mass = sum((max(measure[d], Fraction(0)) for d in group), Fraction(0))
        if mass > p:
            for d in group:
                capped[d] *= p / mass
    return capped


def _root(square: Fraction) -> Fraction:
    """The square root, rounded by less than what BELOW is for; at any scale."""
    if not square:
        return square
    shift = (square.numerator.bit_length() - square.denominator.bit_length()) // 2
    return Fraction(math.sqrt(square / Fraction(4) ** shift)) * Fraction(2) ** shift

"""Proofs of coalitions that cover and of rejection depths: a mixture, and covers, that anyone can recheck.

What the searches found is moved, in rationals, to where members approve exactly and where weights cover
exactly; `jaxgame.verify` says what that proves.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from jaxgame import verify
from jaxgame.coalition.depth import PROGRAMS, robustness
from jaxgame.coalition.entered import checked
from jaxgame.coalition.rules import covers, members_of
from jaxgame.core import checks
from jaxgame.core.checks import Numbers
from jaxgame.proof import Proof
from jaxgame.proof.numbers import exact, outwards
from jaxgame.proof.schemes import into_cone
from jaxgame.verify.coalition_cover import cover, scores
from jaxgame.verify.reading import Matrix, Place, dot


def prove_cover(
    principal: Numbers,
    reviewers: Numbers,
    directions: Numbers,
    members: Numbers,
    *,
    tolerance: float = 1e-6,
) -> Proof:
    """A proof of what the `principal` [O] loses at most by what all `members` of a coalition approve of.

    The bracket of `covers`, whose arguments these are (`reviewers` [N, O], `directions` [M, O], `tolerance`),
    with a mixture of which members approve exactly; its upper end is 0 if weights that cover her exactly are
    found near those of the program. Not under jit or vmap.

    Raises ValueError as `covers` does, and for traced numbers.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from jaxgame import coalition
    >>> proof = coalition.prove_cover(*coalition.ring(3, 1.0), members=[0, 1])
    >>> round(float(proof.document["lower"]), 6), proof.check().proved
    (0.437793, True)
    """
    document = _document("coalition cover", principal, reviewers, directions)
    found = covers(principal, reviewers, directions, members, tolerance=tolerance)
    some = np.flatnonzero(np.asarray(members_of(members, len(document["reviewers"])))).tolist()
    p, r = scores(Place(document))
    mixture = _mixture([r[i] for i in some], np.asarray(found.mixture))
    weights, eta = _weights(p, r, np.asarray(found.weights))
    lower, upper = outwards(max(-dot(p, mixture), Fraction(0)), eta)
    ends = {"members": some, "lower": max(lower, Fraction(0)), "upper": upper}
    return Proof(document | ends | {"mixture": mixture, "weights": weights})


def prove_depth(
    principal: Numbers,
    reviewers: Numbers,
    directions: Numbers,
    *,
    tolerance: float = 1e-6,
    programs: int = PROGRAMS,
) -> Proof:
    """A proof of how many `reviewers` [N, O] object at least to what harms the `principal` [O].

    The bracket of `rejection_depth` for mixtures of the `directions` [M, O] by "programs", whose options
    `tolerance` and `programs` are, from covers that no fewer reviewers meet, and from a mixture with its
    objectors in exact arithmetic. Where its ends are apart the proof's are. Not under jit or vmap.

    Raises ValueError as `rejection_depth` does, and for traced numbers.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> from jaxgame import coalition
    >>> proof = coalition.prove_depth(*coalition.ring(5, 1.0))
    >>> [int(proof.document[end]) for end in ("lower", "upper")], proof.check().proved
    ([2, 2], True)
    """
    document = _document("rejection depth", principal, reviewers, directions)
    found = robustness(principal, reviewers, directions, tolerance=tolerance, programs=programs, partial=True)
    p, r = scores(Place(document))
    harm = Fraction(tolerance) * (max(map(abs, p)) or 1)
    proofs: list[Matrix] = []
    kept: list[set[int]] = []
    # Of covers by the same reviewers, or by more, one is enough.
    for weights in sorted(np.unique(np.asarray(found.covers), axis=0), key=np.count_nonzero):
        eta, support = cover(Place(exact(weights)), p, r)
        if eta < harm and not any(known <= support for known in kept):
            kept.append(support)
            proofs.append(exact(weights))
    approving = np.flatnonzero(np.asarray(found.coalition))
    mixture = _mixture([r[i] for i in approving], np.asarray(found.mixture))
    harms = -dot(p, mixture) >= harm
    claims = {
        "harm": harm,
        "lower": max(int(found.robust.lower) + 1, 0) if np.isfinite(found.robust.lower) else 0,
        "upper": sum(dot(row, mixture) < 0 for row in r) if harms else len(r) + 1,
    }
    return Proof(document | claims | {"mixture": mixture, "covers": proofs})


def _document(kind: str, *panel: Numbers) -> dict[str, Any]:
    """What both proofs begin with. Raises ValueError for panels that are none, or traced."""
    if not checks.is_concrete(*panel):
        raise ValueError("panel is traced; it must be concrete: a proof is made of numbers, not under jit")
    names = ("principal", "reviewers", "directions")
    numbers = dict(zip(names, map(exact, checked(*panel)), strict=True))
    return {"schema_version": verify.SCHEMA_VERSION, "kind": kind, **numbers}


def _mixture(approving: Matrix, mixture: np.ndarray) -> list[Fraction]:
    """A mixture near the one found that nobody of these objects to, of 1 at most."""
    near = into_cone(approving, np.maximum(mixture, 0.0).tolist())
    total = sum(near, Fraction(0))
    return [x / total for x in near] if total > 1 else near


def _weights(p: Sequence[Fraction], r: Matrix, weights: np.ndarray) -> tuple[list[Fraction], Fraction]:
    """Weights near those found, and what they prove: those found, or some that cover exactly."""
    rows = [[*(-row[a] for row in r), p[a]] for a in range(len(p))]
    *near, unit = into_cone(rows, [*weights.tolist(), 1.0])
    tried = [exact(weights)] + ([[w / unit for w in near]] if unit else [])
    proved = [(w, cover(Place(w), list(p), r)[0]) for w in tried]
    return min(proved, key=lambda one: one[1])

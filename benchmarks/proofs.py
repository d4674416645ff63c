"""What a proof of the worst equilibrium costs: to make, beside the bracket alone, and to recheck.

One game after the other, as a user proves one. The peer of `prove` is `worst_equilibrium`, which is part of
it; that of `verify` is the second checker of the tests, by arrays of Fractions. An answer is the value that
is proved, in parts of what is at stake, and for checkers 1 if they accept.
"""

import functools
from collections.abc import Iterator

import jax
import numpy as np

import jaxgame as jg
from benchmarks.leader import random_games
from benchmarks.timing import Cell
from jaxgame import verify
from jaxgame.proof import Proof
from tests.reference import proofs

SIZES = ((2, 2), (4, 4), (4, 8))  # leaders; states, as many as actions


def cells(quick: bool) -> Iterator[Cell]:
    """Games of 2 x 2 to 8 x 8."""
    for leaders, size in SIZES[:1] if quick else SIZES:
        count = 2 if quick else 32
        batch = random_games(2, count, leaders, size)
        games = [jax.tree.map(lambda x, i=i: x[i], batch) for i in range(count)]
        found: list[Proof] = []
        label = f"K={leaders} S=A={size}"
        yield Cell(
            name="prove",
            size=label,
            ours=functools.partial(_proved, games, found),
            count=count,
            peer="the bracket alone",
            theirs=functools.partial(_bracketed, games),
            their_count=count,
            remark=functools.partial(_remark, found),
        )
        yield Cell(
            name="verify",
            size=label,
            ours=functools.partial(_verified, found),
            count=count,
            peer="second checker",
            theirs=functools.partial(_judged, found),
            their_count=count,
        )


def _proved(games: list[jg.Game], found: list[Proof]) -> np.ndarray:
    found[:] = [jg.selection.prove(game) for game in games]
    return np.array([float(proof.value) for proof in found])


def _bracketed(games: list[jg.Game]) -> np.ndarray:
    return np.array([float(jg.selection.worst_equilibrium(game).value.lower) for game in games])


def _verified(found: list[Proof]) -> np.ndarray:
    return np.array([float(verify.check_document(proof.document).proved) for proof in found])


def _judged(found: list[Proof]) -> np.ndarray:
    for proof in found:
        proofs.judge(proof.document)
    return np.ones(len(found))


def _remark(found: list[Proof]) -> str:
    intervals = [len(proof.document["intervals"]) for proof in found]
    return f"intervals: {np.mean(intervals):.1f} on average, at most {max(intervals)}"

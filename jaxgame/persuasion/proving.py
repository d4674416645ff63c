"""Proofs of best responses: the bracket of `leader_value` as numbers that anyone can recheck."""

from fractions import Fraction
from typing import Any

import jax
import numpy as np

from jaxgame import verify
from jaxgame.core import checks
from jaxgame.core.game import Game
from jaxgame.persuasion.value import LeaderBest, leader_value
from jaxgame.proof import Proof
from jaxgame.proof.numbers import exact, outwards
from jaxgame.proof.schemes import exact_game, obeyed
from jaxgame.verify.reading import Place, dot


def prove_best_response(game: Game, leader: int, threshold: float) -> Proof:
    """A proof of what f_j(v) is in the `game`: j = `leader`, v = `threshold` is what the follower is to keep.

    The bracket of `leader_value` from a scheme that is obeyed exactly and from its multipliers, in the
    leader's units. A threshold above full information, but for rounding, counts as full information. Not
    under jit or vmap.

    Raises ValueError as `leader_value` does, for a threshold that no outcome is worth, and for a traced game.

    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> import jaxgame as jg
    >>> from jaxgame.persuasion.proving import prove_best_response
    >>> judge = jg.make_game(
    ...     prior=[0.7, 0.3], follower=[[1.0, 0.0], [0.0, 1.0]], leaders=[[[0.0, 1.0], [0.0, 1.0]]]
    ... )
    >>> proof = prove_best_response(judge, 0, 0.85)
    >>> [round(float(proof.document[end]), 9) for end in ("lower", "upper")], proof.check().proved
    ([0.45, 0.45], True)
    """
    numbers = numbers_of(game)
    best = leader_value(game, leader, threshold)
    if not bool(best.feasible):
        raise ValueError(f"threshold is {threshold}; it must be at most full information, which it exceeds")
    known = exact_game(**numbers)
    level = min(Fraction(float(threshold)), known.opt)
    scheme = obeyed(known, np.asarray(best.scheme), level)
    proof = outbidding(best)
    attained = dot(known.leaders[int(leader)], known.scheme(scheme))
    most = known.best_response(int(leader), level, Place(proof, "outbidding"))
    lower, upper = outwards(attained, most)
    return Proof(
        {
            "schema_version": verify.SCHEMA_VERSION,
            "kind": "best response",
            "game": numbers,
            "leader": int(leader),
            "threshold": level,
            "lower": lower,
            "upper": upper,
            "scheme": scheme,
            "outbidding": proof,
        }
    )


def numbers_of(game: Game) -> dict[str, Any]:
    """A game's numbers, exactly. Raises ValueError for one that is traced, or not finite."""
    if not checks.is_concrete(*jax.tree.leaves(game)):
        raise ValueError("game is traced; it must be concrete: a proof is made of numbers, not under jit")
    names = ("prior", "follower", "leaders")
    for name in names:
        checks.check_finite(name, getattr(game, name))
    return {name: exact(getattr(game, name)) for name in names}


def outbidding(best: LeaderBest) -> dict[str, Any]:
    """What bounds a leader's best response."""
    found = best.multipliers
    return {"multipliers": exact(found.obedience), "price": exact(found.threshold)}

"""A follower who keeps leaders by scores: gains and worst equilibria, against SciPy's HiGHS.

The scan solves a program per leader and level, may step over equilibria and proves nothing; ours is
certified, but its brackets may be wide where each leader has a score of its own (the remark counts them).
"""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxgame as jg
from benchmarks.leader import random_games
from benchmarks.timing import Cell
from jaxgame.runs.batch import spread
from tests.reference.score import largest_gain, worst_value

BATCH = 64
LEVELS = 40
NOISE = 0.2


def cells(quick: bool) -> Iterator[Cell]:
    """2 leaders with 2 states and actions, 3 with 3."""
    for leaders, size in ((2, 2), (3, 3)):
        count, their_count = (32, 1) if quick else (512, 4)
        games = random_games(4, count, leaders, size)
        errors = np.random.default_rng(5).normal(size=games.leaders.shape)
        scores = games.follower[:, None] + NOISE * jnp.asarray(errors)
        full = jax.jit(jax.vmap(_full))(games)
        gains = spread(_gain, jax.devices(), batch=BATCH)
        worst = spread(_worst, jax.devices(), batch=BATCH)
        sizes = f"K={leaders} S=A={size}"
        yield Cell(
            name="gain by score",
            size=sizes,
            ours=functools.partial(_upper, gains, (games, full, scores)),
            count=count,
            peer="scipy (HiGHS)",
            theirs=functools.partial(_gains_by_highs, games, full, scores, their_count),
            their_count=their_count,
        )
        yield Cell(
            name="worst by score",
            size=sizes,
            ours=functools.partial(_lower, worst, (games, scores)),
            count=count,
            peer="scan by scipy (HiGHS)",
            theirs=functools.partial(_worst_by_highs, games, scores, their_count),
            their_count=their_count,
            remark=functools.partial(_remark, worst, (games, scores)),
        )


def _full(game: jg.Game) -> Float[Array, "T S A"]:
    return jg.selection.starting_offers(game, "full")[0]


def _gain(given: tuple[jg.Game, Array, Array]) -> jg.Bracket:
    game, outcome, score = given
    return jg.selection.exploitability(game, outcome, score=score, kept=0)


def _worst(given: tuple[jg.Game, Array]) -> jg.Bracket:
    game, score = given
    return jg.selection.worst_equilibrium(game, score=score).value


def _upper(program: Any, given: Any) -> np.ndarray:
    return np.asarray(program(given).upper)


def _lower(program: Any, given: Any) -> np.ndarray:
    return np.asarray(program(given).lower)


def _one(games: jg.Game, place: int) -> jg.Game:
    return jax.tree.map(lambda x: x[place], games)


def _gains_by_highs(games: jg.Game, outcomes: Array, scores: Array, count: int) -> np.ndarray:
    return np.array(
        [
            largest_gain(_one(games, i), np.asarray(outcomes[i]), np.asarray(scores[i]), 0)
            for i in range(count)
        ]
    )


def _worst_by_highs(games: jg.Game, scores: Array, count: int) -> np.ndarray:
    return np.array([worst_value(_one(games, i), np.asarray(scores[i]), LEVELS) for i in range(count)])


def _remark(program: Any, given: Any) -> str:
    width = np.asarray(program(given).width)
    return f"brackets: widest {width.max():.0e}, {(width > 1e-6).sum()} of {len(width)} above 1e-6"

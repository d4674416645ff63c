"""The worst equilibrium of best-AI selection, certified, against a scan over values with SciPy's HiGHS.

The scan is the reference of the tests: one grid of values, then bisection, one program per leader and value.
It can step over equilibria and proves nothing; ours excludes all values below its answer.
"""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

import jaxgame as jg
from benchmarks.leader import random_games
from benchmarks.timing import Cell
from jaxgame.runs.batch import spread
from tests.reference.selection import worst_value

BATCH = 64  # games a core takes at once: few wait for the slowest
POINTS = 40


def cells(quick: bool) -> Iterator[Cell]:
    """4 leaders, 4 states, 4 actions; 2 leaders, 3 states, 3 actions."""
    for leaders, size in ((2, 3), (4, 4)):
        count, their_count = (64, 1) if quick else (1024, 4)
        games = random_games(2, count, leaders, size)
        program = spread(lambda game: jg.selection.worst_equilibrium(game).value, jax.devices(), batch=BATCH)
        yield Cell(
            name="worst_equilibrium",
            size=f"K={leaders} S=A={size}",
            ours=functools.partial(_upper, program, games),
            count=count,
            peer="scan by scipy (HiGHS)",
            theirs=functools.partial(_scan, games, their_count),
            their_count=their_count,
            remark=functools.partial(_remark, program, games),
        )


def _upper(program: Any, games: jg.Game) -> np.ndarray:
    return np.asarray(program(games).upper)


def _scan(games: jg.Game, count: int) -> np.ndarray:
    prior, follower, leaders = (np.asarray(x) for x in (games.prior, games.follower, games.leaders))
    found = [worst_value(prior[i, 0], follower[i, 0], leaders[i, :, 0], POINTS)[1] for i in range(count)]
    return np.array(found)


def _remark(program: Any, games: jg.Game) -> str:
    width = np.asarray(program(games).width)
    return f"brackets: widest {width.max():.0e}, {(width > 1e-6).sum()} of {len(width)} above 1e-6"

"""Rounds of learners in best-AI selection, regrets included, against a plain compiled loop.

Fictitious play over menus of 17 offers: nothing is drawn, so that both sides play the same rounds. Numba
gets the menus' values ready made, and counts the regrets over the menus alone; ours starts from the game,
makes the menus, and certifies regrets over all schemes. A problem is a round of one game.
"""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import numba
import numpy as np

import jaxgame as jg
from benchmarks.leader import random_games
from benchmarks.timing import Cell, median_seconds
from jaxgame.core.units import standard
from jaxgame.persuasion.frontier import curve_of
from jaxgame.runs.batch import spread
from jaxgame.selection.rules import Menus, points_of

BATCH = 64
MENU = 16


def cells(quick: bool) -> Iterator[Cell]:
    """2 leaders with 2 states and actions, 4 with 3, over two numbers of rounds."""
    for leaders, size in ((2, 2), (4, 3)):
        for rounds in (200,) if quick else (500, 2000):
            count = 32 if quick else 512
            games = random_games(3, count, leaders, size)
            program = spread(functools.partial(_learnt, rounds=rounds), jax.devices(), batch=BATCH)
            menus = jax.jit(jax.vmap(_menus))(games)
            lost, worth = (np.asarray(x) for x in menus)
            yield Cell(
                name=f"learning {rounds} rounds",
                size=f"K={leaders} S=A={size}",
                ours=functools.partial(_rounds, program, games, rounds),
                count=count * rounds,
                peer="numba loop",
                theirs=functools.partial(_played, lost, worth, rounds),
                their_count=count * rounds,
                remark=functools.partial(_remark, program, games, rounds),
            )


def _learnt(game: jg.Game, rounds: int) -> tuple[jax.Array, ...]:
    start = jg.selection.starting_offers(game, "full")
    trace = jg.selection.learning(game, start, rule="fictitious_play", rounds=rounds, menu=MENU)
    return trace.loss.upper / standard(game).follower.unit, trace.regret.width.max()


def _menus(game: jg.Game) -> tuple[jax.Array, jax.Array]:
    """What the entries that `_learnt` plays lose her, and are worth to each leader."""
    units = standard(game)
    curves = jax.vmap(curve_of, (None, 0))(units.game, units.game.leaders)
    start = jg.selection.starting_offers(units.game, "full")
    entries = jax.numpy.concatenate([start[:, None], points_of(curves, MENU)], 1)
    menus = Menus.of(units, entries)
    return menus.lost, menus.worth


def _rounds(program: Any, games: jg.Game, rounds: int) -> np.ndarray:
    """The average loss, once for each round that it took."""
    return np.repeat(np.asarray(program(games)[0]), rounds)


def _played(lost: np.ndarray, worth: np.ndarray, rounds: int) -> np.ndarray:
    return np.repeat(_loop(lost, worth, rounds)[0], rounds)


@numba.njit(parallel=True)
def _loop(lost: np.ndarray, worth: np.ndarray, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    games, leaders, entries = lost.shape
    average, regret = np.zeros(games), np.zeros((games, leaders))
    for g in numba.prange(games):
        total, earned, chosen = np.zeros((leaders, entries)), np.zeros(leaders), np.zeros(leaders, np.int64)
        for _ in range(rounds):
            for j in range(leaders):
                chosen[j] = np.argmax(total[j])
            kept = 0
            for j in range(1, leaders):
                if lost[g, j, chosen[j]] < lost[g, kept, chosen[kept]]:
                    kept = j
            average[g] += lost[g, kept, chosen[kept]] / rounds
            for j in range(leaders):
                rival = 1 if j == 0 else 0
                for k in range(leaders):
                    if k != j and lost[g, k, chosen[k]] < lost[g, rival, chosen[rival]]:
                        rival = k
                bar = lost[g, rival, chosen[rival]]
                earned[j] += worth[g, j, kept, chosen[kept]]
                for m in range(entries):
                    wins = lost[g, j, m] < bar or (lost[g, j, m] == bar and j < rival)
                    total[j, m] += worth[g, j, j, m] if wins else worth[g, j, rival, chosen[rival]]
        for j in range(leaders):
            regret[g, j] = (total[j].max() - earned[j]) / rounds
    return average, regret


def _remark(program: Any, games: jg.Game, rounds: int) -> str:
    seconds = median_seconds(lambda: jax.block_until_ready(program(games)))
    width = np.asarray(program(games)[1]).max()
    return f"widest regret bracket {width:.0e}; {len(games.prior) / seconds:,.0f} games/s"

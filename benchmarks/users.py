"""Many users: best responses to all sets of users against HiGHS, one program after another.

A problem is a leader's best response to random offers, 2^J programs of S A^J variables; the peer gets each
program ready made, and stops at its value. The remark tells the size of the programs, their steps, the memory
that XLA reserves for a batch, and certified worst equilibria a second where there are two users.
"""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from scipy.optimize import linprog

import jaxgame as jg
from benchmarks.timing import Cell, median_seconds
from jaxgame.users.reply import Rivals
from jaxgame.users.standing import WITHIN, Programs, standing

SIZES = (
    (1, 3, 3),
    (2, 2, 2),
    (2, 3, 3),
    (2, 4, 4),
    (3, 2, 2),
    (3, 3, 3),
    (4, 2, 2),
)  # users, states, actions


def cells(quick: bool) -> Iterator[Cell]:
    """By users J, states S and actions A; two leaders."""
    for users, states, actions in SIZES[1::3] if quick else SIZES:
        count = 8 if quick else 64
        shape = jg.sampling.Shape(2, users, states, actions)
        keys = jax.random.split(jax.random.key(5), count)
        games, offers = jax.jit(jax.vmap(functools.partial(_drawn, shape=shape)))(keys)
        program = jax.jit(jax.vmap(_ours)).lower(games, offers).compile()
        ready = [np.asarray(x) for x in jax.jit(jax.vmap(_programs))(games, offers)]
        few = min(count, 16)
        yield Cell(
            name="users reply",
            size=f"J={users} S={states} A={actions}",
            ours=functools.partial(_values, program, games, offers),
            count=count,
            peer="scipy (HiGHS)",
            theirs=functools.partial(_highs, [x[:few] for x in ready], users),
            their_count=few,
            remark=functools.partial(_remark, program, games, offers, shape),
        )


def _drawn(key: jax.Array, shape: jg.sampling.Shape) -> tuple[jg.Game, jax.Array]:
    game = jg.users.population(jg.sampling.Noise(), key, shape, 1.0, users_diversity=0.5)
    return game, jg.selection.starting_offers(game, "random", key)


def _ours(game: jg.Game, offers: jax.Array) -> tuple[jax.Array, jax.Array]:
    found = jg.users.best_response(game, offers, 0)
    return found.value.upper / standing(game).theirs.unit[0], found.pivots


def _programs(game: jg.Game, offers: jax.Array) -> tuple[jax.Array, ...]:
    """What a program is made of, in standard units, and where values are counted from."""
    units = standing(game)
    programs, rivals = Programs.of(units), Rivals.of(units, offers, jax.numpy.asarray(0))
    base = units.theirs.base[0] / units.theirs.unit[0]
    obedient = programs.obedient
    return obedient.rows, obedient.sums, programs.lost, programs.paid[0], rivals.lost, rivals.paid, base


def _values(program: Any, games: jg.Game, offers: jax.Array) -> np.ndarray:
    return np.asarray(program(games, offers)[0])


def _highs(ready: list[np.ndarray], users: int) -> np.ndarray:
    """The best over all sets of users, a program at a time."""
    found = []
    for rows, sums, lost, paid, level, stay, base in zip(*ready, strict=True):
        best = -np.inf
        for members in jg.users.sets_of(users):
            sign = np.where(members, 1.0, -1.0)
            answer = linprog(
                -(members @ paid),
                np.vstack([rows, sign[:, None] * lost]),
                np.concatenate([np.zeros(len(rows)), sign * level + WITHIN]),
                sums,
                np.ones(len(sums)),
            )
            if answer.status == 0:
                best = max(best, -answer.fun + stay[~members].sum())
        found.append(best + base)
    return np.array(found)


def _remark(program: Any, games: jg.Game, offers: jax.Array, shape: jg.sampling.Shape) -> str:
    steps = np.asarray(program(games, offers)[1]).mean()
    memory = program.memory_analysis()
    held = (memory.temp_size_in_bytes + memory.output_size_in_bytes) / 2**20
    told = shape.actions**shape.types
    said = f"{2**shape.types} programs of {shape.states * told} variables, {steps:.0f} steps; {held:.0f} MiB"
    if shape.types == 2 and shape.states * told <= 8:
        worst = jax.jit(jax.vmap(lambda game: jg.users.worst_equilibrium(game, tolerance=1e-3).converged))
        share = np.asarray(worst(games)).mean()
        seconds = median_seconds(lambda: jax.block_until_ready(worst(games)))
        said += f"; {len(games.prior) / seconds:.3g} worst equilibria/s, {share:.0%} as narrow as asked"
    return said

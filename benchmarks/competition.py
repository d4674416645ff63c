"""Simultaneous competition: beliefs and quantal response, best responses, the worst equilibrium.

Beliefs: K leaders' messages, joint, posteriors over them, logit response, and what the follower gets. Its
remark compares with the memory bandwidth of this machine: the bytes of the inputs and of the answer, read and
written once, over the time, as a share of what a copy of a large array moves.
"""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxgame as jg
from benchmarks.timing import Cell, median_seconds
from jaxgame import competition
from jaxgame.runs.batch import spread
from jaxgame.runs.spread import CPU_BATCH
from tests.reference import competition as reference
from tests.reference import independent
from tests.reference import slack as slack_reference

RATIONALITY = 8.0
BATCH = 64  # draws a core takes at once: what they touch stays in its cache


def cells(quick: bool) -> Iterator[Cell]:
    """Beliefs against NumPy looped and vectorised; best responses and worst equilibria against HiGHS."""
    for leaders, size in ((2, 3), (4, 3), (2, 8)):
        yield from _beliefs(leaders, size, 1_000 if quick else 100_000, 20 if quick else 1_000)
    yield _replies(64 if quick else 4_096, 2 if quick else 64)
    for leaders, states, actions, count in ((4, 3, 3, 4_096), (4, 4, 4, 1_024)):
        yield _worst(leaders, states, actions, 64 if quick else count, 1 if quick else 16)
    yield _worst_logit(64 if quick else 4_096, 1 if quick else 64)
    yield _slack(64 if quick else 4_096, 1 if quick else 16)
    yield _slack_logit(64 if quick else 4_096, 1 if quick else 16)


def _games(seed: int, count: int, leaders: int, states: int, actions: int) -> jg.Game:
    rng = np.random.default_rng(seed)
    fields = (
        rng.dirichlet(np.ones(states), count)[:, None],
        rng.random((count, 1, states, actions)),
        rng.random((count, leaders, 1, states, actions)),
    )
    return jax.vmap(jg.Game)(*(jnp.asarray(x) for x in fields))


def _schemes(seed: int, count: int, leaders: int, states: int, messages: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).dirichlet(np.ones(messages), (count, leaders, states)))


# Beliefs and quantal response


def _beliefs(leaders: int, size: int, count: int, their_count: int) -> Iterator[Cell]:
    """`size` states, messages of each leader, and actions."""
    games, schemes = _games(1, count, 1, size, size), _schemes(2, count, leaders, size, size)

    def value(game: jg.Game, schemes: jax.Array) -> jax.Array:
        heard = tuple(schemes[i] for i in range(leaders))
        return (competition.outcome_of(game, heard, rationality=RATIONALITY) * game.follower).sum()

    # outcome_of checks one scheme for each leader; utilities of leaders do not matter here.
    alike = jax.vmap(lambda game: jg.Game(game.prior, game.follower, jnp.repeat(game.leaders, leaders, 0)))
    games = alike(games)
    program = spread(value, jax.devices(), batch=BATCH)
    arrays = tuple(np.asarray(x) for x in (games.prior[:, 0], games.follower[:, 0], schemes))
    for peer, theirs, number in (
        ("numpy, a loop", _looped, their_count),
        ("numpy, vectorised", _vectorised, count),
    ):
        yield Cell(
            name="beliefs + logit",
            size=f"K={leaders} M=S=A={size}",
            ours=functools.partial(_answer, program, games, schemes),
            count=count,
            peer=peer,
            theirs=functools.partial(theirs, *(x[:number] for x in arrays)),
            their_count=number,
            remark=functools.partial(_bandwidth, program, games, schemes, sum(x.nbytes for x in arrays)),
        )


def _answer(program: Any, *arguments: Any) -> np.ndarray:
    return np.asarray(program(*arguments))


def _looped(prior: np.ndarray, follower: np.ndarray, schemes: np.ndarray) -> np.ndarray:
    values = []
    for p, u, heard in zip(prior, follower, schemes, strict=True):
        total = 0.0
        for messages in itertools.product(range(heard.shape[2]), repeat=len(heard)):
            joint = p * np.prod([scheme[:, m] for scheme, m in zip(heard, messages, strict=True)], axis=0)
            worth = joint @ u / joint.sum()
            odds = np.exp(RATIONALITY * (worth - worth.max()))
            total += joint.sum() * (odds @ worth) / odds.sum()
        values.append(total)
    return np.array(values)


def _vectorised(prior: np.ndarray, follower: np.ndarray, schemes: np.ndarray) -> np.ndarray:
    joint = prior[:, :, None]
    for i in range(schemes.shape[1]):
        joint = (joint[..., None] * schemes[:, i, :, None, :]).reshape(*joint.shape[:2], -1)
    mass = joint.sum(1)
    worth = np.einsum("bsm,bsa->bma", joint, follower, optimize=True) / mass[..., None]
    odds = np.exp(RATIONALITY * (worth - worth.max(2, keepdims=True)))
    return ((odds * worth).sum(2) / odds.sum(2) * mass).sum(1)


def _bandwidth(program: Any, games: jg.Game, schemes: jax.Array, read: int) -> str:
    moved = read + 8 * len(schemes)
    ours = moved / median_seconds(lambda: jax.block_until_ready(program(games, schemes)))
    source = np.zeros(32_000_000)
    target = np.ones_like(source)
    copy = 2 * source.nbytes / median_seconds(lambda: np.copyto(target, source))
    size = moved / len(schemes)
    return f"{size:.0f} bytes a draw at {ours / 1e9:.2f} GB/s, {ours / copy:.1%} of a copy's"


# Best responses, dynamics


def _replies(count: int, their_count: int) -> Cell:
    games, schemes = _games(3, count, 3, 2, 3), _schemes(4, count, 3, 2, 2)

    def reply(game: jg.Game, schemes: jax.Array) -> jax.Array:
        return competition.best_response(game, tuple(schemes), 0).value.lower

    program = spread(reply, jax.devices(), batch=None)

    def theirs() -> np.ndarray:
        return np.array(
            [
                independent.best_by_program(
                    np.asarray(games.prior[i]),
                    np.asarray(games.follower[i]),
                    np.asarray(games.leaders[i, 0]),
                    np.asarray(schemes[i, 1:]),
                )
                for i in range(their_count)
            ]
        )

    return Cell(
        name="best response",
        size="K=3 S=M=2 A=3",
        ours=functools.partial(_answer, program, games, schemes),
        count=count,
        peer="scipy (HiGHS)",
        theirs=theirs,
        their_count=their_count,
        remark=functools.partial(_dynamics, games, schemes),
    )


def _dynamics(games: jg.Game, schemes: jax.Array, steps: int = 30) -> str:
    def run(game: jg.Game, schemes: jax.Array) -> jax.Array:
        return competition.best_response_dynamics(game, schemes, steps=steps).follower

    program = spread(run, jax.devices(), batch=None)
    jax.block_until_ready(program(games, schemes))
    seconds = median_seconds(lambda: jax.block_until_ready(program(games, schemes)))
    return f"dynamics: {len(schemes) * steps / seconds:,.0f} steps/s"


# The worst equilibrium


def _worst(leaders: int, states: int, actions: int, count: int, their_count: int) -> Cell:
    games = _games(5, count, leaders, states, actions)
    program = spread(lambda game: competition.worst_equilibrium(game).value.lower, jax.devices(), batch=BATCH)

    def theirs() -> np.ndarray:
        found = [
            reference.worst(*(np.asarray(x[i]) for x in (games.prior, games.follower, games.leaders)))[0]
            for i in range(their_count)
        ]
        return np.array(found)

    return Cell(
        name="worst equil.",
        size=f"K={leaders} S={states} A={actions}",
        ours=functools.partial(_answer, program, games),
        count=count,
        peer="scipy (HiGHS)",
        theirs=theirs,
        their_count=their_count,
    )


LOGIT_WIDTH = 1e-4
LOGIT_GRID = 10_000  # steps


def _worst_logit(count: int, their_count: int) -> Cell:
    """An equilibrium within LOGIT_WIDTH of the worst, against the same program on a grid without proofs."""
    games = _games(6, count, 2, 2, 3)

    def attained(game: jg.Game) -> jax.Array:
        found = competition.worst_equilibrium(game, rationality=RATIONALITY, tolerance=LOGIT_WIDTH, rounds=6)
        return found.value.upper

    program = spread(attained, jax.devices())

    def theirs() -> np.ndarray:
        found = []
        for i in range(their_count):
            prior, follower, leaders = (
                np.asarray(x[i]) for x in (games.prior, games.follower, games.leaders)
            )
            found.append(
                reference.logit_worst(prior, follower, leaders, RATIONALITY, 1e-13, steps=LOGIT_GRID)
            )
        return np.array(found)

    return Cell(
        name="worst logit",
        size="K=2 S=2 A=3",
        ours=functools.partial(_answer, program, games),
        count=count,
        peer="numpy, a fine grid",
        theirs=theirs,
        their_count=their_count,
        remark=lambda: (
            f"brackets of {LOGIT_WIDTH:g} of what is at stake; the peer's value is off by its grid"
        ),
    )


# With slack

SLACK = 0.01  # of leaders' ranges


def _one_part(game: jg.Game) -> jax.Array:
    """SLACK in each leader's units."""
    return SLACK * (game.leaders.max(3) - game.leaders.min(3)).max((1, 2))


def _slack(count: int, their_count: int) -> Cell:
    """Best responses: the worst equilibrium that forgives SLACK."""
    games = _games(5, count, 4, 3, 3)

    def worst(game: jg.Game) -> jax.Array:
        return competition.worst_equilibrium(game, slack=_one_part(game)).value.lower

    program = spread(worst, jax.devices(), batch=BATCH)
    slack = np.asarray(jax.vmap(_one_part)(games))

    def theirs() -> np.ndarray:
        prior, follower, leaders = (np.asarray(x) for x in (games.prior, games.follower, games.leaders))
        given = zip(prior[:their_count], follower, leaders, slack, strict=False)
        return np.array([slack_reference.on_vertices(*one) for one in given])

    return Cell(
        name="worst slack",
        size="K=4 S=3 A=3",
        ours=functools.partial(_answer, program, games),
        count=count,
        peer="scipy (HiGHS)",
        theirs=theirs,
        their_count=their_count,
        remark=functools.partial(_without, games, {}, batch=BATCH),
    )


def _slack_logit(count: int, their_count: int) -> Cell:
    """The same for a logit follower, within LOGIT_WIDTH, against HiGHS on a grid without proofs."""
    games = _games(6, count, 2, 2, 3)
    how: dict[str, Any] = {"rationality": RATIONALITY, "tolerance": LOGIT_WIDTH, "rounds": 6}

    def attained(game: jg.Game) -> jax.Array:
        return competition.worst_equilibrium(game, slack=_one_part(game), **how).value.upper

    program = spread(attained, jax.devices())
    slack = np.asarray(jax.vmap(_one_part)(games))

    def theirs() -> np.ndarray:
        prior, follower, leaders = (np.asarray(x) for x in (games.prior, games.follower, games.leaders))
        given = zip(prior[:their_count], follower, leaders, slack, strict=False)
        found = [
            slack_reference.logit_on_lattice(p, u, U, RATIONALITY, eta, steps=2_000) for p, u, U, eta in given
        ]
        return np.array(found)

    return Cell(
        name="worst slack logit",
        size="K=2 S=2 A=3",
        ours=functools.partial(_answer, program, games),
        count=count,
        peer="scipy (HiGHS), a grid",
        theirs=theirs,
        their_count=their_count,
        remark=functools.partial(_without, games, how),
    )


def _without(games: jg.Game, how: dict[str, Any], batch: int = CPU_BATCH) -> str:
    """The rate without slack."""

    def worst(game: jg.Game) -> jax.Array:
        return competition.worst_equilibrium(game, **how).value.lower

    program = spread(worst, jax.devices(), batch=batch)
    jax.block_until_ready(program(games))
    seconds = median_seconds(lambda: jax.block_until_ready(program(games)))
    return f"slack of {SLACK:g} of leaders' ranges; without {len(games.prior) / seconds:,.0f} games/s"

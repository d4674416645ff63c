"""Hull distance: the sup norm against a compiled simplex loop and HiGHS, least squares against nnls.

The compiled loop solves the dual program, which has K + 2 rows, on all cores.
"""

from collections.abc import Callable, Iterator

import jax
import numpy as np
from scipy.optimize import nnls

import jaxgame as jg
from benchmarks.peers import Programs, by_highs, by_numba
from benchmarks.timing import Cell
from jaxgame.runs.batch import spread
from jaxgame.sampling import Noise, Shape
from tests.reference import hull as reference

LEADERS = (4, 16, 64)
ENTRIES = (9, 16, 64, 256)
OURS, THEIRS = 2_048, 32  # problems per timing, of the smallest sizes and of SciPy


def cells(quick: bool) -> Iterator[Cell]:
    """Sup norm, root mean square and average, simplex; u uniform, U_i = u + normal noise."""
    for leaders in LEADERS:
        for states in (3, 4):
            yield _mean(states, leaders, 32 if quick else OURS, 4 if quick else THEIRS)
    for leaders in LEADERS:
        for entries in ENTRIES:
            most = max(OURS // max(leaders * entries // 256, 1), 64)
            count = 32 if quick else most
            target, utilities = problems(count, leaders, entries)
            for norm, peer, their_count, theirs in (
                ("sup", "quantecon numba", count, _dual(by_numba, target, utilities)),
                ("sup", "highspy processes", THEIRS, _dual(by_highs, target[:THEIRS], utilities[:THEIRS])),
                ("square", "scipy nnls", THEIRS, _loop(square_distance, target[:THEIRS], utilities[:THEIRS])),
            ):
                yield Cell(
                    name=f"hull_{norm}",
                    size=f"K={leaders} D={entries}",
                    ours=_ours(norm, target, utilities),
                    count=count,
                    peer=peer,
                    theirs=theirs,
                    their_count=their_count,
                )


def _mean(states: int, leaders: int, count: int, their_count: int) -> Cell:
    """Average alignment of games with as many actions as states, against HiGHS."""
    shape = Shape(leaders, 1, states, states)
    keys = jax.random.split(jax.random.key(0), count)
    games = jax.jit(jax.vmap(lambda key: Noise().sample(key, shape, 1.0)))(keys)
    program = spread(
        lambda game: jg.game_hull_distance(game, norm="mean").distance, jax.devices(), batch=None
    )

    def theirs() -> np.ndarray:
        parts = (np.asarray(x)[:their_count] for x in (games.prior, games.follower, games.leaders))
        return np.array(
            [reference.mean_range(p, u, leader, "simplex") for p, u, leader in zip(*parts, strict=True)]
        )

    return Cell(
        name="hull_mean",
        size=f"K={leaders} S=A={states}",
        ours=lambda: np.asarray(program(games).upper),
        count=count,
        peer="scipy (HiGHS)",
        theirs=theirs,
        their_count=their_count,
    )


def problems(count: int, leaders: int, entries: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets [B, D] and utilities [B, K, D] of the family `noise` at diversity 1."""
    random = np.random.default_rng(0)
    target = random.random((count, entries))
    return target, target[:, None, :] + 0.5 * random.normal(size=(count, leaders, entries))


def dual_programs(target: np.ndarray, utilities: np.ndarray) -> Programs:
    """Signed measures m = p - q with |m| = 1 and m(1) = 0 that put every leader beyond the target by s."""
    count, leaders, entries = utilities.shape
    beyond = utilities - target[:, None]
    rows = np.concatenate([-beyond, beyond, np.ones((count, leaders, 1))], axis=2)
    equal = np.zeros((count, 2, 2 * entries + 1))
    equal[:, 0, :entries], equal[:, 0, entries:-1], equal[:, 1, :-1] = 1.0, -1.0, 1.0
    cost = np.zeros((count, 2 * entries + 1))
    cost[:, -1] = -1.0
    return Programs(cost, rows, np.zeros((count, leaders)), equal, np.tile([0.0, 1.0], (count, 1)))


def square_distance(target: np.ndarray, utilities: np.ndarray) -> float:
    """The nearest point of the hull by Lawson and Hanson, the sum of weights as one more row."""
    differences = (utilities - target).T
    differences = differences - differences.mean(axis=0)
    system = np.vstack([differences, np.ones(differences.shape[1])])
    weights, _ = nnls(system, np.r_[np.zeros(target.size), 1.0])
    return float(np.sqrt(np.mean((differences @ (weights / weights.sum())) ** 2)))


def _ours(norm: str, target: np.ndarray, utilities: np.ndarray) -> Callable[[], np.ndarray]:
    program = spread(lambda u, U: jg.hull_distance(u, U, norm).distance, jax.devices(), batch=None)
    return lambda: np.asarray(program(target, utilities).upper)


def _loop(
    solve: Callable[[np.ndarray, np.ndarray], float], target: np.ndarray, utilities: np.ndarray
) -> Callable[[], np.ndarray]:
    return lambda: np.array([solve(u, leaders) for u, leaders in zip(target, utilities, strict=True)])


def _dual(
    solve: Callable[[Programs], np.ndarray], target: np.ndarray, utilities: np.ndarray
) -> Callable[[], np.ndarray]:
    programs = dual_programs(target, utilities)
    return lambda: -solve(programs)

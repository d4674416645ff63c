"""Hull distance against one SciPy call per problem, as one would write without this library."""

from collections.abc import Callable, Iterator

import jax
import numpy as np
from scipy.optimize import linprog, nnls

import jaxgame as jg
from benchmarks.timing import Cell
from jaxgame.runs.batch import spread

LEADERS = (4, 16, 64)
ENTRIES = (16, 64, 256)
OURS, THEIRS = 512, 32  # problems per timing


def cells(quick: bool) -> Iterator[Cell]:
    """Sup norm and root mean square, simplex, constant offset; u uniform, U_i = u + normal noise."""
    count, their_count = (64, 4) if quick else (OURS, THEIRS)
    sides = {"sup": ("scipy linprog (HiGHS)", sup_distance), "square": ("scipy nnls", square_distance)}
    for norm, (peer, solve) in sides.items():
        for leaders in LEADERS:
            for entries in ENTRIES:
                target, utilities = problems(count, leaders, entries)
                yield Cell(
                    name=f"hull_{norm}",
                    size=f"K={leaders} D={entries}",
                    ours=_ours(norm, target, utilities),
                    count=count,
                    peer=peer,
                    theirs=_loop(solve, target[:their_count], utilities[:their_count]),
                    their_count=their_count,
                )


def problems(count: int, leaders: int, entries: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets [B, D] and utilities [B, K, D] of the family `noise` at diversity 1."""
    random = np.random.default_rng(0)
    target = random.random((count, entries))
    return target, target[:, None, :] + 0.5 * random.normal(size=(count, leaders, entries))


def sup_distance(target: np.ndarray, utilities: np.ndarray) -> float:
    """min t subject to |target - w' utilities - c| <= t, w on the simplex."""
    leaders, entries = utilities.shape
    one = np.ones((entries, 1))
    design = np.hstack([utilities.T, one])
    result = linprog(
        np.r_[np.zeros(leaders + 1), 1.0],
        A_ub=np.block([[design, -one], [-design, -one]]),
        b_ub=np.r_[target, -target],
        A_eq=np.r_[np.ones(leaders), 0.0, 0.0][None, :],
        b_eq=[1.0],
        bounds=[(0, None)] * leaders + [(None, None)] * 2,
    )
    return float(result.fun)


def square_distance(target: np.ndarray, utilities: np.ndarray) -> float:
    """The nearest point of the hull by Lawson and Hanson, the sum of weights as one more row."""
    differences = (utilities - target).T
    differences = differences - differences.mean(axis=0)
    system = np.vstack([differences, np.ones(differences.shape[1])])
    weights, _ = nnls(system, np.r_[np.zeros(target.size), 1.0])
    return float(np.sqrt(np.mean((differences @ (weights / weights.sum())) ** 2)))


def _ours(norm: str, target: np.ndarray, utilities: np.ndarray) -> Callable[[], np.ndarray]:
    program = spread(lambda u, U: jg.hull_distance(u, U, norm).distance, jax.devices())
    return lambda: np.asarray(program(target, utilities).upper)


def _loop(
    solve: Callable[[np.ndarray, np.ndarray], float], target: np.ndarray, utilities: np.ndarray
) -> Callable[[], np.ndarray]:
    return lambda: np.array([solve(u, leaders) for u, leaders in zip(target, utilities, strict=True)])

"""Small general linear programs: `linprog` against compiled loops, on the same programs.

Dense random ones with an optimum, of rows x columns; degenerate ones, whose right-hand sides leave no gap;
and a mix of which a tenth is infeasible. Ours and the peers use all cores; HiGHS has a process per core.
The remark gives the pivots of ours, what they touch (a pivot reads and writes the tableau: 16 bytes and
2 operations an entry) and how near that comes to what a copy of an array of the lanes' size moves.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from benchmarks.batch_peers import by_linrax, by_moreau, by_qpax
from benchmarks.peers import Programs, by_highs, by_numba
from benchmarks.timing import Cell, median_seconds
from jaxgame.lp import STATUS, linprog
from jaxgame.runs.batch import spread

SIZES = {(5, 10): 16_384, (10, 20): 4_096, (20, 40): 1_024, (40, 80): 256}
KINDS = ("random", "degenerate", "infeasible")
# The first sees all kinds, the others the random one; each gets a share of the programs, as its speed allows.
PEERS = (
    ("quantecon numba", by_numba, 1.0),
    ("highspy processes", by_highs, 1 / 4),
    ("moreau", by_moreau, 1 / 4),
    ("qpax vmap", by_qpax, 1 / 16),
    ("linrax vmap", by_linrax, 1 / 16),
)

Solver = Callable[..., Any]


def cells(quick: bool) -> Iterator[Cell]:
    """Every size and kind against numba, the random ones against all peers."""
    for (rows, columns), count in SIZES.items():
        count = 32 if quick else count
        for kind in KINDS:
            programs = draw(kind, count, rows, columns)
            program = spread(_solved, jax.devices(), batch=None)
            for peer, solve, share in PEERS[: None if kind == "random" else 1]:
                theirs = max(int(count * share), 8)
                yield Cell(
                    name=f"linprog {kind}",
                    size=f"{rows}x{columns}",
                    ours=functools.partial(_values, program, programs),
                    count=count,
                    peer=peer,
                    theirs=functools.partial(_known, solve, programs.first(theirs)),
                    their_count=theirs,
                    remark=functools.partial(_remark, program, programs),
                )


def draw(kind: str, count: int, rows: int, columns: int) -> Programs:
    """Programs with a known feasible point and feasible duals, but for the infeasible tenth."""
    rng = np.random.default_rng(rows)
    matrix = rng.normal(size=(count, rows, columns))
    at = rng.random((count, columns)) * (rng.random((count, columns)) < 0.5)
    dual = rng.random((count, rows)) * (rng.random((count, rows)) < 0.5)
    gap = rng.random((count, rows)) * (rng.random((count, rows)) < 0.5)
    right = np.einsum("bij,bj->bi", matrix, at) + (gap if kind != "degenerate" else 0.0)
    if kind == "infeasible":  # two rows that contradict each other
        matrix[::10, 1], right[::10, 1] = -matrix[::10, 0], -right[::10, 0] - 1.0
    cost = rng.random((count, columns)) * (rng.random((count, columns)) < 0.5)
    cost -= np.einsum("bij,bi->bj", matrix, dual)
    return Programs(cost, matrix, right, np.zeros((count, 0, columns)), np.zeros((count, 0)))


def _solved(c: jax.Array, A_ub: jax.Array, b_ub: jax.Array, A_eq: jax.Array, b_eq: jax.Array) -> tuple:
    found = linprog(c, A_ub, b_ub, A_eq, b_eq)
    return found.value.upper, found.status, found.pivots


def _values(program: Solver, programs: Programs) -> np.ndarray:
    value, status, _ = program(*programs)
    return np.where(np.asarray(status) == STATUS.index("infeasible"), 0.0, np.asarray(value))


def _known(solve: Callable[[Programs], np.ndarray], programs: Programs) -> np.ndarray:
    """What has no value counts as 0, as ours: whether it has one is compared too."""
    return np.nan_to_num(solve(programs))


def _remark(program: Solver, programs: Programs) -> str:
    _, status, pivots = (np.asarray(x) for x in program(*programs))
    count, rows, columns = programs.A_ub.shape
    seconds = median_seconds(lambda: jax.block_until_ready(program(*programs)))
    moved = 16 * rows * columns * pivots.sum() / seconds
    source = np.zeros(16_000)
    target = np.ones_like(source)
    copies = 1_000

    def copy() -> None:
        for _ in range(copies):
            np.copyto(target, source)

    fastest = len(jax.devices()) * 2 * source.nbytes * copies / median_seconds(copy)
    unfinished = int((status == STATUS.index("limit")).sum())
    return (
        f"{pivots.mean():.1f} pivots, {moved / 1e9:.1f} GB/s, {moved / fastest:.0%} of a copy's in cache; "
        f"{unfinished} of {count} at the limit"
    )

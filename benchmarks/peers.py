"""Compiled peers for linear programs: QuantEcon's simplex under numba, HiGHS as a process per core."""

import functools
import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import highspy
import numba
import numpy as np
from quantecon.optimize.linprog_simplex import linprog_simplex

from jaxgame.runs.chunking import host_cores


class Programs(NamedTuple):
    """B programs: minimise c.x over x >= 0 with A_ub x <= b_ub and A_eq x = b_eq."""

    c: np.ndarray  # [B, N]
    A_ub: np.ndarray  # [B, M_ub, N]
    b_ub: np.ndarray  # [B, M_ub]
    A_eq: np.ndarray  # [B, M_eq, N]
    b_eq: np.ndarray  # [B, M_eq]

    def first(self, count: int) -> "Programs":
        """The first `count` of them."""
        return Programs(*(x[:count] for x in self))


def by_numba(programs: Programs) -> np.ndarray:
    """Values [B], NaN where there is none."""
    return _numba_loop(*(np.ascontiguousarray(x) for x in programs))


@numba.njit(parallel=True)
def _numba_loop(
    c: np.ndarray, A_ub: np.ndarray, b_ub: np.ndarray, A_eq: np.ndarray, b_eq: np.ndarray
) -> np.ndarray:
    values = np.empty(len(c))
    for i in numba.prange(len(c)):
        found = linprog_simplex(-c[i], A_ub[i], b_ub[i], A_eq[i], b_eq[i])
        values[i] = -found.fun if found.status == 0 else np.nan
    return values


def by_highs(programs: Programs) -> np.ndarray:
    """The same by HiGHS driven directly, the programs shared among one process per core."""
    parts = np.array_split(np.arange(len(programs.c)), host_cores())
    jobs = [Programs(*(x[part] for x in programs)) for part in parts]
    return np.concatenate(list(processes().map(_highs_loop, jobs)))


@functools.cache
def processes() -> ProcessPoolExecutor:
    """One per core."""
    return ProcessPoolExecutor(host_cores(), multiprocessing.get_context("spawn"))


def _highs_loop(programs: Programs) -> np.ndarray:
    return highs_values(zip(*programs, strict=True))


def highs_values(programs: Iterable[tuple[np.ndarray, ...]]) -> np.ndarray:
    """Values of programs (c, A_ub, b_ub, A_eq, b_eq) by HiGHS driven directly, one thread; NaN for none."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    values = []
    for c, A_ub, b_ub, A_eq, b_eq in programs:
        matrix = np.concatenate([A_ub, A_eq])
        program = highspy.HighsLp()
        program.num_row_, program.num_col_ = matrix.shape
        program.col_cost_ = c
        program.col_lower_ = np.zeros(len(c))
        program.col_upper_ = np.full(len(c), np.inf)
        program.row_lower_ = np.concatenate([np.full(len(b_ub), -np.inf), b_eq])
        program.row_upper_ = np.concatenate([b_ub, b_eq])
        kept = matrix != 0
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
        program.a_matrix_.index_ = np.nonzero(kept)[1]
        program.a_matrix_.value_ = matrix[kept]
        solver.passModel(program)
        solver.run()
        optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        values.append(solver.getInfo().objective_function_value if optimal else np.nan)
    return np.array(values)

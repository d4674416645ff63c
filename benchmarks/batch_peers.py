"""Peers that solve many linear programs in one call: under JAX (linrax, qpax, mpax), or compiled (moreau).

JAX peers are spread over the same devices as ours. What they leave unsolved is NaN, or, where a solver's own
word about that is not to be relied on, whatever it returned.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import linrax
import moreau
import mpax
import numpy as np
import qpax
from mpax.utils import TerminationStatus

from benchmarks.peers import Programs
from jaxgame.runs.batch import spread

TOLERANCE = 1e-8  # asked of the peers that take one


def by_linrax(programs: Programs) -> np.ndarray:
    """Values [B] by its simplex, which has no cap on pivots."""

    def solve(c: Any, A_ub: Any, b_ub: Any, A_eq: Any, b_eq: Any) -> Any:
        step, kind = linrax.linprog(c, A_ub, b_ub, A_eq, b_eq)
        return jnp.where(kind.success, step.fun, jnp.nan).reshape(())

    return _spread("linrax", solve, programs)


def by_qpax(programs: Programs) -> np.ndarray:
    """Values [B] by its interior points, of quadratic programs whose quadratic term is 0."""

    def solve(c: Any, A_ub: Any, b_ub: Any, A_eq: Any, b_eq: Any) -> Any:
        columns = c.shape[0]
        bound = jnp.concatenate([A_ub, -jnp.eye(columns)])
        limits = jnp.concatenate([b_ub, jnp.zeros(columns)])
        flat = jnp.zeros((columns, columns))
        found = qpax.solve_qp(flat, c, A_eq, b_eq, bound, limits, solver_tol=TOLERANCE)
        return c @ found[0]  # it often denies convergence of a right answer

    return _spread("qpax", solve, programs)


def by_mpax(programs: Programs) -> np.ndarray:
    """Values [B] by a first-order method."""
    solver = mpax.r2HPDHG(eps_abs=TOLERANCE, eps_rel=TOLERANCE, iteration_limit=20_000)

    def solve(c: Any, A_ub: Any, b_ub: Any, A_eq: Any, b_eq: Any) -> Any:
        low, high = jnp.zeros(c.shape), jnp.full(c.shape, jnp.inf)
        program = mpax.create_lp(c, A_eq, b_eq, -A_ub, -b_ub, low, high, use_sparse_matrix=False)
        result = solver.optimize(program)
        solved = result.termination_status == TerminationStatus.OPTIMAL
        return jnp.where(solved, c @ result.primal_solution, jnp.nan)

    return _spread("mpax", solve, programs)


def by_moreau(programs: Programs) -> np.ndarray:
    """Values [B] by its interior points, compiled for one pattern of entries, on all cores."""
    count, columns = programs.c.shape
    equal, unequal = programs.b_eq.shape[1], programs.b_ub.shape[1]
    rows = equal + unequal + columns
    bound = np.broadcast_to(-np.eye(columns), (count, columns, columns))
    matrix = np.concatenate([programs.A_eq, programs.A_ub, bound], axis=1)
    right = np.concatenate([programs.b_eq, programs.b_ub, np.zeros((count, columns))], axis=1)
    solver = moreau.CompiledSolver(
        n=columns,
        m=rows,
        P_row_offsets=np.zeros(columns + 1, int),
        P_col_indices=np.zeros(0, int),
        A_row_offsets=np.arange(rows + 1) * columns,
        A_col_indices=np.tile(np.arange(columns), rows),
        cones=moreau.Cones(num_zero_cones=equal, num_nonneg_cones=unequal + columns),
        settings=moreau.Settings(device="cpu", batch_size=count),
    )
    solver.setup(np.zeros((count, 0)), matrix.reshape(count, -1))
    found = solver.solve(programs.c, right)
    solved = np.array([status == moreau.SolverStatus.Solved for status in solver.info.status])
    return np.where(solved, (found.x * programs.c).sum(axis=1), np.nan)


_compiled: dict[tuple[str, tuple[tuple[int, ...], ...]], Any] = {}


def _spread(name: str, solve: Callable[..., Any], programs: Programs) -> np.ndarray:
    key = name, tuple(x.shape for x in programs)
    if key not in _compiled:
        _compiled[key] = spread(solve, jax.devices(), batch=None)
    return np.asarray(_compiled[key](*programs))

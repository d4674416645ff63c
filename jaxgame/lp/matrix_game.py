"""Small zero-sum games in mixed strategies, by the simplex method.

    min over y on the simplex of columns   max over rows r   sum_c payoff[r, c] y[c]

With positive payoffs B the column player's program is `max sum q, B q <= 1, q >= 0`, for which q = 0 is
a start; strategies are its solution and its multipliers, divided by their sums. Right-hand sides are
perturbed by generic amounts of the order of rounding, so that ties between rows do not make it cycle.

A pivot costs R C operations. Nothing is promised of the answers: callers bound the value by both strategies.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgame.core.arithmetic import divided

COST_TOLERANCE = 1e-14  # payoffs are scaled to [1, 2]
PIVOT_TOLERANCE = 1e-11
PERTURBATION = 1e-14


class Strategies(NamedTuple):
    """Mixed strategies of both players."""

    rows: Float[Array, " R"]
    columns: Float[Array, " C"]


class _Tableau(NamedTuple):
    entries: Float[Array, "R_plus_1 C_plus_1"]  # last row: reduced costs; last column: values
    in_rows: Int[Array, " R"]  # variables: columns of the game, then slacks of its rows
    in_columns: Int[Array, " C"]
    done: Bool[Array, ""]
    pivots: Int[Array, ""]


def solve_matrix_game(payoff: Float[Array, "R C"]) -> Strategies:
    """Optimal mixed strategies; the row player maximises, the column player minimises."""
    rows, columns = payoff.shape
    spread = payoff.max() - payoff.min()
    positive = (payoff - payoff.min()) / jnp.where(spread > 0, spread, 1.0) + 1.0
    generic = np.random.default_rng(0).uniform(1.0, 2.0, rows) * PERTURBATION
    right = jnp.ones((rows, 1), payoff.dtype) + jnp.asarray(generic, payoff.dtype)[:, None]
    costs = jnp.concatenate([-jnp.ones((1, columns), payoff.dtype), jnp.zeros((1, 1), payoff.dtype)], 1)
    start = _Tableau(
        jnp.concatenate([jnp.concatenate([positive, right], 1), costs]),
        columns + jnp.arange(rows, dtype=jnp.int32),
        jnp.arange(columns, dtype=jnp.int32),
        jnp.asarray(False),
        jnp.int32(0),
    )

    def pivot(tableau: _Tableau) -> _Tableau:
        entries = tableau.entries
        c = entries[-1, :-1].argmin()
        column = entries[:, c]
        rising = column[:-1] > PIVOT_TOLERANCE
        ratio = divided(entries[:-1, -1], column[:-1], rising, jnp.inf)
        r = ratio.argmin()
        finished = (column[-1] >= -COST_TOLERANCE) | ~rising.any()
        value = jnp.where(finished, 1.0, column[r])
        # The exchange of one row's variable for one column's.
        row = entries[r] / value
        exchanged = entries - column[:, None] * row[None]
        exchanged = exchanged.at[r].set(row).at[:, c].set(-column / value).at[r, c].set(1.0 / value)
        return _Tableau(
            jnp.where(finished, entries, exchanged),
            jnp.where(finished, tableau.in_rows, tableau.in_rows.at[r].set(tableau.in_columns[c])),
            jnp.where(finished, tableau.in_columns, tableau.in_columns.at[c].set(tableau.in_rows[r])),
            finished,
            tableau.pivots + 1,
        )

    most = 8 * (rows + columns)
    final = jax.lax.while_loop(lambda tableau: ~tableau.done & (tableau.pivots < most), pivot, start)
    primal = jnp.zeros(columns + rows, payoff.dtype).at[final.in_rows].set(final.entries[:-1, -1])[:columns]
    dual = jnp.zeros(columns + rows, payoff.dtype).at[final.in_columns].set(final.entries[-1, :-1])[columns:]
    return Strategies(rows=law(dual), columns=law(primal))


def law(weights: Float[Array, " N"]) -> Float[Array, " N"]:
    """Weights made a mixed strategy: what is negative or no number counts as 0."""
    weights = jnp.where(jnp.isfinite(weights), jnp.maximum(weights, 0.0), 0.0)
    total = weights.sum()
    return divided(weights, total, total > 0, 1.0 / len(weights))

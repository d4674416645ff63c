import jax
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxgame.lp.matrix_game import solve_matrix_game


def value(payoff: np.ndarray) -> float:
    rows, columns = payoff.shape
    result = linprog(
        np.append(np.zeros(columns), 1.0),
        np.hstack([payoff, -np.ones((rows, 1))]),
        np.zeros(rows),
        np.append(np.ones(columns), 0.0)[None],
        [1.0],
        bounds=[(0, None)] * columns + [(None, None)],
    )
    return result.fun


@pytest.mark.parametrize(("rows", "columns"), [(6, 20), (1, 5), (5, 1)])
def test_both_strategies_attain_the_value_of_highs(rows, columns):
    """Random games, ties, columns that nearly agree, and constants."""
    payoff = np.random.default_rng(0).normal(size=(80, rows, columns))
    payoff[20:40] = np.round(payoff[20:40])
    payoff[40:60, :, 1:] = payoff[40:60, :, :1] + 1e-7 * payoff[40:60, :, 1:]
    payoff[60:70] = 0.3
    payoff[70:] *= 1e6
    found = jax.jit(jax.vmap(solve_matrix_game))(payoff)
    for game, row, column in zip(payoff, np.asarray(found.rows), np.asarray(found.columns), strict=True):
        size = 1 + np.abs(game).max()
        assert row.min() >= 0 and column.min() >= 0
        assert row.sum() == pytest.approx(1, abs=1e-14) and column.sum() == pytest.approx(1, abs=1e-14)
        upper, lower = (game @ column).max(), (row @ game).min()
        assert upper - lower <= 1e-12 * size
        assert upper == pytest.approx(value(game), abs=1e-7 * size)

"""Division where a divisor may be 0, sums behind a barrier, and descent along a slope."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgame.core.arithmetic import divided, summed
from jaxgame.core.descent import descended


def test_division_by_nothing_is_what_is_asked_for_and_so_are_its_derivatives():
    x, y = jnp.array([1.0, 1.0, -3.0]), jnp.array([0.0, 2.0, 4.0])
    np.testing.assert_array_equal(divided(x, y, y > 0), [0.0, 0.5, -0.75])
    np.testing.assert_array_equal(divided(x, y, y > 0, jnp.inf), [np.inf, 0.5, -0.75])
    slopes = jax.grad(lambda x, y: divided(x, y, y > 0).sum(), (0, 1))(x, y)
    np.testing.assert_array_equal(slopes[0], [0.0, 0.5, 0.25])
    np.testing.assert_array_equal(slopes[1], [0.0, -0.25, 3 / 16])


@pytest.mark.parametrize("terms", [1, 2, 7, 36])
def test_a_sum_behind_a_barrier_leaves_no_term_out(terms):
    """Whole numbers: no order of summation rounds."""
    x = np.random.default_rng(terms).integers(-99, 99, (terms, 9, 64)).astype(float)
    np.testing.assert_array_equal(jax.jit(lambda x: summed(x))(x), x.sum(0))


def test_sums_of_slices_are_compiled_with_the_products():
    """The CPU compiler neither calls a library for them nor copies the slices first."""
    if jax.default_backend() != "cpu":
        pytest.skip("written for the CPU's compiler")
    x, y = jnp.ones((16, 256, 8)), jnp.ones((16, 8))
    program = jax.jit(lambda x, y: summed(x[:, :128] * y[:, None])).lower(x, y).compile().as_text()
    assert "ynn" not in program and "wrapped_slice" not in program


def test_descent_follows_a_slope_that_changes_on_the_way():
    """Towards 1 in the first half of the path and towards -1 in the second, in steps of at most the rate."""
    path = jnp.concatenate([jnp.ones(200), -jnp.ones(200)])
    start = {"x": jnp.zeros(2), "y": jnp.array(3.0)}
    half, whole = (
        descended(lambda v, aim: jax.tree.map(lambda x: 2 * (x - aim), v), start, part, 0.05)
        for part in (path[:200], path)
    )
    np.testing.assert_allclose([*half["x"], half["y"]], 1.0, atol=0.05)
    np.testing.assert_allclose([*whole["x"], whole["y"]], -1.0, atol=0.05)
    one = descended(lambda v, aim: 2 * (v - aim), jnp.array(0.0), path[:1], 0.05)
    assert abs(float(one) - 0.05) < 1e-6

"""Division where a divisor may be 0, and descent along a slope."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgame.core.arithmetic import divided
from jaxgame.core.descent import descended


def test_division_by_nothing_is_what_is_asked_for_and_so_are_its_derivatives():
    x, y = jnp.array([1.0, 1.0, -3.0]), jnp.array([0.0, 2.0, 4.0])
    np.testing.assert_array_equal(divided(x, y, y > 0), [0.0, 0.5, -0.75])
    np.testing.assert_array_equal(divided(x, y, y > 0, jnp.inf), [np.inf, 0.5, -0.75])
    slopes = jax.grad(lambda x, y: divided(x, y, y > 0).sum(), (0, 1))(x, y)
    np.testing.assert_array_equal(slopes[0], [0.0, 0.5, 0.25])
    np.testing.assert_array_equal(slopes[1], [0.0, -0.25, 3 / 16])


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

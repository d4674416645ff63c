"""Division where a divisor may be 0."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgame.core.arithmetic import divided


def test_division_by_nothing_is_what_is_asked_for_and_so_are_its_derivatives():
    x, y = jnp.array([1.0, 1.0, -3.0]), jnp.array([0.0, 2.0, 4.0])
    np.testing.assert_array_equal(divided(x, y, y > 0), [0.0, 0.5, -0.75])
    np.testing.assert_array_equal(divided(x, y, y > 0, jnp.inf), [np.inf, 0.5, -0.75])
    slopes = jax.grad(lambda x, y: divided(x, y, y > 0).sum(), (0, 1))(x, y)
    np.testing.assert_array_equal(slopes[0], [0.0, 0.5, 0.25])
    np.testing.assert_array_equal(slopes[1], [0.0, -0.25, 3 / 16])

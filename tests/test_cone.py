"""The lower bound on distances to cones: against attained distances, and the same for NumPy and JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import nnls

from jaxgame.core.cone import CONE_REACH, cone_bound


def drawn(seed, rows=12, columns=4):
    """Columns, a target, and the measure of its residual from the cone, in root mean squares."""
    random = np.random.default_rng(seed)
    cone, target = random.normal(size=(rows, columns)), random.normal(size=rows)
    residual = target - cone @ nnls(cone, target)[0]
    distance = np.sqrt(np.mean(residual**2))
    return cone, target, residual / (distance * rows), distance


def bound(measure, cone, target):
    size, sizes = np.sqrt(np.mean(target**2)), np.sqrt(np.mean(cone**2, axis=0))
    return cone_bound(measure @ target, measure @ cone, size=size, sizes=sizes)


@pytest.mark.parametrize("seed", range(5))
def test_the_measure_of_the_residual_proves_the_distance(seed):
    cone, target, measure, distance = drawn(seed)
    assert bound(measure, cone, target) == pytest.approx(distance, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_a_measure_that_is_slightly_off_proves_less(seed):
    """Leaning towards the nearest point it promises more than the distance, but for the charge."""
    cone, target, measure, distance = drawn(seed)
    nearest = cone @ nnls(cone, target)[0]
    measure = measure + 1e-7 * nearest / len(target)
    measure /= np.sqrt(len(measure)) * np.linalg.norm(measure)
    size, sizes = np.sqrt(np.mean(target**2)), np.sqrt(np.mean(cone**2, axis=0))
    excess = max((measure @ column) / length for column, length in zip(cone.T, sizes, strict=True))
    assert measure @ target > distance and excess > 0
    found = bound(measure, cone, target)
    assert 0 < found < distance
    assert found == pytest.approx(measure @ target - CONE_REACH * size * excess, rel=1e-12)


def test_no_bound_is_below_0_nor_charged_for_columns_of_score_0():
    scores = np.array([[0.0, -1.0], [1.0, -1.0], [0.0, 0.0]])
    found = cone_bound(np.array([0.5, 0.5, -0.5]), scores, size=1.0, sizes=np.array([1.0, 0.0]))
    np.testing.assert_array_equal(found, [0.5, 0.0, 0.0])


def test_a_score_that_is_no_number_is_no_bound():
    assert np.isnan(cone_bound(np.float64(0.5), np.array([np.nan, -1.0]), size=1.0, sizes=np.ones(2)))


def test_jax_gives_what_numpy_gives():
    random = np.random.default_rng(0)
    value, scores, sizes = random.normal(size=5), 1e-5 * random.normal(size=(5, 3)), random.random(3)
    expected = cone_bound(value, scores, size=2.0, sizes=sizes)
    found = jax.jit(lambda v, s, z: cone_bound(v, s, size=2.0, sizes=z[None, :]))(value, scores, sizes)
    assert isinstance(found, jax.Array) and found.dtype == jnp.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12)

"""The concave closure against HiGHS, with both bounds recomputed here."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgame.solve.closure import concave_closure
from tests.reference import competition as reference


def instances(seed: int, count: int, points: int, size: int):
    """Points, values, corners, targets [count, ...]: targets at points, on faces, repeated points, ties."""
    rng = np.random.default_rng(seed)
    places = rng.dirichlet(np.ones(size), (count, points))
    places[: count // 2, :, 0] *= rng.random((count // 2, points)) < 0.6
    places[: count // 4, points // 2 :] = places[: count // 4, : points - points // 2]
    places[:, :, -1] = 1 - places[:, :, :-1].sum(2)
    values, corners = rng.normal(size=(count, points)), rng.normal(size=(count, size))
    values[1::3] = np.round(values[1::3])
    values[2::7], corners[2::7] = 0.3, 0.3
    values[3::7, 1:4] = -np.inf
    targets = np.where(np.arange(count)[:, None] % 2 == 0, places[:, 0], rng.dirichlet(np.ones(size), count))
    scale = np.where(np.arange(count) % 5 == 0, 1e6, np.where(np.arange(count) % 5 == 1, 1e-6, 1.0))
    return places, values * scale[:, None], corners * scale[:, None], targets, scale


@pytest.mark.parametrize(("points", "size"), [(12, 2), (40, 4), (3, 1)])
def test_closures_agree_with_highs(points, size):
    places, values, corners, targets, scale = instances(size, 200, points, size)
    found = jax.jit(jax.vmap(concave_closure))(places, values, corners, targets)
    for i in range(200):
        unit = scale[i]
        kept = values[i] > -np.inf
        every = np.vstack([np.eye(size), places[i][kept]])
        value = unit * reference.concave_closure(
            every, np.concatenate([corners[i], values[i][kept]]) / unit, targets[i]
        )
        assert float(found.lower[i]) == pytest.approx(value, abs=1e-9 * unit)
        assert float(found.upper[i]) == pytest.approx(value, abs=1e-9 * unit)
        # The bounds, from their definitions.
        weights, rest = np.asarray(found.weights[i]), np.asarray(found.corner_weights[i])
        assert weights.min() >= 0 and rest.min() >= 0 and not weights[~kept].any()
        np.testing.assert_allclose(weights @ places[i] + rest, targets[i], atol=1e-14)
        attained = weights[kept] @ values[i][kept] + rest @ corners[i]
        assert attained == pytest.approx(float(found.lower[i]), abs=1e-12 * unit)
        line = np.asarray(found.multipliers[i])
        reachable = ((every <= 0) | (targets[i] > 0)).all(1)
        worth = np.concatenate([corners[i], values[i][kept]])
        assert (every @ line - worth)[reachable].min() >= -1e-12 * unit
        assert line @ targets[i] == pytest.approx(float(found.upper[i]), abs=1e-12 * unit)


def test_a_start_from_other_values_leads_to_the_same_closure():
    places, values, corners, targets, scale = instances(7, 64, 12, 3)
    values = np.where(values > -np.inf, values, -50.0)
    some = np.where(np.arange(12)[None] % 3 == 0, -np.inf, -values)
    first = jax.vmap(concave_closure)(places, some, -corners, targets)
    again = jax.vmap(concave_closure)(places, values, corners, targets, first.basis)
    fresh = jax.vmap(concave_closure)(places, values, corners, targets)
    unit = np.maximum(scale, 1.0)  # -50 is a value at every scale
    np.testing.assert_allclose(again.lower / unit, fresh.lower / unit, atol=1e-12)
    np.testing.assert_allclose(again.upper / unit, fresh.upper / unit, atol=1e-12)


def test_points_left_out_and_empty_targets_give_no_nan():
    points, corners = jnp.full((3, 2), 0.5), jnp.array([1.0, 2.0])
    out = jnp.full(3, -jnp.inf)
    found = concave_closure(points, out, corners, jnp.array([0.25, 0.75]))
    assert float(found.lower) == float(found.upper) == 1.75
    empty = concave_closure(points, out, corners, jnp.zeros(2))
    assert float(empty.lower) == float(empty.upper) == 0.0
    for tree in (found, empty):
        assert all(np.isfinite(np.asarray(x)).all() for x in jax.tree.leaves(tree))

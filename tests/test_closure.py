"""The concave closure against HiGHS, with both bounds recomputed here, in exact arithmetic too."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgame.competition.rich.concave_closure import certified, concave_closure
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
    assert 1.75 - 1e-13 <= float(found.lower) <= 1.75 <= float(found.upper) <= 1.75 + 1e-13
    empty = concave_closure(points, out, corners, jnp.zeros(2))
    assert float(empty.lower) == float(empty.upper) == 0.0
    for tree in (found, empty):
        assert all(np.isfinite(np.asarray(x)).all() for x in jax.tree.leaves(tree))


# The certificate, whatever is proposed


def exactly(array) -> list:
    return [exactly(x) for x in array] if np.ndim(array) else Fraction(float(array))


def product(x: list[Fraction], y: list[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0))


def check_exactly(points, values, corners, target, found) -> None:
    """Weights cut to what is feasible attain the lower end; a line above all values proves the upper one."""
    kept = np.asarray(values) > -np.inf
    points, values = exactly(points), exactly(np.where(kept, values, 0.0))
    corners, target, line = exactly(corners), exactly(target), exactly(found.multipliers)
    lower, upper = Fraction(float(found.lower)), Fraction(float(found.upper))
    weights = [w if k else Fraction(0) for w, k in zip(exactly(found.weights), kept, strict=True)]
    mean = [product(weights, column) for column in zip(*points, strict=True)]
    share = min([Fraction(1)] + [t / m for t, m in zip(target, mean, strict=True) if m > t])
    rest = [t - share * m for t, m in zip(target, mean, strict=True)]
    assert min(weights) >= 0 and min(rest) >= 0
    assert share * product(weights, values) + product(rest, corners) >= lower
    assert product(line, target) <= upper
    for s, (t, corner) in enumerate(zip(target, corners, strict=True)):
        assert t == 0 or line[s] >= corner
    for point, value, k in zip(points, values, kept, strict=True):
        if k and all(t > 0 or p <= 0 for p, t in zip(point, target, strict=True)):
            assert product(point, line) >= value


def proposals(rng, count: int, points: int, size: int, unit):
    """Weights and multipliers: random, far too large, infeasible, negative, no numbers."""
    weights, lines = rng.random((count, points)), rng.normal(size=(count, size)) * unit[:, None]
    kind = np.arange(count) % 6
    weights[kind == 1] *= 1e200
    lines[kind == 1] *= 1e200
    weights[kind == 2] -= 0.5
    weights[kind == 3] = np.nan
    lines[kind == 3, 0] = np.nan
    weights[kind == 4, 0], lines[kind == 4, -1] = np.inf, -np.inf
    weights[kind == 5], lines[kind == 5] = 0.0, 0.0
    return weights, lines


@pytest.mark.parametrize(("points", "size"), [(12, 2), (10, 4), (3, 1)])
def test_bounds_hold_in_exact_arithmetic_whatever_is_proposed(points, size):
    count = 60
    given = instances(size + 10, count, points, size)
    *given, scale = given
    solved = jax.jit(jax.vmap(concave_closure))(*given)
    weights, lines = proposals(np.random.default_rng(size), count, points, size, scale)
    proposed = jax.jit(jax.vmap(certified))(*given, weights, lines)
    for i in range(count):
        arguments = [x[i] for x in given]
        for found in (solved, proposed):
            check_exactly(*arguments, jax.tree.map(lambda x, i=i: x[i], found))
        # What is proposed may be bad, and then bounds are wide; they never contradict the solution.
        assert float(proposed.lower[i]) <= float(solved.upper[i])
        assert float(solved.lower[i]) <= float(proposed.upper[i])
        assert float(solved.upper[i] - solved.lower[i]) <= 1e-9 * scale[i]


def test_what_is_no_number_is_not_bounded():
    points, values = jnp.array([[0.5, 0.5], [0.25, 0.75]]), jnp.array([1.0, -jnp.inf])
    given = (points, values, jnp.array([0.0, 0.5]), jnp.array([0.4, 0.6]))
    solve = jax.jit(concave_closure)
    assert np.isfinite(float(solve(*given).upper))
    for i, bad in ((0, jnp.nan), (1, jnp.nan), (1, jnp.inf), (2, jnp.nan), (3, jnp.nan), (3, jnp.inf)):
        spoilt = [x.at[(0,) * x.ndim].set(bad) if i == j else x for j, x in enumerate(given)]
        found = solve(*spoilt)
        assert (float(found.lower), float(found.upper)) == (-np.inf, np.inf)

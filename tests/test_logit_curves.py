"""Curves of a logit follower, their hulls and gaps: derivatives, bounds between grid points, proposals."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import ConvexHull

from jaxgame import competition
from jaxgame.competition.rich import worst_quantal
from jaxgame.competition.rich.curve_hull import hull, top
from jaxgame.competition.rich.logit_curves import curves_on, problem_of, utilities
from jaxgame.competition.rich.logit_grid import closure_from_below, first_grid, gaps, ladders
from jaxgame.core.units import standard
from tests.games import DEFENDER, PROSECUTOR, judge, one
from tests.reference import competition as reference
from tests.test_competition_worst import arrays, games, tangent

RATIONALITY = (2.0, 20.0, 500.0)


@functools.cache
def problem():
    return jax.jit(jax.vmap(lambda game, rationality: problem_of(standard(game), rationality), (0, None)))


def problems(types=1):
    """Some games' at each of RATIONALITY."""
    batch = games(41, 4, 2, 2, 3, types)
    return [problem()(batch, jnp.asarray(r)) for r in RATIONALITY]


@functools.cache
def curves():
    return jax.jit(jax.vmap(curves_on, (0, None)))


@functools.cache
def values():
    return jax.jit(jax.vmap(lambda problem, x: utilities(problem, problem.utility, x), (0, None)))


def grid(steps):
    rng = np.random.default_rng(42)
    return jnp.asarray(np.sort(np.concatenate([[0.0, 1.0], rng.random(steps), rng.random(9) * 1e-3])))


@pytest.mark.parametrize("types", [1, 2])
def test_derivatives_are_those_of_the_values(types):
    x = np.random.default_rng(43).random(30)
    for found in problems(types):
        step = 1e-5 / np.asarray(jnp.abs(found.exponent).max() + 1.0)
        _, slope, bend = (np.asarray(f) for f in values()(found, jnp.asarray(x)))
        above, below = (values()(found, jnp.asarray(x + move)) for move in (step, -step))
        rise, turn = ((np.asarray(above[k]) - np.asarray(below[k])) / (2 * step) for k in (0, 1))
        np.testing.assert_allclose(slope, rise, atol=1e-5 * np.abs(slope).max())
        np.testing.assert_allclose(bend, turn, atol=1e-5 * np.abs(bend).max())


@pytest.mark.parametrize("types", [1, 2])
def test_between_grid_points_curves_stay_within_their_bounds(types):
    x = grid(40)
    cells = np.asarray(x)
    inner = cells[:-1, None] + np.diff(cells)[:, None] * np.linspace(0, 1, 9)  # [C,9]
    for found in problems(types):
        on = curves()(found, x)
        true = np.asarray(values()(found, jnp.asarray(inner.reshape(-1)))[0]).reshape(4, 3, *inner.shape)
        for game in range(4):
            for player in range(3):
                at, middle, peak, raised, over, under = (
                    np.asarray(f[game, player])
                    for f in (on.values, on.middle, on.peak, on.raised, on.over, on.under)
                )
                chord = np.interp(inner, cells, at)
                assert (true[game, player] <= chord + over[:, None] + 1e-12).all()
                assert (true[game, player] >= chord - under[:, None] - 1e-12).all()
                joined = np.concatenate([cells, middle])
                order = np.argsort(joined, kind="stable")
                above = np.interp(inner, joined[order], np.concatenate([raised, peak])[order])
                assert (true[game, player] <= above + 1e-12).all()


def test_hulls_are_those_of_scipy():
    rng = np.random.default_rng(44)
    x, y = np.sort(rng.random(50)), rng.random((20, 50))
    found = jax.jit(jax.vmap(hull, (None, 0)))(jnp.asarray(x), jnp.asarray(y))
    prior = x[[7] * 10 + [0] * 5 + [49] * 5]
    at = jax.jit(jax.vmap(top, (None, 0, 0, 0)))(
        jnp.asarray(x), jnp.asarray(y), jnp.full((20, 2), -1.0), jnp.asarray(prior)
    )
    for i in range(20):
        floor = np.stack([x[[0, -1]], [-1.0, -1.0]], 1)
        corners = ConvexHull(np.concatenate([np.stack([x, y[i]], 1), floor])).vertices
        corners = np.sort(corners[corners < 50])
        np.testing.assert_allclose(found.height[i], np.interp(x, x[corners], y[i, corners]), atol=1e-14)
        wide, tall = np.concatenate([[0.0], x, [1.0]]), np.concatenate([[-1.0], y[i], [-1.0]])
        exact = np.interp(prior[i], *reference.upper_hull(wide, tall))
        assert float(at.lower[i]) - 1e-15 <= exact <= float(at.upper[i]) + 1e-15
        assert float(at.upper[i] - at.lower[i]) <= 1e-13
        places = np.concatenate([[0.0], x[np.asarray(at.carriers[i])], [1.0]])
        worth = np.concatenate([[-1.0], y[i, np.asarray(at.carriers[i])], [-1.0]])
        weights = np.asarray(at.weights[i])
        assert weights.min() >= 0
        np.testing.assert_allclose([weights.sum(), weights @ places], [1.0, prior[i]], atol=1e-14)
        np.testing.assert_allclose(weights @ worth, exact, atol=1e-14)


def test_what_is_left_out_carries_nothing():
    """Only the corners and one point are left; then only the corners."""
    x = jnp.asarray([0.0, 0.25, 0.5, 1.0])
    run = jax.jit(top)
    for kept, exact, last in (([2], 0.55, 0.0), ([], 0.225, 0.25)):
        y = np.full(4, -np.inf)
        y[kept] = 1.0
        found = run(x, jnp.asarray(y), jnp.asarray([0.1, 0.6]), jnp.asarray(0.25))
        assert float(found.lower) <= exact <= float(found.upper)
        assert float(found.upper - found.lower) <= 1e-14
        assert float(found.weights[3]) == pytest.approx(last, abs=1e-15)


def test_gaps_end_where_tangents_touch():
    """A prosecutor's is from 0 to the tangent's point, a defender's the mirror image."""
    run = jax.jit(lambda game, r: gaps(*_coarse(problem_of(standard(game), r))))
    for rationality in (3.0, 10.0, 100.0, 1000.0):
        found = run(judge(PROSECUTOR, DEFENDER), jnp.asarray(rationality))
        touch = tangent(rationality)
        assert np.asarray(found.found).sum(1).tolist() == [1, 1]
        np.testing.assert_allclose(found.ends[:, 0], [[0.0, touch], [1 - touch, 1.0]], atol=1e-9)


def _coarse(problem):
    return problem, jnp.sort(first_grid(problem)[0])


def test_closures_from_below_are_those_of_a_dense_grid():
    batch = games(45, 6, 2, 2, 3)
    fine = np.linspace(0, 1, 100_001)

    @jax.jit
    @jax.vmap
    def closure(game):
        problem, coarse = _coarse(problem_of(standard(game), jnp.asarray(20.0)))
        found = gaps(problem, coarse)
        x = jnp.sort(jnp.concatenate([coarse, ladders(found)]))
        return x, closure_from_below(found, x, utilities(problem, problem.utility[:-1], x)[0])

    x, heights = (np.asarray(f) for f in closure(batch))
    every = np.asarray(values()(problem()(batch, jnp.asarray(20.0)), jnp.asarray(fine))[0])
    for i in range(6):
        for leader in range(2):
            exact = np.interp(x[i], *reference.upper_hull(fine, every[i, leader]))
            np.testing.assert_allclose(heights[i, leader], exact, atol=1e-8)


def test_brackets_are_true_whatever_gaps_are_proposed(monkeypatch):
    """Chords of the curves, but from anywhere to anywhere: the bracket is wide, and holds the value."""
    batch = games(17, 4, 2, 2, 3)
    offsets = jnp.asarray(np.random.default_rng(46).normal(size=(2, 3, 2)) * 0.02)

    def wrong(problem, x):
        found = gaps(problem, x)
        ends = jnp.clip(found.ends + offsets, 0.0, 1.0)
        there = jax.vmap(lambda utility, x: utilities(problem, utility[None], x)[0])(
            problem.utility[:-1], ends.reshape(2, -1)
        )
        return found._replace(ends=ends, values=there.reshape(ends.shape))

    monkeypatch.setattr(worst_quantal, "gaps", wrong)
    unjitted = worst_quantal.worst_quantal.__wrapped__
    found = jax.jit(jax.vmap(lambda game: unjitted(game, jnp.asarray(20.0), jnp.asarray(1e-4), 1)))(batch)
    assert not bool(found.converged.all())
    for i in range(4):
        exact = reference.logit_worst(*arrays(batch, i), 20.0, 1e-13, 20_000)
        assert float(found.value.lower[i]) - 2e-5 <= exact <= float(found.value.upper[i]) + 2e-5


def test_most_games_are_done_with_their_first_grid():
    """And weights of the law average to the prior, whichever points carry it."""
    batch = games(47, 64, 2, 2, 3)
    found = jax.jit(
        jax.vmap(lambda game: competition.worst_equilibrium(game, rationality=20.0, tolerance=1e-4, rounds=6))
    )(batch)
    assert bool(found.converged.all())
    assert float((found.pivots == 0).mean()) >= 0.9
    for i in range(64):
        prior = np.asarray(one(batch, i).prior).sum(0)
        np.testing.assert_allclose(found.weights[i] @ found.posteriors[i], prior, atol=1e-12)

"""Whole value curves against value_curve, point by point, and what their brackets promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame.core.units import standard
from jaxgame.persuasion import frontier
from jaxgame.sampling import FAMILIES, Shape


def sampled(family: str, shape: Shape, count: int = 32) -> jg.Game:
    keys = jax.random.split(jax.random.key(4), count)
    return jax.vmap(lambda key: FAMILIES[family]().sample(key, shape, 0.7))(keys)


@jax.jit
def first(game: jg.Game):
    return jg.leader_frontier(game, 0)


SHAPES = [
    Shape(1, 1, 3, 3),
    pytest.param(Shape(1, 1, 2, 2), marks=pytest.mark.slow),
    pytest.param(Shape(1, 2, 3, 2), marks=pytest.mark.slow),
    pytest.param(Shape(1, 1, 5, 4), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_frontier_is_the_value_curve(shape):
    games = [sampled(name, shape) for name in FAMILIES]
    batch = jax.tree.map(lambda *x: jnp.concatenate(x), *games)
    full = jax.vmap(jg.full_information_value)(batch)
    none = jax.vmap(jg.no_information_value)(batch)
    share = jnp.linspace(-0.1, 1.0, 23)
    levels = none[:, None] + (full - none)[:, None] * share[None]

    @jax.jit
    def both(batch, levels):
        curves = jax.vmap(lambda game: jg.leader_frontier(game, 0))(batch)
        found = jax.vmap(lambda curve, v: jax.vmap(curve.value)(v))(curves, levels)
        outcomes = jax.vmap(lambda curve, v: jax.vmap(curve.best)(v))(curves, levels)
        points = jax.vmap(lambda game, v: jg.value_curve(game, 0, v))(batch, levels)
        return curves, found, outcomes, points.value

    curves, found, outcomes, points = jax.device_get(both(batch, levels))
    assert curves.converged.all()
    size = np.abs(batch.leaders).max((1, 2, 3, 4))[:, None]
    assert (found.upper - found.lower <= 1e-9 * size).all()
    np.testing.assert_allclose(found.lower, points.lower, atol=1e-9)
    assert (found.lower <= points.upper + 1e-12).all() and (points.lower <= found.upper + 1e-12).all()
    # The outcomes earn what they should, are worth the threshold, and are laws of action given the state.
    np.testing.assert_allclose(
        np.einsum("bntsa,btsa->bn", outcomes, batch.leaders[:, 0]), found.lower, atol=1e-12
    )
    assert (np.einsum("bntsa,btsa->bn", outcomes, batch.follower) >= levels - 1e-12).all()
    np.testing.assert_allclose(outcomes.sum(-1), batch.prior[:, None].repeat(23, 1), atol=1e-12)
    assert (np.diff(curves.worth, axis=1) <= 0).all()


def test_above_full_information_nothing_is_feasible():
    game = jg.make_game([0.7, 0.3], np.eye(2), np.array([[[0.0, 1.0], [0.0, 1.0]]]))
    curve = first(game)
    assert float(curve.value(jnp.asarray(1.01)).upper) == -np.inf
    assert float(curve.value(jnp.asarray(1.0)).lower) == pytest.approx(0.3, abs=1e-12)
    assert float(curve.value(jnp.asarray(-5.0)).upper) == pytest.approx(0.6, abs=1e-12)


def test_a_leader_with_nothing_to_gain_has_a_flat_curve():
    """Constant utility: one kink, no slope, and no NaN."""
    game = jg.make_game([0.5, 0.5], np.eye(2), np.full((1, 2, 2), 3.0))
    curve = first(game)
    for level in (0.2, 0.75, 1.0):
        found = curve.value(jnp.asarray(level))
        assert float(found.lower) == pytest.approx(3.0, abs=1e-12)
        assert float(found.upper) == pytest.approx(3.0, abs=1e-12)


def test_full_information_leaves_ties_to_the_leader():
    """Both actions are right in the first state, where the leader wants the second one."""
    game = jg.make_game([0.7, 0.3], [[1.0, 1.0], [0.0, 1.0]], np.array([[[0.0, 5.0], [2.0, 3.0]]]))
    found = first(game).value(jnp.asarray(1.0))
    assert float(found.lower) == pytest.approx(0.7 * 5 + 0.3 * 3, abs=1e-12)
    assert float(found.upper) == pytest.approx(0.7 * 5 + 0.3 * 3, abs=1e-12)


def test_bad_input_is_named():
    game = jg.make_game([0.7, 0.3], np.eye(2), np.array([[[0.0, 1.0], [0.0, 1.0]]]))
    with pytest.raises(ValueError, match="leader is 3; it must be from 0 to 0"):
        jg.leader_frontier(game, 3)


def test_full_information_breaks_ties_for_the_leader_whatever_the_walk_found(monkeypatch):
    """In state 0 two actions are best for her. A walk that begins late leaves full information as it is."""
    game = jg.make_game([0.5, 0.5], [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]])
    real = frontier.solve_frontiers

    def late(*games):
        return jax.tree.map(lambda x: jnp.broadcast_to(x[:, -1:], x.shape), real(*games))

    monkeypatch.setattr(frontier, "solve_frontiers", late)
    units = standard(game)
    curve = frontier.curve_of(units.game, units.game.leaders[0])
    assert float(curve.lost[1]) > 0.1  # the walk's kinks lose something, all of them
    assert float(units.leader(0).value(curve.value(jnp.array(0.0)).lower)) == pytest.approx(0.5, abs=1e-9)

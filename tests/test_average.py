"""Average alignment, the norm "mean" of a game's hull distance, against HiGHS and exact rationals."""

import functools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame.hull import leader_distances
from jaxgame.hull.average import average_fit
from jaxgame.hull.distance import certificate
from jaxgame.sampling import FAMILIES, Noise, Shape, Uniform
from tests.reference import exact
from tests.reference import hull as reference

# Sizes K, T, S, A.
SLOW = [pytest.param(shape, marks=pytest.mark.slow) for shape in ((1, 1, 2, 2), (4, 2, 2, 3), (12, 1, 4, 5))]
SHAPES = [(3, 1, 3, 3), (8, 1, 2, 3), *SLOW]
SCALES = ("simplex", "cone")


def games(family, shape, count, seed=0, diversity=0.8):
    keys = jax.random.split(jax.random.key(seed), count)
    return jax.jit(jax.vmap(lambda key: family.sample(key, Shape(*shape), diversity)))(keys)


@functools.cache
def fitted(scale, norm="mean"):
    return jax.jit(jax.vmap(lambda game: jg.game_hull_distance(game, "state", scale, norm)))


def one(tree, i):
    return jax.tree.map(lambda x: np.asarray(x[i]), tree)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("shape", SHAPES)
def test_average_alignment_agrees_with_highs(shape, scale):
    """50 games a size and scale: 500."""
    these = games(Noise() if shape[0] != 4 else Uniform(), shape, 50)
    found = fitted(scale)(these)
    for i in range(50):
        game, fit = one(these, i), one(found, i)
        expected = reference.mean_range(game.prior, game.follower, game.leaders, scale)
        assert fit.distance.lower - 1e-12 <= expected <= fit.distance.upper + 1e-12
        assert fit.distance.upper - fit.distance.lower <= 1e-7
        assert bool(fit.converged)


@pytest.mark.parametrize("scale", SCALES)
def test_it_never_exceeds_twice_the_distance_and_vanishes_with_it(scale):
    for name in sorted(set(FAMILIES) - {"panel"}):
        these = games(FAMILIES[name](), (8, 1, 2, 3), 64)
        far = fitted(scale, "sup")(these).distance
        mean = fitted(scale)(these).distance
        assert (mean.lower <= 2 * far.upper + 1e-12).all()
        inside = np.asarray(far.upper) < 1e-9
        assert (np.asarray(mean.upper)[inside] < 1e-8).all()
        assert (np.asarray(mean.lower)[~inside & (np.asarray(far.lower) > 1e-6)] > 0).all()
    assert inside.any() or name == "uniform"


@pytest.mark.parametrize("scale", SCALES)
def test_no_proposal_makes_an_end_false(scale):
    """Random, wrong and infinite weights and measures, judged in rationals; a state that never happens."""
    rng = np.random.default_rng(1)
    prior = np.array([0.5, 0.0, 0.5])
    groups = np.repeat(np.arange(3), 3)
    members = (groups[:, None] == np.arange(3)).astype(float)
    judge = jax.jit(
        lambda w, m, u, U: certificate(
            w, m, u, U.T, jnp.asarray(members), jnp.asarray(prior), norm="mean", simplex=scale == "simplex"
        )[0]
    )
    own = jax.jit(lambda u, U: average_fit(u, U.T, jnp.asarray(prior), simplex=scale == "simplex")[1])
    proved = 0
    for n in range(60):
        utilities = rng.normal(size=(4, 9))
        target = utilities.T @ rng.dirichlet(np.ones(4)) + (n % 2) * rng.normal(size=9)
        target, *rows = (row - members @ (members.T @ row / 3) for row in (target, *utilities))
        utilities = np.stack(rows)
        weights = rng.dirichlet(np.ones(4)) if n % 3 else rng.normal(size=4)
        best = np.asarray(own(jnp.asarray(target), jnp.asarray(utilities)))
        near = best + 0.02 * rng.normal(size=9)
        measure = [rng.normal(size=9), best, np.full(9, np.nan), near, 1e3 * np.sign(best)][n % 5]
        found = judge(*map(jnp.asarray, (weights, measure, target, utilities)))
        if (weights < 0).any():
            assert np.isinf(found.upper)
        else:
            most = exact.hull_upper(target, utilities, weights, groups, scale, "mean", prior)
            assert most <= Fraction(float(found.upper)) <= most + Fraction(1e-11)
        if float(found.lower) > 0:
            least = exact.hull_lower(target, utilities, measure, groups, scale, "mean", prior)
            assert Fraction(float(found.lower)) <= least
            proved += 1
    assert proved >= (10 if scale == "simplex" else 5)  # on the cone measures that are off prove little


def test_by_hand():
    """A leader who is wrong by 1 in a state of probability 1/4: eps is 1/2, D is 1/4."""
    follower = np.array([[1.0, 0.0], [1.0, 0.0]])
    wrong = follower + np.array([[0.0, 0.0], [0.0, 1.0]])
    game = jg.make_game([0.75, 0.25], follower, [wrong])
    assert float(jg.game_hull_distance(game, "state").distance.upper) == pytest.approx(0.5, abs=1e-12)
    fit = jg.game_hull_distance(game, norm="mean")
    assert float(fit.distance.upper) == pytest.approx(0.25, abs=1e-12)
    assert float(fit.distance.lower) == pytest.approx(0.25, abs=1e-12)
    np.testing.assert_allclose(np.asarray(fit.measure).reshape(2, 2).sum(1), 0, atol=1e-12)
    assert np.abs(np.asarray(fit.measure)).sum() <= 2 * 0.25 + 1e-12
    np.testing.assert_allclose(leader_distances(game, norm="mean"), [0.25], atol=1e-12)


@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e9])
def test_units_are_the_followers(factor):
    these = games(Noise(), (3, 1, 3, 3), 8)
    shifted = jax.vmap(
        lambda game: jg.Game(game.prior, factor * (game.follower + 7), factor * game.leaders - 3 * factor)
    )(these)
    before, after = (fitted("simplex")(x).distance for x in (these, shifted))
    np.testing.assert_allclose(after.upper / factor, before.upper, rtol=1e-9)
    assert (after.lower / factor <= before.upper * (1 + 1e-9)).all()


def test_what_is_no_number_says_nothing():
    game = jg.Game(jnp.ones((1, 2)) / 2, jnp.full((1, 2, 2), jnp.nan), jnp.ones((1, 1, 2, 2)))
    fit = jax.jit(lambda game: jg.game_hull_distance(game, norm="mean"))(game)
    assert (float(fit.distance.lower), float(fit.distance.upper)) == (0.0, np.inf)
    assert not bool(fit.converged)


def test_bad_input_is_named():
    game = jg.make_game([1.0], [[0.0, 1.0]], [[[0.0, 1.0]]])
    with pytest.raises(ValueError, match="offset is 'constant'; in the norm 'mean' it must be 'state'"):
        jg.game_hull_distance(game, "constant", norm="mean")
    with pytest.raises(ValueError, match="norm is 'max'; it must be one of 'sup', 'square', 'mean'"):
        jg.game_hull_distance(game, norm="max")
    with pytest.raises(ValueError, match="it is one of game_hull_distance"):
        jg.hull_distance([0.0, 1.0], [[0.0, 1.0]], norm="mean")

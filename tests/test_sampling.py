import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame.panel import PanelGames
from jaxgame.sampling import FAMILIES, Between, Goals, LowRank, Noise, Persona, Shape, SharedBias, Uniform
from jaxgame.summary import wilson_interval
from jaxgame.theorems import alignment_dimension, wendel_probability

SHAPE = Shape(leaders=5, types=2, states=3, actions=4)
LAWS = [
    Noise(),
    Uniform(),
    SharedBias(),
    Goals(),
    Goals(state_dependent=True),
    LowRank(),
    Persona(),
    Between(),
]
EVERY = [*LAWS, PanelGames()]


def types(family):
    """Two, or as many as the family has."""
    return 1 if isinstance(family, PanelGames) else SHAPE.types


def draw(family, count=1, diversity=0.5, shape=SHAPE, seed=0):
    shape = dataclasses.replace(shape, types=min(shape.types, types(family)))
    keys = jax.random.split(jax.random.key(seed), count)
    return jax.jit(jax.vmap(lambda key: family.sample(key, shape, diversity)))(keys)


def test_the_registry_holds_every_law():
    assert {type(family) for family in LAWS} == set(FAMILIES.values())


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_contract_of_a_family(family):
    """Shapes, a proper prior, finite values, and leaders that do not depend on how many are drawn."""
    games = draw(family, count=8)
    assert games.prior.shape == (8, types(family), 3)
    assert games.follower.shape == (8, types(family), 3, 4)
    assert games.leaders.shape == (8, 5, types(family), 3, 4)
    np.testing.assert_allclose(games.prior.sum((1, 2)), 1.0, atol=1e-14)
    assert float(games.prior.min()) >= 0
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(games))
    fewer = draw(family, count=8, shape=dataclasses.replace(SHAPE, leaders=2))
    np.testing.assert_allclose(games.leaders[:, :2], fewer.leaders, atol=1e-15)
    np.testing.assert_allclose(games.follower, fewer.follower, atol=1e-15)
    jg.make_game(games.prior[0], games.follower[0], games.leaders[0])
    assert hash(family) == hash(dataclasses.replace(family))


@pytest.mark.parametrize("family", [f for f in EVERY if not isinstance(f, Persona)], ids=str)
def test_without_diversity_leaders_are_alike(family):
    leaders = draw(family, count=4, diversity=0.0).leaders
    np.testing.assert_allclose(leaders, leaders[:, :1].repeat(5, axis=1), atol=1e-14)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_full_diversity_is_the_widest(family):
    spread = [float(draw(family, 500, d).leaders.std(axis=1).mean()) for d in (0.0, 0.5, 1.0)]
    assert spread[0] < spread[1] < spread[2]


@pytest.mark.parametrize("diversity", [0.0, 0.3, 1.0])
def test_correlation_between_leaders_is_one_less_diversity(diversity):
    games = draw(Noise(strength=2.0), 4000, diversity, Shape(2, 1, 2, 3))
    errors = np.asarray(games.leaders - games.follower[:, None]).transpose(1, 0, 2, 3, 4).reshape(2, -1)
    assert np.corrcoef(errors)[0, 1] == pytest.approx(1 - diversity, abs=0.03)
    np.testing.assert_allclose(errors.std(axis=1), 2.0, atol=0.05)


def test_goals_are_mixed_in_by_their_weight():
    goals = draw(Goals(weight=0.25), 1, 1.0)
    goal = (goals.leaders - 0.75 * goals.follower[:, None]) / 0.25
    np.testing.assert_allclose(goal, goal[:, :, :1, :1, :] + 0 * goal, atol=1e-12)  # of the action alone
    assert 0 <= float(goal.min()) <= float(goal.max()) <= 1


@pytest.mark.parametrize("diversity", [0.0, 0.6, 1.0])
def test_a_user_between_two_models_is_in_their_hull(diversity):
    games = draw(Between(), 16, diversity, Shape(4, 1, 2, 3))
    u, (first, second) = np.asarray(games.follower), np.asarray(games.leaders)[:, :2].swapaxes(0, 1)
    apart = np.where(np.abs(first - second) > 1e-3, first - second, np.nan)
    weights = ((u - second) / apart).reshape(16, -1)
    if diversity:  # one weight for all entries, which differs between games
        np.testing.assert_allclose(np.nanmax(weights, 1), np.nanmin(weights, 1), atol=1e-9)
        assert np.nanmin(weights) >= 0 and np.nanmax(weights) <= 1 and np.nanstd(weights[:, 0]) > 0.1
    else:
        np.testing.assert_allclose(u, first, atol=1e-12)


def test_half_of_the_users_may_be_off():
    shape = Shape(3, 1, 2, 3)
    inside, off = (draw(Between(off), 400, 0.6, shape) for off in (0.0, 0.5))
    apart = np.abs(np.asarray(off.follower - inside.follower)).max((1, 2, 3))
    assert 0.4 < (apart == 0).mean() < 0.6
    assert apart.max() > 0.5 and np.quantile(apart[apart > 0], 0.1) < 0.15
    np.testing.assert_array_equal(off.leaders, inside.leaders)


@pytest.mark.slow
def test_formulas():
    """What each family's docstring says of its leaders, on one draw or in distribution."""
    uniform = np.asarray(draw(Uniform(), 2000, 0.4).leaders)
    np.testing.assert_allclose(np.quantile(uniform, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.01)

    bias = draw(SharedBias(rho=0.3, strength=0.0), 1)
    common = (bias.leaders - bias.follower[:, None]) / 0.3
    np.testing.assert_allclose(common, common[:, :1].repeat(5, axis=1), atol=1e-12)
    assert float(jnp.abs(common).max()) <= 1

    low = draw(LowRank(factors=2), 1, 1.0, Shape(5, 1, 4, 4))
    stacked = np.vstack([low.follower.reshape(1, -1), low.leaders.reshape(5, -1)])
    assert np.linalg.matrix_rank(stacked, tol=1e-10) == 2

    persona = draw(Persona(weight=0.5, strength=0.2), 3000, 0.0, Shape(2, 1, 2, 3))
    apart = persona.leaders[:, 0] - persona.leaders[:, 1]
    assert float(apart.std()) == pytest.approx(0.2 * np.sqrt(2), abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("offset", ["none", "constant", "state"])
@pytest.mark.parametrize(("states", "actions", "leaders"), [(2, 2, 6), (2, 2, 3), (3, 2, 8), (2, 3, 12)])
def test_wendels_formula(states, actions, leaders, offset):
    """P(distance = 0) over 20,000 draws lies in the 99% interval around Wendel's formula, for each offset."""
    draws = 20_000
    shape = Shape(leaders, 1, states, actions)
    family = Noise()

    def distance(key):
        return {"distance": jg.game_hull_distance(family.sample(key, shape, 1.0), offset).distance}

    table = jg.run_draws(distance, draws, seed=17, chunk=5000, progress=False)
    inside = int((table["distance_upper"] <= 1e-8).sum())
    undecided = int(((table["distance_upper"] > 1e-8) & (table["distance_lower"] <= 1e-8)).sum())
    expected = wendel_probability(leaders, alignment_dimension(shape, offset))
    assert undecided == 0
    assert int((table["distance_upper"] - table["distance_lower"] > 1e-6).sum()) == 0
    low, high = wilson_interval(round(expected * draws), draws, confidence=0.99)
    print(f"S={states} A={actions} K={leaders} {offset}: {inside / draws:.4f}, Wendel {expected:.4f}")
    assert low <= inside / draws <= high


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Noise(strength=-1.0), r"strength is -1\.0; it must be at least 0"),
        (lambda: Between(apart=-1.0), r"apart is -1\.0; it must be at least 0"),
        (lambda: Goals(weight=1.5), r"weight is 1\.5; it must be between 0 and 1"),
        (lambda: SharedBias(rho=float("nan")), r"rho is nan"),
        (lambda: LowRank(factors=0), r"factors is 0; it must be at least 1"),
        (lambda: Shape(0, 1, 2, 2), r"leaders is 0; it must be at least 1"),
    ],
)
def test_bad_parameters_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()

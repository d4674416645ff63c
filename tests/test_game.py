import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg

PRIOR = np.array([0.7, 0.3])
FOLLOWER = np.eye(2)
PROSECUTOR = np.array([[0.0, 1.0], [0.0, 1.0]])


def judge(leaders=(PROSECUTOR,)) -> jg.Game:
    return jg.make_game(PRIOR, FOLLOWER, np.stack(leaders))


def test_one_type_may_be_left_out():
    game = judge()
    assert game.prior.shape == (1, 2)
    assert game.follower.shape == (1, 2, 2)
    assert game.leaders.shape == (1, 1, 2, 2)
    same = jg.make_game(PRIOR[None], FOLLOWER[None], PROSECUTOR[None, None])
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), game, same))


def test_values_of_no_and_full_information():
    # Two types: one is told nothing by her type, the other's type reveals the state.
    prior = np.array([[0.35, 0.15], [0.5, 0.0]])
    game = jg.make_game(prior, np.stack([FOLLOWER, FOLLOWER]), np.stack([[PROSECUTOR, PROSECUTOR]]))
    assert float(jg.no_information_value(game)) == pytest.approx(0.85, abs=1e-15)
    assert float(jg.full_information_value(game)) == pytest.approx(1.0, abs=1e-15)
    # Knowing is worth 4 in the first state and 2 in the second; without it the second action is best.
    uneven = jg.make_game([0.25, 0.75], [[4.0, 1.0], [0.0, 2.0]], [[[0.0, 0.0], [0.0, 0.0]]])
    assert float(jg.no_information_value(uneven)) == pytest.approx(1.75, abs=1e-15)
    assert float(jg.full_information_value(uneven)) == pytest.approx(2.5, abs=1e-15)


def test_game_is_a_pytree_that_vmaps():
    game = judge()
    batch = jax.tree.map(lambda x: jnp.stack([x, x, x]), game)
    values = jax.jit(jax.vmap(jg.no_information_value))(batch)
    np.testing.assert_allclose(values, 0.7, atol=1e-15)
    assert "batch" in repr(batch)
    assert repr(game) == "Game(1 leaders, 1 types, 2 states, 2 actions)"


def test_outcomes_reduce_to_expected_utilities():
    rng = np.random.default_rng(0)
    joint = rng.dirichlet(np.ones(2 * 3 * 4)).reshape(2, 3, 4)
    joint[1, 2] = 0.0
    joint /= joint.sum()
    follower, leaders = rng.normal(size=(5, 4)), rng.normal(size=(3, 5, 4))
    game = jg.game_from_outcomes(joint, follower, leaders)
    for t, s in np.ndindex(2, 3):
        law = joint[t, s] / joint[t, s].sum() if joint[t, s].sum() else joint.sum((0, 1))
        np.testing.assert_allclose(game.follower[t, s], follower @ law, atol=1e-13)
        np.testing.assert_allclose(game.leaders[:, t, s], leaders @ law, atol=1e-13)
    np.testing.assert_allclose(game.prior, joint.sum(-1), atol=1e-15)


def test_alignment_in_outcomes_holds_in_reduced_form():
    rng = np.random.default_rng(1)
    joint = np.zeros((2, 3, 4))
    joint[0] = rng.dirichlet(np.ones(12)).reshape(3, 4)  # the second type never occurs
    leaders = rng.normal(size=(3, 5, 4))
    weights, error = np.array([0.2, 0.5, 0.3]), rng.uniform(-0.1, 0.1, size=(5, 4))
    follower = np.tensordot(weights, leaders, 1) + 1.5 + error
    game = jg.game_from_outcomes(joint, follower, leaders)
    assert float(jg.game_hull_distance(game).distance.lower) <= 0.1


BAD = [
    (dict(prior=[0.5, 0.4]), r"prior sums to 0\.9; it must sum to 1"),
    (dict(prior=[1.5, -0.5]), r"prior\[0, 1\] is -0\.5; probabilities must be at least 0"),
    (dict(prior=[np.nan, 1.0]), r"prior\[0, 0\] is nan .* must be finite"),
    (dict(prior=0.5), r"prior has 0 axes .* must be \[T, S\] or \[S\]"),
    (dict(prior=[0.2, 0.3, 0.5]), r"follower has shape \(1, 2, 2\); .* = \(1, 3, 2\), as prior"),
    (dict(follower=[[np.inf, 0.0], [0.0, 1.0]]), r"follower\[0, 0, 0\] is inf"),
    (dict(follower=[0.0, 1.0]), r"follower has 1 axes"),
    (dict(leaders=np.zeros((0, 2, 2))), r"leaders has shape \(0, 1, 2, 2\); every axis .* at least one"),
    (dict(leaders=np.zeros((2, 2))), r"leaders has 2 axes .* must be \[K, T, S, A\] or \[K, S, A\]"),
    (dict(leaders=np.zeros((1, 2, 3))), r"leaders has shape \(1, 1, 2, 3\); .* = \(1, 1, 2, 2\)"),
    (dict(leaders=np.full((1, 2, 2), np.nan)), r"leaders\[0, 0, 0, 0\] is nan \(4 such entries\)"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input_is_named(change, message):
    arguments = dict(prior=PRIOR, follower=FOLLOWER, leaders=PROSECUTOR[None]) | change
    with pytest.raises(ValueError, match=message):
        jg.make_game(**arguments)


def test_bad_outcomes_are_named():
    joint = np.full((1, 2, 2), 0.25)
    with pytest.raises(ValueError, match=r"joint sums to 2"):
        jg.game_from_outcomes(joint * 2, np.eye(2), np.eye(2)[None])
    with pytest.raises(ValueError, match=r"follower has shape \(2, 3\); .* as joint is \[T, S, Y\]"):
        jg.game_from_outcomes(joint, np.zeros((2, 3)), np.eye(2)[None])
    with pytest.raises(ValueError, match=r"leaders has 2 axes"):
        jg.game_from_outcomes(joint, np.eye(2), np.eye(2))


def test_checks_pass_over_traced_values():
    made = jax.jit(lambda prior: jg.make_game(prior, FOLLOWER, PROSECUTOR[None]).prior)(PRIOR * 2)
    np.testing.assert_allclose(made.sum(), 2.0)

"""What rules choose and learn from one round, by hand; and who earns what of an offer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgame.selection import rules
from jaxgame.selection.regret import against, payoffs

# Two leaders of two offers each: the first of a leader loses her nothing, the second .1 and .2. Each earns
# 1 at its own second offer, which is the one it would rather see kept.
MENUS = rules.Menus(
    offers=jnp.zeros((2, 2, 1, 1, 1)),
    lost=jnp.array([[0.0, 0.1], [0.0, 0.2]]),
    worth=jnp.array([[[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]]),
)
KEYS = [jax.random.key(seed) for seed in range(24)]


def heard(payoffs, earned, mixture=((1.0, 0.0), (1.0, 0.0))):
    return rules.Heard(jnp.array(mixture), jnp.array(payoffs), jnp.array(earned), jnp.array([True, True]))


def test_hedge_prefers_what_would_have_earned_more():
    rule = rules.hedge(MENUS, jnp.array(200.0))
    state = rule.learn(rule.start, heard([[1.0, 0.0], [0.0, 2.0]], [0.0, 0.0]))
    for key in KEYS:
        np.testing.assert_array_equal(rule.choose(state, key), [[1, 0], [0, 1]])


def test_regret_matching_plays_what_it_regrets_and_anything_where_it_regrets_nothing():
    rule = rules.regret_matching(MENUS)
    state = rule.learn(rule.start, heard([[3.0, 1.0], [0.0, 2.0]], [1.0, 2.0]))
    np.testing.assert_array_equal(state, [[2, 0], [-2, 0]])
    chosen = np.array([rule.choose(state, key) for key in KEYS])
    assert (chosen[:, 0, 0] == 1).all()
    assert 0 < chosen[:, 1, 0].sum() < len(KEYS)


def test_fictitious_play_replies_to_the_past():
    rule = rules.fictitious_play(MENUS)
    state = rule.learn(rule.start, heard([[1.0, 0.0], [0.0, 2.0]], [0.0, 0.0]))
    np.testing.assert_array_equal(rule.choose(state, KEYS[0]), [[1, 0], [0, 1]])


def test_a_gradient_climbs():
    rule = rules.gradient(MENUS, 0.1)
    mixture = jnp.array([[0.5, 0.5], [0.5, 0.5]])
    state = (jnp.zeros((2, 2)), rule.start[1])
    learnt = rule.learn(state, heard([[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0], mixture))
    # What the second leader is kept for pays it nothing unless it mixes in its second offer, and so does
    # the first: each gains by a little more of that.
    assert (rule.choose(learnt, KEYS[0])[:, 1] > 0.51).all()


def test_who_is_not_asked_earns_nothing_of_its_own():
    lost, worth = jnp.array([0.3, 0.1]), jnp.array([[1.0, 2.0], [3.0, 4.0]])
    for asked, kept, right in (([True, False], 0, [9, 3]), ([False, True], 1, [2, 9])):
        faced, found = against(lost, worth, jnp.array(asked))
        assert int(found) == kept
        # An offer that loses nothing and earns 9 is kept if its leader is asked, whoever else is not.
        own = payoffs(faced, jnp.zeros((2, 1)), jnp.full((2, 1), 9.0))
        assert own[:, 0].tolist() == pytest.approx(right)

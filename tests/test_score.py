"""A follower who acts by her utility and keeps leaders by a score, against HiGHS level by level."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

import jaxgame as jg
from jaxgame import selection, theorems
from tests.games import DEFENDER, PROSECUTOR, judge, one
from tests.test_learning import random_games

COURT = judge(PROSECUTOR, DEFENDER)
worst = jax.jit(jax.vmap(lambda game, score: selection.worst_equilibrium(game, score=score)))
checked = jax.jit(jax.vmap(theorems.score_selection))


def noisy(games, size, seed, each=False):
    """Scores that are her utility and an error, one for all or one for each leader."""
    rng = np.random.default_rng(seed)
    like = games.leaders if each else games.follower
    return (games.follower[:, None] if each else games.follower) + size * rng.normal(size=like.shape)


def scan(game, scores, levels):
    """The least value of outcomes that meet the conditions of an equilibrium at some level, by HiGHS."""
    prior, follower, leaders = (
        np.asarray(x)[..., 0, :, :] for x in (game.prior[..., None], game.follower, game.leaders)
    )
    prior = prior[:, 0]
    states, actions = follower.shape
    rows = [
        np.where(np.arange(actions) == a, follower[:, [b]] - follower[:, [a]], 0.0) * prior[:, None]
        for a in range(actions)
        for b in range(actions)
        if a != b
    ]
    rows = np.array(rows).reshape(len(rows), -1)
    sums = np.kron(np.eye(states), np.ones(actions))
    weighed = [(prior[:, None] * x).reshape(-1) for x in (follower, *leaders)]
    value, theirs = weighed[0], weighed[1:]
    counted = [(prior[:, None] * np.asarray(x)[0]).reshape(-1) for x in scores]

    def least(cost, more, right, equal=(), level=()):
        found = linprog(
            cost,
            np.vstack([rows, *more]),
            np.concatenate([np.zeros(len(rows)), right]),
            np.vstack([sums, *equal]),
            np.concatenate([np.ones(states), level]),
        )
        return found.fun if found.status == 0 else None

    tops = [-least(-g, [], []) for g in counted]
    lowest = np.inf
    for kept in range(len(theirs)):
        rivals = max(top for k, top in enumerate(tops) if k != kept)
        low = least(counted[kept], [], [])
        for level in low + (tops[kept] - low) * np.linspace(0, 1 - 1e-9, levels):
            more, right = [], []
            for j, utility in enumerate(theirs):
                bar = min(level, rivals) if j == kept else level
                best = least(-utility, [-counted[j]], [-bar])
                if best is not None:
                    more.append(-utility)
                    right.append(best + 1e-9)
            found = least(value, more, right, [counted[kept]], [level])
            lowest = min(lowest, np.inf if found is None else found)
    return lowest


def test_by_her_own_value_it_is_best_ai_selection():
    games = random_games(6, 2, seed=11)
    known = jax.jit(jax.vmap(selection.worst_equilibrium))(games)
    # Neither units nor constants of the score matter.
    for score in (games.follower, 1e-6 * games.follower + 3.0, 1e7 * games.follower):
        found = worst(games, score)
        assert found.converged.all() and (found.loss.width < 1e-9).all()
        # What the search calls an equilibrium may leave gains of 1e-8.
        assert (found.loss.lower <= known.loss.upper + 1e-12).all()
        assert (found.loss.upper >= known.loss.lower - 1e-7).all()
        worth = (games.follower * found.outcome).sum((1, 2, 3))
        np.testing.assert_allclose(worth, found.value.upper, atol=1e-9)
        each = selection.exploitability(one(games, 1), found.outcome[1])
        assert each.upper < 1e-7


def test_a_score_agrees_with_highs_level_by_level():
    games = random_games(6, 2, seed=12)
    scores = noisy(games, 0.3, 5)
    found = worst(games, scores)
    assert (found.loss.width >= 0).all()
    for place in range(6):
        seen = scan(one(games, place), [scores[place]] * 2, 60)
        # A scan steps over levels: it may miss the worst one, and never goes below it.
        assert float(found.value.lower[place]) <= seen + 1e-7
        assert seen <= float(found.value.upper[place]) + 0.02
    assert found.converged.all()


@pytest.mark.slow
def test_scores_of_single_leaders_agree_with_highs_level_by_level():
    games = random_games(12, 2, seed=13)
    scores = noisy(games, 0.2, 6, each=True)
    found = worst(games, scores)
    settled = 0
    for place in range(12):
        seen = scan(one(games, place), scores[place], 60)
        assert float(found.value.lower[place]) <= seen + 1e-7
        settled += bool(found.converged[place])
        if found.converged[place]:
            assert seen <= float(found.value.upper[place]) + 0.02
    assert settled > 6


@pytest.mark.slow
def test_one_score_for_each_that_is_the_same_is_one_for_all():
    games = random_games(6, 2, seed=12)
    scores = noisy(games, 0.3, 5)
    shared, each = worst(games, scores), worst(games, jnp.stack([scores, scores], 1))
    np.testing.assert_allclose(each.loss.upper, shared.loss.upper, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("size", [0.05, 0.5])
def test_no_score_breaks_its_guarantee(size):
    games = random_games(6, 2, seed=14)
    found = checked(games, noisy(games, size, 7))
    assert (found.holds == theorems.VERDICTS.index("yes")).all()
    assert (found.mean_holds == theorems.VERDICTS.index("yes")).all()


@pytest.mark.slow
def test_no_score_breaks_its_guarantee_in_thousands_of_games():
    for seed, size in enumerate((0.02, 0.1, 0.3, 1.0)):
        games = random_games(250, 3, seed=100 + seed)
        for each in (False, True):
            found = checked(games, noisy(games, size, seed, each=each))
            assert (found.holds != theorems.VERDICTS.index("no")).all()
            assert (found.holds == theorems.VERDICTS.index("yes")).mean() > (0.9 if each else 0.99)


def test_approval_costs_the_judge_what_the_score_is_off():
    # In the hull she would have everything; she keeps whom she likes, and likes convictions.
    game = judge([[1.0, 2.0], [0.0, 3.0]], [[1.0, -2.0], [0.0, -1.0]])
    approval = game.follower + jnp.array([[[0.0, 2.0]]])
    found = selection.worst_equilibrium(game, score=approval)
    error = selection.score_error(game, approval)
    # At most .6 of all can be convicted, and all may be acquitted.
    assert error.upper == pytest.approx(0.6, abs=1e-9)
    assert found.loss.upper == pytest.approx(0.3, abs=1e-6)
    check = theorems.score_selection(game, approval)
    assert theorems.VERDICTS[int(check.holds)] == "yes"
    assert check.full_information - check.bound.lower == pytest.approx(1.2, abs=1e-8)


def test_the_error_of_a_score_is_half_its_range():
    game = one(random_games(1, 2, seed=15), 0)
    assert selection.score_error(game, game.follower + 5.0).upper < 1e-9
    error = selection.score_error(game, 2.0 * game.follower)
    value = (game.follower * game.prior[..., None]).sum((0, 1)).max()
    # Of G - V = V: from no information, the least, to full information.
    full = float(jg.full_information_value(game))
    assert error.upper == pytest.approx((full - float(value)) / 2, abs=1e-8)
    assert error.lower == pytest.approx(float(error.upper), abs=1e-8)
    apart = jnp.stack([game.follower, game.follower + 1.0])
    assert selection.score_error(game, apart).upper == pytest.approx(0.5, abs=1e-8)


def test_bad_scores():
    with pytest.raises(ValueError, match=r"score has shape \(1, 2, 3\); it must be \[T, S, A\]"):
        selection.worst_equilibrium(COURT, score=jnp.zeros((1, 2, 3)))
    with pytest.raises(ValueError, match="score"):
        selection.score_error(COURT, COURT.follower.at[0, 0, 0].set(jnp.nan))
    with pytest.raises(ValueError, match="game has 1 leader"):
        theorems.score_selection(judge(PROSECUTOR), COURT.follower)

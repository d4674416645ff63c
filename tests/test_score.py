"""A follower who acts by her utility and keeps leaders by a score, against HiGHS level by level."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import selection, theorems
from jaxgame.core.units import standard
from jaxgame.selection import scored
from tests.games import DEFENDER, PROSECUTOR, judge, one
from tests.reference.score import largest_gain, worst_value
from tests.test_learning import random_games

COURT = judge(PROSECUTOR, DEFENDER)
worst = jax.jit(jax.vmap(lambda game, score: selection.worst_equilibrium(game, score=score)))
checked = jax.jit(jax.vmap(theorems.score_selection))


def noisy(games, size, seed, each=False):
    """Scores that are her utility and an error, one for all or one for each leader."""
    rng = np.random.default_rng(seed)
    like = games.leaders if each else games.follower
    return (games.follower[:, None] if each else games.follower) + size * rng.normal(size=like.shape)


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
        seen = worst_value(one(games, place), [scores[place]] * 2, 60)
        # A scan steps over levels: it may miss the worst one, and never goes below it.
        assert float(found.value.lower[place]) <= seen + 1e-7
        assert seen <= float(found.value.upper[place]) + 0.02
    assert found.converged.all()


def test_what_is_no_equilibrium_is_not_attained(monkeypatch):
    contest = scored.Contest.of(standard(COURT), COURT.follower)
    low, high = jnp.array([[-5.0, 0.0]] * 2), jnp.full((2, 2), 5.0)
    # Nothing is known of what leaders can have, but that it is from -5 to 5 at every level.
    vague = scored.Curve(low, jnp.full((2, 2), -5.0), high, jnp.zeros((2, 2)), top=jnp.zeros(2))
    monkeypatch.setattr(scored, "curves_of", lambda contest: vague)
    found = jax.jit(lambda: scored.worst_of(contest, jnp.zeros(2), shared=True))()
    assert found.loss.upper > 0.3
    assert not found.known and found.loss.lower == -jnp.inf


@pytest.mark.slow
def test_scores_of_single_leaders_agree_with_highs_level_by_level():
    games = random_games(12, 2, seed=13)
    scores = noisy(games, 0.2, 6, each=True)
    found = worst(games, scores)
    settled = 0
    for place in range(12):
        seen = worst_value(one(games, place), scores[place], 60)
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


gain_by_score = jax.jit(jax.vmap(lambda game, x, score: selection.exploitability(game, x, score=score)))
gain_of_kept = jax.jit(
    jax.vmap(lambda game, x, score, kept: selection.exploitability(game, x, score=score, kept=kept))
)


def some_offers(games, seed):
    """Random offers of every game's leaders, [N, K, T, S, A]."""
    keys = jax.random.split(jax.random.key(seed), len(games.prior))
    return jax.vmap(lambda game, key: selection.starting_offers(game, "random", key))(games, keys)


def test_by_her_own_value_outscoring_is_outbidding():
    games = random_games(8, 2, seed=21)
    outcomes = some_offers(games, 0)[:, 0]
    known = jax.vmap(selection.exploitability)(games, outcomes)
    for score in (games.follower, 1e-6 * games.follower):
        found = gain_by_score(games, outcomes, score)
        assert (found.lower <= known.upper + 1e-12).all() and (known.lower <= found.upper + 1e-12).all()
        assert (found.upper - found.lower < 1e-9).all()
    assert known.lower.max() > 0.01


def test_what_leaders_gain_by_scores_of_their_own_agrees_with_highs():
    games = random_games(6, 3, seed=22)
    scores = noisy(games, 0.3, 8, each=True)
    outcomes = some_offers(games, 1)
    kept = np.arange(6) % 3
    chosen = outcomes[np.arange(6), kept]
    found = gain_of_kept(games, chosen, scores, jnp.asarray(kept))
    for place in range(6):
        direct = largest_gain(one(games, place), np.asarray(chosen[place]), scores[place], kept[place])
        assert direct == pytest.approx(float(found.upper[place]), abs=1e-8)
        assert found.lower[place] - 1e-9 <= direct <= found.upper[place] + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("each", [False, True])
def test_no_profile_of_menus_is_worse_than_the_worst_equilibrium_with_its_gains_as_slack(each):
    # Every profile is an equilibrium if leaders forgo what they would gain.
    games = random_games(4, 2, states=2, seed=23)
    scores = noisy(games, 0.4, 9, each=each)
    below = jax.jit(
        jax.vmap(lambda game, score, slack: selection.worst_equilibrium(game, score=score, slack=slack))
    )
    seen = []
    for seed in range(40):
        offers = some_offers(games, 100 + seed)
        own = scores if each else jnp.broadcast_to(scores[:, None], offers.shape)
        kept = (own * offers).sum((2, 3, 4)).argmax(1)
        chosen = offers[np.arange(4), kept]
        gain = gain_of_kept(games, chosen, scores, kept) if each else gain_by_score(games, chosen, scores)
        worth = (games.follower * chosen).sum((1, 2, 3))
        least = below(games, scores, jnp.maximum(gain.upper, 0.0))
        assert (worth >= least.value.lower - 1e-9).all()
        seen.append(worth - least.value.lower)
    assert np.min(seen) < 0.02  # some are nearly the worst


@pytest.mark.parametrize("order", ["in_turn", "simultaneous"])
def test_where_leaders_end_who_compete_for_approval_nobody_gains(order):
    game = judge([[1.0, 2.0], [0.0, 3.0]], [[1.0, -2.0], [0.0, -1.0]])
    approval = game.follower + jnp.array([[[0.0, 2.0]]])
    start = selection.starting_offers(game, "none")
    trace = selection.best_response_dynamics(game, start, order=order, outbid=0.01, steps=120, score=approval)
    final = selection.exploitability(game, trace.outcome, score=approval)
    np.testing.assert_allclose(trace.gain.upper[-1], final.upper, atol=1e-9)
    assert trace.gain.upper[0] > 0.1  # and at the start somebody did
    worst = selection.worst_equilibrium(game, score=approval, slack=float(final.upper))
    assert trace.follower[-1] >= worst.value.lower - 1e-9
    if order == "in_turn":
        assert selection.ENDS[int(trace.end)] == "converged"
        assert final.upper < 0.05
        # As many convicted as she obeys, all the guilty among them: .4 x 1 + .3 x 2 + .3 x 3.
        assert (approval * trace.outcome).sum() == pytest.approx(1.9, abs=0.02)


def test_a_leader_with_a_better_score_is_kept_with_a_worse_offer():
    # The prosecutor is liked by 0.1 of all, whatever it says: that buys it so much room.
    liked = jnp.stack([COURT.follower + 0.1, COURT.follower])
    start = selection.starting_offers(COURT, "full")
    # With full information it scores more than its rival can: so much it may convict without losing her.
    room = selection.exploitability(COURT, start[0], score=liked, kept=0)
    assert room.lower == pytest.approx(0.1, abs=1e-9) and room.upper == pytest.approx(0.1, abs=1e-9)
    trace = selection.best_response_dynamics(COURT, start, outbid=1e-6, steps=20, score=liked)
    assert trace.selected[-1] == 0 and selection.ENDS[int(trace.end)] == "converged"
    assert trace.follower[-1] == pytest.approx(0.9, abs=1e-5)
    gain = selection.exploitability(COURT, trace.outcome, score=liked, kept=0)
    assert gain.upper < 1e-5


def test_a_finite_evaluation_period_is_a_score_that_is_right_on_average():
    rng = np.random.default_rng(3)
    prior = np.array([[0.5, 0.2, 0.3, 0.0]])
    game = jg.Game(*map(jnp.asarray, (prior, rng.random((1, 4, 3)), rng.random((2, 1, 4, 3)))))
    keys = jax.random.split(jax.random.key(0), 4000)
    score = jax.vmap(lambda key: selection.sampled_score(key, game, 5))(keys)
    highest = game.follower.max()
    often = score / (game.follower - highest)[None, None]  # how often a case was drawn, over how often it is
    often = np.nan_to_num(np.asarray(often), nan=np.inf).min(-1)
    counted = 5 * often * prior[None, None]
    np.testing.assert_allclose(counted, np.round(counted), atol=1e-9)
    np.testing.assert_allclose(counted.sum((2, 3)), 5.0, atol=1e-9)
    # Multinomial: the mean is 5 P, the variance 5 P (1 - P), and leaders are tried independently.
    np.testing.assert_allclose(counted.mean(0), np.broadcast_to(5 * prior, (2, 1, 4)), atol=0.08)
    variance = np.broadcast_to(5 * prior * (1 - prior), (2, 1, 4))
    np.testing.assert_allclose(counted.var(0), variance, atol=0.12)
    assert abs(np.corrcoef(counted[:, 0, 0, 0], counted[:, 1, 0, 0])[0, 1]) < 0.06
    shared = selection.sampled_score(keys[0], game, 5, shared=True)
    assert shared.shape == game.follower.shape


def test_the_error_of_an_evaluation_period_falls_with_the_root_of_its_length():
    game = one(random_games(1, 2, seed=24), 0)
    keys = jax.random.split(jax.random.key(1), 200)

    def error(length):
        law = jax.vmap(lambda key: selection.score_error(game, selection.sampled_score(key, game, length)))
        return float(law(keys).upper.mean())

    assert error(20) / error(2000) == pytest.approx(10.0, rel=0.15)


def test_bad_scores():
    with pytest.raises(ValueError, match=r"score has shape \(1, 2, 3\); it must be \[T, S, A\]"):
        selection.worst_equilibrium(COURT, score=jnp.zeros((1, 2, 3)))
    with pytest.raises(ValueError, match="score"):
        selection.score_error(COURT, COURT.follower.at[0, 0, 0].set(jnp.nan))
    with pytest.raises(ValueError, match="game has 1 leader"):
        theorems.score_selection(judge(PROSECUTOR), COURT.follower)
    offers = selection.starting_offers(COURT, "full")
    own = jnp.stack([COURT.follower, COURT.follower])
    for options in (
        {"score": own},
        {"kept": 0},
        {"score": COURT.follower, "kept": 0},
        {"score": own, "kept": 2},
    ):
        with pytest.raises(ValueError, match=r"kept is (None|0|2); where each leader has a score of its own"):
            selection.exploitability(COURT, offers[0], **options)
    with pytest.raises(ValueError, match="consulted is 1; with a score all 2 leaders are compared"):
        selection.best_response_dynamics(COURT, offers, consulted=1, score=COURT.follower)
    with pytest.raises(ValueError, match="known is given"):
        curves = selection.leader_curves(COURT)
        selection.best_response_dynamics(COURT, offers, score=COURT.follower, known=curves)
    with pytest.raises(ValueError, match="interactions is 0"):
        selection.sampled_score(jax.random.key(0), COURT, 0)

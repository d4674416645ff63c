"""The worst equilibrium of simultaneous competition: closed forms, intervals, HiGHS, lattices, the bound."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

import jaxgame as jg
from jaxgame import competition
from jaxgame.competition.rich import pair_closures, worst
from jaxgame.runs.batch import spread
from tests.games import DEFENDER, PROSECUTOR, judge, one
from tests.reference import competition as reference


@functools.cache
def worst_one():
    return jax.jit(competition.worst_equilibrium)


@functools.cache
def batched():
    return jax.jit(jax.vmap(competition.worst_equilibrium))


def games(seed, count, leaders, states, actions, types=1, mixed=False) -> jg.Game:
    """Random games; with `mixed` the follower's utility is a mixture of the leaders'."""
    rng = np.random.default_rng(seed)
    prior = rng.dirichlet(np.ones(types * states), count).reshape(count, types, states)
    theirs = rng.random((count, leaders, types, states, actions))
    follower = rng.random((count, types, states, actions))
    if mixed:
        follower = np.einsum("nk,nktsa->ntsa", rng.dirichlet(np.ones(leaders), count), theirs)
    return stacked(prior, follower, theirs)


def stacked(*fields):
    return jax.vmap(jg.Game)(*(jnp.asarray(x) for x in fields))


def half_alike(batch):
    """Leaders who agree more have equilibria that reveal less."""
    return stacked(batch.prior, batch.follower, 0.5 * batch.leaders[:, :1] + 0.5 * batch.leaders)


def arrays(batch, place):
    game = one(batch, place)
    return np.asarray(game.prior), np.asarray(game.follower), np.asarray(game.leaders)


def full_information(batch):
    return np.asarray(jax.vmap(jg.full_information_value)(batch))


def check_law(game: jg.Game, found, atol=1e-9):
    """The law averages to the prior, and is worth value.upper to a follower who responds best."""
    prior, follower = np.asarray(game.prior), np.asarray(game.follower)
    marginal = prior.sum(0)
    given = prior / np.where(marginal > 0, marginal, 1.0)
    weights, q = np.asarray(found.weights), np.asarray(found.posteriors)
    responses = np.asarray(found.responses)
    size = max(np.ptp(follower), 1e-300)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights @ q, marginal, atol=1e-12)
    np.testing.assert_allclose(responses.sum(2), 1.0, atol=1e-12)
    worth = np.einsum("n,ns,ts,nta,tsa->", weights, q, given, responses, follower)
    best = np.einsum("nt,n->", np.einsum("ns,ts,tsa->nta", q, given, follower).max(2), weights)
    assert worth == pytest.approx(float(found.value.upper), abs=atol * size)
    assert best == pytest.approx(worth, abs=atol * size)


# Closed forms


@pytest.mark.parametrize(
    "prior", [0.3, pytest.param(0.1, marks=pytest.mark.slow), pytest.param(0.45, marks=pytest.mark.slow)]
)
def test_the_judge(prior):
    """Prosecutor and defender reveal all; prosecutors alone leave her at 1 - prior, one gets 2 prior."""
    both = worst_one()(judge(PROSECUTOR, DEFENDER, guilty=prior))
    assert float(both.value.lower) == pytest.approx(1.0, abs=1e-12)
    assert float(both.value.upper) == pytest.approx(1.0, abs=1e-12)
    alike = worst_one()(judge(PROSECUTOR, PROSECUTOR, guilty=prior))
    alone = worst_one()(judge(PROSECUTOR, guilty=prior))
    for found, leaders in ((alike, 2), (alone, 1)):
        assert float(found.value.lower) == pytest.approx(1 - prior, abs=1e-9)
        assert float(found.value.upper) == pytest.approx(1 - prior, abs=1e-9)
        assert bool(found.converged)
        check_law(judge(*[PROSECUTOR] * leaders, guilty=prior), found)
    value = jax.jit(competition.leader_closure)(judge(PROSECUTOR, guilty=prior), 0).value
    assert float(value.lower) == pytest.approx(2 * prior, abs=1e-12)
    assert float(value.upper) == pytest.approx(2 * prior, abs=1e-12)


def test_a_prosecutor_of_a_judge_already_convinced_says_nothing():
    """At prior .6 she convicts anyway; full revelation is an equilibrium, no information the worst."""
    found = worst_one()(judge(PROSECUTOR, PROSECUTOR, guilty=0.6))
    assert float(found.value.lower) == pytest.approx(0.6, abs=1e-9)
    assert float(found.value.upper) == pytest.approx(0.6, abs=1e-9)


@pytest.mark.slow
def test_one_state_and_one_action():
    """Nothing to reveal, or nothing to choose: the value is that of no information."""
    lonely = jg.make_game([1.0], [[0.2, 0.7]], [[[0.1, 0.0]], [[0.0, 1.0]]])
    idle = jg.make_game([0.4, 0.6], [[0.5], [1.0]], [[[0.1], [0.0]], [[0.0], [1.0]]])
    for game, value in ((lonely, 0.7), (idle, 0.8)):
        found = worst_one()(game)
        assert float(found.value.lower) == pytest.approx(value, abs=1e-12)
        assert float(found.value.upper) == pytest.approx(value, abs=1e-12)


# In the hull, and the bound


@pytest.mark.parametrize(
    ("states", "actions", "leaders", "types"),
    [
        (2, 3, 2, 1),
        pytest.param(3, 3, 2, 1, marks=pytest.mark.slow),
        pytest.param(3, 3, 3, 1, marks=pytest.mark.slow),
        pytest.param(2, 2, 2, 2, marks=pytest.mark.slow),
    ],
)
def test_in_the_hull_every_equilibrium_is_worth_full_information(states, actions, leaders, types):
    batch = games(1, 64, leaders, states, actions, types, mixed=True)
    found = batched()(batch)
    full = full_information(batch)
    assert (full - np.asarray(found.value.lower)).max() <= 1e-6
    assert bool(found.converged.all())
    # Not for lack of room: no information is worth less.
    assert (full - np.asarray(jax.vmap(jg.no_information_value)(batch)) > 1e-3).mean() > 0.5


@pytest.mark.parametrize(
    ("states", "actions", "leaders"), [(2, 3, 2), pytest.param(3, 3, 2, marks=pytest.mark.slow)]
)
def test_no_draw_violates_the_bound(states, actions, leaders):
    """V >= OPT - 2 eps at every equilibrium, eps with state offsets (theory, section 4 (1))."""
    batch = games(2, 64, leaders, states, actions)
    near = games(3, 64, leaders, states, actions, mixed=True)
    # Near the hull the bound says something: there 2 eps is less than what information is worth.
    part = jnp.linspace(0.02, 1, 64)[:, None, None, None]
    batch = stacked(batch.prior, (1 - part) * near.follower + part * batch.follower, near.leaders)
    distance = jax.jit(jax.vmap(lambda game: jg.game_hull_distance(game, "state").distance.upper))(batch)
    found, full = batched()(batch), full_information(batch)
    none = np.asarray(jax.vmap(jg.no_information_value)(batch))
    assert (np.asarray(found.value.lower) >= full - 2 * np.asarray(distance) - 1e-9).all()
    assert (full - 2 * np.asarray(distance) > none + 1e-3).any()
    assert (full - np.asarray(found.value.upper) > 1e-4).any()


# Against other programs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leaders", "actions", "types", "seed"),
    [
        (2, 3, 1, 4),
        (2, 2, 2, 6),
        pytest.param(3, 3, 1, 5, marks=pytest.mark.slow),
        pytest.param(3, 2, 1, 7, marks=pytest.mark.slow),
        pytest.param(2, 3, 3, 8, marks=pytest.mark.slow),
    ],
)
def test_two_states_agree_with_intervals_and_hulls(leaders, actions, types, seed):
    batch = half_alike(games(seed, 64, leaders, 2, actions, types))
    found = batched()(batch)
    assert bool(found.converged.all())
    exact = np.array([reference.two_state_worst(*arrays(batch, i)) for i in range(64)])
    np.testing.assert_allclose(found.value.lower, exact, atol=1e-8)
    np.testing.assert_allclose(found.value.upper, exact, atol=1e-8)
    assert ((full_information(batch) - exact) > 1e-3).sum() >= 3
    for i in range(0, 64, 8):
        check_law(one(batch, i), one(found, i))


@pytest.mark.parametrize(
    ("leaders", "states", "actions", "types", "count"),
    [
        (2, 3, 3, 1, 64),
        pytest.param(3, 3, 3, 1, 100, marks=pytest.mark.slow),
        pytest.param(2, 3, 2, 2, 50, marks=pytest.mark.slow),
        pytest.param(2, 4, 3, 1, 30, marks=pytest.mark.slow),
    ],
)
def test_more_states_agree_with_highs(leaders, states, actions, types, count):
    batch = half_alike(games(8, count, leaders, states, actions, types))
    found = batched()(batch)
    assert bool(found.converged.all())
    exact = np.array([reference.worst(*arrays(batch, i))[0] for i in range(count)])
    np.testing.assert_allclose(found.value.lower, exact, atol=1e-7)
    np.testing.assert_allclose(found.value.upper, exact, atol=1e-7)
    assert ((full_information(batch) - exact) > 1e-3).sum() > count / 10
    check_law(one(batch, 0), one(found, 0))


@pytest.mark.parametrize("count", [2, pytest.param(12, marks=pytest.mark.slow)])
def test_no_equilibrium_on_a_lattice_is_worse(count):
    """Posteriors inside regions and on faces too: vertices are enough."""
    batch = games(9, 64, 2, 3, 3)
    batch = stacked(batch.prior, batch.follower, 0.8 * batch.leaders[:, :1] + 0.2 * batch.leaders)
    found = batched()(batch)
    full = full_information(batch)
    less = 0
    for i in range(count):
        lattice = reference.lattice_worst(*arrays(batch, i), steps=20 if count == 2 else 30)
        assert float(found.value.lower[i]) <= lattice + 1e-8
        less += lattice < full[i] - 1e-3
    assert less >= 1


@pytest.mark.slow
def test_alike_leaders_are_one_with_nobody_to_beat():
    """K equal leaders: any law on posteriors where one of them is at its closure, which K = 1 must attain."""
    batch = games(10, 64, 1, 3, 3)
    alone = batched()(batch)
    two = batched()(stacked(batch.prior, batch.follower, jnp.repeat(batch.leaders, 2, 1)))
    # The law that the leader takes alone is an equilibrium of two.
    assert (np.asarray(two.value.lower) <= np.asarray(alone.value.upper) + 1e-9).all()
    assert bool(alone.converged.all()) and bool(two.converged.all())


@pytest.mark.slow
def test_a_single_leader_takes_its_best():
    """Its value is that of the program for outcomes; for a unique best law both ends are hers."""
    batch = games(11, 64, 1, 3, 3)
    found = batched()(batch)
    closure = jax.jit(jax.vmap(lambda game: competition.leader_closure(game, 0)))(batch)
    none = jax.vmap(jg.no_information_value)(batch)
    best = jax.vmap(lambda game, v: jg.leader_value(game, 0, v))(batch, none)
    np.testing.assert_allclose(closure.value.lower, best.value.lower, atol=1e-9)
    np.testing.assert_allclose(closure.value.upper, best.value.upper, atol=1e-9)
    worth = np.einsum("ntsa,ntsa->n", best.outcome, batch.follower)
    np.testing.assert_allclose(found.value.upper, worth, atol=1e-7)
    assert (np.asarray(found.value.lower) <= worth + 1e-7).all()
    assert float(found.value.width.max()) <= 1e-6


@pytest.mark.slow
def test_a_third_leader_like_the_others_changes_nothing():
    batch = games(10, 64, 1, 3, 3)
    two, three = (
        batched()(stacked(batch.prior, batch.follower, jnp.repeat(batch.leaders, count, 1)))
        for count in (2, 3)
    )
    np.testing.assert_allclose(two.value.lower, three.value.lower, atol=1e-12)
    np.testing.assert_allclose(two.value.upper, three.value.upper, atol=1e-12)


# Edges


def test_constant_utilities():
    """Leaders who do not care accept anything: no information. A follower who does not care has one value."""
    batch = games(12, 64, 2, 3, 3)
    careless = stacked(batch.prior, batch.follower, jnp.full_like(batch.leaders, 3.0))
    found = batched()(careless)
    none = np.asarray(jax.vmap(jg.no_information_value)(batch))
    np.testing.assert_allclose(found.value.lower, none, atol=1e-12)
    np.testing.assert_allclose(found.value.upper, none, atol=1e-12)
    flat = stacked(batch.prior, jnp.full_like(batch.follower, 0.25), batch.leaders)
    found = batched()(flat)
    np.testing.assert_allclose(found.value.lower, 0.25, atol=1e-12)
    np.testing.assert_allclose(found.value.upper, 0.25, atol=1e-12)


@pytest.mark.slow
def test_two_actions_that_she_never_tells_apart_bracket_all_tie_rules():
    """Convict harshly or mildly is the same to her: a prosecutor who wants it harsh has that or has not.

    By a rule for harshness two such prosecutors accept any posterior from 1/2 on and 0: she may be left at
    no information, .7. By a rule for mildness they gain nothing, and the same is an equilibrium.
    A defender who wants only the harsh verdict avoided gains by revealing under one rule alone.
    """
    follower = [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    harsh = [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    spare = [[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]
    alike = worst_one()(jg.make_game([0.7, 0.3], follower, [harsh, harsh]))
    assert float(alike.value.lower) == pytest.approx(0.7, abs=1e-9)
    assert float(alike.value.upper) == pytest.approx(0.7, abs=1e-9)
    # Mildly always: neither loses or gains anything, so that no information is an equilibrium.
    split = worst_one()(jg.make_game([0.7, 0.3], follower, [harsh, spare]))
    assert float(split.value.lower) == pytest.approx(0.7, abs=1e-9)
    # Only full revelation is one under every rule: the bracket says that it does not know the rule.
    assert float(split.value.upper) == pytest.approx(1.0, abs=1e-9) and not bool(split.converged)


def test_an_action_best_at_one_posterior_only():
    """Abstaining pays .5, the best only at 1/2: a leader may hope for it there, or not."""
    follower = [[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]]
    wants = [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    found = worst_one()(jg.make_game([0.7, 0.3], follower, [wants, wants]))
    # If she never abstains they accept no information, .7; if she does at 1/2, they reveal up to it.
    assert float(found.value.lower) == pytest.approx(0.7, abs=1e-9)
    assert float(found.value.upper) == pytest.approx(0.7, abs=1e-9)


def test_states_of_probability_0_matter_to_nobody():
    batch = games(13, 64, 2, 2, 3)
    rng = np.random.default_rng(14)
    for place in range(3):
        hold = np.insert(np.asarray(batch.prior), place, 0.0, axis=2)
        wider = stacked(
            jnp.asarray(hold),
            jnp.asarray(
                np.insert(np.asarray(batch.follower), [place], 1e3 * rng.random((64, 1, 1, 3)), axis=2)
            ),
            jnp.asarray(
                np.insert(np.asarray(batch.leaders), [place], 1e3 * rng.random((64, 2, 1, 1, 3)), axis=3)
            ),
        )
        few, many = batched()(batch), batched()(wider)
        np.testing.assert_allclose(few.value.lower, many.value.lower, atol=1e-9)
        np.testing.assert_allclose(few.value.upper, many.value.upper, atol=1e-9)
    certain = worst_one()(jg.make_game([0.0, 1.0], np.eye(2), [PROSECUTOR, DEFENDER]))
    assert float(certain.loss.lower) == float(certain.loss.upper) == 0.0
    assert 1 - 1e-14 <= float(certain.value.lower) <= 1 <= float(certain.value.upper) <= 1 + 1e-14


@pytest.mark.parametrize("scale", [1e6, 1e-6])
def test_units_and_offsets_change_nothing(scale):
    batch = games(15, 64, 2, 3, 3)
    plain = batched()(batch)
    scaled = batched()(stacked(batch.prior, scale * batch.follower + 7 * scale, batch.leaders / scale - 2))
    np.testing.assert_allclose(scaled.value.lower / scale - 7, plain.value.lower, atol=1e-8)
    np.testing.assert_allclose(scaled.value.upper / scale - 7, plain.value.upper, atol=1e-8)


def test_a_batch_equals_one_by_one():
    batch = games(16, 64, 2, 2, 3)
    together = batched()(batch)
    for i in range(64):
        alone = worst_one()(one(batch, i))
        assert float(together.value.lower[i]) == pytest.approx(float(alone.value.lower), abs=1e-12)
        assert float(together.value.upper[i]) == pytest.approx(float(alone.value.upper), abs=1e-12)


def test_bad_input_is_named():
    game = judge(PROSECUTOR, DEFENDER)
    with pytest.raises(ValueError, match=r"tolerance is 0\.0; it must be positive"):
        competition.worst_equilibrium(game, tolerance=0.0)
    with pytest.raises(ValueError, match=r"rationality is -1\.0; it must be at least 0"):
        competition.worst_equilibrium(game, rationality=-1.0)
    with pytest.raises(ValueError, match="rationality is nan; it must be at least 0"):
        competition.worst_equilibrium(game, rationality=math.nan)
    with pytest.raises(ValueError, match="leader is 2; it must be from 0 to 1, as game has 2"):
        competition.leader_closure(game, 2)
    with pytest.raises(ValueError, match=r"game has 5 states; .* at most 4: merge states"):
        competition.worst_equilibrium(one(games(0, 1, 2, 5, 2), 0))
    with pytest.raises(ValueError, match="4 states, 6 actions and 2 types make 13104 pairs"):
        competition.worst_equilibrium(one(games(0, 1, 2, 4, 6, 2), 0))
    low = jax.tree.map(lambda x: x.astype(jnp.float32), game)
    with pytest.raises(ValueError, match="game is float32; closures need float64"):
        competition.worst_equilibrium(low)


# A logit follower


@functools.cache
def logit():
    return jax.jit(lambda game, rationality: competition.worst_equilibrium(game, rationality=rationality))


def test_a_coarse_grid_widens_the_bracket_and_makes_it_no_less_true():
    batch = games(17, 6, 2, 2, 3)
    coarse = jax.jit(
        jax.vmap(
            lambda game: competition.worst_equilibrium(game, rationality=20.0, tolerance=1e-12, rounds=1)
        )
    )(batch)
    assert not bool(coarse.converged.all())
    assert bool((coarse.open >= 1).all())  # those beside full information, an equilibrium, cannot be excluded
    for i in range(6):
        grid = reference.logit_worst(*arrays(batch, i), 20.0, 1e-13, 20_000)
        assert float(coarse.value.lower[i]) - 2e-5 <= grid <= float(coarse.value.upper[i]) + 2e-5


def test_pairs_of_an_equilibrium_are_certified_whatever_was_not_excluded(monkeypatch):
    """With closures known from below alone nothing more is excluded; full information alone is certified."""
    game, real = judge(PROSECUTOR, PROSECUTOR), pair_closures.closures_at

    def wide(*given):
        sure, most, pivots = real(*given)
        return sure, most._replace(upper=most.upper + 0.5), pivots

    right = worst._best_response.__wrapped__(game, jnp.array(1e-6))
    monkeypatch.setattr(pair_closures, "closures_at", wide)
    found = worst._best_response.__wrapped__(game, jnp.array(1e-6))
    assert bool(right.converged) and not bool(found.converged)
    assert float(found.value.lower) == pytest.approx(0.7, abs=1e-9)
    assert float(found.value.upper) == pytest.approx(1.0, abs=1e-9)


def tangent(rationality: float) -> float:
    """Where the line from (0, v(0)) touches v(x) = 1 / (1 + exp(-rationality (2 x - 1))), by bisection."""

    def v(x):
        return expit(rationality * (2 * x - 1))

    low, high = 0.5, 1.0
    for _ in range(100):
        x = (low + high) / 2
        rising = 2 * rationality * v(x) * (1 - v(x)) * x > v(x) - v(0)
        low, high = (x, high) if rising else (low, x)
    return high


@pytest.mark.slow
def test_a_logit_judge_and_her_prosecutor():
    """Of no help to the prosecutor at first, then of ever more: its value falls from .5, then rises to .6."""
    values = []
    closure = jax.jit(lambda game, rationality: competition.leader_closure(game, 0, rationality=rationality))
    game = judge(PROSECUTOR)
    prior, follower, leaders = (np.asarray(x) for x in (game.prior, game.follower, game.leaders))
    for rationality in (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0):
        found = closure(game, rationality)
        value = reference.logit_closure(prior, follower, leaders[0], rationality)
        assert float(found.value.lower) == pytest.approx(value, abs=1e-8)
        assert 0 <= float(found.value.width) <= 1e-9
        np.testing.assert_allclose(found.weights @ found.posteriors, [0.7, 0.3], atol=1e-12)
        values.append(value)
    assert values[0] == 0.5 and values[1] > values[2] + 0.01 and values[2] < values[3] < values[6]
    # At rationality r the tangent touches where 1 / r log r is what is lost: 6e-6 of .6 at a million.
    last = closure(game, 1e6).value
    assert float(last.lower) == pytest.approx(0.6, abs=1e-5) and float(last.width) <= 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("leaders", [1, 2])
def test_logit_judges_worst_equilibrium_by_the_tangent(leaders):
    """Prosecutors are at their closure at 0 and from the tangent's point on; the worst is these two."""

    def value(x, rationality):
        """What posteriors 0 and x are worth to her."""
        low, high = (expit(rationality * (2 * y - 1)) for y in (0.0, x))
        return (1 - 0.3 / x) * (1 - low) + 0.3 / x * (x * high + (1 - x) * (1 - high))

    for rationality in (3.0, 10.0, 100.0, 1000.0):
        touch = tangent(rationality)
        found = logit()(judge(*[PROSECUTOR] * leaders), rationality)
        assert float(found.value.lower) <= value(touch, rationality) + 1e-12
        # A gain of `slack` is what a posterior off by `reach` leaves, |v''| reach^2 / 2.
        convicts = expit(rationality * (2 * touch - 1))
        bend = 4 * rationality**2 * convicts * (1 - convicts) * (2 * convicts - 1)
        reach = math.sqrt(2 * float(found.slack) / bend)
        assert float(found.value.upper) >= value(touch - reach, rationality) - 1e-12
        assert reach <= 1e-6
        assert float(found.value.width) <= 1e-6 and bool(found.converged)


@pytest.mark.slow
def test_a_logit_judge_with_both_learns_all():
    for rationality in (10.0, 1000.0, 1e6):
        found = logit()(judge(PROSECUTOR, DEFENDER), rationality)
        right = 1 / (1 + math.exp(-rationality))
        assert float(found.value.upper) == pytest.approx(right, abs=1e-12)
        assert float(found.value.lower) == pytest.approx(right, abs=1e-6)


def test_rationality_0_is_exact_and_any_size_is_finite():
    """Uniform play whatever is known: one value. And nothing overflows, down to states that are certain."""
    for game in (judge(PROSECUTOR, DEFENDER), judge(PROSECUTOR, PROSECUTOR)):
        found = logit()(game, 0.0)
        assert float(found.value.lower) == pytest.approx(0.5, abs=1e-12)
        assert float(found.value.upper) == pytest.approx(0.5, abs=1e-12)
    for prior in (0.3, 0.0, 1.0):
        for rationality in (1e6, 1e12, 1e300):
            game = judge(PROSECUTOR, PROSECUTOR, guilty=prior)
            found = logit()(game, rationality)
            assert all(np.isfinite(np.asarray(x)).all() for x in jax.tree.leaves(found))
            assert float(found.value.lower) <= max(prior, 1 - prior) + 1e-4
            assert float(found.value.upper) >= max(prior, 1 - prior) - 1e-4


@functools.cache
def logit_batched():
    return jax.jit(jax.vmap(logit(), (0, None)))


@pytest.mark.slow
@pytest.mark.parametrize(("leaders", "actions", "types"), [(2, 3, 1), (3, 2, 1), (2, 2, 2), (1, 3, 1)])
def test_logit_brackets_agree_with_a_grid(leaders, actions, types):
    """The grid's hull and its set of equilibria are off by its step, 2e-5: so is the value, times a slope."""
    batch = games(17, 4, leaders, 2, actions, types)
    for rationality in (2.0, 20.0, 200.0):
        found = logit_batched()(batch, rationality)
        assert bool(found.converged.all())
        for i in range(4):
            prior, follower, theirs = arrays(batch, i)
            if leaders > 1:
                grid = reference.logit_worst(prior, follower, theirs, rationality, 1e-13, 50_000)
                assert float(found.value.lower[i]) - 1e-5 <= grid <= float(found.value.upper[i]) + 1e-5
            # The law averages to the prior and is worth what is said.
            x, weights = np.asarray(found.posteriors[i]), np.asarray(found.weights[i])
            np.testing.assert_allclose(weights @ x, prior.sum(0), atol=1e-12)
            worth = weights @ reference.logit_values(prior, follower, follower, rationality, x[:, 1])
            assert worth == pytest.approx(float(found.value.upper[i]), abs=1e-9)
            response = reference.logit(prior, follower, rationality, x[:, 1])
            np.testing.assert_allclose(found.responses[i], response, atol=1e-9)
            gains, fine = [], np.union1d(np.linspace(0, 1, 20_001), x[:, 1])
            for leader in theirs:
                at, over = (
                    reference.logit_values(prior, follower, leader, rationality, y) for y in (x[:, 1], fine)
                )
                hull = np.interp(x[:, 1], *reference.upper_hull(fine, over))
                total = np.interp(prior.sum(0)[1], *reference.upper_hull(fine, over))
                gains.append(weights @ (hull - at) if leaders > 1 else total - weights @ at)
            assert max(gains) <= 1e-11


@pytest.mark.slow
def test_the_more_rational_the_nearer_to_best_responses():
    batch = games(18, 4, 2, 2, 3)
    best = batched()(batch)
    distance = [
        float(jnp.abs(logit_batched()(batch, rationality).value.upper - best.value.upper).max())
        for rationality in (10.0, 1e3, 1e5)
    ]
    assert distance[0] > 10 * distance[1] and distance[1] > 10 * distance[2]
    assert distance[2] < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("rationality", [2.0, 20.0, 200.0])
def test_in_the_hull_a_logit_follower_loses_no_more_than_her_regret(rationality):
    """2,000 games: the bound is OPT - W((A-1)/e) / rationality."""
    batch = games(31, 2000, 2, 2, 3, mixed=True)
    worst = spread(
        lambda game: (
            competition.worst_equilibrium(game, rationality=rationality, tolerance=1e-4, rounds=6).value
        ),
        jax.devices(),
    )
    full = np.asarray(jax.vmap(jg.full_information_value)(batch))
    lost = full - np.asarray(worst(batch).lower)
    allowed = jg.quantal_regret_bound(3, rationality)
    print(f"rationality {rationality}: largest loss {lost.max():.2e}, allowed {allowed:.2e}")
    assert lost.max() <= allowed + 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("states", "actions", "leaders"), [(2, 3, 2), (3, 3, 3), (4, 3, 4)])
def test_in_the_hull_no_equilibrium_of_2000_games_is_below_full_information(states, actions, leaders):
    batch = games(32, 2000, leaders, states, actions, mixed=True)
    worst = spread(lambda game: competition.worst_equilibrium(game).value, jax.devices())
    full = np.asarray(jax.vmap(jg.full_information_value)(batch))
    lost = full - np.asarray(worst(batch).lower)
    print(f"largest loss {lost.max():.1e}")
    assert lost.max() <= 1e-6


def test_logit_needs_two_states():
    with pytest.raises(ValueError, match="game has 3 states; with a finite rationality two are supported"):
        competition.worst_equilibrium(one(games(0, 1, 2, 3, 2), 0), rationality=2.0)

"""Worst slack-equilibria of simultaneous competition: HiGHS, lattices, closed forms, and the guarantee."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

import jaxgame as jg
from jaxgame import competition
from jaxgame.competition.rich import slack_laws, worst_quantal, worst_slack
from jaxgame.competition.rich.slack_program import Law, Program, bound, kept, proposed
from tests.games import DEFENDER, PROSECUTOR, judge, one
from tests.reference import slack as reference
from tests.test_competition_worst import arrays, check_law, full_information, games, half_alike, stacked

# Programs are compiled for this many games and slacks side by side.
GAMES = 12
SLACKS = np.array([1e-6, 1e-3, 1e-2, 0.1, 10.0])
RATIONALITY = 20.0


@functools.cache
def best():
    """All games of a batch with slacks [K, L] each, for a follower who responds best."""

    def worst(game, slack):
        return competition.worst_equilibrium(game, slack=slack)

    return jax.jit(jax.vmap(jax.vmap(worst, (None, 0)), (0, None)))


@functools.cache
def logit():
    """The same for a logit follower."""

    def worst(game, slack):
        return competition.worst_equilibrium(game, rationality=RATIONALITY, slack=slack)

    return jax.jit(jax.vmap(jax.vmap(worst, (None, 0)), (0, None)))


WORST = [pytest.param(best, id="best"), pytest.param(logit, id="logit")]


def each(slacks, leaders):
    """One slack for all leaders."""
    return jnp.asarray(np.broadcast_to(np.asarray(slacks)[:, None], (len(slacks), leaders)))


def drawn(seed, leaders, states, actions, types=1):
    return half_alike(games(seed, GAMES, leaders, states, actions, types))


def repeated(game):
    return jax.tree.map(lambda x: jnp.broadcast_to(x[None], (GAMES, *x.shape)), game)


@pytest.mark.parametrize(
    ("leaders", "states", "actions", "types"),
    [
        (1, 2, 3, 1),
        (2, 3, 3, 1),
        *(
            pytest.param(*shape, marks=pytest.mark.slow)
            for shape in ((2, 2, 2, 1), (2, 2, 4, 1), (3, 2, 3, 1), (3, 3, 3, 1), (1, 3, 3, 1), (3, 2, 2, 2))
        ),
    ],
)
def test_best_responses_agree_with_highs(leaders, states, actions, types):
    batch = drawn(1, leaders, states, actions, types)
    found = best()(batch, each(SLACKS, leaders))
    assert bool(found.converged.all())
    exact = np.array(
        [[reference.on_vertices(*arrays(batch, i), slack) for slack in SLACKS] for i in range(GAMES)]
    )
    np.testing.assert_allclose(found.value.lower, exact, atol=1e-6)
    np.testing.assert_allclose(found.value.upper, exact, atol=1e-6)
    # Slack matters: some games lose more the more of it there is.
    assert (np.diff(exact, axis=1) < -1e-3).any(1).sum() >= 2
    for i in range(GAMES):
        check_law(one(batch, i), one(one(found, i), 2))


@pytest.mark.parametrize(
    ("leaders", "actions"),
    [(1, 3), (2, 3), *(pytest.param(*x, marks=pytest.mark.slow) for x in ((2, 2), (2, 4), (3, 3)))],
)
def test_two_states_agree_with_a_lattice(leaders, actions):
    """Posteriors on a fine grid, hulls by a monotone chain; it has points 1e-9 beside the switches."""
    batch = drawn(3, leaders, 2, actions)
    found = best()(batch, each(SLACKS, leaders))
    for i in range(6):
        for j in range(1, len(SLACKS)):
            grid = reference.best_on_lattice(*arrays(batch, i), SLACKS[j], 400)
            assert float(found.value.lower[i, j]) == pytest.approx(grid, abs=2e-6)


@pytest.mark.parametrize(
    ("leaders", "actions", "types"),
    [(2, 3, 1), *(pytest.param(*x, marks=pytest.mark.slow) for x in ((1, 3, 1), (3, 4, 1), (2, 2, 2)))],
)
def test_logit_agrees_with_a_lattice(leaders, actions, types):
    """A lattice's hulls are too low: up to their error its laws are equilibria; it misses what is between."""
    batch = drawn(2, leaders, 2, actions, types)
    found = logit()(batch, each(SLACKS, leaders))
    assert bool(found.converged.all())
    for i in range(6):
        for j in range(1, len(SLACKS)):
            grid = reference.logit_on_lattice(*arrays(batch, i), RATIONALITY, SLACKS[j], 2_000)
            assert float(found.value.lower[i, j]) <= grid + 1e-6
            assert float(found.value.upper[i, j]) == pytest.approx(grid, abs=3e-5)


@pytest.mark.parametrize("worst", WORST)
def test_more_slack_loses_more_up_to_all(worst):
    """Monotone; at a huge slack what no information loses, the most that any law does."""
    batch = drawn(4, 2, 2, 3)
    loss = worst()(batch, each([1e-6, 1e-3, 1e-2, 0.1, 1e6], 2)).loss
    assert bool((loss.width >= 0).all())
    assert bool((loss.upper[:, 1:] >= loss.lower[:, :-1] - 1e-12).all())
    assert float((loss.lower[:, 1:] - loss.upper[:, :-1]).max()) > 1e-2
    if worst is best:
        none = full_information(batch) - np.asarray(jax.vmap(jg.no_information_value)(batch))
        np.testing.assert_allclose(loss.lower[:, -1], none, atol=1e-12)
        np.testing.assert_allclose(loss.upper[:, -1], none, atol=1e-12)


@pytest.mark.parametrize(
    ("leaders", "worst"), [(1, best), (2, best), (2, logit), pytest.param(1, logit, marks=pytest.mark.slow)]
)
def test_tiny_slack_is_nearly_none(leaders, worst):
    """What a logit follower loses by 1e-12 of a range is of the order of its root; with best responses a
    gain of 1e-9 is forgiven in any case, at prices of some thousand."""
    batch = drawn(5, leaders, 2, 3)
    tiny = worst()(batch, each([0.0, 1e-13, 1e-12, 1e-12, 1e-12], leaders)).loss
    rationality = math.inf if worst is best else RATIONALITY
    program = jax.jit(jax.vmap(lambda g: competition.worst_equilibrium(g, rationality=rationality)))
    exact = jax.tree.map(lambda x: jnp.broadcast_to(x[:, None], (GAMES, 5)), program(batch).loss)
    assert bool((tiny.upper >= exact.lower - 1e-12).all())
    np.testing.assert_allclose(tiny.upper, exact.upper, atol=2e-5)
    np.testing.assert_allclose(tiny.lower, exact.lower, atol=2e-5)


@pytest.mark.parametrize("how", [{}, pytest.param({"rationality": 5.0}, marks=pytest.mark.slow)])
def test_no_slack_is_what_it_was(how):
    """A slack that is known to be 0 takes the path without one, bit for bit."""
    game = judge(PROSECUTOR, DEFENDER)
    plain = competition.worst_equilibrium(game, **how)
    for slack in (0.0, jnp.zeros(()), jnp.zeros(2)):
        found = competition.worst_equilibrium(game, slack=slack, **how)
        jax.tree.map(np.testing.assert_array_equal, plain, found)


# By hand


def test_prosecutors_leave_the_judge_at_no_information_whatever_their_slack():
    """Theory, section 5: without information she is right with .7, and nothing is worth less to her."""
    found = best()(repeated(judge(PROSECUTOR, PROSECUTOR)), each([1e-9, 1e-6, 1e-3, 0.2, 2.0], 2))
    np.testing.assert_allclose(found.value.lower, 0.7, atol=1e-9)
    np.testing.assert_allclose(found.value.upper, 0.7, atol=1e-9)


def test_prosecutor_and_defender_withhold_as_much_as_their_slack():
    """Beyond the corners the only vertex is even odds, where she errs with 1/2. If she convicts there the
    defender's closure is 1 and it has 0; if she acquits, so for the prosecutor: with probabilities a and b of
    these the excess is a to the one and b to the other. She loses (a + b) / 2, at most the prior .3."""
    slacks = np.array([[0.1, 0.0], [0.0, 0.2], [0.1, 0.2], [0.05, 0.05], [0.5, 0.4]])
    found = best()(repeated(judge(PROSECUTOR, DEFENDER)), jnp.asarray(slacks))
    exact = 1 - np.minimum(slacks.sum(1) / 2, 0.3)
    np.testing.assert_allclose(found.value.lower[0], exact, atol=1e-8)
    np.testing.assert_allclose(found.value.upper[0], exact, atol=1e-8)


KNIFE_EDGE = jg.make_game(
    [0.5, 0.5],
    [[0.0, 0.0, 2.0], [0.0, 3.0, 0.0]],
    [[[3.0, 3.0, 2.0], [3.0, 1.0, 2.0]], [[2.0, 1.0, 1.0], [1.0, 2.0, 2.0]]],
)


def test_an_exact_equilibrium_may_stand_on_a_knife_edge():
    """All who gain nothing reveal all, which is worth 2.5; a gain of 2e-6 forgiven, and she is left 1.49."""
    exact = jax.jit(functools.partial(competition.worst_equilibrium, rationality=RATIONALITY))(KNIFE_EDGE)
    found = logit()(repeated(KNIFE_EDGE), each([1e-8, 2e-6, 2e-6, 2e-6, 2e-6], 2))
    fields = (np.asarray(x) for x in (KNIFE_EDGE.prior, KNIFE_EDGE.follower, KNIFE_EDGE.leaders))
    grid = reference.logit_on_lattice(*fields, RATIONALITY, 2e-6, 20_000)
    assert float(exact.value.lower) >= 2.4999
    assert float(found.value.upper[0, 1]) <= 1.49
    assert float(found.value.upper[0, 1]) == pytest.approx(grid, abs=1e-3)


@pytest.mark.parametrize("worst", WORST)
def test_no_draw_violates_the_guarantee(worst):
    """V >= OPT - 2 eps - sum_j w_j eta_j, and less regret if she is logit (theory, section 8) [own]."""
    rng = np.random.default_rng(7)
    hull = jax.jit(jax.vmap(lambda game: jg.game_hull_distance(game, "state")))
    regret = 0.0 if worst is best else jg.quantal_regret_bound(3, RATIONALITY)
    spare, lost = [], []
    for seed in range(9 if worst is best else 3):
        batch = games(100 + seed, GAMES, 2, 2, 3, mixed=True)
        other = games(200 + seed, GAMES, 2, 2, 3)
        part = rng.uniform(0, 0.3, (GAMES, 1, 1, 1))
        batch = stacked(batch.prior, (1 - part) * batch.follower + part * other.follower, batch.leaders)
        slacks = 10.0 ** rng.uniform(-6, -0.5, (len(SLACKS), 2))
        fit, loss = hull(batch), worst()(batch, jnp.asarray(slacks)).loss
        allowed = 2 * np.asarray(fit.distance.upper)[:, None] + np.asarray(fit.weights) @ slacks.T + regret
        spare.append(allowed - np.asarray(loss.upper))
        lost.append(np.asarray(loss.lower) - 2 * np.asarray(fit.distance.upper)[:, None])
    assert np.array(spare).min() >= -1e-9
    assert np.array(lost).max() > 1e-2  # which the bound without slack would not allow


def test_units_change_nothing():
    """Slack is in the leaders' units, each in its own; constants and the follower's units are no matter."""
    game = one(drawn(4, 2, 2, 3), 3)
    shape = (2, 1, 1, 1)
    factors = np.array([[1.0, 1.0], [1e6, 1e-6], [1e-9, 1.0], [3.0, 0.5]] * 3)
    constants = np.array([[0.0, 0.0], [1e3, 0.0], [0.0, -1.0], [1e3, 2.0]] * 3)
    hers = np.repeat([1.0, 1e6, 1e-6], 4)
    batch = stacked(
        np.broadcast_to(game.prior, (GAMES, 1, 2)),
        hers[:, None, None, None] * np.asarray(game.follower)[None],
        factors.reshape(GAMES, *shape) * (np.asarray(game.leaders)[None] + constants.reshape(GAMES, *shape)),
    )
    slacks = np.array([[0.01, 0.02], [1e-3, 0.0], [0.0, 1e-3], [0.1, 0.1], [1e-6, 1e-4]])
    plain = best()(repeated(game), jnp.asarray(slacks))
    assert len(np.unique(np.round(plain.loss.upper[0], 9))) > 3
    for i in range(GAMES):
        found = one(best()(batch, jnp.asarray(slacks * factors[i])), i)
        assert bool(found.converged.all())
        np.testing.assert_allclose(found.loss.upper / hers[i], plain.loss.upper[i], atol=1e-8)
        np.testing.assert_allclose(found.loss.lower / hers[i], plain.loss.lower[i], atol=1e-8)


# What is refused, and what nothing is known of


@pytest.mark.parametrize(
    ("slack", "said"),
    [
        (-1e-9, "slack is -1e-09; it must be at least 0, and finite"),
        (math.nan, "slack is nan; it must be"),
        (math.inf, "slack is inf; it must be"),
        (jnp.array([0.1, -0.1]), "it must be at least 0, and finite"),
        (jnp.array([0.1, 0.1, 0.1]), r"slack has shape \(3,\); it must be a number or \[K\] = \(2,\)"),
    ],
)
def test_bad_slack_is_refused(slack, said):
    with pytest.raises(ValueError, match=said):
        competition.worst_equilibrium(judge(PROSECUTOR, DEFENDER), slack=slack)


@pytest.mark.parametrize("worst", WORST)
def test_nothing_is_known_of_slack_that_is_no_number(worst):
    """Under jit, where it cannot be refused; its neighbours are as without it."""
    batch = drawn(4, 2, 2, 3)
    slacks = np.array([[1e-3, 1e-3], [math.nan, 1e-3], [1e-3, -1e-3], [math.inf, 1e-3], [0.1, 0.1]])
    found = worst()(batch, jnp.asarray(slacks))
    for j in (1, 2, 3):
        assert np.isneginf(found.value.lower[:, j]).all() and np.isposinf(found.value.upper[:, j]).all()
        assert not bool(found.converged[:, j].any())
        assert np.isnan(found.weights[:, j]).all()
    right = worst()(batch, jnp.where(jnp.isfinite(slacks) & (slacks >= 0), slacks, 0.0))
    for j in (0, 4):
        jax.tree.map(lambda x, y, j=j: np.testing.assert_array_equal(x[:, j], y[:, j]), found, right)


# Certificates


def programs(seed, count, size=3, leaders=2, points=12):
    """Random programs with a law that is within what is allowed: all weight at the corners."""
    rng = np.random.default_rng(seed)
    return Program(
        points=jnp.asarray(rng.dirichlet(np.ones(size), (count, points))),
        worth=jnp.asarray(
            np.where(rng.random((count, points)) < 0.1, -np.inf, rng.normal(size=(count, points)))
        ),
        excess=jnp.asarray(
            rng.exponential(size=(count, leaders, points)) * (rng.random((count, leaders, points)) < 0.8)
        ),
        corners=jnp.asarray(rng.normal(size=(count, size))),
        corner_excess=jnp.zeros((count, leaders, size)),
        target=jnp.asarray(rng.dirichlet(np.ones(size), count)),
        allowed=jnp.asarray(10.0 ** rng.uniform(-9, 0.5, (count, leaders))),
    )


def optimum(program):
    """By HiGHS."""
    points, worth, excess, corners, corner_excess, target, allowed = map(np.asarray, program)
    kept = np.isfinite(worth)
    q = np.concatenate([points[kept], np.eye(len(target))])
    found = linprog(
        -np.concatenate([worth[kept], corners]),
        A_ub=np.concatenate([excess[:, kept], corner_excess], 1),
        b_ub=allowed,
        A_eq=q.T,
        b_eq=target,
        options=reference.OPTIONS,
    )
    assert found.status == 0
    return -found.fun


def test_no_proposal_makes_a_bound_false():
    """Prices, multipliers and weights that no solver would propose: bounds hold, laws are what they say."""
    count = 16
    batch, rng = programs(8, count), np.random.default_rng(9)
    safe = Law(jnp.zeros((count, 12)), batch.target)
    own = jax.jit(jax.vmap(lambda program: proposed(program, None)))(batch)
    exact = np.array([optimum(one(batch, i)) for i in range(count)])
    prices, multipliers, weights = map(np.asarray, (own.prices, own.multipliers, own.weights))
    noise = rng.normal(size=(count, 3))
    proposals = {
        "its own": (prices, multipliers, weights),
        "noise": (noise[:, :2], rng.normal(size=(count, 3)), rng.random((count, 12))),
        "of others": tuple(np.roll(x, 1, 0) for x in (prices, multipliers, weights)),
        "nothing": (0 * prices, 0 * multipliers, 0 * weights),
        "negative": (-prices - 1, -multipliers, -weights),
        "halved": (prices / 2, multipliers, 2 * weights),
        "nearly": (prices * (1 + 1e-6 * noise[:, :2]), multipliers, weights + 1e-6 * rng.random((count, 12))),
        "no numbers": (
            np.where(noise[:, :2] > 0, np.nan, prices),
            multipliers * np.nan,
            np.where(rng.random((count, 12)) < 0.2, np.nan, weights),
        ),
        "infinite": (
            np.where(noise[:, :2] > 0, np.inf, prices),
            np.where(noise > 0, np.inf, -np.inf),
            np.where(weights > 0, np.inf, 0.0),
        ),
        "huge": (1e100 * np.abs(noise[:, :2]), 1e150 * noise, 1e300 * weights),
        "everything": (prices, multipliers, np.ones((count, 12))),
    }
    judged = jax.jit(jax.vmap(lambda program, m, p, w, safe: (bound(program, m, p), kept(program, w, safe))))
    for name, (prices, multipliers, weights) in proposals.items():
        above, below = judged(batch, *map(jnp.asarray, (multipliers, prices, weights)), safe)
        assert (np.asarray(above) >= exact - 1e-9).all(), name
        assert (np.asarray(below.worth) <= exact + 1e-9).all(), name
        w, corners = np.asarray(below.law.weights), np.asarray(below.law.corner_weights)
        assert w.min() >= 0 and corners.min() >= 0, name
        np.testing.assert_allclose(
            np.einsum("bn,bns->bs", w, batch.points) + corners, batch.target, atol=1e-14
        )
        worth = (w * np.where(w > 0, batch.worth, 0)).sum(1) + (corners * batch.corners).sum(1)
        np.testing.assert_allclose(below.worth, worth, atol=1e-12)
        spent = np.einsum("bn,bkn->bk", w, batch.excess)
        assert (spent <= np.asarray(batch.allowed) * (1 + 1e-12)).all(), name
        assert (spent <= np.asarray(below.excess) + 1e-15).all(), name
        if name == "its own":
            np.testing.assert_allclose(above, exact, atol=1e-8)
            np.testing.assert_allclose(below.worth, exact, atol=1e-8)


@pytest.mark.parametrize("what", ["best", "logit"])
def test_brackets_are_true_whatever_is_proposed(what, monkeypatch):
    """Noise in place of prices, multipliers and laws: wide brackets, which hold what was certified."""
    batch, slacks = drawn(1, 2, 2, 3), each(SLACKS, 2)
    worst, module = (best, worst_slack) if what == "best" else (logit, slack_laws)
    right = worst()(batch, slacks).loss
    rng = np.random.default_rng(10)

    def noise(program, start):
        found = proposed(program, start)
        scale = jnp.asarray(10.0 ** rng.uniform(-2, 2, 2))
        return found._replace(
            weights=found.weights * jnp.asarray(rng.uniform(0, 3, found.weights.shape)),
            multipliers=found.multipliers + jnp.asarray(rng.normal(size=found.multipliers.shape)) * 0.1,
            prices=found.prices * scale + jnp.asarray(rng.normal(size=found.prices.shape)),
        )

    monkeypatch.setattr(module, "proposed", noise)
    if what == "best":
        program = functools.partial(worst_slack.worst_slack.__wrapped__, tolerance=jnp.asarray(1e-6))
    else:
        unjitted = worst_quantal.worst_quantal_slack.__wrapped__

        def program(game, slack):
            return unjitted(game, jnp.asarray(RATIONALITY), jnp.asarray(1e-6), slack, 1)

    wrong = jax.jit(jax.vmap(jax.vmap(lambda g, s: program(g, slack=s), (None, 0)), (0, None)))
    found = wrong(batch, slacks).loss
    assert float(found.width.max()) > 1e-3
    assert bool((found.lower <= right.upper + 1e-9).all()) and bool((found.upper >= right.lower - 1e-9).all())

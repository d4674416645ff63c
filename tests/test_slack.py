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
from jaxgame.competition.rich.slack_program import Law, Program, bound, kept, proposed
from tests.games import DEFENDER, PROSECUTOR, judge
from tests.reference import slack as reference
from tests.test_competition_worst import arrays, check_law, full_information, games, half_alike, stacked
from tests.games import one

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


def each(batch, slacks):
    """One slack for all leaders."""
    return jnp.asarray(np.broadcast_to(np.asarray(slacks)[:, None], (len(slacks), batch.leaders.shape[1])))


def drawn(seed, count, leaders, states, actions, types=1):
    return half_alike(games(seed, count, leaders, states, actions, types))


SHAPES = [
    (1, 2, 3, 1),
    (2, 3, 3, 1),
    pytest.param(2, 2, 2, 1, marks=pytest.mark.slow),
    pytest.param(2, 2, 4, 1, marks=pytest.mark.slow),
    pytest.param(3, 2, 3, 1, marks=pytest.mark.slow),
    pytest.param(3, 3, 3, 1, marks=pytest.mark.slow),
    pytest.param(1, 3, 3, 1, marks=pytest.mark.slow),
    pytest.param(3, 2, 2, 2, marks=pytest.mark.slow),
    pytest.param(2, 4, 3, 1, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("leaders", "states", "actions", "types"), SHAPES)
def test_best_responses_agree_with_highs(leaders, states, actions, types):
    batch = drawn(1, 8, leaders, states, actions, types)
    found = best()(batch, each(batch, SLACKS))
    assert bool(found.converged.all())
    exact = np.array(
        [[reference.on_vertices(*arrays(batch, i), slack) for slack in SLACKS] for i in range(8)]
    )
    np.testing.assert_allclose(found.value.lower, exact, atol=1e-6)
    np.testing.assert_allclose(found.value.upper, exact, atol=1e-6)
    # Slack matters: some games lose more the more of it there is.
    assert (np.diff(exact, axis=1) < -1e-3).any(1).sum() >= 3
    for i in range(8):
        check_law(one(batch, i), one(one(found, i), 2))


@pytest.mark.parametrize(
    ("leaders", "actions"),
    [(1, 3), *(pytest.param(k, a, marks=pytest.mark.slow) for k, a in ((2, 2), (3, 3)))],
)
def test_two_states_agree_with_a_lattice(leaders, actions):
    """Posteriors on a fine grid, hulls by a monotone chain; its even steps miss 1e-9 about the switches."""
    batch = drawn(3, 6, leaders, 2, actions)
    found = best()(batch, each(batch, SLACKS))
    for i in range(6):
        for j in range(1, len(SLACKS)):
            grid = reference.best_on_lattice(*arrays(batch, i), SLACKS[j], 400)
            assert float(found.value.lower[i, j]) == pytest.approx(grid, abs=2e-6)


@pytest.mark.parametrize(
    ("leaders", "actions", "types"),
    [(2, 3, 1), *(pytest.param(*x, marks=pytest.mark.slow) for x in ((1, 3, 1), (3, 4, 1), (2, 2, 2)))],
)
def test_logit_agrees_with_a_lattice(leaders, actions, types):
    """A lattice's hulls are too low: up to their error its laws are equilibria; the rest it misses."""
    batch = drawn(2, 6, leaders, 2, actions, types)
    found = logit()(batch, each(batch, SLACKS[1:]))
    assert bool(found.converged.all())
    for i in range(6):
        for j, slack in enumerate(SLACKS[1:]):
            grid = reference.logit_on_lattice(*arrays(batch, i), RATIONALITY, slack, 2_000)
            assert float(found.value.lower[i, j]) <= grid + 1e-6
            assert float(found.value.upper[i, j]) == pytest.approx(grid, abs=3e-5)


@pytest.mark.parametrize("worst", [best, logit], ids=["best", "logit"])
def test_more_slack_loses_more_up_to_all(worst):
    """Monotone; at a huge slack what no information loses, the most that any law does."""
    batch = drawn(4, 12, 2, 2, 3)
    slacks = np.array([1e-9, 1e-6, 1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 1e6])
    loss = worst()(batch, each(batch, slacks)).loss
    assert bool((loss.width >= 0).all())
    assert bool((loss.upper[:, 1:] >= loss.lower[:, :-1] - 1e-12).all())
    assert float((loss.lower[:, 1:] - loss.upper[:, :-1]).max()) > 1e-2
    if worst is best:
        none = full_information(batch) - np.asarray(jax.vmap(jg.no_information_value)(batch))
        np.testing.assert_allclose(loss.lower[:, -1], none, atol=1e-12)
        np.testing.assert_allclose(loss.upper[:, -1], none, atol=1e-12)


@pytest.mark.parametrize(
    ("leaders", "rationality"),
    [(2, math.inf), (1, math.inf), (2, RATIONALITY), pytest.param(1, RATIONALITY, marks=pytest.mark.slow)],
)
def test_tiny_slack_is_nearly_none(leaders, rationality):
    """What 1e-12 of a range allows is of the order of its root for a logit follower; the bracket of no slack
    is within what 1e-9 allows for best responses, by prices of at most some thousand."""
    batch = drawn(5, 12, leaders, 2, 3)
    worst = best() if math.isinf(rationality) else logit()
    tiny = worst(batch, each(batch, [0.0, 1e-12])).loss
    exact = jax.jit(jax.vmap(lambda g: competition.worst_equilibrium(g, rationality=rationality)))(batch).loss
    assert bool((tiny.upper >= exact.lower[:, None] - 1e-12).all())
    np.testing.assert_allclose(tiny.upper, np.broadcast_to(exact.upper[:, None], (12, 2)), atol=2e-5)
    np.testing.assert_allclose(tiny.lower, np.broadcast_to(exact.lower[:, None], (12, 2)), atol=2e-5)


def test_no_slack_is_what_it_was():
    """A slack that is known to be 0 takes the path without one, bit for bit."""
    game = judge(PROSECUTOR, DEFENDER)
    for how in ({}, {"rationality": 5.0, "tolerance": 1e-3, "rounds": 2}):
        plain = competition.worst_equilibrium(game, **how)
        for slack in (0.0, jnp.zeros(()), jnp.zeros(2)):
            found = competition.worst_equilibrium(game, slack=slack, **how)
            jax.tree.map(np.testing.assert_array_equal, plain, found)


# By hand


def test_prosecutors_leave_the_judge_at_no_information_whatever_their_slack():
    """Theory, section 5: without information she is right with .7, and nothing is worth less to her."""
    found = best()(
        jax.tree.map(lambda x: x[None], judge(PROSECUTOR, PROSECUTOR)), jnp.array([[1e-6] * 2, [0.2] * 2])
    )
    np.testing.assert_allclose(found.value.lower, 0.7, atol=1e-9)
    np.testing.assert_allclose(found.value.upper, 0.7, atol=1e-9)


def test_prosecutor_and_defender_withhold_as_much_as_their_slack():
    """Beyond the corners the only vertex is even odds, where she errs with 1/2. If she convicts there the
    defender's closure is 1 and it has 0; if she acquits, so for the prosecutor: with probabilities a and b of
    these the excess is a to the one and b to the other. She loses (a + b) / 2, at most the prior .3."""
    slacks = np.array([[0.1, 0.0], [0.0, 0.2], [0.1, 0.2], [0.05, 0.05], [0.5, 0.4]])
    found = best()(jax.tree.map(lambda x: x[None], judge(PROSECUTOR, DEFENDER)), jnp.asarray(slacks))
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
    found = logit()(jax.tree.map(lambda x: x[None], KNIFE_EDGE), jnp.array([[2e-6] * 2]))
    assert float(exact.value.lower) >= 2.4999
    assert float(found.value.upper[0, 0]) <= 1.49
    grid = reference.logit_on_lattice(
        *map(np.asarray, (KNIFE_EDGE.prior, KNIFE_EDGE.follower, KNIFE_EDGE.leaders)),
        RATIONALITY,
        2e-6,
        20_000,
    )
    assert float(found.value.upper[0, 0]) == pytest.approx(grid, abs=1e-3)

"""Leaders heard together against closed forms, HiGHS, a dense grid, plain NumPy, and properties."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgame as jg
from jaxgame import competition
from jaxgame.competition.independent import smooth
from jaxgame.competition.independent.private import Private
from tests.games import DEFENDER, PROSECUTOR, judge, one
from tests.reference import independent as reference

SILENT, TOLD = jnp.ones((2, 1)), jnp.eye(2)


def games(seed, count, leaders, states, actions, types=1, messages=2):
    """Random games and schemes [N,K,S,M]."""
    rng = np.random.default_rng(seed)
    prior = rng.dirichlet(np.ones(types * states), count).reshape(count, types, states)
    shape = (types, states, actions)
    drawn = (prior, rng.random((count, *shape)), rng.random((count, leaders, *shape)))
    game = jax.vmap(jg.Game)(*map(jnp.asarray, drawn))
    return game, jnp.asarray(rng.dirichlet(np.ones(messages), (count, leaders, states)))


@functools.cache
def replies(rationality=np.inf, **options):
    """Leader 0's best responses, jitted once for each setting."""
    return jax.jit(
        jax.vmap(
            lambda game, schemes: competition.best_response(
                game, schemes, 0, rationality=rationality, **options
            )
        )
    )


@functools.cache
def logit_replies():
    return jax.jit(
        jax.vmap(lambda g, s, rationality: competition.best_response(g, s, 0, rationality=rationality))
    )


def value_of(game, schemes, scheme, rationality=np.inf, tie="favoured"):
    """What `scheme` is worth to leader 0, by NumPy."""
    leader = game.leaders[0]
    profile = [np.asarray(scheme), *(np.asarray(s) for s in schemes[1:])]
    law = reference.outcome(game.prior, game.follower, profile, rationality, tie, leader)
    return float((law * leader).sum())


# Best responses, closed forms


@pytest.mark.parametrize(
    "method", ["closure", *(pytest.param(m, marks=pytest.mark.slow) for m in ("program", "gradient"))]
)
def test_judge(method):
    game = jax.tree.map(lambda x: jnp.stack([x, x]), judge(PROSECUTOR, PROSECUTOR))
    silent = jnp.ones((2, 2)) / 2
    rivals = jnp.stack([jnp.stack([silent, silent]), jnp.stack([silent, TOLD])])
    alone, told = (one(replies(method=method)(game, rivals), i) for i in range(2))
    for end in (alone.value.lower, alone.value.upper):
        assert float(end) == pytest.approx(0.6, abs=1e-9)
    if method != "gradient":
        guilty = alone.scheme[1] > 1e-9
        assert float(alone.scheme[0, guilty].sum()) == pytest.approx(3 / 7, abs=1e-9)
    for end in (told.value.lower, told.value.upper):
        assert float(end) == pytest.approx(0.3, abs=1e-9)


def test_judge_with_any_prior_and_cut():
    reply = jax.jit(lambda game: competition.best_response(game, (SILENT,), 0))
    for guilty, cut in ((0.3, 0.5), (0.01, 0.9), (1e-9, 0.5), (0.4, 0.4), (0.5, 0.3), (0.0, 0.5), (1.0, 0.5)):
        found = reply(judge(PROSECUTOR, guilty=guilty, cut=cut))
        assert float(found.value.lower) == pytest.approx(min(guilty / cut, 1.0), abs=1e-12)
        assert float(found.value.upper) == pytest.approx(min(guilty / cut, 1.0), abs=1e-12)


@functools.cache
def judges_of_rationality():
    levels = jnp.array([0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0, 1e6])
    batch = jax.tree.map(lambda x: jnp.stack([x] * len(levels)), judge(PROSECUTOR))
    return np.asarray(levels), logit_replies()(batch, jnp.ones((len(levels), 1, 2, 1)), levels)


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", [pytest.param(i, marks=[] if i in (2, 6) else pytest.mark.slow) for i in range(1, 7)]
)
def test_judge_who_is_not_quite_rational(place):
    """Against a grid of 200,001 posteriors and Andrew's monotone chain."""
    levels, found = judges_of_rationality()
    game = judge(PROSECUTOR)
    grid = np.linspace(0, 1, 200_001)
    arrays = np.asarray(game.prior), np.asarray(game.follower), np.asarray(game.leaders[0])
    values = reference.on_posteriors(*arrays, [], levels[place], grid)
    exact = reference.concave_closure(grid, values, float(arrays[0][0, 1]))
    assert float(found.value.lower[place]) == pytest.approx(exact, abs=1e-5)
    assert float(found.value.upper[place]) >= exact - 1e-12
    assert bool(found.converged[place]) and float(found.value.width[place]) <= 1e-6


def test_rationality_helps_the_prosecutor_or_hurts():
    """Without it she errs at random, with much of it he gets .6, and in between less than either."""
    _, found = judges_of_rationality()
    lower, upper = np.asarray(found.value.lower), np.asarray(found.value.upper)
    assert lower[0] == pytest.approx(0.5, abs=1e-12) and upper[0] == pytest.approx(0.5, abs=1e-12)
    assert (upper[1:3] < lower[:2]).all()  # falls up to 3,
    assert (upper[2:-1] < lower[3:]).all()  # and rises from there
    assert lower[-1] == pytest.approx(0.6, abs=1e-4) and upper[-1] <= 0.6


# Best responses, against others' methods


@pytest.mark.slow
@pytest.mark.parametrize("actions", [2, 3])
def test_closure_and_program_agree(actions):
    game, schemes = games(1, 64, 3, 2, actions)
    closure = replies(method="closure")(game, schemes)
    program = replies(method="program")(game, schemes)
    np.testing.assert_allclose(closure.value.lower, program.value.lower, atol=1e-9)
    np.testing.assert_allclose(closure.value.upper, program.value.upper, atol=1e-9)
    assert bool(closure.converged.all()) and bool(program.converged.all())


@pytest.mark.parametrize(
    ("states", "types", "leaders"),
    [
        (2, 1, 3),
        pytest.param(2, 2, 2, marks=pytest.mark.slow),
        (3, 1, 2),
        pytest.param(3, 2, 2, marks=pytest.mark.slow),
    ],
)
def test_best_responses_agree_with_highs(states, types, leaders):
    game, schemes = games(2 + states + types, 16, leaders, states, 2, types)
    found = replies()(game, schemes)
    assert bool(found.converged.all())
    for i in range(16):
        g, others = one(game, i), one(schemes, i)[1:]
        exact = reference.best_by_program(g.prior, g.follower, g.leaders[0], others)
        assert float(found.value.lower[i]) == pytest.approx(exact, abs=1e-8)
        assert float(found.value.upper[i]) == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("method", ["closure", pytest.param("program", marks=pytest.mark.slow)])
@pytest.mark.parametrize("tie", ["favoured", "lowest", "uniform"])
def test_a_reply_is_worth_what_it_says(method, tie):
    game, schemes = games(9, 16, 3, 2, 3)
    found = replies(method=method, tie=tie)(game, schemes)
    for i in range(16):
        worth = value_of(one(game, i), one(schemes, i), found.scheme[i], tie=tie)
        assert worth == pytest.approx(float(found.value.lower[i]), abs=1e-9)
    np.testing.assert_allclose(found.scheme.sum(2), 1, atol=1e-12)
    assert float(found.value.width.max()) <= (1e-9 if tie == "favoured" else 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("rationality", [0.0, 2.0, 20.0, 500.0, 1e6])
def test_a_reply_to_a_logit_follower_is_worth_what_it_says(rationality):
    game, schemes = games(10, 16, 3, 2, 3)
    found = logit_replies()(game, schemes, jnp.full(16, rationality))
    assert float(found.value.width.max()) <= 2e-6 and bool(found.converged.all())
    for i in range(16):
        worth = value_of(one(game, i), one(schemes, i), found.scheme[i], rationality)
        assert worth == pytest.approx(float(found.value.lower[i]), abs=1e-9)
    if rationality == 0:
        even = np.einsum("nts,ntsa->n", game.prior, game.leaders[:, 0]) / 3
        np.testing.assert_allclose(found.value.lower, even, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("types", [1, 2])
def test_logit_replies_agree_with_a_dense_grid(types):
    game, schemes = games(11, 40, 2, 2, 3, types)
    levels = np.random.default_rng(0).choice([1.0, 5.0, 25.0, 125.0], 40)
    found = logit_replies()(game, schemes, jnp.asarray(levels))
    grid = np.linspace(0, 1, 200_001)
    for i in range(40):
        g, others = one(game, i), one(schemes, i)[1:]
        values = reference.on_posteriors(g.prior, g.follower, g.leaders[0], others, levels[i], grid)
        exact = reference.concave_closure(grid, values, g.prior.sum(0)[1])
        assert exact - 1e-7 <= float(found.value.lower[i]) + 1e-6
        assert exact <= float(found.value.upper[i]) + 1e-9
        assert float(found.value.lower[i]) <= exact + 1e-7


@pytest.mark.parametrize("rationality", [np.inf, pytest.param(8.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("states", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_no_scheme_beats_the_upper_end(states, rationality):
    """Schemes drawn at random, corners and splits near ties included."""
    game, schemes = games(12, 8, 2, states, 3)
    method = "auto" if states == 2 or rationality == np.inf else "gradient"
    found = replies(rationality, method=method)(game, schemes)
    rng = np.random.default_rng(3)
    for i in range(8):
        g, profile = one(game, i), one(schemes, i)
        tries = [rng.dirichlet(np.full(3, c), states) for c in (0.05, 0.3, 1.0) for _ in range(20)]
        tries += [np.eye(states), np.ones((states, 1)), np.asarray(found.scheme[i])]
        best = max(value_of(g, profile, scheme, rationality) for scheme in tries)
        assert best <= float(found.value.upper[i]) + 1e-9
        assert best >= float(found.value.lower[i]) - 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("rationality", [np.inf, 8.0])
def test_gradient_ascent_comes_near_the_exact_value(rationality):
    game, schemes = games(13, 200, 2, 2, 3)
    exact = replies(rationality)(game, schemes).value
    found = replies(rationality, method="gradient")(game, schemes).value
    assert (np.asarray(found.lower) <= np.asarray(exact.upper) + 1e-9).all()
    assert (np.asarray(found.upper) >= np.asarray(exact.lower) - 1e-9).all()
    near = np.asarray(exact.lower - found.lower) <= 1e-3
    print(f"within 1e-3: {near.mean():.1%}; largest shortfall {float((exact.lower - found.lower).max()):.2g}")
    assert near.mean() >= 0.95


# Invariance and hard input


@pytest.mark.slow
@pytest.mark.parametrize("rationality", [np.inf, pytest.param(5.0, marks=pytest.mark.slow)])
def test_messages_of_probability_zero_and_their_names_change_nothing(rationality):
    game, schemes = games(14, 4, 3, 2, 3)
    plain = replies(rationality)(game, schemes)
    padded = jnp.concatenate([jnp.zeros((4, 3, 2, 1)), schemes[..., ::-1]], 3)
    other = replies(rationality)(game, padded)
    np.testing.assert_allclose(other.value.lower, plain.value.lower, atol=1e-7 if rationality < 9 else 1e-12)
    assert np.isfinite(np.asarray(other.scheme)).all()
    law = jax.vmap(lambda g, s: competition.outcome_of(g, s, rationality=rationality))
    np.testing.assert_allclose(law(game, padded), law(game, schemes), atol=1e-14)


@pytest.mark.parametrize("rationality", [np.inf, pytest.param(5.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", [1e-9, 1e9])
def test_units_of_utility_do_not_matter(rationality, size):
    game, schemes = games(15, 8, 2, 2, 3)
    scaled = jax.vmap(jg.Game)(game.prior, game.follower * size, game.leaders * size)
    plain = logit_replies()(game, schemes, jnp.full(8, 5.0)) if rationality < 9 else replies()(game, schemes)
    if rationality < 9:
        other = logit_replies()(scaled, schemes, jnp.full(8, 5.0 / size))
    else:
        other = replies()(scaled, schemes)
    np.testing.assert_allclose(other.value.lower / size, plain.value.lower, atol=1e-9)
    np.testing.assert_allclose(other.value.upper / size, plain.value.upper, atol=1e-6)
    assert bool(other.converged.all())


@pytest.mark.parametrize("rationality", [np.inf, pytest.param(5.0, marks=pytest.mark.slow)])
def test_a_batch_equals_games_one_at_a_time(rationality):
    game, schemes = games(16, 64, 2, 2, 3)
    together = replies(rationality)(game, schemes)
    single = jax.jit(lambda g, s: competition.best_response(g, s, 0, rationality=rationality))
    for i in range(64):
        alone = single(*jax.tree.map(lambda x, i=i: x[i], (game, schemes)))
        np.testing.assert_allclose(alone.value.lower, together.value.lower[i], atol=1e-10)
        np.testing.assert_allclose(alone.value.upper, together.value.upper[i], atol=1e-10)


def test_a_traced_leader_is_as_good_as_a_number():
    game, schemes = games(17, 4, 3, 2, 3)
    traced = jax.jit(jax.vmap(competition.best_response, (0, 0, None)))(game, schemes, jnp.asarray(2))
    plain = jax.jit(jax.vmap(lambda g, s: competition.best_response(g, s, 2)))(game, schemes)
    np.testing.assert_allclose(traced.value.lower, plain.value.lower, atol=1e-12)


# Profiles


@pytest.mark.parametrize("rationality", [np.inf, 4.0])
def test_outcomes_by_loops(rationality):
    game, schemes = games(18, 8, 3, 3, 3, types=2)
    for tie in ("lowest", "uniform") if rationality == np.inf else ("lowest",):
        law = jax.vmap(lambda g, s, tie=tie: competition.outcome_of(g, s, rationality=rationality, tie=tie))(
            game, schemes
        )
        for i in range(8):
            g = one(game, i)
            exact = reference.outcome(g.prior, g.follower, list(one(schemes, i)), rationality, tie)
            np.testing.assert_allclose(law[i], exact, atol=1e-12)


@pytest.mark.slow
def test_sampled_outcomes_are_off_by_their_standard_error():
    game, schemes = games(19, 1, 4, 3, 3, types=2)
    g, s = jax.tree.map(lambda x: x[0], (game, schemes))
    exact = competition.outcome_of(g, s, rationality=4.0)
    mean, error = competition.sampled_outcome(jax.random.key(0), g, s, 4000, rationality=4.0)
    off = np.abs(np.asarray(mean - exact)) / np.asarray(error)
    assert (
        off.max() <= 4.5 and off.mean() >= 0.2
    )  # 18 numbers; standard errors are neither too small nor vast
    np.testing.assert_allclose(mean.sum(2), g.prior, atol=1e-12)


def test_full_revelation_by_two_is_an_equilibrium():
    game, _ = games(20, 16, 3, 2, 3)
    told = jnp.broadcast_to(TOLD, (16, 3, 2, 2))
    gain = jax.jit(jax.vmap(competition.exploitability))(game, told)
    assert float(jnp.abs(gain.upper).max()) <= 1e-12 and float(gain.lower.min()) == 0.0
    silent = jnp.ones((2, 2)) / 2
    alone = jax.jit(competition.exploitability)(judge(PROSECUTOR, PROSECUTOR), jnp.stack([TOLD, silent]))
    assert float(alone.lower) == pytest.approx(0.3, abs=1e-5)  # attained: ties are kept off
    assert float(alone.upper) == pytest.approx(0.3, abs=1e-12)


@pytest.mark.slow
def test_distance_of_laws():
    """By hand: she hears either prosecutor's report; the second one's says nothing about the innocent."""
    game = judge(PROSECUTOR, PROSECUTOR)
    other = jnp.array([[0.5, 0.5], [0.0, 1.0]])
    assert float(competition.law_distance(game, (SILENT, other), TOLD)) == pytest.approx(0.0, abs=1e-15)
    # Garbled: 0 deviates and she hears both, or 1 deviates and she hears `garbled` alone.
    garbled = jnp.array([[0.8, 0.2], [0.2, 0.8]])
    both = reference.outcome(
        np.asarray(game.prior), np.asarray(game.follower), [np.asarray(garbled), np.asarray(other)]
    )
    single = reference.outcome(np.asarray(game.prior), np.asarray(game.follower), [np.asarray(garbled)])
    exact = np.abs(both - single).sum() / 2
    assert exact > 0.01
    assert float(competition.law_distance(game, (SILENT, other), garbled)) == pytest.approx(exact, abs=1e-14)


# Dynamics


@functools.cache
def dynamics(seed=None, **options):
    options["key"] = None if seed is None else jax.random.key(seed)
    return jax.jit(
        jax.vmap(lambda game, schemes: competition.best_response_dynamics(game, schemes, **options))
    )


@pytest.mark.slow
def test_prosecutor_and_defender_end_at_full_information():
    game = judge(PROSECUTOR, DEFENDER)
    start = competition.starting_schemes(game, "none", 2)
    batch = jax.tree.map(lambda x: x[None], (game, start))
    trace = one(dynamics(margin=0.1, steps=160)(*batch), 0)
    assert float(trace.follower[0]) == pytest.approx(0.7, abs=1e-12)
    assert float(trace.follower[-1]) == pytest.approx(1.0, abs=1e-3)
    assert competition.ENDS[int(trace.end)] == "converged" and 0 < int(trace.steps) < 160
    assert float(trace.gain.upper) <= 1e-4
    np.testing.assert_allclose(trace.leaders.sum(1), 1, atol=1e-12)  # zero-sum


@pytest.mark.slow
@pytest.mark.parametrize("order", ["in_turn", "random", "simultaneous"])
def test_where_logit_dynamics_converge_nobody_gains(order):
    game, schemes = games(21, 16, 2, 2, 3)
    seed = 0 if order == "random" else None
    damping = 0.3 if order == "simultaneous" else 0.0
    trace = dynamics(rationality=5.0, order=order, damping=damping, steps=60, seed=seed)(game, schemes)
    converged = np.asarray(trace.end) == competition.ENDS.index("converged")
    print(order, "converged:", converged.mean())
    assert converged.any()
    span = np.asarray(game.leaders.max((1, 2, 3, 4)) - game.leaders.min((1, 2, 3, 4)))
    assert (np.asarray(trace.gain.upper) <= 2e-5 * span)[converged].all()
    for i in range(4):  # the trace's values by NumPy
        g, last = one(game, i), list(one(trace.schemes, i))
        law = reference.outcome(g.prior, g.follower, last, 5.0)
        assert float(trace.follower[i, -1]) == pytest.approx(float((law * g.follower).sum()), abs=1e-12)


@pytest.mark.slow
def test_three_states_with_ties_kept_off():
    """Replies of the program stay attained when ties go to the lowest index."""
    game, schemes = games(22, 16, 2, 3, 3, messages=3)
    found = replies(tie="lowest")(game, schemes)
    best = replies()(game, schemes)
    for i in range(16):
        worth = value_of(one(game, i), one(schemes, i), found.scheme[i], tie="lowest")
        assert worth == pytest.approx(float(found.value.lower[i]), abs=1e-9)
    assert float((best.value.lower - found.value.lower).max()) <= 1e-4
    trace = dynamics(steps=12, margin=1e-3)(game, schemes)
    assert np.isfinite(np.asarray(trace.follower)).all()


@pytest.mark.slow
def test_starts():
    game = judge(PROSECUTOR, DEFENDER)
    worth, profiles = {}, {}
    for start in competition.STARTS:
        schemes = competition.starting_schemes(game, start, 3, jax.random.key(0))
        assert schemes.shape == (2, 2, 3)
        profiles[start] = schemes
        np.testing.assert_allclose(schemes.sum(2), 1, atol=1e-12)
        worth[start] = float((competition.outcome_of(game, schemes) * game.follower).sum())
    assert worth["none"] == pytest.approx(0.7) and worth["full"] == pytest.approx(1.0)
    # Alone, the prosecutor convicts with probability .6 and the defender never lets her.
    for leader, best in ((0, 0.6), (1, 1.0)):
        heard = [SILENT, SILENT]
        heard[leader] = profiles["selfish"][leader]
        law = competition.outcome_of(game, heard)
        assert float((law * game.leaders[leader]).sum()) == pytest.approx(best, abs=1e-5)


def test_bad_input_is_named():
    game = judge(PROSECUTOR, DEFENDER)
    schemes = (SILENT, TOLD)
    reply = competition.best_response
    with pytest.raises(ValueError, match="method is 'best'; it must be one of 'auto', 'closure'"):
        reply(game, schemes, 0, method="best")
    with pytest.raises(ValueError, match="tie is 'mine'; it must be one of 'favoured', 'lowest'"):
        reply(game, schemes, 0, tie="mine")
    with pytest.raises(ValueError, match="tie is 'favoured'; it must be one of 'lowest', 'uniform'"):
        competition.outcome_of(game, schemes, tie="favoured")
    with pytest.raises(ValueError, match="leader is 2; it must be from 0 to 1, as game has 2"):
        reply(game, schemes, 2)
    with pytest.raises(ValueError, match="schemes has 1 entries; it must have one per leader, 2"):
        reply(game, (SILENT,), 0)
    with pytest.raises(ValueError, match=r"schemes\[1\] has shape \(3, 3\); it must be \[S, M\] with S = 2"):
        reply(game, (SILENT, jnp.eye(3)), 0)
    with pytest.raises(ValueError, match=r"schemes\[0\] sums to 2 along axis -1; it must sum to 1"):
        reply(game, (jnp.ones((2, 2)), TOLD), 0)
    with pytest.raises(ValueError, match=r"rationality is -1\.0; it must be at least 0"):
        reply(game, schemes, 0, rationality=-1.0)
    with pytest.raises(ValueError, match=r"margin is 0\.0; it must be at least 1e-9 and below 1"):
        reply(game, schemes, 0, margin=0.0)
    with pytest.raises(ValueError, match="method 'program' needs a best-responding follower"):
        reply(game, schemes, 0, rationality=3.0, method="program")
    three = jg.make_game(np.ones(3) / 3, np.eye(3), np.ones((1, 3, 3)))
    with pytest.raises(ValueError, match="method 'closure' needs two states; game has 3"):
        reply(three, (jnp.ones((3, 1)),), 0, method="closure")
    with pytest.raises(ValueError, match=r"schemes have \[1, 2\] messages; a traced leader needs as many"):
        jax.jit(lambda i: reply(game, schemes, i))(0)
    with pytest.raises(ValueError, match="order is 'any'; it must be one of 'in_turn'"):
        competition.best_response_dynamics(game, jnp.stack([TOLD, TOLD]), order="any")
    with pytest.raises(ValueError, match=r"damping is 1\.0; it must be at least 0 and below 1"):
        competition.best_response_dynamics(game, jnp.stack([TOLD, TOLD]), damping=1.0)
    with pytest.raises(ValueError, match="schemes have 1 messages; dynamics need at least one per state, 2"):
        competition.best_response_dynamics(game, jnp.stack([SILENT, SILENT]))
    with pytest.raises(ValueError, match="start is 'best'; it must be one of 'none', 'full'"):
        competition.starting_schemes(game, "best", 2)
    with pytest.raises(ValueError, match="start 'random' needs a key"):
        competition.starting_schemes(game, "random", 2)
    with pytest.raises(ValueError, match="messages is 1; start 'full' needs at least 2"):
        competition.starting_schemes(game, "full", 1)
    many = jg.make_game([0.5, 0.5], np.eye(2), np.ones((17, 2, 2)))
    with pytest.raises(ValueError, match="schemes have 131072 joint messages; at most 65536"):
        competition.outcome_of(many, [TOLD] * 17)
    with pytest.raises(ValueError, match="samples is 1; it must be at least 2"):
        competition.sampled_outcome(jax.random.key(0), many, [TOLD] * 17, 1)


@pytest.mark.slow
def test_equilibria_in_independent_signals_lie_inside_the_certificate_for_rich_ones():
    """Full search: every pair of schemes of two messages on a grid, of two leaders, who often are alike.

    Who cannot correlate might gain less by deviating, and stop where rich signals would not let it: nothing
    forbids an equilibrium below the certificate, but none is found.
    """
    rng = np.random.default_rng(2)
    share = np.linspace(0, 1, 11)
    # Schemes of two messages up to their names.
    schemes = np.array([[[a, 1 - a], [b, 1 - b]] for a in share for b in share if a <= b])
    first, second = (x.ravel() for x in np.meshgrid(range(len(schemes)), range(len(schemes))))
    pairs = (jnp.asarray(schemes[first]), jnp.asarray(schemes[second]))

    @jax.jit
    def search(game):
        def one(mine, theirs):
            law = competition.outcome_of(game, (mine, theirs))
            gain = competition.exploitability(game, (mine, theirs))
            return (law * game.follower).sum(), gain.upper

        values, gains = jax.vmap(one)(*pairs)
        return values, gains, competition.worst_equilibrium(game).value, jg.full_information_value(game)

    short = 0
    for _ in range(24):
        leaders = rng.random((2, 2, 2))
        leaders[1] = leaders[0] + rng.choice([0.0, 0.2]) * rng.standard_normal((2, 2))
        game = jg.make_game(rng.dirichlet(np.ones(2)), rng.random((2, 2)), leaders)
        values, gains, worst, full = jax.device_get(search(game))
        equilibria = gains <= 1e-7
        assert (values >= worst.lower - 1e-7)[equilibria].all()
        short += (equilibria & (values < full - 1e-6)).sum()
    print(f"{short} equilibria short of full information, none below the certificate")
    assert short > 100


def test_what_exceeds_a_chord_is_no_more_than_is_said():
    """The logit follower's message values along 40 cells, from the definition, against their chords."""
    rng = np.random.default_rng(8)
    prior, follower, leader = (
        rng.dirichlet(np.ones(4)).reshape(2, 2),
        rng.random((2, 2, 3)),
        rng.random((2, 2, 3)),
    )
    ends = np.linspace(0.0, 1.0, 41)
    points = np.stack([1 - ends, ends], 1)

    def value(point):
        seen = prior * point[None]
        worth, theirs = (np.einsum("ps,psa->pa", seen, u) for u in (follower, leader))
        odds = np.exp(12.0 * (worth / seen.sum(1, keepdims=True)))
        return (odds / odds.sum(1, keepdims=True) * theirs).sum()

    problem = Private(*map(jnp.asarray, (prior, follower, leader)))
    raised = smooth._raises(problem, jnp.array(12.0), jnp.asarray(points[:-1]), jnp.asarray(points[1:]))
    share = np.linspace(0.0, 1.0, 21)
    excess = []
    for left, right in itertools.pairwise(points):
        along = [value((1 - t) * left + t * right) - (1 - t) * value(left) - t * value(right) for t in share]
        excess.append(max(along))
    excess = np.array(excess)
    assert (excess <= np.asarray(raised) + 1e-15).all()
    assert (excess > 1e-5).sum() >= 5 and (np.asarray(raised) <= 1e-2).all()

"""Best responses against closed forms, HiGHS, bounds recomputed from the definition, and properties."""

import functools
import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxgame as jg
from jaxgame.persuasion import lanes
from tests.reference import persuasion as reference

BATCH = 64  # problems solved at a time, so that few programs are compiled
EPS = np.finfo(float).eps


def game_of(prior, follower, leader) -> jg.Game:
    """One leader, one type."""
    prior, follower, leader = (jnp.asarray(x) for x in (prior, follower, leader))
    return jg.Game(prior[None], follower[None], leader[None, None])


games_of = jax.vmap(game_of)


@functools.cache
def compiled():
    return jax.jit(jax.vmap(lambda game, threshold: jg.leader_value(game, 0, threshold)))


def solve(prior, follower, leader, threshold) -> jg.LeaderBest:
    """Best responses of any number of games, as NumPy arrays."""
    arrays = [np.asarray(x, float) for x in (prior, follower, leader, threshold)]
    found = []
    for start in range(0, len(arrays[3]), BATCH):
        part = [x[start : start + BATCH] for x in arrays]
        count = len(part[0])
        filled = [np.concatenate([x, np.repeat(x[-1:], BATCH - count, axis=0)]) for x in part]
        best = compiled()(games_of(*filled[:3]), filled[3])
        found.append(jax.tree.map(lambda x, n=count: np.asarray(x)[:n], best))
    return jax.tree.map(lambda *x: np.concatenate(x), *found)


def draws(count: int, states: int, actions: int, seed: int, families=reference.FAMILIES):
    """`count` games of each family, with the family's name."""
    for family in families:
        yield family, reference.draw(family, count, states, actions, seed)


# Closed forms


def test_the_judge():
    """Kamenica and Gentzkow: conviction at P(guilty) >= cut; a prior mu <= cut gives the leader mu / cut."""
    cases = [(mu, cut) for mu in (0.05, 0.3, 0.5, 0.7) for cut in (0.5, 0.7, 0.9) if mu <= cut]
    mu, cut = np.array(cases).T
    prior = np.stack([1 - mu, mu], 1)
    zero = np.zeros_like(mu)
    follower = np.stack([np.stack([cut, zero], 1), np.stack([zero, 1 - cut], 1)], 1)
    leader = np.broadcast_to([[0.0, 1.0], [0.0, 1.0]], follower.shape)
    none = np.einsum("ns,nsa->na", prior, follower).max(1)
    best = solve(prior, follower, leader, none)
    np.testing.assert_allclose(best.value.lower, mu / cut, atol=1e-12)
    np.testing.assert_allclose(best.value.upper, mu / cut, atol=1e-12)
    right = best.outcome[:, 0, 0, 0] + best.outcome[:, 0, 1, 1]
    np.testing.assert_allclose(right, 1 - mu * (1 - cut) / cut, atol=1e-12)


@pytest.mark.parametrize(("states", "actions"), [(2, 2), pytest.param(3, 3, marks=pytest.mark.slow)])
def test_a_threshold_of_full_information_forces_it(states, actions):
    prior, follower, leader, _ = reference.draw("random", BATCH, states, actions, 1)
    full = reference.full_information(prior, follower)
    best = solve(prior, follower, leader, full)
    forced = prior[:, :, None] * (follower == follower.max(-1, keepdims=True))
    np.testing.assert_allclose(best.outcome[:, 0], forced, atol=1e-9)
    assert best.feasible.all() and best.converged.all()
    above = solve(prior, follower, leader, full + 1e-9)
    assert not above.feasible.any()
    assert (above.value.lower == -np.inf).all() and (above.value.upper == -np.inf).all()


@pytest.mark.parametrize(("states", "actions"), [(2, 2), (3, 3)])
def test_aligned_and_opposed_leaders(states, actions):
    """A leader who wants what the follower wants attains OPT; its opposite leaves her the threshold."""
    for family, (prior, follower, _, threshold) in draws(BATCH, states, actions, 2):
        aligned = solve(prior, follower, follower, threshold)
        np.testing.assert_allclose(
            aligned.value.lower, reference.full_information(prior, follower), atol=1e-9, err_msg=family
        )
        opposed = solve(prior, follower, -follower, threshold)
        np.testing.assert_allclose(opposed.value.lower, -threshold, atol=1e-9, err_msg=family)


def test_far_lower_thresholds_change_nothing():
    prior, follower, leader, _ = reference.draw("random", BATCH, 3, 3, 3)
    none = np.einsum("ns,nsa->na", prior, follower).max(1)
    at_none, far = (solve(prior, follower, leader, none - below) for below in (0.0, 1e12))
    np.testing.assert_allclose(far.value.lower, at_none.value.lower, atol=1e-12)
    np.testing.assert_allclose(far.value.upper, at_none.value.upper, atol=1e-12)


@pytest.mark.parametrize(
    ("states", "actions"),
    [(1, 3), *(pytest.param(*shape, marks=pytest.mark.slow) for shape in ((1, 1), (3, 1)))],
)
def test_nothing_to_tell_or_nothing_to_choose(states, actions):
    prior, follower, leader, _ = reference.draw("random", BATCH, states, actions, 4)
    none = np.einsum("ns,nsa->na", prior, follower).max(1)
    best = solve(prior, follower, leader, none)
    action = np.einsum("ns,nsa->na", prior, follower).argmax(1)
    expected = np.einsum("ns,nsa->na", prior, leader)[np.arange(BATCH), action]
    np.testing.assert_allclose(best.value.lower, expected, atol=1e-12)
    np.testing.assert_allclose(best.value.upper, expected, atol=1e-12)


# Independent computations


@pytest.mark.parametrize(
    ("states", "actions"),
    [(2, 2), (3, 3), *(pytest.param(n, n, marks=pytest.mark.slow) for n in (4, 8, 16))],
)
def test_brackets_hold_the_values_of_highs(states, actions):
    """50 games of each of 6 families: HiGHS's value, and both bounds recomputed from the definition."""
    for family, (prior, follower, leader, threshold) in draws(50, states, actions, 5):
        best = solve(prior, follower, leader, threshold)
        price, obedience = best.multipliers.threshold, best.multipliers.obedience[:, :, 0]
        values = []
        for i in range(50):
            game = prior[i], follower[i]
            values.append(reference.best_value(*(x[None] for x in (*game, leader[i])), threshold[i]))
            assert reference.violation(*game, threshold[i], best.outcome[i, 0]) <= 2e-12
            attained = (best.outcome[i, 0] * leader[i]).sum()
            # Both ends are moved outwards by 2 n u; tests/test_census.py compares in exact arithmetic.
            assert -states * actions * 4 * EPS - 1e-14 <= best.value.lower[i] - attained <= 1e-15
            proved = reference.dual_bound(*game, leader[i], threshold[i], obedience[i], price[i])
            # NumPy rounds here.
            rounding = 4 * EPS * (1 + price[i] + obedience[i].sum())
            assert best.value.upper[i] >= proved - rounding
            assert best.value.upper[i] <= proved + (10 + states * actions) * rounding
        error = np.maximum(values - best.value.upper, best.value.lower - values)
        error -= 4 * EPS * (price + obedience.sum((1, 2)))
        solved = np.isfinite(values)
        print(
            f"{states}x{actions} {family}: HiGHS solved {solved.sum()} of 50, error {error[solved].max():.1e}"
        )
        assert solved.mean() >= 0.9
        assert error[solved].max() <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize(("states", "actions"), [(2, 32), (32, 2), (32, 32)])
def test_the_largest_sizes(states, actions):
    case = reference.draw("random", 4, states, actions, 1)
    best = compiled()(games_of(*case[:3]), case[3])
    assert bool(best.converged.all())
    for i in range(4):
        expected = reference.best_value(*(x[i][None] for x in case[:3]), case[3][i])
        assert float(best.value.lower[i]) == pytest.approx(expected, abs=1e-9)
        assert float(best.value.upper[i]) == pytest.approx(expected, abs=1e-9)


def test_types_against_highs():
    rng = np.random.default_rng(6)
    prior = rng.dirichlet(np.ones(6), 8).reshape(8, 2, 3)
    follower, leader = rng.random((2, 8, 2, 3, 2))
    none = np.einsum("nts,ntsa->nta", prior, follower).max(-1).sum(-1)
    threshold = 0.5 * (none + reference.full_information(prior, follower).sum(-1))
    games = jax.vmap(jg.Game)(prior, follower, leader[:, None])
    best = compiled()(games, threshold)
    expected = [reference.best_value(*case) for case in zip(prior, follower, leader, threshold, strict=True)]
    np.testing.assert_allclose(best.value.lower, expected, atol=1e-9)
    np.testing.assert_allclose(best.value.upper, expected, atol=1e-9)
    np.testing.assert_allclose(best.outcome.sum(3), prior, atol=1e-12)
    np.testing.assert_allclose((best.outcome * leader).sum((1, 2, 3)), expected, atol=1e-9)
    # The outcome is what the scheme induces from a follower who obeys: maps (0,0), (0,1), (1,0), (1,1).
    named = np.array(list(itertools.product(range(2), repeat=2)))[:, :, None] == np.arange(2)
    induced = np.einsum("nts,nsm,mta->ntsa", prior, best.scheme, named)
    np.testing.assert_allclose(best.outcome, induced, atol=1e-15)


@pytest.mark.slow
def test_types_without_news_change_nothing():
    prior, follower, leader, threshold = (x[:8] for x in reference.draw("random", 8, 3, 2, 7))
    pairs = ([0.3 * prior, 0.7 * prior], [follower] * 2, [leader] * 2)
    twice = jax.vmap(lambda p, u, w: jg.Game(p, u, w[None]))(*(np.stack(pair, 1) for pair in pairs))
    best = compiled()(twice, threshold)
    np.testing.assert_allclose(
        best.value.lower, solve(prior, follower, leader, threshold).value.lower, atol=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize("actions", [3, pytest.param(8, marks=pytest.mark.slow)])
def test_two_states_in_closed_form_agree_with_pivoting(actions, monkeypatch):
    families, cases = zip(*draws(BATCH, 2, actions, 8), strict=True)
    found = []
    for most in (0, 8):  # pivoting, then the closed form
        monkeypatch.setattr(lanes, "TWO_STATE_ACTIONS", most)
        jax.clear_caches()  # JAX may keep what it traced under the other constant
        found.append([solve(*case) for case in cases])
    for family, pivoted, closed in zip(families, *found, strict=True):
        for best in (pivoted, closed):
            width = best.value.upper - best.value.lower
            print(f"{actions} actions, {family}: widest {width.max():.1e}")
            # Where actions nearly tie, the rounding of the threshold is worth something.
            near = family in ("nearly_tied", "dominated")
            assert np.quantile(width, 0.5 if near else 1.0) <= 1e-9
        apart = np.maximum(closed.value.lower - pivoted.value.upper, pivoted.value.lower - closed.value.upper)
        assert apart.max() <= 1e-9
        assert (closed.pivots != pivoted.pivots).any()  # two methods indeed


@pytest.mark.slow
@pytest.mark.timeout(1200)  # the largest takes minutes, and longer beside other tests
@pytest.mark.parametrize("size", [2, 4, 8, 16])
def test_census(size):
    """Of 10,000 games of each size all brackets that converge are below 1e-6, and at most two do not.

    That is, but for what rounding of the threshold is worth, which is much where actions nearly tie. One that
    does not has a vertex that can be obeyed only with equality, which is missed by 1e-13.
    """
    widths, converged = [], []
    for family, case in draws(1667, size, size, 9):
        prior, follower, _, threshold = case
        best = compiled()(games_of(*case[:3]), threshold)
        crossed = float((best.value.lower - best.value.upper).max())
        value = np.abs(threshold) + (prior * np.abs(follower.max(2))).sum(1)
        rounding = (size + 4) * EPS * value * best.multipliers.threshold
        width = np.asarray(best.value.upper - best.value.lower)
        print(
            f"{size}x{size} {family:12s} of {len(width)}: above 1e-6 {(~(width <= 1e-6)).sum()}, more than "
            f"rounding {(~(width <= rounding + 1e-6)).sum()}, widest {width.max():.1e}, not converged "
            f"{int((~best.converged).sum())}, most pivots {best.pivots.max()}"
        )
        assert crossed <= 0 and bool(best.feasible.all())
        widths.append(width - rounding)
        converged.append(np.asarray(best.converged))
    widths, converged = np.concatenate(widths), np.concatenate(converged)
    assert (widths[converged] <= 1e-6).all()
    assert (~converged).sum() <= 2
    assert (widths <= 1e-3).all()


# Properties

three = st.builds(
    lambda family, seed: tuple(x[0] for x in reference.draw(family, 1, 3, 3, seed)),
    st.sampled_from([family for family in reference.FAMILIES if family != "nearly_tied"]),
    st.integers(0, 10_000),
)


@functools.cache
def curve():
    return jax.jit(lambda game, thresholds: jg.value_curve(game, 0, thresholds))


@pytest.mark.slow
@settings(max_examples=30)
@given(three)
def test_the_curve_is_concave_and_nonincreasing_and_the_value_of_each_threshold(case):
    prior, follower = case[:2]
    none, full = (prior @ follower).max(), reference.full_information(prior, follower)
    thresholds = np.linspace(none, full, 9)
    best = curve()(game_of(*case[:3]), thresholds)
    values = np.asarray(best.value.lower)
    assert float(best.value.width.max()) <= 1e-8
    assert (np.diff(values) <= 1e-9).all()
    assert (np.diff(values, 2) <= 1e-9).all()
    alone = solve(*(np.stack([x] * 9) for x in case[:3]), thresholds)
    np.testing.assert_allclose(values, alone.value.lower, atol=1e-8)


@settings(max_examples=30)
@given(three, st.permutations(range(3)), st.permutations(range(3)))
def test_renaming_states_and_actions_changes_nothing(case, states, actions):
    prior, follower, leader, threshold = case
    renamed = prior[states], follower[states][:, actions], leader[states][:, actions], threshold
    best = solve(*(np.stack(pair) for pair in zip(case, renamed, strict=True)))
    assert best.value.lower[0] == pytest.approx(best.value.lower[1], abs=1e-9)


sizes, shifts = st.floats(1e-3, 1e3), st.floats(-5, 5)


@settings(max_examples=30)
@given(three, sizes, sizes, shifts, shifts)
def test_affine_changes_of_utilities(case, a, b, c, d):
    prior, follower, leader, threshold = case
    changed = prior, a * follower + c, b * leader + d, a * threshold + c
    best = solve(*(np.stack(pair) for pair in zip(case, changed, strict=True)))
    slack = 1e-9 * max(b, 1) + 1e-13 * (1 + best.multipliers.threshold.max() * max(a, 1 / a))
    assert best.value.lower[1] == pytest.approx(b * best.value.lower[0] + d, abs=slack)


# Transformations


def test_derivatives_of_the_judges_curve():
    """From .6 at .7 to .3 at 1; between, what is not left to the judge goes to the prosecutor."""

    def value(prior, follower, leader, threshold):
        return jg.leader_value(game_of(prior, follower, leader), 0, threshold).value.midpoint

    convict = np.array([[0.0, 1.0], [0.0, 1.0]])
    point = np.array([0.7, 0.3]), np.eye(2), convict, 0.85
    slope = jax.jit(jax.grad(value, (0, 1, 2, 3)))(*point)
    # f = prior of guilt + (OPT - v), and OPT is the sum of the prior times the diagonal.
    np.testing.assert_allclose(slope[3], -1.0, atol=1e-9)
    np.testing.assert_allclose(slope[0], [1.0, 2.0], atol=1e-9)
    np.testing.assert_allclose(slope[2].sum(), 1.0, atol=1e-9)
    np.testing.assert_allclose(slope[2][:, 1], [0.15, 0.3], atol=1e-9)


@pytest.mark.slow
def test_derivatives_are_those_of_central_differences():
    prior, follower, _, _ = reference.draw("random", 2 * BATCH, 3, 3, 10)
    # Where information is worthless every threshold is at the end of the curve.
    worth = reference.full_information(prior, follower) - np.einsum("ns,nsa->na", prior, follower).max(1)
    prior, follower = (x[worth > 1e-3][:BATCH] for x in (prior, follower))
    leader = np.random.default_rng(10).random(follower.shape)  # generic: opposed leaders sit on a kink
    none, full = (
        np.einsum("ns,nsa->na", prior, follower).max(1),
        reference.full_information(prior, follower),
    )
    point = prior, follower, leader, 0.5 * (none + full)

    def value(prior, follower, leader, threshold):
        return jg.leader_value(game_of(prior, follower, leader), 0, threshold).value.midpoint

    gradient = jax.jit(jax.vmap(jax.grad(value, (0, 1, 2, 3))))(*point)
    rng, h = np.random.default_rng(0), 1e-6
    compared = 0
    for _ in range(5):
        direction = [rng.normal(size=x.shape) for x in point]

        def at(step, direction=direction):
            moved = (x + step * d for x, d in zip(point, direction, strict=True))
            return solve(*moved).value.lower

        exact = sum(
            (np.asarray(g) * d).reshape(BATCH, -1).sum(1) for g, d in zip(gradient, direction, strict=True)
        )
        smooth = np.abs(at(h) - 2 * at(0.0) + at(-h)) < 1e-9  # elsewhere a kink is near
        differences = (at(h) - at(-h)) / (2 * h)
        np.testing.assert_allclose(differences[smooth], exact[smooth], atol=2e-5, rtol=2e-5)
        compared += smooth.sum()
    assert compared >= 0.95 * 5 * BATCH
    np.testing.assert_allclose(gradient[3], -solve(*point).multipliers.threshold, atol=1e-12)


@pytest.mark.slow
def test_nested_vmaps_and_curves_agree():
    rng = np.random.default_rng(11)
    arrays = rng.dirichlet(np.ones(3), 4)[:, None], rng.random((4, 1, 3, 3)), rng.random((4, 2, 1, 3, 3))
    games = jax.vmap(jg.Game)(*arrays)
    none, full = jax.vmap(jg.no_information_value)(games), jax.vmap(jg.full_information_value)(games)
    thresholds = none[:, None] + jnp.asarray([0.0, 0.3, 0.9])[None] * (full - none)[:, None]
    leaders = jnp.arange(2)

    def each(game, levels):
        single = jax.vmap(jg.leader_value, (None, None, 0))
        return jax.vmap(single, (None, 0, None))(game, leaders, levels)

    def curves(game, levels):
        return jax.vmap(jg.value_curve, (None, 0, None))(game, leaders, levels)

    one, many = (jax.jit(jax.vmap(f))(games, thresholds) for f in (each, curves))
    assert one.value.lower.shape == (4, 2, 3) and one.outcome.shape == (4, 2, 3, 1, 3, 3)
    np.testing.assert_allclose(one.value.lower, many.value.lower, atol=1e-9)
    np.testing.assert_allclose(one.value.upper, many.value.upper, atol=1e-9)
    game = jax.tree.map(lambda x: x[2], games)
    game = jax.tree.map(np.asarray, game)
    expected = reference.best_value(game.prior, game.follower, game.leaders[1], float(thresholds[2, 1]))
    assert float(one.value.lower[2, 1, 1]) == pytest.approx(expected, abs=1e-9)


def test_one_compilation_for_many_batches():
    chex.clear_trace_counter()
    program = jax.jit(
        chex.assert_max_traces(n=1)(
            lambda game, threshold: jax.vmap(lambda g, v: jg.leader_value(g, 0, v).value)(game, threshold)
        )
    )
    for seed in range(3):
        prior, follower, leader, threshold = reference.draw("random", 5, 2, 2, seed)
        program(games_of(prior, follower, leader), threshold)


def test_an_empty_batch_is_an_empty_answer():
    best = jax.vmap(lambda game, v: jg.leader_value(game, 0, v))(
        games_of(np.zeros((0, 2)), np.zeros((0, 2, 2)), np.zeros((0, 2, 2))), np.zeros(0)
    )
    assert best.value.lower.shape == (0,) and best.outcome.shape == (0, 1, 2, 2)


def test_ends_that_cross_are_as_bad_as_none():
    lower, upper = jnp.array([[0.0, 1.0, 1.0]]), jnp.array([[0.5, 0.0, 0.0]])
    blank = lanes.Solved(*[jnp.zeros((1, 3))] * len(lanes.Solved._fields))
    solved = blank._replace(lower=lower, upper=upper, feasible=jnp.array([[True, True, False]]))
    np.testing.assert_array_equal(lanes._width(solved), [[0.5, np.inf, 0.0]])


# Errors


def test_bad_input_is_named():
    game = jg.make_game([0.5, 0.5], np.eye(2), [np.eye(2)])
    with pytest.raises(ValueError, match="leader is 1; it must be from 0 to 0"):
        jg.leader_value(game, 1, 0.5)
    with pytest.raises(ValueError, match=r"threshold\[0\] is nan"):
        jg.leader_value(game, 0, float("nan"))
    with pytest.raises(ValueError, match=r"threshold has shape \(2,\).*value_curve takes several"):
        jg.leader_value(game, 0, jnp.zeros(2))
    with pytest.raises(ValueError, match=r"thresholds has shape \(1, 1\); it must be \[N\]"):
        jg.value_curve(game, 0, [[0.5]])
    single = jax.tree.map(lambda x: x.astype(jnp.float32), game)
    with pytest.raises(ValueError, match="game is float32; best responses need float64"):
        jg.leader_value(single, 0, 0.5)
    many = jg.make_game(np.full((11, 2), 1 / 22), np.ones((11, 2, 2)), np.ones((1, 11, 2, 2)))
    with pytest.raises(ValueError, match=r"make 2\^11 recommendations .* at most 1024"):
        jg.leader_value(many, 0, 0.5)

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxgame as jg
from jaxgame.hull.distance import certificate
from tests.reference import hull as reference

SIZES = [
    (1, 1),
    (2, 3),
    (4, 16),
    (16, 64),
    (64, 16),
    (3, 256),
    (16, 9),
    (8, 8),
    (32, 20),
    (5, 4),
    (64, 64),
    (1, 7),
]
OPTIONS = [(offset, scale) for scale in ("simplex", "cone") for offset in ("none", "constant", "groups")]
FAST = [("constant", "simplex"), ("none", "cone"), ("groups", "simplex")]


def labels(offset, rows):
    return np.arange(rows) // 3 if offset == "groups" else offset


def cases(seed: int, count: int, leaders: int, rows: int):
    """Targets and utilities of size 1: random, repeated, constant, inside, on and just off the hull."""
    rng = np.random.default_rng(seed)
    target, utilities = rng.random((count, rows)), rng.random((count, leaders, rows))
    weights = rng.dirichlet(np.ones(leaders), size=count)
    mixture = np.einsum("bk,bkd->bd", weights, utilities)
    for i in range(count):
        match i % 8:
            case 1:
                utilities[i, leaders // 2 :] = utilities[i, 0]
            case 2:
                utilities[i, -1] = 0.5
            case 3:
                target[i] = mixture[i]
            case 4:
                target[i] = mixture[i] + 1e-6 * rng.normal(size=rows)
            case 5:
                utilities[i] = target[i] + 0.5 * rng.normal(size=(leaders, rows))
            case 6:
                target[i] = np.round(3 * target[i]) / 3
                utilities[i] = np.round(3 * utilities[i]) / 3
            case 7:
                target[i] = utilities[i, -1]
    return target, utilities


def batched(norm, offset, scale):
    return jax.jit(jax.vmap(lambda u, U: jg.hull_distance(u, U, norm, offset, scale)))


@functools.cache
def small(norm, scale):
    """One compiled function for all problems of 4 leaders and 6 entries, up to 8 at once."""
    fit = batched(norm, "constant", scale)

    def several(*problems):
        padded = [problems[i % len(problems)] for i in range(8)]
        fits = fit(*(np.stack(parts) for parts in zip(*padded, strict=True)))
        return [jax.tree.map(lambda x, i=i: x[i], fits) for i in range(len(problems))]

    return several


@pytest.mark.parametrize("norm", ["sup", "square"])
@pytest.mark.parametrize(
    ("offset", "scale"),
    [o if o in FAST else pytest.param(*o, marks=pytest.mark.slow) for o in OPTIONS],
)
def test_distance_agrees_with_independent_solvers(norm, offset, scale):
    """Two sizes for each choice of options, 42 cases each: 504 for each norm."""
    place = OPTIONS.index((offset, scale))
    oracle = reference.sup_distance if norm == "sup" else reference.square_distance
    for leaders, rows in SIZES[2 * place : 2 * place + 2]:
        target, utilities = cases(place, 42, leaders, rows)
        fit = batched(norm, labels(offset, rows), scale)(target, utilities)
        expected = [oracle(u, U, labels(offset, rows), scale) for u, U in zip(target, utilities, strict=True)]
        np.testing.assert_allclose(fit.distance.upper, expected, atol=1e-7, rtol=0)
        assert bool((fit.distance.lower <= np.asarray(expected) + 1e-9).all())
        assert float(fit.distance.width.max()) <= 1e-6
        assert bool((fit.distance.width >= 0).all() & fit.converged.all())
        for i in range(42):
            check_proof(
                jax.tree.map(lambda x, i=i: np.asarray(x[i]), fit),
                target[i], utilities[i], norm, labels(offset, rows), scale,
            )  # fmt: skip


def check_proof(fit, target, utilities, norm, groups, scale):
    """Recomputed in NumPy from the definition: what the weights attain, what the measure excludes."""
    rows = target.size
    indicators = reference.indicators(groups, rows)
    assert fit.weights.min() >= 0
    if scale == "simplex":
        assert fit.weights.sum() == pytest.approx(1, abs=1e-14)
    shift = indicators @ np.atleast_1d(fit.offset) if indicators.shape[1] else fit.offset
    residual = target - fit.weights @ utilities - shift
    attained = np.abs(residual).max() if norm == "sup" else np.sqrt(np.mean(residual**2))
    # The upper end is beyond what weights attain by no more than what the sums round: theirs may be large.
    summed = np.abs(target).max() + fit.weights @ np.abs(utilities).max(1)
    rounding = 2e-16 * (2 * len(utilities) + rows + 12) * summed
    assert -1e-14 * summed <= fit.distance.upper - attained <= 1e-13 + rounding

    np.testing.assert_allclose(indicators.T @ fit.measure, 0, atol=1e-14)
    dual_norm = np.abs(fit.measure).sum() if norm == "sup" else np.linalg.norm(fit.measure) * np.sqrt(rows)
    assert dual_norm <= 1 + 1e-12
    scores, bound = utilities @ fit.measure, fit.measure @ target
    if scale == "simplex":
        bound -= scores.max()
    elif fit.distance.lower > 0:
        assert scores.max() <= 1e-10  # up to rounding, which the bracket charges
    assert fit.distance.lower <= max(bound, 0) + 1e-13


@pytest.mark.parametrize("norm", ["sup", "square"])
@pytest.mark.parametrize("scale", ["simplex", "cone"])
def test_no_proposal_makes_a_distance_false(norm, scale):
    """Weights and measures that no solver found: random, wrong and no numbers."""
    rng = np.random.default_rng(6)
    target, utilities = (x - x.mean(-1, keepdims=True) for x in cases(9, 24, 4, 6))
    groups = jnp.ones((6, 1))
    certified = jax.jit(functools.partial(certificate, groups=groups, norm=norm, simplex=scale == "simplex"))
    oracle = reference.sup_distance if norm == "sup" else reference.square_distance
    law, free, measure = rng.dirichlet(np.ones(4)), rng.exponential(size=4), rng.normal(size=6)
    weights = {
        "a law": law, "any sum": free, "negative": law - 0.5, "none": 0 * law, "huge": 1e9 * free,
        "NaN": np.where(law == law.max(), np.nan, law), "infinite": np.where(law == law.max(), np.inf, law),
    }  # fmt: skip
    measures = {
        "random": measure, "none": 0 * measure, "huge": 1e300 * measure, "one-sided": np.abs(measure),
        "NaN": np.where(measure > 0, np.nan, measure), "infinite": np.full(6, np.inf),
        "tiny": 1e-300 * measure,
    }  # fmt: skip
    bounded = proved = 0
    for u, U in zip(target, utilities, strict=True):
        distance = oracle(u, U, "constant", scale)
        for (kind, w), (other, m) in zip(weights.items(), measures.items(), strict=True):
            found, counted = certified(*map(jnp.asarray, (w, m, u, U.T)))
            assert float(found.upper) >= distance - 1e-9, (kind, other)
            assert 0 <= float(found.lower) <= distance + 1e-9, (kind, other)
            assert bool(jnp.isfinite(counted).all()), other
            usable = kind == "a law" or (scale == "cone" and kind in ("any sum", "none", "huge"))
            assert bool(jnp.isfinite(found.upper)) == usable, kind
            if usable:
                residual = u - w @ U - (u - w @ U).mean()
                sup = np.ptp(residual) / 2
                attained = sup if norm == "sup" else np.sqrt(np.mean(residual**2))
                assert float(found.upper) == pytest.approx(attained, rel=1e-11, abs=1e-12)
                bounded += 1
            proved += float(found.lower) > 0
        # A random measure's own score, by definition.
        found, counted = certified(*map(jnp.asarray, (law, measure, u, U.T)))
        score = counted @ u - ((U @ counted).max() if scale == "simplex" else 0.0)
        assert scale == "cone" or float(found.lower) == pytest.approx(max(float(score), 0.0), abs=1e-12)
    assert bounded and (proved or scale == "cone")


def test_simple_distances_by_hand():
    target, leader = jnp.array([0.0, 1.0, 0.0, 1.0]), jnp.array([[1.0, 1.0, 0.0, 0.0]])
    for norm, offset, expected in [
        ("sup", "none", 1.0),
        ("sup", np.array([0, 0, 1, 1]), 0.5),
        ("square", "none", np.sqrt(0.5)),
        ("square", np.array([0, 0, 1, 1]), 0.5),
    ]:
        fit = jg.hull_distance(target, leader, norm, offset)
        assert float(fit.distance.upper) == pytest.approx(expected, abs=1e-14)
        assert float(fit.distance.lower) == pytest.approx(expected, abs=1e-11)
    # The cone may scale the leader away: what is left of the target is half its range.
    assert float(jg.hull_distance(target, leader, scale="cone").distance.upper) == pytest.approx(
        0.5, abs=1e-11
    )


def test_prosecutor_and_defender_are_half_away_from_the_judge():
    game = jg.make_game([0.7, 0.3], np.eye(2), [[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]])
    fit = jg.game_hull_distance(game, offset="none")
    assert float(fit.distance.lower) == pytest.approx(0.5, abs=1e-11)
    assert float(fit.distance.upper) == pytest.approx(0.5, abs=1e-11)
    np.testing.assert_allclose(jg.hull.leader_distances(game, "none"), [1.0, 1.0], atol=1e-14)


def test_state_offset_forgives_what_no_action_can_change():
    rng = np.random.default_rng(0)
    prior = rng.dirichlet(np.ones(6)).reshape(2, 3)
    follower = rng.random((2, 3, 4))
    leaders = follower[None] + rng.normal(size=(1, 2, 3, 1))
    game = jg.make_game(prior, follower, leaders)
    assert float(jg.game_hull_distance(game, "state").distance.upper) <= 1e-12
    assert float(jg.game_hull_distance(game, "constant").distance.lower) > 0.01


@pytest.mark.slow
def test_leader_distances_are_hulls_of_one():
    rng = np.random.default_rng(2)
    game = jg.make_game(rng.dirichlet(np.ones(2)), rng.random((2, 3)), rng.random((3, 2, 3)))
    for offset, norm in [("constant", "sup"), ("state", "sup"), ("none", "square"), ("state", "square")]:
        alone = jg.hull.leader_distances(game, offset, norm)
        for i in range(3):
            one = jg.Game(game.prior, game.follower, game.leaders[i : i + 1])
            fit = jg.game_hull_distance(one, offset, norm=norm)
            assert float(alone[i]) == pytest.approx(float(fit.distance.upper), abs=1e-14)


@pytest.mark.parametrize("norm", ["sup", "square"])
@pytest.mark.parametrize("scale", ["simplex", "cone"])
def test_degenerate_cases(norm, scale):
    """Constant utilities, all leaders alike, a target that is constant, and everything zero."""
    rng = np.random.default_rng(3)
    u, U = rng.random(6), rng.random((4, 6))
    problems = [
        (u, np.full((4, 6), 0.3)),
        (u, np.tile(U[:1], (4, 1))),
        (np.full(6, 0.7), U),
        (np.zeros(6), np.zeros((4, 6))),
        (u, np.tile(u, (4, 1))),
    ]
    oracle = reference.sup_distance if norm == "sup" else reference.square_distance
    # Normal equations see squares: a distance of 0 is found to the square root of rounding.
    error = 1e-10 if norm == "sup" else 2e-8
    for problem, fit in zip(problems, small(norm, scale)(*problems), strict=True):
        assert bool(jnp.isfinite(fit.weights).all() & jnp.isfinite(fit.measure).all())
        expected = oracle(*problem, "constant", scale)
        assert float(fit.distance.upper) == pytest.approx(expected, abs=error)
        assert float(fit.distance.lower) == pytest.approx(expected, abs=error)


@pytest.mark.parametrize("norm", ["sup", "square"])
@pytest.mark.parametrize("scale", ["simplex", "cone"])
def test_leaders_of_very_different_sizes(norm, scale):
    rng = np.random.default_rng(4)
    target = rng.random(6)
    utilities = rng.random((4, 6)) * np.array([1e-4, 1.0, 1e2, 1e4])[:, None]
    (fit,) = small(norm, scale)((target, utilities))
    oracle = reference.sup_distance if norm == "sup" else reference.square_distance
    expected = oracle(target, utilities, "constant", scale)
    assert float(fit.distance.upper) == pytest.approx(expected, abs=1e-7)
    assert float(fit.distance.lower) == pytest.approx(expected, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["sup", "square"])
def test_four_thousand_entries(norm):
    rng = np.random.default_rng(5)
    target, utilities = rng.random(4096), rng.random((16, 4096))
    for scale in ("simplex", "cone"):
        fit = jg.hull_distance(target, utilities, norm, np.arange(4096) // 64, scale)
        oracle = reference.sup_distance if norm == "sup" else reference.square_distance
        expected = oracle(target, utilities, np.arange(4096) // 64, scale)
        assert float(fit.distance.upper) == pytest.approx(expected, abs=1e-7)
        assert float(fit.distance.width) <= 1e-6


# Properties, on one size of problem so that each option compiles once.
problems = st.integers(0, 10**6).map(lambda seed: jax.tree.map(lambda x: x[0], cases(seed, 1, 4, 6)))
options = st.tuples(st.sampled_from(["sup", "square"]), st.sampled_from(["simplex", "cone"]))


def same(first: jg.Bracket, second: jg.Bracket, slack=1e-9):
    """Two brackets of one number overlap."""
    assert float(first.lower) <= float(second.upper) + slack
    assert float(second.lower) <= float(first.upper) + slack


@given(problems, options, st.permutations(range(4)), st.permutations(range(6)))
def test_renaming_leaders_and_entries_changes_nothing(problem, option, leaders, entries):
    target, utilities = problem
    fit, renamed = small(*option)(problem, (target[entries], utilities[leaders][:, entries]))
    same(fit.distance, renamed.distance)


@given(problems, options)
def test_another_leader_never_increases_the_distance(problem, option):
    target, utilities = problem
    fewer = utilities.copy()
    fewer[-1] = fewer[0]
    many, few = small(*option)(problem, (target, fewer))
    assert float(many.distance.lower) <= float(few.distance.upper) + 1e-14  # rounding


@given(problems, options, st.floats(0.01, 100), st.floats(-10, 10), st.floats(-10, 10))
def test_affine_changes_of_utility(problem, option, factor, shift, other):
    """Scaling all utilities scales the distance; constants are absorbed by the offset."""
    target, utilities = problem
    before, after = small(*option)(problem, (factor * target + shift, factor * utilities + other))
    scaled = jg.Bracket(before.distance.lower * factor, before.distance.upper * factor)
    same(scaled, after.distance, slack=1e-8 * max(factor, 1))


@given(problems, st.sampled_from(["sup", "square"]), st.floats(0.01, 100))
def test_the_cone_forgives_each_leaders_scale(problem, norm, factor):
    target, utilities = problem
    scaled = utilities * np.array([factor, 1.0, 1.0, 1 / factor])[:, None]
    before, after = small(norm, "cone")(problem, (target, scaled))
    same(before.distance, after.distance, slack=1e-8)


@given(problems, st.sampled_from(["sup", "square"]))
def test_weaker_conditions_give_smaller_distances(problem, norm):
    (simplex,), (cone,) = (small(norm, scale)(problem) for scale in ("simplex", "cone"))
    assert float(cone.distance.lower) <= float(simplex.distance.upper)
    (square,), (sup,) = (small(n, "simplex")(problem) for n in ("square", "sup"))
    assert float(square.distance.lower) <= float(sup.distance.upper)


def test_one_compilation_for_many_batches():
    chex.clear_trace_counter()
    fit = jax.jit(chex.assert_max_traces(n=1)(lambda u, U: jax.vmap(jg.hull_distance)(u, U).distance.upper))
    for seed in range(3):
        fit(*cases(seed, 8, 3, 5))


def test_an_empty_batch_is_an_empty_answer():
    fit = batched("sup", "constant", "simplex")(np.zeros((0, 5)), np.zeros((0, 3, 5)))
    assert fit.distance.upper.shape == (0,)


def test_single_precision_brackets_hold():
    target, utilities = cases(0, 16, 4, 9)
    fit = batched("sup", "constant", "simplex")(target.astype(np.float32), utilities.astype(np.float32))
    assert fit.distance.upper.dtype == jnp.float32
    for i in range(16):
        expected = reference.sup_distance(target[i], utilities[i], "constant", "simplex")
        assert bool(
            jax.tree.map(lambda x, i=i: x[i], fit.distance).contains(np.float32(expected), slack=1e-6)
        )
    assert float(fit.distance.width.max()) <= 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(target=[0.0, np.nan]), r"target\[1\] is nan"),
        (dict(utilities=[[0.0, np.inf]]), r"utilities\[0, 1\] is inf"),
        (dict(utilities=np.zeros((0, 2))), r"utilities has shape \(0, 2\); every axis of \[K, D\]"),
        (dict(utilities=[[0.0, 1.0, 2.0]]), r"target has shape \(2,\) and utilities \(1, 3\)"),
        (dict(norm="max"), r"norm is 'max'; it must be one of 'sup', 'square'"),
        (dict(scale="ball"), r"scale is 'ball'; it must be one of 'simplex', 'cone'"),
        (dict(offset="state"), r"offset is 'state'; it must be one of 'none', 'constant'"),
        (dict(offset=[0, 1, 2]), r"offset labels have shape \(3,\)"),
        (dict(offset=[0.5, 1.0]), r"offset labels .* dtype float64"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        jg.hull_distance(**(dict(target=[0.0, 1.0], utilities=[[0.0, 1.0]]) | change))


def test_traced_labels_are_refused():
    with pytest.raises(ValueError, match="offset labels are traced; pass a NumPy array"):
        jax.jit(lambda c: jg.hull_distance([0.0, 1.0], [[0.0, 1.0]], offset=c).distance)(np.array([0, 1]))


def test_unknown_game_offset_is_named():
    game = jg.make_game([1.0], [[0.0, 1.0]], [[[0.0, 1.0]]])
    with pytest.raises(ValueError, match="offset is 'type'; it must be one of 'none', 'constant', 'state'"):
        jg.game_hull_distance(game, offset="type")

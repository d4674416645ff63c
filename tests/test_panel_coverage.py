import functools
from dataclasses import replace
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

from jaxgame.core.bracket import Bracket
from jaxgame.panel import Panel, coverage, load
from jaxgame.panel.coverage import Table, prepare
from jaxgame.panel.fits import View
from jaxgame.panel.unconstrained import least_squares
from jaxgame.runs.batch import run_draws
from tests.reference import panel as reference

# Panels of one shape and the same sizes share a compiled program.
ALL = [1, 2, 3, 4, 5]
PLAIN = [method for method in coverage.METHODS if method not in coverage.NULLS]


def make_panel(scores, target=None, train=None, groups=None) -> Panel:
    scores = np.asarray(scores, float)
    rows, raters = scores.shape
    return Panel(
        name="made",
        title="Made for a test",
        raters=tuple(f"r{i}" for i in range(raters)),
        groups=tuple(groups or ["all"] * raters),
        scores=scores,
        target=None if target is None else np.asarray(target, float),
        train=np.arange(rows) < 2 * rows // 3 if train is None else np.asarray(train),
        unit="points",
        caveat="",
    )


def random_panel(seed: int, rows: int = 60, raters: int = 5, fixed: bool = True) -> Panel:
    random = np.random.default_rng(seed)
    scores = random.normal(size=(rows, raters)) * random.uniform(0.3, 3, raters) + random.normal(size=raters)
    target = scores @ random.dirichlet(np.ones(raters)) + random.normal(size=rows) if fixed else None
    return make_panel(scores, target, train=random.permutation(rows) < 2 * rows // 3)


@functools.partial(jax.jit, static_argnames=("sizes", "offset"))
def compiled(keys, table, sizes, offset):
    # The table is an argument: panels of one shape share a program.
    return jax.vmap(lambda key: coverage.coverage(key, table, sizes, offset=offset))(keys)


def measure(table: Table, sizes: list[int], draws: int, offset: str = "none") -> pl.DataFrame:
    """As `run_draws` would tabulate it, one row per draw and number of raters."""
    values = compiled(jax.random.split(jax.random.key(0), draws), table, tuple(sizes), offset)
    columns = {"draw": np.arange(draws)[:, None], "raters": np.array(sizes)[None, :]}
    columns |= {name: np.asarray(values.pop(name))[:, None] for name in ("target", "split")}
    for name, value in values.items():
        if isinstance(value, Bracket):
            columns |= {f"{name}_lower": value.lower, f"{name}_upper": value.upper}
        else:
            columns[name] = value
    shape = draws, len(sizes)
    return pl.DataFrame({name: np.broadcast_to(value, shape).ravel() for name, value in columns.items()})


def of(row: dict, name: str) -> float:
    """A distance of a results row; of a bracket its upper end, which the fitted weights attain."""
    return row[name] if name in row else row[f"{name}_upper"]


# The bundled panels


@pytest.mark.parametrize("name", [pytest.param("snippets", marks=pytest.mark.slow), "senate"])
def test_all_raters_agree_with_a_fit_row_by_row(name):
    bundled = load(name)
    standardise = name == "snippets"
    table = prepare(bundled, scale="standard" if standardise else "raw")
    # The senate's sizes and draws are those of the note's table below, and so is the compiled program.
    results = measure(table, [104], 2) if standardise else measure(table, [1, 8, 90], 200)
    size = coverage.largest_pool(bundled)
    for row in results.filter(pl.col("raters") == size).head(5).iter_rows(named=True):
        if standardise:
            both = np.column_stack([bundled.scores, bundled.target])
            both = (both - both[bundled.train].mean(axis=0)) / both[bundled.train].std(axis=0)
            raters, target = both[:, :-1], both[:, -1]
        else:
            raters = np.delete(bundled.scores, row["target"], axis=1)
            target = bundled.scores[:, row["target"]]
        expected = reference.distances(raters, target, bundled.train)
        for method, tied in reference.tied_singles(raters, target, bundled.train).items():
            expected[f"{method}_test"] = min(tied, key=lambda value: abs(value - row[f"{method}_test"]))
        for key, value in expected.items():
            assert of(row, key) == pytest.approx(value, abs=2e-8), key
        for method in ("hull", "cone"):
            low, high = row[f"{method}_train_lower"], row[f"{method}_train_upper"]
            assert low - 1e-12 <= expected[f"{method}_train"] <= high + 1e-8
            assert high - low <= 1e-7
        assert row["converged"]


SIZES = [1, 2, 4, 8, 16, 32, 64, 86]


def test_language_models_agree_with_a_fit_row_by_row():
    bundled = load("eqbench")
    table = prepare(bundled, scale="target", splits=3)
    results = measure(table, [86], 6, offset="cone")
    assert set(results["split"]) == {0, 1, 2}
    for row in results.iter_rows(named=True):
        train = np.asarray(table.train.members[row["split"]])
        np.testing.assert_array_equal(~train, table.test.members[row["split"]])
        assert not set(bundled.blocks[train]) & set(bundled.blocks[~train])
        assert len(set(bundled.blocks[train])) == 33
        expected = reference.distances(bundled.scores, bundled.target, train, cone_intercept=True)
        unit = bundled.target[train].std()
        for key, value in expected.items():
            assert of(row, key) == pytest.approx(value / unit, abs=2e-8), key
        assert row["converged"]


# In the panel's note, from other code: means over 20 random subsets and splits.
EQBENCH_NOTE = {
    "hull": [0.805, 0.680, 0.589, 0.514, 0.490, 0.466, 0.455, 0.452],
    "cone": {1: 0.731, 86: 0.423},
    "best_single_fitted": {86: 0.461},
    "plain_average_fitted": {86: 0.508},
    "least_squares": {86: 0.490},
    "null_cone": {86: 1.00},
}


@pytest.mark.slow
def test_language_models_curve_agrees_with_the_note_and_with_other_code():
    bundled = load("eqbench")
    results = measure(prepare(bundled, scale="target", splits=20), SIZES, 200, offset="cone")
    own = {m: results[f"{m}_test"].to_numpy().reshape(200, len(SIZES)) for m in coverage.METHODS}
    other = reference.curve(bundled.scores, bundled.target, bundled.blocks, SIZES, 20)
    for method, values in own.items():
        # 20 splits are shared by the 200 draws: they count as 20.
        error = np.sqrt(values.var(axis=0) / 20 + other[method].var(axis=0) / 20)
        assert (np.abs(values.mean(axis=0) - other[method].mean(axis=0)) <= 3.5 * error).all(), method
    for method, told in EQBENCH_NOTE.items():
        told = dict(zip(SIZES, told, strict=True)) if isinstance(told, list) else told
        for size, expected in told.items():
            place = SIZES.index(size)
            error = own[method][:, place].std() * np.sqrt(2 / 20)
            assert abs(own[method][:, place].mean() - expected) <= 3 * error + 0.0005, (method, size)
    # More constraints keep least squares from overfitting, and the mixture is nearer than any single model.
    ends = {method: values[:, -1].mean() for method, values in own.items()}
    assert ends["cone"] < ends["least_squares"] < ends["constant"]
    assert ends["hull"] < ends["best_single"] < ends["plain_average"]


# Means in the sanity tables of the panels' notes, from other code: 50 draws (snippets), 200 (senate).
NOTE = {
    ("neutral_paraphrase", 1): {"hull": 1.078, "best_single_fitted": 0.910, "null": 1.419},
    ("neutral_paraphrase", 8): {
        "hull": 0.870, "best_single": 0.981, "plain_average": 0.885, "best_single_fitted": 0.856,
        "plain_average_fitted": 0.849, "null": 1.251,
    },
    ("neutral_paraphrase", 50): {
        "hull": 0.822, "best_single": 0.964, "plain_average": 0.859, "best_single_fitted": 0.843,
        "plain_average_fitted": 0.836, "null": 1.180,
    },
    ("goal_viewpoint", 1): {"hull": 1.267, "best_single_fitted": 0.969, "null": 1.414},
    ("goal_viewpoint", 8): {
        "hull": 0.869, "best_single": 1.068, "plain_average": 0.932, "best_single_fitted": 0.898,
        "plain_average_fitted": 0.929, "null": 1.070,
    },
    ("goal_viewpoint", 50): {
        "hull": 0.791, "best_single": 0.968, "plain_average": 0.879, "best_single_fitted": 0.849,
        "plain_average_fitted": 0.830, "null": 1.009,
    },
    ("any", 1): {"hull": 0.579, "null": 0.692},
    ("any", 8): {"hull": 0.317, "best_single": 0.372, "plain_average": 0.460, "null": 0.543},
    ("any", 90): {"hull": 0.270, "best_single": 0.338, "plain_average": 0.446, "null": 0.528},
    ("other_group", 1): {"hull": 0.777, "null": 0.709},
    ("other_group", 8): {"hull": 0.678, "best_single": 0.702, "plain_average": 0.728, "null": 0.644},
    ("other_group", 39): {"hull": 0.578, "best_single": 0.612, "plain_average": 0.725, "null": 0.606},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("part", ["neutral_paraphrase", "goal_viewpoint", "any", "other_group"])
def test_means_reproduce_the_notes_tables(part):
    if part in coverage.POOLS:
        table, drawn_there = prepare(load("senate"), scale="raw", pool=part), 200
    else:
        table, drawn_there = prepare(load("snippets", groups=[part]), scale="standard"), 50
    sizes = [size for name, size in NOTE if name == part]
    draws = 200
    results = measure(table, sizes, draws)
    for size in sizes:
        rows = results.filter(pl.col("raters") == size)
        for method, expected in NOTE[part, size].items():
            values = rows[f"{method}_test"].to_numpy()
            error = values.std() * np.sqrt(1 / draws + 1 / drawn_there)
            assert abs(values.mean() - expected) <= 4 * error + 0.0005, (part, size, method)


# Against the reference, on every number of raters


@pytest.mark.parametrize("fixed", [True, False])
def test_every_size_is_the_reference_on_nested_sets_of_raters(fixed):
    made = random_panel(1, fixed=fixed)
    sizes = ALL if fixed else [1, 2, 3, 4]
    table = prepare(made, scale="raw")
    for _, draw in measure(table, sizes, 8).group_by("draw"):
        inside: set[int] = set()
        for row in draw.sort("raters").iter_rows(named=True):
            target = made.target if fixed else made.scores[:, row["target"]]
            others = [i for i in range(5) if fixed or i != row["target"]]
            found = []
            for subset in combinations(others, row["raters"]):
                expected = reference.distances(made.scores[:, subset], target, made.train)
                if all(abs(of(row, key) - value) <= 1e-9 for key, value in expected.items()):
                    found.append(set(subset))
            assert len(found) == 1
            assert inside < found[0]
            inside = found[0]


def test_standardising_and_intercepts_agree_with_the_reference():
    made = random_panel(2)
    scores = (made.scores - made.scores[made.train].mean(axis=0)) / made.scores[made.train].std(axis=0)
    target = (made.target - made.target[made.train].mean()) / made.target[made.train].std()
    expected = reference.distances(scores, target, made.train)
    standardised = measure(prepare(made, scale="standard"), ALL, 8).row(4, named=True)
    assert {key: of(standardised, key) for key in expected} == pytest.approx(expected, abs=1e-9)

    weights = reference.hull_weights(
        made.scores[made.train] - made.scores[made.train].mean(axis=0),
        made.target[made.train] - made.target[made.train].mean(),
    )
    residual = made.target - made.scores @ weights
    residual -= residual[made.train].mean()
    free = measure(prepare(made, scale="raw"), ALL, 4, offset="constant").row(4, named=True)
    assert of(free, "hull_train") == pytest.approx(reference.rms(residual[made.train]), abs=1e-9)
    assert free["hull_test"] == pytest.approx(reference.rms(residual[~made.train]), abs=1e-9)
    assert free["hull_train_upper"] - free["hull_train_lower"] <= 1e-9


def test_an_intercept_undoes_shifts_of_the_raters():
    made = random_panel(3)
    shifted = make_panel(made.scores + np.arange(5.0), made.target, made.train)
    results = [measure(prepare(each, scale="raw"), ALL, 4, offset="constant") for each in (made, shifted)]
    for name in ("hull_train_upper", "hull_test", "cone_test", "null_test", "best_single_fitted_test"):
        np.testing.assert_allclose(results[0][name], results[1][name], atol=1e-9)


def test_the_targets_scale_leaves_the_hull_what_it_is():
    made = random_panel(2)
    unit = made.target[made.train].std()
    raw, scaled = (measure(prepare(made, scale=scale), ALL, 8) for scale in ("raw", "target"))
    for name in ("hull_train_upper", "hull_test", "best_single_test", "plain_average_test", "null_test"):
        np.testing.assert_allclose(raw[name], scaled[name] * unit, rtol=1e-7)


def test_only_the_cone_gets_an_intercept_if_asked():
    made = random_panel(3)
    shifted = make_panel(made.scores + np.arange(5.0), made.target, made.train)
    table = prepare(made, scale="raw")
    free, none, both = (measure(table, ALL, 4, offset=offset) for offset in ("cone", "none", "constant"))
    for name in ("hull_test", "null_test", "hull_train_upper"):
        np.testing.assert_array_equal(free[name], none[name])
    for name in ("cone_test", "null_cone_test", "cone_train_upper"):
        np.testing.assert_array_equal(free[name], both[name])
        moved = measure(prepare(shifted, scale="raw"), ALL, 4, offset="cone")
        np.testing.assert_allclose(free[name], moved[name], atol=1e-9)
    expected = reference.distances(made.scores, made.target, made.train, cone_intercept=True)
    assert free["cone_test"][4] == pytest.approx(expected["cone_test"], abs=1e-9)
    assert free["cone_train_upper"][4] == pytest.approx(expected["cone_train"], abs=1e-9)


def test_random_splits_are_of_whole_blocks_and_always_the_same():
    made = replace(random_panel(15), blocks=np.arange(60) // 4)
    table = prepare(made, scale="standard", splits=7)
    members = np.asarray(table.train.members)
    np.testing.assert_array_equal(members, prepare(made, scale="standard", splits=7).train.members)
    assert len(np.unique(members, axis=0)) == 7
    assert (members.reshape(7, 15, 4).all(axis=2) == members.reshape(7, 15, 4).any(axis=2)).all()
    assert (members.sum(axis=1) == 40).all()
    results = measure(table, ALL, 60)
    assert set(results["split"]) == set(range(7))
    for split, rows in results.filter(pl.col("raters") == 5).group_by("split"):
        train = members[split[0]]
        scores, target = (
            (values - values[train].mean(axis=0)) / values[train].std(axis=0)
            for values in (made.scores, made.target)
        )
        expected = reference.distances(scores, target, train)
        assert {key: of(rows.row(0, named=True), key) for key in expected} == pytest.approx(
            expected, abs=1e-9
        )
        # The null is of the same size: the target's scores on other rows.
        assert rows["null_train"].max() < 2 * rows["constant_train"].max()


def test_least_squares_of_dependent_raters():
    # Two raters are combinations of others, one is constant, and there are fewer rows than raters at the end.
    random = np.random.default_rng(16)
    scores = random.normal(size=(8, 10)) + 3
    scores[:, 2] = scores[:, 0] - 2 * scores[:, 1] + 1
    scores[:, 4] = 0.3
    scores[:, 5] = scores[:, 3]
    target = random.normal(size=8)
    sizes = list(range(1, 11))
    models = least_squares(View(jnp.asarray(scores), jnp.ones(8), jnp.asarray(target)), sizes)
    for size, weights, intercept in zip(sizes, models.weights, models.intercepts, strict=True):
        expected = reference.free_fit(scores[:, :size], target)
        np.testing.assert_allclose(weights[:size], expected[1:], atol=1e-9)
        assert intercept == pytest.approx(expected[0], abs=1e-9)
        assert (weights[size:] == 0).all() and (weights[jnp.array([2, 4, 5])] == 0).all()


# Hulls with a known distance


@pytest.mark.parametrize("noise", [0.0, 1e-10, 1e-4])
def test_planted_mixture_is_found(noise):
    random = np.random.default_rng(4)
    scores = random.normal(size=(60, 5)) + 5
    outside = random.normal(size=60)
    outside -= scores @ np.linalg.lstsq(scores, outside, rcond=None)[0]
    target = scores @ np.array([0.5, 0.3, 0.2, 0.0, 0.0]) + noise * outside
    made = make_panel(scores, target)
    row = measure(prepare(made, scale="raw"), ALL, 8).row(4, named=True)
    # The fit stops at a complementarity of 10 roundings, relative to the square of the differences.
    precision = np.sqrt(10 * np.finfo(float).eps) * reference.rms(scores - target[:, None])
    expected = reference.distances(scores, target, made.train)
    assert row["hull_train_lower"] - 1e-13 <= expected["hull_train"]
    assert row["hull_train_upper"] == pytest.approx(expected["hull_train"], rel=1e-3, abs=precision)
    assert row["hull_test"] == pytest.approx(expected["hull_test"], rel=1e-3, abs=precision)
    assert row["null_test"] > 0.5 * row["constant_test"]


def test_distances_of_given_weights_are_exact_near_zero():
    random = np.random.default_rng(5)
    scores = random.normal(size=(60, 5)) + 10
    target = scores.mean(axis=1) + 1e-11 * random.normal(size=60)
    made = make_panel(scores, target)
    row = measure(prepare(made, scale="raw"), ALL, 8).row(4, named=True)
    direct = reference.distances(scores, target, made.train)
    for side in ("train", "test"):
        assert row[f"plain_average_{side}"] == pytest.approx(direct[f"plain_average_{side}"], abs=2e-14)


@pytest.mark.slow
def test_a_target_unrelated_to_the_raters_is_one_of_its_shuffles():
    # Rows are exchangeable, so that the true order is one more draw of the null.
    random = np.random.default_rng(6)
    made = make_panel(random.normal(size=(60, 5)), random.normal(size=60))
    results = measure(prepare(made, scale="standard"), ALL, 400).filter(pl.col("raters") == 5)
    rank = (results["null_test"].to_numpy() < results["hull_test"][0]).mean()
    assert 0.005 <= rank <= 0.995
    assert results["null_test"].mean() > 0.95 * results["constant_test"][0]


@pytest.mark.slow
def test_one_rater_is_its_own_hull_and_average():
    made = random_panel(7, raters=1)
    row = measure(prepare(made, scale="raw"), [1], 1).row(0, named=True)
    direct = made.scores[:, 0] - made.target
    for method in ("hull", "best_single", "plain_average"):
        assert of(row, f"{method}_train") == pytest.approx(reference.rms(direct[made.train]), abs=1e-13)
        assert row[f"{method}_test"] == pytest.approx(reference.rms(direct[~made.train]), abs=1e-13)
    assert row["best_single_fitted_test"] == pytest.approx(row["plain_average_fitted_test"], abs=1e-13)
    assert row["hull_used"] == 1


def test_repeated_raters_change_nothing():
    made = random_panel(8, raters=1)
    once = measure(prepare(made, scale="raw"), [1], 1).row(0, named=True)
    same = make_panel(np.repeat(made.scores, 5, axis=1), made.target, made.train)
    for row in measure(prepare(same, scale="raw"), ALL, 8).iter_rows(named=True):
        assert row["converged"]
        for method in PLAIN:
            assert row[f"{method}_test"] == pytest.approx(once[f"{method}_test"], abs=1e-9), method


def test_a_rater_that_opposes_the_target_leaves_the_cone_empty():
    random = np.random.default_rng(9)
    target = random.normal(size=60) + 3
    row = measure(
        prepare(make_panel(-target[:, None], target), scale="raw"), [1], 1
    ).row(0, named=True)  # fmt: skip
    assert row["cone_train_upper"] == pytest.approx(reference.rms(target[:40]), abs=1e-9)
    assert row["hull_test"] == pytest.approx(2 * reference.rms(target[40:]), abs=1e-12)
    assert row["best_single_fitted_test"] == pytest.approx(0.0, abs=1e-12)


def test_a_rater_constant_on_train_rows_gets_no_slope():
    random = np.random.default_rng(10)
    scores = np.where(np.arange(60) < 40, 0.3, random.normal(size=60))[:, None]
    made = make_panel(scores, random.normal(size=60))
    row = measure(prepare(made, scale="raw"), [1], 1).row(0, named=True)
    assert row["best_single_fitted_test"] == pytest.approx(row["constant_test"], abs=1e-12)
    with pytest.raises(ValueError, match=r"'r0' of panel 'made' is 0\.3 on all 40 train rows"):
        prepare(made, scale="standard")


@pytest.mark.slow
def test_more_raters_than_rows():
    random = np.random.default_rng(11)
    made = make_panel(random.normal(size=(12, 20)), random.normal(size=12))
    row = measure(prepare(made, scale="raw"), [20], 1).row(0, named=True)
    expected = reference.distances(made.scores, made.target, made.train)
    assert of(row, "hull_train") == pytest.approx(expected["hull_train"], abs=2e-7)
    assert row["hull_train_lower"] <= row["hull_train_upper"] <= row["hull_train_lower"] + 1e-6


def test_pools_keep_to_their_groups():
    # Three raters agree exactly with each other, two are far from them: the pool decides the distance.
    random = np.random.default_rng(12)
    vote = random.normal(size=60)
    scores = np.column_stack([vote] * 3 + [vote + 100] * 2)
    made = make_panel(scores, groups=["a", "a", "a", "b", "b"])
    for pool, distance, largest in (("same_group", 0.0, 1), ("other_group", 100.0, 2)):
        assert coverage.largest_pool(made, pool) == largest
        table = prepare(made, scale="raw", pool=pool)
        np.testing.assert_allclose(measure(table, [1], 20)["hull_test"], distance, atol=1e-10)


# Randomness


def test_permutations_are_permutations_and_alike_frequent():
    draws = 6_000
    keys = jax.random.split(jax.random.key(0), draws)
    orders = np.asarray(jax.vmap(lambda key: coverage._permutation(key, 3))(keys))
    kinds, counts = np.unique(orders, axis=0, return_counts=True)
    assert kinds.tolist() == [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    assert np.abs(counts - draws / 6).max() <= 4 * np.sqrt(draws * 5 / 36)
    long = np.asarray(coverage._permutation(jax.random.key(1), 10_605))
    assert sorted(long.tolist()) == list(range(10_605))


def test_a_draw_depends_on_its_key_alone():
    table = prepare(random_panel(13), scale="raw")
    few, many = measure(table, ALL, 4), measure(table, ALL, 8)
    np.testing.assert_allclose(few["hull_test"], many["hull_test"].head(few.height), rtol=1e-12)
    # Draws differ at every size; within a draw one more rater may have no weight.
    assert many.filter(pl.col("raters") == len(ALL)).n_unique("null_test") == 8


def test_run_draws_takes_a_draw_as_it_is():
    table = prepare(random_panel(13), scale="raw")
    results = run_draws(
        lambda key: coverage.coverage(key, table, [1, 3]),
        3,
        0,
        coordinates={"raters": [1, 3]},
        progress=False,
    )
    assert results.select("draw", "raters").rows() == [(d, k) for d in range(3) for k in (1, 3)]
    named = {f"{method}_{side}" for method in coverage.METHODS for side in ("train", "test")}
    assert named <= {name.removesuffix("_upper") for name in results.columns}
    assert results["converged"].all() and results["hull_test"].dtype == pl.Float64


# Errors


def test_bad_draws_say_what_is_wrong():
    made = random_panel(14)
    table = prepare(made, scale="raw")
    key = jax.random.key(0)
    with pytest.raises(ValueError, match="pool is 'foes'; it must be one of"):
        prepare(made, scale="raw", pool="foes")
    with pytest.raises(ValueError, match="has a fixed target; it must be 'any'"):
        prepare(made, scale="raw", pool="same_group")
    with pytest.raises(ValueError, match="leaves 'r0' of panel 'made', as a target, without raters"):
        prepare(random_panel(14, fixed=False), scale="raw", pool="other_group")
    with pytest.raises(ValueError, match="scale is 'z'; it must be one of 'raw', 'target', 'standard'"):
        prepare(made, scale="z")
    with pytest.raises(ValueError, match="scale is 'target', but in panel 'made' each rater in turn"):
        prepare(random_panel(14, fixed=False), scale="target")
    with pytest.raises(ValueError, match="splits is -1; it must be at least 0"):
        prepare(made, scale="raw", splits=-1)
    with pytest.raises(ValueError, match=r"'the target' of panel 'made' is 1\.0 on all 40 train rows"):
        prepare(make_panel(made.scores, np.ones(60)), scale="target")
    with pytest.raises(ValueError, match="offset is 'some'; it must be one of 'none', 'cone', 'constant'"):
        coverage.coverage(key, table, [1], offset="some")
    for sizes in ([], [0, 1], [2, 2], [3, 1]):
        with pytest.raises(ValueError, match="it must be increasing numbers of raters from 1 on"):
            coverage.coverage(key, table, sizes)
    with pytest.raises(ValueError, match="sizes has 6, but a target of this panel has at most 5 raters"):
        jax.jit(lambda key: coverage.coverage(key, table, [1, 6]))(key)

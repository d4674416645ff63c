import functools
import json
import re
from importlib import resources
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import jaxgame as jg
from jaxgame import panel
from jaxgame.audit import certify, moments, resample, value
from jaxgame.audit.prepare import prepare
from jaxgame.audit.reading import read_scores
from jaxgame.cli import app
from tests import browser
from tests.reference import audit as reference

QUICK = {"bootstrap": 20, "shuffles": 19, "splits": 0}
DOCS = Path(__file__).parent.parent / "docs" / "audit.md"


def planted(rows=400, noise=0.1, seed=1, models=5):
    """Models, a target that is .6 of the first and .4 of the second, and noise; as a mapping of columns."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(rows, models)) + random.normal(size=models)
    people = scores[:, 0] * 0.6 + scores[:, 1] * 0.4 + noise * random.normal(size=rows)
    return {"people": people} | {f"m{i}": scores[:, i] for i in range(models)}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


# Bundled panels, against NumPy and SciPy on the rows


@pytest.fixture(scope="module")
def bundled():
    """An audit of each bundled panel, and its rows as the reference sees them."""
    found = {}
    for name, target in (
        ("eqbench", "human_reference"),
        ("snippets", "human_mean"),
        ("senate", "kohl_d_wi"),
    ):
        table = panel.load(name)
        if table.target is None:
            place = table.raters.index(target)
            models, aim = np.delete(table.scores, place, axis=1), table.scores[:, place]
            names = [rater for rater in table.raters if rater != target]
        else:
            models, aim, names = table.scores, table.target, list(table.raters)
        audit = panel.audit(name, target=target, **QUICK)[target]
        _, first = np.unique(models, axis=1, return_index=True)
        assert len(first) == len(names)  # no duplicates to be left out
        varies = models[table.train].std(axis=0) > 0
        assert audit.models == tuple(np.array(names)[varies])
        rows = reference.standardised(models[:, varies], aim, table.train, audit.scale)
        found[name] = audit, (*rows, table.train)
    return found


@pytest.mark.parametrize("name", ["eqbench", "snippets", "senate"])
@pytest.mark.parametrize("hull", ["cone", "simplex"])
def test_distances_agree_with_a_fit_row_by_row(bundled, name, hull):
    audit, rows = bundled[name]
    train, heldout = reference.distances(*rows, hull)
    report = audit.hulls[hull]
    assert report.train.lower - 1e-12 <= train
    assert report.train.upper == pytest.approx(train, rel=1e-9)
    assert report.train.upper - report.train.lower < 2e-6
    assert report.heldout == pytest.approx(heldout, rel=1e-6)


@pytest.mark.parametrize("name", ["eqbench", "snippets", "senate"])
def test_verdicts_and_rivals_of_the_bundled_panels(bundled, name):
    audit, (models, target, train) = bundled[name]
    assert audit.verdict == "not covered" and audit.null.beyond_chance
    assert audit.distance == audit.hulls["cone"].heldout > 0.25
    found = {rival.name: rival for rival in audit.rivals}
    assert found["constant"].heldout == pytest.approx(reference.panel.rms(target[~train]), rel=1e-9)
    ordinary = reference.panel.distances(models, target, train)
    average = found["plain average, fitted slope"]
    assert average.heldout == pytest.approx(ordinary["plain_average_fitted_test"], rel=1e-8)
    tied = reference.panel.tied_singles(models, target, train)["best_single_fitted"]
    assert min(abs(found["best single, fitted slope"].heldout - one) for one in tied) < 1e-8


def test_dropping_a_senator(bundled):
    audit, rows = bundled["senate"]
    everyone = range(rows[0].shape[1])
    drops = {v.model: v.drop for v in audit.values}
    for place in (0, 7, *(audit.models.index(w.model) for w in audit.hulls["cone"].weights[:3])):
        left = reference.heldout(*rows, "cone", [i for i in everyone if i != place])
        assert drops[audit.models[place]] == pytest.approx(left - audit.distance, abs=1e-6)


def test_the_least_largest_error_on_the_senate(bundled):
    audit, (models, target, train) = bundled["senate"]
    for hull in ("cone", "simplex"):
        bracket = audit.hulls[hull].sup_train
        least = reference.least_sup(models[train], target[train], hull)
        assert bracket.lower - 1e-9 <= least <= bracket.upper + 1e-9
        assert bracket.upper - bracket.lower < 1e-5


@pytest.mark.slow
def test_the_least_largest_error_on_all_snippets(bundled):
    audit, (models, target, train) = bundled["snippets"]
    bracket = audit.hulls["cone"].sup_train
    least = reference.least_sup(models[train], target[train], "cone")
    assert bracket.lower - 1e-8 <= least <= bracket.upper + 1e-8
    assert bracket.upper - bracket.lower < 1e-5


# Planted cases


def test_a_planted_mixture_is_recovered_and_covered():
    found = panel.audit(planted(), target="people", splits=5)
    audit = found["people"]
    assert audit.verdict == "covered" and found.exit_code == 0
    for hull in audit.hulls.values():
        raw = {weight.model: weight.raw for weight in hull.weights}
        assert raw["m0"] == pytest.approx(0.6, abs=0.02) and raw["m1"] == pytest.approx(0.4, abs=0.02)
        assert sum(raw.values()) - raw["m0"] - raw["m1"] < 0.03
        assert hull.offset_raw == pytest.approx(0.0, abs=0.03)
    for weight in audit.hulls["cone"].weights[:2]:
        assert weight.interval.lower <= weight.weight <= weight.interval.upper and weight.used == 1
    # Noise of 0.1 is all that is left.
    assert audit.distance * audit.unit == pytest.approx(0.1, rel=0.15)
    assert audit.interval.lower < audit.distance < audit.interval.upper
    assert set(audit.small_panel.models) == {"m0", "m1"}
    assert audit.null.p_value == 0.01


def test_an_exact_mixture_is_at_distance_0():
    table = planted(noise=0.0)
    report = panel.audit(table, target="people", **QUICK)["people"].hulls["cone"]
    assert report.train.upper < 1e-9 and report.heldout < 1e-9 and report.sup_train.upper < 1e-9


def test_a_shuffled_target_is_not_covered_beyond_chance():
    table = planted()
    random = np.random.default_rng(3)
    table["people"] = random.permutation(table["people"])
    # However far eps lies: near enough is not enough if chance is as near.
    found = panel.audit(table, target="people", epsilon=2.0, bootstrap=50, splits=0)
    assert found["people"].verdict == "not covered" and not found["people"].null.beyond_chance
    assert "beyond chance" in found["people"].sentence


@pytest.mark.slow
def test_shuffled_targets_are_rarely_called_beyond_chance():
    # The share of false alarms is at most the level; 40 tables give more than 7 with probability 7e-4.
    alarms = 0
    for seed in range(40):
        table = planted(rows=60, seed=seed, models=3)
        table["people"] = np.random.default_rng(seed).permutation(table["people"])
        found = panel.audit(table, target="people", **QUICK)
        alarms += found["people"].null.beyond_chance
    assert alarms <= 7


def test_between_covered_and_not_lies_too_close_to_call():
    table = planted(rows=60, noise=0.2)
    interval = panel.audit(table, target="people", **QUICK)["people"].interval
    for epsilon, verdict in (
        (0.9 * interval.lower, "not covered"),
        ((interval.lower + interval.upper) / 2, "too close to call"),
        (interval.upper, "covered"),
    ):
        found = panel.audit(table, target="people", epsilon=epsilon, **QUICK)
        assert found["people"].verdict == verdict
        assert found.exit_code == (0 if verdict == "covered" else 1)


def test_the_bootstrap_interval_is_that_of_resampled_rows():
    table = planted(rows=150, noise=0.5)
    audit = panel.audit(table, target="people", bootstrap=400, shuffles=19, splits=0)["people"]
    problem = problem_of(table)
    models, target, train = problem.models, problem.target, problem.train
    random = np.random.default_rng(5)
    found = []
    for _ in range(400):
        one, two = (random.choice(np.flatnonzero(rows), rows.sum()) for rows in (train, ~train))
        both = np.concatenate([one, two])
        first = np.arange(len(both)) < len(one)
        found.append(reference.distances(models[both], target[both], first, "cone")[1])
    expected = np.quantile(found, [0.025, 0.975])
    # Two samples of 400: the ends agree within a few of their standard errors.
    width = expected[1] - expected[0]
    assert audit.interval.lower == pytest.approx(expected[0], abs=0.12 * width)
    assert audit.interval.upper == pytest.approx(expected[1], abs=0.12 * width)


def test_groups_of_rows_spread_as_rows_do(monkeypatch):
    random = np.random.default_rng(6)
    models, target = random.normal(size=(2_000, 2)), random.normal(size=2_000)
    spreads = []
    for groups in (200, 2_000):
        monkeypatch.setattr(resample, "GROUPS", groups)
        rows = moments.columns(models, target)
        sums = resample.bootstrap(rows, np.arange(len(rows)), 2_000, np.random.default_rng(7))
        spreads.append(np.std([one[0, 2] / one[3, 3] for one in sums]))
    assert spreads[0] == pytest.approx(spreads[1], rel=0.2)
    exact = (models[:, 0] * target).std() / np.sqrt(2_000)
    assert spreads[1] == pytest.approx(exact, rel=0.08)


def test_blocks_are_drawn_whole():
    # All rows of a block are alike: the mean spreads as that of 60 blocks does, not as that of 900 rows.
    random = np.random.default_rng(8)
    blocks = random.permutation(np.repeat(np.arange(60), 15)) * 3
    level = random.normal(size=180)[blocks]
    rows = moments.columns(level[:, None], level)
    together, apart = (
        np.std([one[0, 2] / one[2, 2] for one in resample.bootstrap(rows, own, 2_000, random)])
        for own in (blocks, np.arange(900))
    )
    assert together == pytest.approx(level.std() / np.sqrt(60), rel=0.08)
    assert apart == pytest.approx(level.std() / np.sqrt(900), rel=0.08)
    for sums in resample.bootstrap(rows, blocks, 5, random):
        assert sums[2, 2] == 900
    few = [sums[2, 2] for sums in resample.bootstrap(rows[:600], blocks[:600], 50, random)]
    assert np.std(few) > 0  # blocks of unequal size


def test_blocks_are_split_whole(tmp_path):
    table = planted(rows=120)
    scene = np.repeat([f"scene {i}" for i in range(12)], 10)
    pl.DataFrame(table | {"scene": scene}).write_csv(tmp_path / "t.csv")
    for source in (tmp_path / "t.csv", table | {"scene": scene}):
        scores = read_scores(source, group="scene")
        assert scores.columns == tuple(table)
        problem = prepare(
            scores, "people", scores.columns[1:], (),
            missing="auto", scale="auto", min_scored=10, max_models=300, seed=0,
        )  # fmt: skip
        whole = problem.train.reshape(12, 10)
        assert (whole.all(axis=1) == whole.any(axis=1)).all() and whole[:, 0].sum() == 8
        assert "rows are resampled and split in 12 blocks that belong together (8 train)" in problem.notes
        split = resample.random_splits(
            problem.columns, moments.moments(problem.columns), problem.blocks, 8, 3, np.random.default_rng(0)
        )
        assert [(train[-1, -1], test[-1, -1]) for train, test in split] == [(80, 40)] * 3
    audit = panel.audit(tmp_path / "t.csv", target="people", group="scene", **QUICK)["people"]
    assert (audit.train_rows, audit.heldout_rows) == (80, 40)
    result = run("audit", tmp_path / "t.csv", "-t", "people", "--group", "scene", "-q", "--out", tmp_path)
    assert result.exit_code == 0


def test_bad_blocks_say_what_is_wrong(tmp_path):
    table = planted(rows=40)

    def refused(scene, message, **options):
        with pytest.raises(panel.InputError, match=message):
            panel.audit(table | {"scene": scene}, target="people", group="scene", **QUICK, **options)

    scene = np.array([f"s{i // 4}" for i in range(40)])
    with pytest.raises(panel.InputError, match="no column 'scenes' for --group; near are 'scene'"):
        panel.audit(table | {"scene": scene}, target="people", group="scenes", **QUICK)
    refused(np.where(np.arange(40) == 6, "", scene), "row 7, column 'scene': empty; every row needs a group")
    refused(np.repeat(["a", "b", "c", "d"], 10), "3 train and 1 held-out blocks of rows; each side needs at")
    table["part"] = np.where(np.arange(40) < 22, "train", "test")
    refused(scene, "the split parts a block of rows", split="part")
    long = {"i": [1, 1], "m": ["a", "b"], "s": [1.0, 2.0], "g": ["x", "y"]}
    with pytest.raises(panel.InputError, match="rows 1 and 2, column 'g': item '1' has two values, x and y"):
        panel.audit(long, target="a", item="i", model="m", score="s", group="g")


def problem_of(table, target="people", **changes):
    scores = read_scores(table)
    names = tuple(name for name in scores.columns if name != target)
    settings = {"missing": "auto", "scale": "auto", "min_scored": 10, "max_models": 300, "seed": 0} | changes
    return prepare(scores, target, names, (), **settings)


# Numerics


@pytest.mark.slow
@pytest.mark.parametrize("hull", ["cone", "simplex"])
def test_brackets_agree_with_hull_distance(hull):
    random = np.random.default_rng(0)
    models, target = random.normal(size=(40, 6)), random.normal(size=40)
    mixture = moments.fit(moments.moments(moments.columns(models, target)), range(6), hull)
    square = certify.certify_square(models, target, mixture, hull)
    largest = certify.certify_sup(models, target, mixture, hull)
    for norm, found in (("square", square), ("sup", largest)):
        solve = jax.jit(functools.partial(jg.hull_distance, norm=norm, scale=hull))
        least = solve(target, models.T).distance
        assert found.lower - 1e-9 <= least.upper and least.lower <= found.upper + 1e-9
        assert found.upper - found.lower < 1e-5
        error = found.mixture.residual(models, target)
        assert found.upper == pytest.approx(
            np.abs(error).max() if norm == "sup" else np.sqrt(np.mean(error**2))
        )


def test_rows_join_the_program_until_the_largest_error_is_the_least():
    random = np.random.default_rng(8)
    models, target = random.normal(size=(3_000, 4)), random.normal(size=3_000) ** 3
    start = moments.Mixture(np.zeros(4), 0.0)
    for hull in ("cone", "simplex"):
        found = certify.certify_sup(models, target, start, hull)
        least = reference.least_sup(models, target, hull)
        assert found.lower - 1e-9 <= least <= found.upper + 1e-9 and found.upper - found.lower < 1e-5


@pytest.mark.parametrize("hull", ["cone", "simplex"])
def test_a_start_changes_no_fit(hull):
    random = np.random.default_rng(9)
    models = random.normal(size=(200, 12)) + random.normal(size=(200, 1))
    target = models @ random.dirichlet(np.ones(12)) + random.normal(size=200)
    sums = moments.moments(moments.columns(models, target))
    cold = moments.fit(sums, range(12), hull)
    for _ in range(20):
        start = moments.Mixture(np.where(random.random(12) < 0.5, 1.0, 0.0), 0.0)
        warm = moments.fit(sums, range(12), hull, start)
        np.testing.assert_allclose(warm.weights, cold.weights, atol=1e-9)
    assert (cold.weights == 0).any() and (cold.weights > 0).any()


@pytest.mark.parametrize("hull", ["cone", "simplex"])
def test_values_of_models_by_brute_force(hull):
    problem = problem_of(planted(rows=120, noise=0.8, models=7))
    rows = problem.models, problem.target, problem.train
    sides = (moments.moments(problem.columns[side]) for side in (rows[2], ~rows[2]))
    fits = value.Fits(*sides, hull)
    losses = value.losses(fits, range(7), (1, 2, 3), np.random.default_rng(0))
    for loss in losses[:2]:
        assert loss["method"] == "exact"
        assert loss["distance"] == pytest.approx(reference.worst_loss(*rows, hull, loss["lost"]), abs=1e-7)
    assert losses[2]["method"] == "sampled"
    assert losses[1]["distance"] <= losses[2]["distance"] <= reference.worst_loss(*rows, hull, 3) + 1e-7
    limit = 1.1 * fits.fitted(range(7))
    chosen, method = value.smallest(fits, range(7), limit)
    assert method == "exact" and set(chosen) == reference.smallest(*rows, hull, limit)


@pytest.mark.parametrize("hull", ["cone", "simplex"])
def test_the_greedy_search_leaves_out_what_is_missed_least(hull, monkeypatch):
    problem = problem_of(planted(rows=120, noise=0.8, models=7))
    sums = moments.moments(problem.columns[problem.train])
    fits = value.Fits(sums, sums, hull)
    left = set(np.flatnonzero(fits.of(range(7)).weights).tolist())
    while len(left) > 1:
        every = {i: fits.fitted(frozenset(left - {i})) for i in left}
        best, reached = value._least_missed(fits, frozenset(left))
        assert reached == pytest.approx(min(every.values()), rel=1e-12) and every[best] == reached
        left -= {best}
    monkeypatch.setattr(value, "EXACT_MODELS", 0)
    limit = 1.1 * fits.fitted(range(7))
    chosen, method = value.smallest(fits, range(7), limit)
    assert method == "greedy" and fits.fitted(chosen) <= limit
    assert all(fits.fitted([j for j in chosen if j != i]) > limit for i in chosen)


# Tables


def same(one, two):
    """Whether two audits found the same, whatever their tables were called."""
    return [t for t in one.to_dict()["targets"]] == [t for t in two.to_dict()["targets"]]


def test_every_kind_of_table_gives_the_same_audit(tmp_path):
    table = {"item": [f"q{i}" for i in range(60)]} | planted(rows=60)
    frame = pl.DataFrame(table)
    settings = QUICK | {"target": "people", "seed": 4}
    expected = panel.audit(table, **settings)
    assert same(expected, panel.audit(frame, **settings))
    frame.write_parquet(tmp_path / "t.parquet")
    assert same(expected, panel.audit(tmp_path / "t.parquet", **settings))
    for separator, ends in ((",", "\n"), (";", "\r\n"), ("\t", "\n"), ("|", "\n")):
        text = frame.write_csv(separator=separator).replace("\n", ends)
        (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert same(expected, panel.audit(tmp_path / "t.csv", **settings))
    frame.write_csv(tmp_path / "t.csv", quote_style="always")
    assert same(expected, panel.audit(str(tmp_path / "t.csv"), **settings))
    long = frame.unpivot(index="item", variable_name="who", value_name="score")
    long.write_csv(tmp_path / "long.csv")
    columns = {"item": "item", "model": "who", "score": "score"}
    assert same(expected, panel.audit(tmp_path / "long.csv", **settings, **columns))


def test_what_was_done_to_a_table_is_said():
    table = planted(rows=100)
    table |= {"copy": table["m0"], "flat": np.ones(100), "loud": 100 * table["m1"], "text": ["x"] * 100}
    table["m2"] = np.where(np.arange(100) < 5, np.nan, table["m2"])
    table["people"] = np.where(np.arange(100) >= 98, np.nan, table["people"])
    found = panel.audit(table, target="people", **QUICK)
    notes = " | ".join([*found.notes, *found["people"].notes])
    assert "columns without numbers ignored: text" in notes
    assert "2 rows without a score of 'people' left out" in notes
    assert "5 missing scores (0.6%): 5 rows with any of them left out" in notes
    assert "the same score on every row, left out: flat" in notes
    assert "duplicates of another model, left out: copy (of m0)" in notes
    assert "scales differ" in notes and found["people"].scale == "standard"
    assert found["people"].rows == 93 and found["people"].models == ("m0", "m1", "m2", "m3", "m4", "loud")
    raw = panel.audit(table, target="people", scale="raw", **QUICK)["people"]
    assert raw.scale == "raw" and raw.distance == pytest.approx(
        found["people"].distance, rel=1e-6
    )  # the cone's


def test_filled_cells_follow_the_models_that_scored_the_item():
    table = planted(rows=50, models=3)
    holes = table["m1"].copy()
    holes[:20] = np.nan
    problem = problem_of(table | {"m1": holes})
    assert any("filled in" in note for note in problem.notes) and len(problem.target) == 50
    others = [table["m0"], table["m2"]]
    standard = np.mean([(x - x.mean()) / x.std() for x in others], axis=0)
    expected = np.nanmean(holes) + np.nanstd(holes) * standard[:20]
    filled = problem.models[:, 1] / problem.factor[1] * problem.unit + problem.centres[1]
    np.testing.assert_allclose(filled[:20], expected, atol=1e-12)
    np.testing.assert_allclose(filled[20:], table["m1"][20:], atol=1e-12)
    complete = problem_of(table | {"m1": holes}, missing="complete")
    assert len(complete.target) == 30 and any("20 rows with any of them" in note for note in complete.notes)


def test_a_column_may_say_which_rows_are_train():
    table = planted(rows=60)
    split = np.where(np.arange(60) < 45, "train", "test")
    audit = panel.audit(table | {"part": split}, target="people", split="part", **QUICK)["people"]
    assert (audit.train_rows, audit.heldout_rows) == (45, 15)
    columns = np.column_stack([table[f"m{i}"] for i in range(5)])
    rows = reference.standardised(columns, table["people"], split == "train", audit.scale)
    assert audit.distance == pytest.approx(reference.distances(*rows, split == "train", "cone")[1], rel=1e-6)


def test_candidates_and_several_targets():
    table = planted(rows=200, models=4)
    table |= {"others": table["m3"] + 0.05 * np.random.default_rng(2).normal(size=200)}
    found = panel.audit(table, target=["people", "others"], candidates=["m3"], **QUICK)
    people, others = found["people"], found["others"]
    assert (people.verdict, others.verdict) == ("covered", "not covered")
    assert not found.covered and found.exit_code == 1
    assert people.models == others.models == ("m0", "m1", "m2") and others.candidates == ("m3",)
    (candidate,) = [v for v in others.values if v.candidate]
    assert candidate.drop is None and candidate.add == pytest.approx(others.distance - 0.05, abs=0.02)
    assert panel.audit(table, target="others", **QUICK)["others"].covered


def movielens(users=40, films=200, seed=0):
    """Ratings 1 to 5 of films that few have seen: users share two tastes, user 7 mixes both."""
    random = np.random.default_rng(seed)
    tastes = random.normal(size=(2, films))
    rows = []
    for user in range(1, users + 1):
        share = 0.5 if user == 7 else random.random()
        liked = share * tastes[0] + (1 - share) * tastes[1]
        seen = random.random(films) < (0.6 if user == 7 else 0.3)
        ratings = np.clip(np.round(3 + 1.2 * liked + 0.4 * random.normal(size=films)), 1, 5)
        rows += [(user, film + 1, ratings[film], 880000000 + film) for film in np.flatnonzero(seen)]
    return pl.DataFrame(rows, schema=["userId", "movieId", "rating", "timestamp"], orient="row")


def test_movielens_ratings_work_as_they_are(tmp_path):
    ratings = movielens()
    ratings.write_csv(tmp_path / "ratings.csv")
    whole = ratings.with_columns(pl.col("rating").cast(pl.Int64))
    whole.write_csv(tmp_path / "u.data", separator="\t", include_header=False)
    (tmp_path / "ratings.dat").write_text(whole.write_csv(include_header=False).replace(",", "::"))
    found = [
        panel.audit(tmp_path / name, target="7", **QUICK) for name in ("ratings.csv", "u.data", "ratings.dat")
    ]
    assert same(found[0], found[1]) and same(found[0], found[2])
    audit = found[0]["7"]
    assert audit.rows == ratings.filter(pl.col("userId") == 7).height
    assert len(audit.models) == 39 and "7" not in audit.models
    assert "users are the models" in found[0].notes[0]
    assert any("filled in" in note and "the target is never used" in note for note in audit.notes)
    # Two tastes mixed is what the others' mixtures can do, and chance cannot.
    assert audit.null.beyond_chance and audit.distance < 0.9 * audit.null.least
    assert audit.distance < next(r.heldout for r in audit.rivals if r.name == "best single, fitted slope")
    result = run("audit", tmp_path / "u.data", "--target", "7", "-q", "--out", tmp_path, "--bootstrap", "20")
    assert result.exit_code == 1 and result.stdout.startswith("7: not covered")


def test_sparse_tables_keep_the_models_that_scored_most(tmp_path):
    movielens().write_csv(tmp_path / "ratings.csv")
    audit = panel.audit(tmp_path / "ratings.csv", target="7", max_models=5, min_scored=30, **QUICK)["7"]
    assert len(audit.models) == 5
    assert any(note.startswith("of 3") and "5 that scored most" in note for note in audit.notes)


# The command and its files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What the command prints and writes for three groups of users."""
    directory = tmp_path_factory.mktemp("audit")
    table = planted(rows=300) | {"noise": np.random.default_rng(1).normal(size=300)}
    table["others"] = 0.5 * table["m2"] + 0.2 * table["noise"]
    pl.DataFrame(table).write_csv(directory / "scores.csv")
    result = run(
        "audit", directory / "scores.csv", "-t", "people", "-t", "others", "-t", "noise", "--candidate", "m4",
        "--bootstrap", 40, "--out", directory / "out",
    )  # fmt: skip
    return directory, result


def test_the_summary_names_every_verdict(files):
    directory, result = files
    assert result.exit_code == 1 and result.stderr == ""
    text = " ".join(result.stdout.split())
    assert "COVERED The models cover 'people'" in text
    assert "NOT COVERED The models do not cover 'noise' beyond chance" in text
    for words in (
        "How the verdict is reached",
        "What the distance buys",
        "her mean squared error is at most",
        "the largest error counts",
        "Worst loss of k models",
        "Candidates",
    ):
        assert words in text
    assert str(directory / "out" / "report.html") in "".join(result.stdout.split("\n"))


def test_audit_json_holds_what_python_gives_and_every_field_is_documented(files):
    directory, _ = files
    written = json.loads((directory / "out" / "audit.json").read_text())
    found = panel.audit(
        directory / "scores.csv", target=["people", "others", "noise"], candidates=["m4"], bootstrap=40
    )
    assert written == json.loads(json.dumps(found.to_dict()))
    assert written["exit_code"] == 1 and written["targets"][0]["verdict"] == "covered"

    def names(thing, open_names=("weights", "settings")):
        """Names of fields: what is under names that users chose is none."""
        if isinstance(thing, dict):
            for key, inner in thing.items():
                yield key
                if not (key in open_names and isinstance(inner, dict)):
                    yield from names(inner)
        elif isinstance(thing, list):
            for inner in thing:
                yield from names(inner)

    documented = set(re.findall(r"`(\w+)`", DOCS.read_text()))
    assert set(names(written)) <= documented


def test_the_report_needs_nothing_but_itself(files):
    directory, _ = files
    page = (directory / "out" / "report.html").read_text()
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page) and "http" not in page.replace("http-equiv", "")
    assert "<script" not in page and 'name="viewport"' in page


def test_the_report_on_a_phone(files, tmp_path):
    found = browser.chromium()
    if found is None:
        pytest.skip("no Chromium on this machine (chromium, chromium-browser or google-chrome)")
    directory, _ = files
    with browser.page(found, tmp_path / "profile") as page:
        page.open(directory / "out" / "report.html", width=390, height=844)
        assert page.problems == []
        assert {address.split(":")[0] for address in page.requests} == {"file", "data"}
        assert page.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [390, 390]
        assert page.evaluate("document.querySelectorAll('.verdict').length") == 3
        assert "people: covered" in page.evaluate("document.querySelector('.verdict').innerText")
        sizes = page.evaluate(
            "[...document.images].map(x => [x.naturalWidth > 0, x.alt.length > 20, x.width])"
        )
        assert len(sizes) == 19 and all(
            loaded and told and 250 < width <= 390 for loaded, told, width in sizes
        )
        # Nothing is smaller than a reader can bear, and every table that is too wide scrolls by itself.
        readable = "[...document.querySelectorAll('p, td, th, figcaption, li')]"
        assert min(page.evaluate(f"{readable}.map(x => parseFloat(getComputedStyle(x).fontSize))")) >= 12
        wide = "[...document.querySelectorAll('table')].every(x => x.parentElement.className == 'scroll')"
        assert page.evaluate(wide)
        page.screenshot(tmp_path / "phone.png")
    shot = (tmp_path / "phone.png").read_bytes()
    assert shot.startswith(b"\x89PNG")
    width, height = (int.from_bytes(shot[place : place + 4], "big") for place in (16, 20))
    assert (width, height) == (780, 1688) and len(shot) > 20_000  # not an empty page


def test_the_command_says_what_it_is():
    version = run("--version")
    assert version.exit_code == 0 and version.stdout == f"jaxgame {jg.__version__}\n"
    told = run("audit", "--help")
    assert told.exit_code == 0
    for words in ("human_mean", "Exit code", "--eps", "--target", "--model", "MovieLens"):
        assert words in told.stdout


def test_help_lists_what_there_is_by_question():
    told = " ".join(run("--help").stdout.split())
    for question, answer in (
        ("Does my panel of models cover my users?", "audit"),
        ("What do models think of my items?", "elicit"),
        ("Is this proof right?", "verify"),
        ("What is the competition in my game worth?", "jg.selection.worst_equilibrium"),
        ("And in thousands of random games", "python -m experiments experiment=NAME"),
        ("Do the theorems hold?", "python -m experiments.reproduce"),
    ):
        assert question in told and answer in told[told.index(question) :], question


def test_the_shell_completes_commands_and_options(monkeypatch):
    monkeypatch.setenv("_JAXGAME_COMPLETE", "complete_bash")
    for words, found in (("jaxgame ", {"audit", "demo", "elicit", "verify"}), ("jaxgame ver", {"verify"})):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", "1")
        told = CliRunner().invoke(app, [], prog_name="jaxgame")
        assert found == set(told.stdout.split()), told.output
    monkeypatch.setenv("COMP_WORDS", "jaxgame audit --boo")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert CliRunner().invoke(app, [], prog_name="jaxgame").stdout.split() == ["--bootstrap"]


def test_exit_code_0_when_covered(tmp_path):
    pl.DataFrame(planted()).write_csv(tmp_path / "t.csv")
    result = run(
        "audit", tmp_path / "t.csv", "-t", "people", "-q", "--out", tmp_path / "o", "--bootstrap", 20
    )
    assert result.exit_code == 0 and result.stdout.startswith("people: covered (0.1")


def test_the_demo_audits_the_language_models(tmp_path):
    result = run("demo", "--out", tmp_path)
    assert result.exit_code == 1
    told = " ".join(result.stdout.split())
    assert "do not cover 'human_reference'" in told and "in 50 blocks that belong together (34 train)" in told
    (written,) = json.loads((tmp_path / "audit.json").read_text())["targets"]
    assert written["distance"] == pytest.approx(0.4036, abs=1e-4)
    # What the documentation says of it.
    page = " ".join(DOCS.read_text().split())
    numbers = [f"{x:.3f}"[1:] for x in (written["distance"], *written["interval"].values())]
    assert "mixture stays {} standard deviations away (interval {} to {})".format(*numbers) in page
    rivals = {rival["name"]: rival["heldout"] for rival in written["rivals"]}
    assert f"with a fitted slope {rivals['best single, fitted slope']:.3f}".replace("0.", ".") in page
    assert f"average {rivals['plain average, fitted slope']:.3f}".replace("0.", ".") in page
    assert f"target {written['null']['median']:.3f} (median)".replace("0.", ".") in page
    bound = written["average"]["bounds"][0]
    numbers = [f"{x:.3g}" for x in (bound["loss"], *bound["interval"].values())]
    assert "at most {} at every equilibrium (interval {} to {})".format(*numbers) in page
    stake = written["average"]["stake"]
    assert f"{100 * bound['share']:.3g} % of the {stake:.3g} of a constant guess" in page
    by_size = next(one for one in written["average"]["bounds"] if one["error"] == "absolute")
    assert f"panel {by_size['loss']:.3g}, twice" in page and 1.8 < by_size["share"] < 2.2
    small = written["small_panel"]
    assert len(small["models"]) == 4 and f"({small['heldout']:.3f})".replace("0.", ".") in page
    assert len(written["models"]) == 86 and "human_reference_sum10" not in written["models"]


def test_the_bundled_files_are_in_the_package():
    assert (resources.files("jaxgame.audit") / "report.html").is_file()

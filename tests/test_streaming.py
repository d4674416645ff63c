"""Statistics kept in bounded memory, against the same numbers computed from all draws at once."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import jaxgame as jg
from jaxgame.runs.batch import run_draws, run_statistics
from jaxgame.runs.run_directory import RunDirectoryError
from jaxgame.runs.streaming import BITS, TINY, Statistics, added, bin_of, lower_end, summed
from jaxgame.summary import coverage_summary, wilson_interval

GRID = {"scale": [1.0, -3.0]}


def scattered(key):
    """Normal numbers over many magnitudes and both signs, a bracket around them, a verdict, a flag."""
    a, b = jax.random.split(key)
    x = jax.random.normal(a) * 10.0 ** jax.random.uniform(b, minval=-3.0, maxval=3.0)
    x = x * jnp.asarray(GRID["scale"])
    return {
        "x": x,
        "bounds": jg.Bracket(x - 1e-3, x + 1e-3),
        "verdict": jnp.where(x > 1.0, 1, 0),
        "positive": x > 0,
    }


LABELS = {"verdict": ["no", "yes"]}
LEVELS = {"x": [-1.0, 0.0, 2.0], "bounds": [0.0]}


def state_of(values, levels=()):
    return summed(pl.DataFrame({"v": np.asarray(values, float)}), 1, {"v": list(levels)})


def statistics_of(values, levels=()):
    return Statistics(state_of(values, levels), len(values), {}, {"v": list(levels)})


@pytest.fixture(scope="module")
def both():
    table = run_draws(scattered, 3000, 0, coordinates=GRID, labels=LABELS)
    found = run_statistics(scattered, 3000, 0, coordinates=GRID, labels=LABELS, levels=LEVELS, chunk=256)
    return table, found


def test_moments_and_quantiles_against_all_draws(both):
    table, found = both
    rows = found.table(probabilities=(0.0, 0.1, 0.5, 0.999, 1.0))
    assert set(rows["name"]) == {
        "x", "bounds_lower", "bounds_upper", "bounds_width", "verdict=no", "verdict=yes", "positive",
    }  # fmt: skip
    for scale in GRID["scale"]:
        x = table.filter(scale=scale)["x"].to_numpy()
        row = rows.filter(scale=scale, name="x").row(0, named=True)
        assert row["draws"] == 3000 and row["missing"] == 0
        np.testing.assert_allclose(row["mean"], x.mean(), rtol=1e-12)
        np.testing.assert_allclose(row["sd"], x.std(), rtol=1e-12)
        assert row["least"] == x.min() and row["largest"] == x.max()
        error = 2.5758293035489004 * x.std() / math.sqrt(3000)
        np.testing.assert_allclose([row["mean_low"], row["mean_high"]], [x.mean() - error, x.mean() + error])
        for p in (0.0, 0.1, 0.5, 0.999, 1.0):
            low, high = row[f"q{100 * p:g}_lower"], row[f"q{100 * p:g}_upper"]
            exact = np.quantile(x, p)
            assert low <= exact <= high
            # Both neighbouring order statistics' bins, each 2**-BITS of its numbers wide, and their gap.
            ordered = np.sort(x)
            below, above = math.floor(p * 2999), math.ceil(p * 2999)
            gap = ordered[above] - ordered[below]
            assert high - low <= gap + 2.0**-BITS * (abs(ordered[below]) + abs(ordered[above]))


def test_shares_get_wilsons_interval(both):
    table, found = both
    rows = found.table()
    for name, hits in (("positive", pl.col("positive")), ("verdict=yes", pl.col("verdict") == "yes")):
        count = table.filter(hits, scale=1.0).height
        row = rows.filter(scale=1.0, name=name).row(0, named=True)
        assert row["mean"] == pytest.approx(count / 3000, abs=1e-15)
        assert (row["mean_low"], row["mean_high"]) == wilson_interval(count, 3000)


def test_coverage_against_the_summary_of_all_draws(both):
    table, found = both
    ours = found.coverage("bounds").sort("scale")
    theirs = coverage_summary(table, "bounds", ["scale"], [0.0]).sort("scale")
    # There eps = 0 stands for 1e-8; no bracket ends between.
    for name in ("inside", "outside", "undecided", "draws", "coverage", "low", "high"):
        assert ours[name].to_list() == theirs[name].to_list()
    assert ours["undecided"].sum() > 0
    counted = found.coverage("x").filter(scale=1.0).sort("level")
    x = table.filter(scale=1.0)["x"].to_numpy()
    assert counted["inside"].to_list() == [int((x <= level).sum()) for level in LEVELS["x"]]
    assert counted["undecided"].sum() == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_order_and_the_grouping_of_chunks_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=2000) * 10.0 ** rng.uniform(-6, 6, size=2000)
    parts = np.split(values, sorted(rng.choice(2000, size=7, replace=False)))
    states = [state_of(part, [0.5]) for part in parts if len(part)]
    rng.shuffle(states)
    nested = added([added(states[:3]), added(states[3:])])
    whole = state_of(values, [0.5])
    exact = ["name", "cell", "bin", "level", "count", "least", "largest"]
    assert nested.select(exact).equals(whole.select(exact))
    for name in ("above", "squares"):
        np.testing.assert_allclose(nested[name], whole[name], rtol=1e-12)


def test_bins_are_ordered_and_narrow():
    rng = np.random.default_rng(0)
    values = np.sort(
        np.concatenate(
            [rng.normal(size=500) * 10.0 ** rng.uniform(-9, 9, 500), [0.0, -0.0, TINY, -TINY, 1.0]]
        )
    )
    bins = bin_of(values)
    assert (np.diff(bins) >= 0).all()
    ends, size = np.abs(lower_end(bins)), np.abs(values)
    assert (ends <= size).all()
    outside = bins != 0
    assert ((size - ends)[outside] <= 2.0**-BITS * size[outside]).all()
    assert set(bins[size <= TINY]) == {0}


def test_numbers_that_are_none_are_counted_apart():
    found = statistics_of([1.0, math.nan, 3.0, math.inf], levels=[2.0])
    row = found.table().row(0, named=True)
    assert row["missing"] == 1 and row["largest"] == math.inf and row["mean"] == math.inf
    counted = found.coverage("v").row(0, named=True)
    # Neither a failed draw nor an infinite one is decided, as in `coverage_summary`.
    assert (counted["inside"], counted["outside"], counted["undecided"]) == (1, 1, 2)
    nothing = statistics_of([math.nan, math.nan]).table().row(0, named=True)
    assert nothing["missing"] == 2 and math.isnan(nothing["mean"]) and math.isnan(nothing["q50_lower"])


def test_spread_far_from_zero_keeps_its_digits():
    values = 1e6 + np.linspace(-1e-3, 1e-3, 1001)
    row = statistics_of(values).table().row(0, named=True)
    assert row["sd"] == pytest.approx(values.std(), rel=1e-6)  # the numbers themselves are known to 1e-10


def test_a_run_without_rows_resumes_and_is_found_again(tmp_path, monkeypatch):
    import jaxgame.runs.run

    monkeypatch.setattr(jaxgame.runs.run, "MERGED", 4)
    arguments = {"coordinates": GRID, "labels": LABELS, "levels": LEVELS}
    whole = run_statistics(scattered, 300, 0, **arguments)

    class Stop(Exception):
        pass

    save, saved = jaxgame.runs.run.RunDirectory.save_chunk, []

    def stop_at_fifteen(self, start, stop, table):
        if len(saved) == 15:
            raise Stop
        saved.append(start)
        save(self, start, stop, table)

    monkeypatch.setattr(jaxgame.runs.run.RunDirectory, "save_chunk", stop_at_fifteen)
    with pytest.raises(Stop):
        run_statistics(scattered, 300, 0, **arguments, chunk=10, directory=tmp_path)
    assert len(list((tmp_path / "chunks").glob("*.parquet"))) == 3 + 3  # merged by four, and the rest
    monkeypatch.setattr(jaxgame.runs.run.RunDirectory, "save_chunk", save)
    resumed = run_statistics(scattered, 300, 0, **arguments, chunk=10, directory=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "statistics.parquet"]

    def must_not_run(key):
        raise AssertionError("a finished run was computed again")

    again = run_statistics(must_not_run, 300, 0, **arguments, directory=tmp_path)
    for found in (resumed, again):
        assert found.coverage("x").equals(whole.coverage("x"))
        for name in ("mean", "sd", "least", "largest", "q50_lower", "q50_upper"):
            # The brackets' widths, 0.002 but for rounding, have a spread of rounding errors.
            atol = 1e-16 if name == "sd" else 0.0
            np.testing.assert_allclose(found.table()[name], whole.table()[name], rtol=1e-12, atol=atol)
    with pytest.raises(
        RunDirectoryError, match=r"statistics\.levels\.x \(\[-1\.0, 0\.0, 2\.0\] there, None here"
    ):
        run_statistics(scattered, 300, 0, coordinates=GRID, labels=LABELS, directory=tmp_path)
    with pytest.raises(RunDirectoryError, match=r"statistics.*there, None here"):
        run_draws(scattered, 300, 0, coordinates=GRID, labels=LABELS, directory=tmp_path)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"levels of 'x' are \[1.0, 0.0\]; they must increase"):
        run_statistics(scattered, 4, 0, coordinates=GRID, levels={"x": [1.0, 0.0]})
    with pytest.raises(ValueError, match=r"levels name the value 'y'; known are bounds_lower, .*, x"):
        run_statistics(scattered, 4, 0, coordinates=GRID, levels={"y": [1.0]})
    found = statistics_of([1.0])
    with pytest.raises(ValueError, match=r"probabilities has 2.0; each must be from 0 to 1"):
        found.table(probabilities=[0.5, 2.0])
    with pytest.raises(ValueError, match="'w' has no levels; known are v"):
        found.coverage("w")

"""Summaries of runs without rows are those of the same draws with rows, on draws made up for what is rare."""

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

from experiments import conversation, selection
from experiments.common import runs
from jaxgame import Bracket
from jaxgame.runs.batch import run_draws, run_statistics
from jaxgame.selection import ENDS, STARTS

DRAWS = 40


def same(ours: pl.DataFrame, theirs: pl.DataFrame) -> None:
    assert set(ours.columns) == set(theirs.columns) and ours.height == theirs.height > 0
    for name in theirs.columns:
        if theirs[name].dtype.is_float():
            mine, other = (np.asarray(x[name].to_list(), float) for x in (ours, theirs))
            np.testing.assert_allclose(mine, other, rtol=1e-12, err_msg=name)
        else:
            assert ours[name].cast(pl.String).to_list() == theirs[name].cast(pl.String).to_list(), name


def dynamics(key):
    """Ends above, at and below worst equilibria of 0 to 1, some of them not converged, at two diversities."""
    keys = jax.random.split(key, 4)
    follower = jax.random.choice(keys[0], jnp.asarray([0.25, 0.5, 0.75]), (2, 4))
    gain = jax.random.uniform(keys[1], (2, 4))
    return {
        "follower": follower,
        "gain": Bracket(gain, gain + 0.1),
        "end": jax.random.randint(keys[2], (2, 4), 0, len(ENDS), jnp.int32),
        "steps": jax.random.randint(keys[3], (2, 4), 1, 50, jnp.int32),
        "evaluation_3": follower**2,
    }


def check(key):
    worst = jax.random.choice(jax.random.fold_in(key, 9), jnp.asarray([0.25, 0.5, 0.75]), (2, 1))
    return {
        "full_information": jnp.ones((2, 1)),
        "worst": Bracket(worst - 0.05, worst + 0.05),
        "stake": jnp.ones((2, 1)),
        "allowed": worst,
    }


def test_ends_of_dynamics(tmp_path):
    grid, labels = {"diversity": [0.0, 1.0], "start": list(STARTS)}, {"end": list(ENDS)}
    ended = run_draws(dynamics, DRAWS, 0, coordinates=grid, labels=labels, progress=False).lazy()
    cells = {"diversity": [0.0, 1.0], "leaders": [2]}
    worst = run_draws(check, DRAWS, 0, coordinates=cells, progress=False).lazy()
    theirs = selection.summarise_ends(selection.compare(ended, worst))
    assert theirs["start"].to_list() == list(STARTS) and min(theirs["at"].to_list()) > 0
    function = selection.ends_function(dynamics, check)
    statistics = run_statistics(
        function, DRAWS, 0, coordinates=grid, labels=labels, levels={}, directory=tmp_path, progress=False
    )
    same(selection.summarise_end_statistics(statistics), theirs)


def lesson(key):
    """Some games have nothing to teach: full information is worth what none is."""
    gap = jax.random.choice(key, jnp.asarray([0.0, 1e-12, 0.5, 2.0]))
    share = jax.random.choice(jax.random.fold_in(key, 1), jnp.asarray([0.0, 0.5, 1.0]), (2, 1, 1))
    taught = 3.0 + share * gap
    return {
        "taught": Bracket(taught, taught + 1e-3 * gap),
        "exact": share > 0.2,
        "none": jnp.asarray(3.0),
        "full": 3.0 + gap,
        "stake": jnp.asarray(1.0),
    }


def test_lessons_with_nothing_to_teach(tmp_path):
    grid = {"rounds": [1, 2], "messages": [2], "replies": [1]}
    rows = run_draws(lesson, DRAWS, 0, coordinates=grid, progress=False)
    theirs = conversation.summarise_lessons(rows.lazy())
    assert 0 < theirs["draws"].max() < DRAWS, "some have nothing to teach"
    statistics = run_statistics(
        conversation.shares_function(lesson), DRAWS, 0,
        coordinates=grid, levels={}, directory=tmp_path, progress=False,
    )  # fmt: skip
    same(conversation.summarise_lesson_statistics(statistics), theirs)


def test_a_figure_of_many_rows_says_which_it_shows(tmp_path, monkeypatch):
    """Points of a scan: all, or those of every n-th draw."""
    table = pl.DataFrame({"draw": np.repeat(np.arange(1000), 3), "x": np.arange(3000.0), "y": 0.0})
    table.write_parquet(tmp_path / "t.parquet")
    scan = pl.scan_parquet(tmp_path / "t.parquet")
    shown, note = runs.drawn(scan, ("x",))
    assert shown.columns == ["x"] and shown.height == 3000 and note == ""
    monkeypatch.setattr(runs, "MOST_DRAWN", 700)
    shown, note = runs.drawn(scan, ("x",))
    assert shown["x"].to_list() == [3.0 * d + i for d in range(0, 1000, 5) for i in range(3)]
    assert note == " Points are those of one draw of 5."


@pytest.mark.parametrize("rows", [0, 1])
def test_an_empty_scan_has_no_points(tmp_path, rows):
    pl.DataFrame({"draw": [0], "x": [1.0]}).head(rows).write_parquet(tmp_path / "t.parquet")
    shown, note = runs.drawn(pl.scan_parquet(tmp_path / "t.parquet"), ("x",))
    assert shown.height == rows and note == ""

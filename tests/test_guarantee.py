"""Summaries of checked theorems say the same with and without a row per draw."""

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from omegaconf import OmegaConf

from experiments.common.claims import LOSSLESS
from experiments.common.guarantee import INSIDE, checked
from jaxgame.core.bracket import Bracket

GRID = {"diversity": [0.0, 1.0], "leaders": [2, 3, 5]}
MEANS = ("full_information", "allowed")
STAKE = 0.5  # what is at stake, in which tolerances are measured


def config(rows):
    return OmegaConf.create(
        {
            "experiment": {"name": "none", "draws": 301, "tolerance": 1e-6},
            "family": None,
            "panel": None,
            "run": {"seed": 3, "precision": "float64", "chunk": 64, "rows": rows, "progress": False},
        }
    )


def draw(key):
    """Games outside the hull and in it, with losses and without, brackets narrow and wide, all verdicts."""
    keys = jax.random.split(key, 5)
    full, lost, eps, width = (jax.random.uniform(k, (2, 3)) for k in keys[:4])
    eps = jnp.where(eps < 0.4, 0.0, eps) * jnp.asarray([[1.0], [0.0]])  # the second row is in the hull
    loss = jnp.where(lost < 0.5, 0.0, lost * eps)
    wide = jnp.where(width < 0.1, 1e-3, 1e-9)
    return {
        "full_information": full,
        "state": Bracket(eps, eps),
        "loss": Bracket(loss - wide, loss),
        "slack": Bracket(2 * eps - loss, 2 * eps - loss + wide),
        "mean_slack": Bracket(eps - loss, eps - loss + wide),
        "stake": jnp.full((2, 3), STAKE),
        "holds": jax.random.randint(keys[4], (2, 3), 0, 3),
        "mean_holds": jax.random.randint(jax.random.fold_in(key, 9), (2, 3), 0, 3),
    }


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    table, summary = checked(config(True), draw, tmp_path_factory.mktemp("rows"), GRID, MEANS)
    none, short = checked(config(False), draw, tmp_path_factory.mktemp("short"), GRID, MEANS)
    assert none is None
    return table.collect(), summary, short


def test_runs_without_rows_have_the_same_summary(both):
    _, summary, short = both
    assert set(short.columns) == set(summary.columns) and short.height == summary.height == 6
    for name in summary.columns:
        ours, theirs = short[name], summary[name]
        assert ours.null_count() == theirs.null_count(), name
        if name in ("loss_q25", "loss_median", "loss_q75"):
            # The middle of a bracket that holds the quantile and is at most 0.4% of it wide.
            np.testing.assert_allclose(ours.to_numpy(), theirs.to_numpy(), rtol=4e-3, atol=2e-12)
        else:
            np.testing.assert_allclose(ours.to_numpy(), theirs.to_numpy(), rtol=1e-12, err_msg=name)


def test_summaries_count_what_rows_hold(both):
    table, summary, _ = both
    for row in summary.iter_rows(named=True):
        cell = table.filter(diversity=row["diversity"], leaders=row["leaders"])
        outside = (cell["state_upper"] > INSIDE * STAKE).to_numpy()
        free = (cell["loss"] <= LOSSLESS * STAKE).to_numpy()
        assert row["draws"] == cell.height == 301
        assert row["outside"] == pytest.approx(outside.mean()) == pytest.approx(1 - row["covered"])
        assert row["spared"] == pytest.approx((outside & free).mean())
        assert row["wide"] == (cell["width"] > 1e-6 * STAKE).sum() > 0
        assert row["yes"] + row["no"] + row["undecided"] == 301
        for verdict in ("no", "undecided", "yes"):
            assert row[f"mean_{verdict}"] == (cell["mean_holds"] == verdict).sum()
        if row["diversity"] == 1.0:  # nobody is outside
            assert row["loss_outside"] is None and row["tightest"] is None
        else:
            assert 0 < row["spared"] < row["outside"] < 1
            assert row["loss_outside"] == pytest.approx(cell["loss"].to_numpy()[outside].mean())
            assert 0 < row["tightest"] <= 0.5 + 1e-9
            assert row["tightest"] < row["mean_tightest"] <= 1 + 1e-9


def test_means_are_of_all_draws(both):
    table, summary, _ = both
    first = table.filter(pl.col("diversity") == 0.0, pl.col("leaders") == 2)
    assert summary["full_information_mean"][0] == pytest.approx(first["full_information"].mean())

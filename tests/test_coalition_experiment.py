"""The experiment on coalitions, small: its tables against counting, its claims, its figure."""

from pathlib import Path

import matplotlib.image
import numpy as np
import polars as pl
import pytest

from experiments.common.registry import experiment
from tests.test_experiments import application

SMALL = [
    "experiment=coalition", "experiment.draws=40", "experiment.reviewers=[3,6]", "experiment.outcomes=2",
    "experiment.diversity=[0.0,1.0]", "experiment.removed=[0,1]", "experiment.panel=3",
    "experiment.ring=[3,5]", "experiment.tolerated=[0,1]", "experiment.strengths=[0.2]",
    "experiment.angles=[60.0]",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("run") / "coalition"
    done = application(*SMALL, directory=directory)
    assert done.returncode == 0, done.stderr
    assert "depths: 0 of 160 not exact" in done.stdout
    return directory


@pytest.mark.slow
def test_depths_in_the_plane_are_coins(run):
    table = pl.read_parquet(run / "results.parquet")
    assert (table["depth_lower"] == table["depth_upper"]).all()
    alike = table.filter(pl.col("diversity") == 0)
    assert (alike["depth_upper"] == 0).all()
    own = table.filter(pl.col("diversity") == 1, pl.col("reviewers") == 6)["depth_upper"].to_numpy()
    assert own.min() >= 0 and own.max() <= 3 and len(set(own)) > 2
    summary = pl.read_csv(run / "summary.csv").filter(pl.col("diversity") == 1).sort("reviewers")
    np.testing.assert_allclose(summary["share_mean"][1], own.mean() / 6)
    assert summary["robust_1"][1] == (own > 1).sum()
    # One of three, or of six, on the other side: 1 - 2 / 2^n.
    np.testing.assert_allclose(summary["wendel"], [1 - 2 / 8, 1 - 2 / 64])


@pytest.mark.slow
def test_the_claims_of_the_page_hold(run):
    (page,) = experiment("coalition").page
    for claim in page.claims:
        found = claim.find(run)
        assert found.checked > 0 and not found.violations, claim.name
        assert not found.undecided or claim.name == "coalition_wendel"
    rings = pl.read_csv(run / "rings.csv")
    np.testing.assert_allclose(rings["loss_upper"], [0.464102, 0.348633], atol=1e-6)
    # A table that violates them is noticed.
    rules = pl.read_parquet(run / "rules" / "results.parquet")
    assert {"holds", "agrees", "gain_lower", "strength"} <= set(rules.columns)
    assert (rules["gain_lower"] <= 1 + 1e-9).all() and (rules["loss_lower"] >= -1e-9).all()


@pytest.mark.slow
def test_the_figure_is_drawn(run):
    picture = matplotlib.image.imread(run / "figure.png")
    assert picture.shape[0] > 1000 and picture.std() > 0.05

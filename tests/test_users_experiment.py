"""The experiment `users`: its table, the fixture's jump, and what its claims find."""

import polars as pl
import pytest

from experiments.common.registry import experiment
from experiments.users import fixture_finding, guarantee_finding
from tests.test_experiments import application

SMALL = [
    "experiment=users", "experiment.draws=3", "experiment.leaders=[2]",
    "experiment.users_diversity=[0.0,1.0]",
    "experiment.diversity=[1.0]", "experiment.opposition=[0.5,2.0]",
]  # fmt: skip


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    place = tmp_path_factory.mktemp("users") / "run"
    done = application(*SMALL, directory=place)
    assert done.returncode == 0, done.stderr
    return place


@pytest.mark.slow
def test_the_run_is_whole(directory):
    table = pl.read_parquet(directory / "results.parquet")
    assert table.height == 3 * 2
    assert (directory / "figure.png").exists() and (directory / "summary.csv").exists()
    for name in ("loss", "least_served", "personal_loss", "each", "common"):
        assert (table[f"{name}_lower"] <= table[f"{name}_upper"] + 1e-9).all(), name
    # The least served has no less than the mean, and one policy for all allows no less than one for each.
    assert (table["least_served_upper"] >= table["loss_upper"] - 1e-9).all()
    assert (table["common_upper"] >= table["each_upper"] - 1e-6).all()
    alike = table.filter(pl.col("users_diversity") == 0.0)
    assert (alike["least_served_upper"] - alike["loss_upper"]).abs().max() < 1e-2
    fixture = pl.read_csv(directory / "fixture.csv")
    assert fixture["anonymous_upper"].round(3).to_list() == [1.0, 0.5]
    assert fixture["personal_upper"].round(3).to_list() == [1.0, 1.0]


@pytest.mark.slow
def test_its_claims(directory, tmp_path):
    found = fixture_finding(directory)
    assert (found.checked, found.violations, found.undecided) == (2, 0, 0)
    for kind in ("personal", "anonymous"):
        found = guarantee_finding(directory, kind)
        assert (found.checked, found.violations) == (6, 0)
    # They can fail.
    wrong = pl.read_csv(directory / "fixture.csv").with_columns(anonymous_lower=1.0, anonymous_upper=1.0)
    wrong.write_csv(tmp_path / "fixture.csv")
    assert fixture_finding(tmp_path).violations == 1
    table = pl.read_parquet(directory / "results.parquet").with_columns(anonymous_holds=pl.lit("no"))
    table.write_parquet(tmp_path / "results.parquet")
    assert guarantee_finding(tmp_path, "anonymous").violations == 6


def test_it_is_registered():
    known = experiment("users")
    assert [claim.name for run in known.page for claim in run.claims] == [
        "users_fixture",
        "users_personal",
        "users_anonymous",
    ]

"""The experiments learning_leaders and choice, run as a user runs them: tables, summaries, replays."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

LEARNING = [
    "experiment=learning_leaders", "experiment.draws=6", "experiment.leaders=[2]",
    "experiment.diversity=[1.0]",
    "experiment.rules=[fictitious_play]", "experiment.rounds=[5,40]", "family.apart=0.3",
]  # fmt: skip
CHOICE = [
    "experiment=choice", "experiment.draws=6", "experiment.leaders=2", "experiment.actions=2",
    "experiment.errors=[0.0,0.3]", "experiment.interactions=[3,3000]", "experiment.consulted=[1,2]",
    "experiment.steps=30", "family.apart=0.3",
]  # fmt: skip


def python(*words):
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_leaders_who_learn(tmp_path):
    said = python("experiments", *LEARNING, f"run.directory={tmp_path / 'run'}")
    assert "average >= OPT - 2 eps - sum_i w_i regret_i: no 0" in said
    table = pl.read_parquet(tmp_path / "run" / "results.parquet")
    assert table.height == 12 and set(table["holds"]) == {"yes"}
    assert (table["menu_regret"] <= table["gain_upper"] + 1e-9).all()
    early, late = (table.filter(rounds=rounds)["loss_upper"].to_numpy() for rounds in (5, 40))
    assert (early >= 0).all() and late.mean() < early.mean()
    summary = pl.read_csv(tmp_path / "run" / "summary.csv")
    assert summary["reached"].is_between(0, 1).all() and summary["yes"].sum() == 12
    # The same rounds again, from the row alone.
    said = python("experiments.replay", f"run={tmp_path / 'run'}", "draw=3", "rounds=40")
    assert "learning_leaders" in said


@pytest.mark.slow
def test_users_who_choose_badly(tmp_path):
    said = python("experiments", *CHOICE, f"run.directory={tmp_path / 'run'}")
    assert "worst >= OPT - max(2 eps, 2 d): no 0" in said
    table = pl.read_parquet(tmp_path / "run" / "results.parquet")
    assert table.height == 24 and "no" not in set(table["holds"])
    off = {choice: rows["error_upper"].to_numpy() for (choice,), rows in table.group_by("choice")}
    assert off["error 0"].max() < 1e-9 < off["error 0.3"].min()
    assert off["interactions 3000"].mean() < off["interactions 3"].mean()
    asked = pl.read_parquet(tmp_path / "run" / "consulted" / "results.parquet")
    all_asked = asked.filter(consulted=2)["loss"].to_numpy()
    assert (all_asked >= -1e-9).all() and all_asked.mean() <= asked.filter(consulted=1)["loss"].mean()
    assert np.isfinite(asked["gain"].to_numpy()).all()
    said = python("experiments.replay", f"run={tmp_path / 'run'}", "draw=2", "choice=error 0.3")
    assert "choice error 0.3" in said

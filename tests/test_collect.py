"""Gathering a sweep: one table, one figure, and what is missing."""

import json
from pathlib import Path

import hydra
import matplotlib.image
import polars as pl
import pytest
from omegaconf import OmegaConf

from experiments.collect import __main__ as collect
from experiments.collect.figure import telling
from experiments.common.config import register_configs

ROOT = Path(__file__).parent.parent
SWEEP = ["experiment=hull_coverage", "family=noise,goals", "experiment.actions=2,3"]


def compose(*overrides):
    register_configs()
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return hydra.compose("config", overrides=list(overrides))


def pretended(output, family, actions, state="complete", distance=0.5):
    """A run's directory with the files that collecting reads."""
    config = compose(
        "experiment=hull_coverage", f"family={family}", f"experiment.actions={actions}", f"run.root={output}"
    )
    directory = Path(config.run.directory)
    directory.mkdir(parents=True)
    OmegaConf.save(config, directory / "config.yaml", resolve=True)
    manifest = {"state": state, "complete": state == "complete", "draws_done": 7}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    if state == "complete":
        rows = [
            {"diversity": d, "leaders": k, "eps": eps, "sup_q25": distance / k,
             "sup_median": distance / k + d, "sup_q75": distance / k + 2 * d}
            for d in (0.0, 1.0) for k in (1, 2) for eps in (0.0, 0.1)
        ]  # fmt: skip
        pl.DataFrame(rows).write_csv(directory / "summary.csv")
    return directory


@pytest.fixture
def output(tmp_path):
    """Of four points of a sweep two complete, one interrupted, one not begun; and in a run, a part of it."""
    output = tmp_path / "sweep"
    part = pretended(output, "noise", 2) / "dynamics"
    part.mkdir()
    (part / "manifest.json").write_text("{}")
    pretended(output, "goals", 3, distance=0.25)
    pretended(output, "noise", 3, state="interrupted")
    record = {"hydra": {"overrides": {"task": [*SWEEP, f"run.root={output}"]}}}
    OmegaConf.save(record, output / "multirun.yaml")
    return output


def test_one_table_with_columns_for_what_was_swept(output, capsys):
    register_configs()
    table = collect.collect(output)
    assert table.equals(pl.read_parquet(output / "collected.parquet"))
    assert pl.read_csv(output / "collected.csv").height == table.height == 2 * 8
    points = set(table.select("family.name", "experiment.actions").unique().iter_rows())
    assert points == {("noise", 2), ("goals", 3)}
    row = table.filter(pl.col("family.name") == "goals", leaders=2, diversity=1.0, eps=0.0).row(0, named=True)
    assert row["sup_median"] == 0.125 + 1.0
    assert (output / row["run"] / "summary.csv").exists()
    said = capsys.readouterr().out
    assert "(interrupted, 7 draws done)" in said
    missing = [line for line in said.splitlines() if line.startswith("missing")]
    assert len(missing) == 1 and "experiment.actions=2" in missing[0] and "family.name=goals" in missing[0]
    assert "2 of the 4 points of the last sweep are complete" in said
    assert matplotlib.image.imread(output / "figure.png").std() > 0.01
    assert (output / "figure.pdf").exists()


def test_nothing_to_collect_is_said(tmp_path):
    with pytest.raises(ValueError, match="holds no complete run"):
        collect.collect(tmp_path)


def test_lines_are_told_apart_by_as_few_values_as_do():
    table = pl.DataFrame(
        {
            "run": ["a", "b", "c", "d"],
            "family.name": ["noise", "noise", "goals", "goals"],
            "family.strength": [0.5, 0.5, None, None],
            "experiment.actions": [2, 3, 2, 3],
        }
    )
    swept = ["family.name", "family.strength", "experiment.actions"]
    assert telling(table, swept) == ["family.name", "experiment.actions"]
    assert telling(table.filter(run="a"), swept) == []

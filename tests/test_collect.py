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


def test_watching_tells_what_changed_and_ends_when_all_are_complete(output, capsys):
    """A point that was interrupted ends, then the one that was missing begins and ends."""
    (interrupted,) = [run.directory for run in collect.find_runs(output) if not run.collected]
    looks = []

    def between():
        looks.append(None)
        if len(looks) == 2:
            manifest = {"state": "complete", "complete": True, "draws_done": 8}
            (interrupted / "manifest.json").write_text(json.dumps(manifest))
            pl.DataFrame({"diversity": [0.0]}).write_csv(interrupted / "summary.csv")
        if len(looks) == 3:
            pretended(output, "goals", 2)
        assert len(looks) < 9, "it does not end"
        return False

    collect.watch(output, 0.01, between)
    told = [line.split("  ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    draws = compose("experiment=hull_coverage").experiment.draws
    assert told == [
        f"2 of 4 runs complete, 1 interrupted, 1 not begun, 7 of {draws:,} draws of these",
        "3 of 4 runs complete, 1 not begun",
        "4 of 4 runs complete",
    ]
    with pytest.raises(ValueError, match="--watch is 0; it must be a positive number"):
        collect.watch(output, 0.0)


def test_points_are_those_that_hydra_makes(tmp_path):
    """Values with commas and brackets, ranges, and keys that are not swept."""
    words = ["experiment=hull_coverage", "family=noise,goals", "experiment.diversity=[0.0,1.0],[0.5]"]
    words += ["run.seed=range(0,3)", "experiment.draws=7"]
    OmegaConf.save({"hydra": {"overrides": {"task": words}}}, tmp_path / "multirun.yaml")
    register_configs()
    points = collect.planned_points(tmp_path)
    assert len(points) == 2 * 2 * 3 and all(point["experiment.draws"] == 7 for point in points)
    seen = {(p["family.name"], tuple(p["experiment.diversity"]), p["run.seed"]) for p in points}
    assert seen == {(f, d, s) for f in ("noise", "goals") for d in ((0.0, 1.0), (0.5,)) for s in range(3)}


def test_nothing_of_hydra_that_is_private_is_used():
    for path in (ROOT / "experiments").rglob("*.py"):
        assert "hydra._internal" not in path.read_text(), path


NAMES = sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml"))
PRESETS = sorted(path.stem for path in (ROOT / "conf" / "debug").glob("*.yaml"))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n == "hull_coverage" else pytest.mark.slow) for n in NAMES]
)
def test_every_experiment_composes_with_every_preset(name, preset):
    """And keeps what it finds in a folder of its own."""
    config = compose(f"experiment={name}", f"debug={preset}")
    assert config.run.directory.startswith("outputs/debug/") and not config.run.optimise
    assert (config.experiment.draws == 4) == (preset == "tiny")


def test_what_a_preset_sets_can_be_set_otherwise():
    assert compose("debug=tiny", "experiment.draws=9").experiment.draws == 9

"""The experiments that the application knows, and one that comes from outside its package."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import polars as pl
import pytest
from omegaconf import OmegaConf

from experiments.collect.figure import figure as collected_figure
from experiments.common import registry
from experiments.common.families import families, family_configs, make_family
from experiments.common.registry import Experiment, Headline, register, registered
from jaxgame.sampling import FAMILIES, Noise

ROOT = Path(__file__).parent.parent

MODULE = '''
"""An experiment outside the package: the mean of uniform numbers, by how often they are drawn."""

from dataclasses import dataclass, field

import jax
import polars as pl

from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import table_of
from jaxgame.runs.files import write_whole


@dataclass
class DiceConfig:
    name: str = "dice"
    draws: int = 3
    rolls: list[int] = field(default_factory=lambda: [1, 2])


def run(config, directory):
    rolls = list(config.experiment.rolls)
    function = lambda key: {"mean": jax.numpy.stack([jax.random.uniform(key, (n,)).mean() for n in rolls])}
    table = table_of(config, function, directory, {"rolls": rolls})
    mean = pl.col("mean")
    summary = table.group_by("rolls").agg(mean.mean(), low=mean.min(), high=mean.max()).sort("rolls")
    write_whole(directory / "summary.csv", summary.write_csv)


register(
    Experiment(
        name="dice",
        config=DiceConfig,
        run=run,
        headline=Headline("rolls", "mean", "low", "high", "points", "the mean of what was rolled"),
        coordinates=("rolls",),
    )
)
'''


@pytest.fixture
def outside(tmp_path):
    """A folder with a module that registers the experiment `dice`, and with its config."""
    (tmp_path / "dice_experiment.py").write_text(MODULE)
    config = tmp_path / "conf" / "experiment" / "dice.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("defaults: [dice_schema, _self_]\nname: dice\ndraws: 3\nrolls: [1, 2]\n")
    return tmp_path


def application(module, *words, folder, command="experiments"):
    """A command of the application that is told of `module` in `folder`."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, registry.OUTSIDE: module}
    return subprocess.run(
        [sys.executable, "-m", command, *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=250,
    )  # fmt: skip


def test_an_experiment_from_outside_is_run_and_collected(outside):
    output = outside / "outputs"
    settings = ["--config-dir", str(outside / "conf"), "experiment=dice", f"run.root={output}"]
    swept = application(
        "dice_experiment", "--multirun", *settings, "run.seed=0,1", "run.optimise=false", folder=outside
    )
    assert swept.returncode == 0, swept.stderr
    directories = [path.parent for path in output.rglob("summary.csv")]
    assert [directory.parent.name for directory in directories] == ["dice", "dice"]
    collected = application("dice_experiment", str(output), folder=outside, command="experiments.collect")
    assert collected.returncode == 0, collected.stderr
    assert "2 of the 2 points of the last sweep are complete" in collected.stdout
    table = pl.read_parquet(output / "collected.parquet")
    assert table.columns == ["run", "experiment", "run.seed", "rolls", "mean", "low", "high"]
    assert table.height == 2 * 2 and set(table["experiment"]) == {"dice"}
    mistyped = application("dice_experiment", *settings, "experiment.sides=6", folder=outside)
    assert mistyped.returncode == 1 and "Key 'sides' not in 'DiceConfig'" in mistyped.stderr


def test_a_collected_sweep_shows_headlines(monkeypatch):
    headline = Headline("bias", "mean", "low", "high", "points", "the mean roll", x_label="bias of the dice")
    monkeypatch.setitem(registry._registered, "dice", Experiment("dice", dict, print, headline=headline))
    rows = {"experiment": "dice", "low": 1.0, "mean": 2.0, "high": 3.0}
    table = pl.DataFrame([{**rows, "run": f"{seed}", "run.seed": seed, "bias": 0.5} for seed in (0, 1)])
    other = pl.DataFrame([{**rows, "run": "2", "run.seed": 0, "bias": 0.5, "experiment": "cards"}])
    drawn = collected_figure(pl.concat([table, other], how="diagonal"), ["run.seed"], missing=0)
    dice, cards = drawn.axes
    assert (dice.get_ylabel(), dice.get_xlabel()) == ("points", "bias of the dice")
    assert [text.get_text() for text in dice.get_legend().get_texts()] == ["seed 0", "seed 1"]
    assert [text.get_text() for text in cards.texts] == ["the experiment cards has no headline"]


def test_what_is_not_registered_is_named(outside):
    directory = outside / "run"
    directory.mkdir()
    OmegaConf.save({"experiment": {"name": "dice"}, "family": None}, directory / "config.yaml")
    pl.DataFrame({"draw": [0], "rolls": [1]}).write_parquet(directory / "results.parquet")
    told = application("", f"run={directory}", "draw=0", folder=outside, command="experiments.replay")
    assert told.returncode == 2 and "error: experiment is 'dice'; it must be one of choice" in told.stderr


def test_every_experiment_has_its_values_and_the_reverse():
    inside = {name for name, known in registered().items() if known.run.__module__.startswith("experiments.")}
    values = {path.stem: path.read_text() for path in (ROOT / "conf" / "experiment").glob("*.yaml")}
    assert inside == set(values)
    for name, text in values.items():
        assert registered()[name].rows_optional == ("# Understands run.rows=false." in text), name


def test_every_module_of_the_package_registers_an_experiment():
    modules = {path.stem for path in (ROOT / "experiments").glob("[!_]*.py")}
    assert {known.run.__module__.removeprefix("experiments.") for known in registered().values()} >= modules


def test_importing_the_experiments_starts_no_device():
    """Devices and precision are set after the configs, whose shapes the experiments hold, are known."""
    code = """
        from experiments.common.registry import registered
        from jax._src import xla_bridge
        assert registered() and not xla_bridge._backends
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_two_experiments_do_not_share_a_name(monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})

    def run(config, directory):
        raise NotImplementedError

    register(Experiment("dice", dict, run))
    register(Experiment("dice", dict, run, rows_optional=True))  # its module again
    assert registry._registered["dice"].rows_optional

    def other(config, directory):
        raise NotImplementedError

    other.__module__ = "elsewhere"
    with pytest.raises(ValueError, match=f"dice of elsewhere has the name of one in {__name__}"):
        register(Experiment("dice", dict, other))


# Families


def test_every_family_has_its_values_and_the_reverse():
    assert set(families()) == {path.stem for path in (ROOT / "conf" / "family").glob("*.yaml")}


def test_a_new_family_needs_no_shape_of_its_own(monkeypatch):
    monkeypatch.setitem(FAMILIES, "hush", type("Hush", (Noise,), {}))
    shape = OmegaConf.structured(family_configs()["hush"])
    assert OmegaConf.missing_keys(shape) == {"name", "strength"}
    values = OmegaConf.merge(shape, {"name": "hush", "strength": 0.25})
    assert make_family(values).strength == 0.25
    with pytest.raises(Exception, match="Key 'strenght' not in 'HushConfig'"):
        OmegaConf.merge(shape, {"strenght": 0.25})

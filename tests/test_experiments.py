"""The application as a user runs it: small runs end to end, sweeps, and what bad input says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import hydra
import matplotlib.image
import numpy as np
import polars as pl
import pytest
from omegaconf import OmegaConf

from experiments.common.config import identity, register_configs

ROOT = Path(__file__).parent.parent
SMALL_HULL = ["experiment=hull_coverage", "experiment.draws=6", "experiment.leaders=[1,2]"]
SMALL_PANEL = ["experiment=panel_coverage", "panel=senate", "panel.groups=[D]", "experiment.draws=4"]
SMALL_SELECTION = [
    "experiment=selection", "experiment.draws=4", "experiment.leaders=[2]", "experiment.dynamics_leaders=2",
    "experiment.steps=40", "experiment.interactions=[1,10]",
]  # fmt: skip
SMALL_LEARNING = [
    "experiment=learning",
    "experiment.draws=4",
    "experiment.leaders=[2]",
    "experiment.types=[1]",
]
SMALL_QUANTAL = [
    "experiment=quantal", "experiment.draws=4", "experiment.leaders=[2]", "experiment.rationality=[2,50]",
    "experiment.actions=2",
]  # fmt: skip
SMALL_CONVERSATION = [
    "experiment=conversation", "experiment.draws=4", "experiment.protocols=[[1,2,1]]",
    "experiment.competitions=[selection]", "experiment.diversity=[0.0,1.0]", "experiment.lesson.states=3",
    "experiment.lesson.types=2", "experiment.lesson.rounds=[1,2]", "experiment.lesson.messages=[2]",
    "experiment.lesson.replies=[1]",
]  # fmt: skip
SETTING = ["experiment.diversity=[0.0,1.0]", "experiment.states=2", "experiment.actions=2"]


def application(
    *overrides: str, directory: Path | None = None, timeout: float = 250
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments", *overrides]
    if directory is not None:
        command.append(f"run.directory={directory}")
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout)


def compose(*overrides: str):
    register_configs()
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return hydra.compose("config", overrides=list(overrides))


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


# Configs


@pytest.mark.parametrize("family", names("family"))
def test_every_family_config_makes_its_family(family):
    from experiments.common.families import families, make_family

    config = compose("experiment=hull_coverage", f"family={family}")
    assert not OmegaConf.missing_keys(config)
    made = make_family(config.family)
    assert type(made) is families()[family]
    assert made == type(made)(), "values in conf/ are the defaults"


@pytest.mark.parametrize("panel", names("panel"))
def test_every_panel_config_names_a_panel(panel):
    from experiments.panel_coverage import load_panel

    config = compose("experiment=panel_coverage", f"panel={panel}")
    assert not OmegaConf.missing_keys(config)
    assert load_panel(config.panel).name == panel


def test_a_run_is_identified_by_what_determines_its_results():
    def directory(*overrides):
        return compose("experiment=hull_coverage", *overrides).run.directory

    assert directory() == directory("run.chunk=7", "run.progress=false", "run.devices=1")
    changed = {directory(change) for change in ("run.seed=1", "experiment.draws=5", "family=uniform")}
    assert len(changed | {directory()}) == 4


# Runs


@pytest.fixture(scope="module")
def hull_run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run") / "hull"
    return application(*SMALL_HULL, *SETTING, "experiment.eps=[0.0]", directory=directory), directory


@pytest.fixture(scope="module")
def panel_run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run") / "panel"
    return application(*SMALL_PANEL, "experiment.raters=[1,3]", directory=directory), directory


@pytest.fixture(scope="module")
def selection_run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run") / "selection"
    overrides = [*SMALL_SELECTION, *SETTING[1:], "experiment.diversity=[1.0]"]
    return application(*overrides, directory=directory), directory


@pytest.fixture(scope="module")
def learning_run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run") / "learning"
    return application(*SMALL_LEARNING, *SETTING, directory=directory), directory


@pytest.fixture(scope="module")
def quantal_run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run") / "quantal"
    return application(*SMALL_QUANTAL, directory=directory), directory


@pytest.fixture(scope="module")
def conversation_run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run") / "conversation"
    return application(*SMALL_CONVERSATION, directory=directory), directory


@pytest.mark.parametrize(
    "run",
    [
        "hull_run",
        pytest.param("panel_run", marks=pytest.mark.slow),
        pytest.param("learning_run", marks=pytest.mark.slow),
        pytest.param("conversation_run", marks=pytest.mark.slow),
        pytest.param("selection_run", marks=pytest.mark.slow),
        pytest.param("quantal_run", marks=pytest.mark.slow),
    ],
)
def test_a_run_leaves_everything_a_reader_needs(run, request):
    done, directory = request.getfixturevalue(run)
    assert done.returncode == 0, done.stderr
    expected = {
        "config.yaml", "manifest.json", "results.parquet", "summary.csv", "figure.png", "figure.pdf",
    }  # fmt: skip
    more = {"dynamics", "judge.csv", "lessons", "lessons.csv"}
    assert {path.name for path in directory.iterdir()} - more == expected
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["complete"] and manifest["draws_per_second"] > 0
    saved = OmegaConf.load(directory / "config.yaml")
    assert manifest["request"]["settings"] == identity(saved)
    picture = matplotlib.image.imread(directory / "figure.png")
    assert min(picture.shape[:2]) > 400 and np.ptp(picture) > 0.5
    assert "widest bracket" in done.stdout and " wider than " in done.stdout


def test_hull_coverage_in_numbers(hull_run):
    _, directory = hull_run
    results = pl.read_parquet(directory / "results.parquet")
    assert results.height == 6 * 2 * 2
    assert (results["sup_lower"] <= results["sup_upper"]).all()
    # Nested leaders: the second never increases a distance; alone, the hull is the leader.
    by_leaders = {k: results.filter(leaders=k).sort("draw", "diversity") for k in (1, 2)}
    assert (by_leaders[2]["sup_lower"] <= by_leaders[1]["sup_upper"] + 1e-12).all()
    np.testing.assert_allclose(by_leaders[1]["sup_upper"], by_leaders[1]["best_single"], atol=1e-12)
    summary = pl.read_csv(directory / "summary.csv")
    counted = summary["inside"] + summary["outside"] + summary["undecided"]
    assert counted.to_list() == [6] * 4 == summary["draws"].to_list()


@pytest.mark.slow
def test_panel_coverage_in_numbers(panel_run):
    _, directory = panel_run
    results = pl.read_parquet(directory / "results.parquet")
    assert results.height == 4 * 2 and results["converged"].all()
    assert results["target"].str.contains("_d_").all()  # a senator of the party D
    summary = pl.read_csv(directory / "summary.csv")
    hull = summary.filter(method="hull", raters=3).row(0, named=True)
    assert hull["test_mean"] == pytest.approx(results.filter(raters=3)["hull_test"].mean(), abs=1e-12)


@pytest.mark.slow
def test_selection_in_numbers(selection_run):
    done, directory = selection_run
    assert "worst >= OPT - 2 eps: no 0, undecided 0, yes 4" in done.stdout
    results = pl.read_parquet(directory / "results.parquet")
    assert results["holds"].to_list() == ["yes"] * 4
    assert (results["worst_lower"] >= results["bound_lower"] - 1e-6).all()
    ends = pl.read_parquet(directory / "dynamics" / "results.parquet")
    assert ends.height == 4 * 4 and (ends["gain_lower"] <= ends["gain_upper"]).all()
    # From full information nobody moves.
    opt = results.sort("draw")["full_information"].to_numpy()
    informed = ends.filter(start="full").sort("draw")
    np.testing.assert_allclose(informed["follower"], opt, atol=1e-12)
    assert set(informed["end"]) == {"converged"} and set(informed["evaluation_10"]) == {0.0}
    counted = pl.read_csv(directory / "dynamics" / "summary.csv")
    assert (counted["above"] + counted["at"] + counted["below"]).to_list() == [4] * 4
    assert "Dynamics end above the worst equilibrium" in done.stdout


@pytest.mark.slow
def test_learning_in_numbers(learning_run):
    done, directory = learning_run
    assert "worst >= OPT - 2 eps: no 0, undecided 0, yes 8" in done.stdout
    results = pl.read_parquet(directory / "results.parquet")
    assert results.height == 4 * 2 and (results["worst_upper"] - results["worst_lower"]).max() < 1e-6
    assert (results["worst_lower"] >= results["bound_lower"] - 1e-9).all()


@pytest.mark.slow
def test_conversation_in_numbers(conversation_run):
    done, directory = conversation_run
    assert "delta - gain: no 0" in done.stdout
    results = pl.read_parquet(directory / "results.parquet")
    assert results.height == 4 * 2 and (results["delta"] == 0).all()  # all leaders see the state
    assert (results["teachable_upper"] <= results["full_information"] + 1e-12).all()
    # The claim again, from its parts.
    eps = results.select(pl.min_horizontal("constant_upper", "state_upper", "cone_upper")).to_series()
    claimed = results["teachable_lower"] - 2 * eps - results["gain_upper"]
    assert (results["worst_lower"] >= claimed - 1e-9).all()
    lessons = pl.read_csv(directory / "lessons.csv")
    # Two bits name three states, one does not; all rules were tried, and shares are shares.
    assert lessons["exact"].to_list() == [1.0, 1.0]
    assert lessons.sort("rounds")["complete"].to_list()[1] == 1.0
    assert lessons["share"].is_between(0, 1 + 1e-12).all()


@pytest.mark.slow
def test_quantal_in_numbers(quantal_run):
    done, directory = quantal_run
    assert "rationality: no 0, undecided 0, yes 8" in done.stdout
    results = pl.read_parquet(directory / "results.parquet")
    # More rational is better informed; even then the bound leaves room for what is left of her noise.
    informed = results.sort("rationality").group_by("draw", maintain_order=True).agg("informed")["informed"]
    assert all(few < many for few, many in informed)
    assert (results["worst_lower"] >= results["bound_lower"] - 1e-4).all()
    judge = pl.read_csv(directory / "judge.csv")
    assert (judge["upper"] - judge["lower"]).max() < 1e-5
    # Noise helps the prosecutor up to a point: what it earns falls, then rises towards 0.6.
    values = judge["lower"].to_numpy()
    assert values.argmin() not in (0, len(values) - 1) and 0.59 < values[-1] < 0.6


@pytest.mark.slow
def test_the_same_command_finds_its_finished_run(hull_run):
    _, directory = hull_run
    before = (directory / "results.parquet").stat().st_mtime_ns
    again = application(*SMALL_HULL, *SETTING, "experiment.eps=[0.0]", directory=directory)
    assert again.returncode == 0, again.stderr
    assert (directory / "results.parquet").stat().st_mtime_ns == before
    other = application(*SMALL_HULL, *SETTING, "experiment.eps=[0.0]", "run.seed=1", directory=directory)
    assert other.returncode == 1
    assert "holds a run that differs in" in other.stderr and "seed (0 there, 1 here)" in other.stderr


@pytest.mark.slow
def test_hull_coverage_without_rows_says_the_same(hull_run, tmp_path):
    _, directory = hull_run
    short = application(
        *SMALL_HULL, *SETTING, "experiment.eps=[0.0]", "run.rows=false", directory=tmp_path / "run"
    )
    assert short.returncode == 0, short.stderr
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "config.yaml", "figure.pdf", "figure.png", "manifest.json", "statistics.csv", "statistics.parquet",
        "summary.csv",
    ]  # fmt: skip
    ours, theirs = (pl.read_csv(path / "summary.csv") for path in (tmp_path / "run", directory))
    assert set(theirs.columns) <= set(ours.columns)
    for name in theirs.columns:
        if f"{name}_lower" in ours.columns:
            assert (ours[f"{name}_lower"] <= theirs[name] + 1e-15).all(), name
            assert (theirs[name] - 1e-15 <= ours[f"{name}_upper"]).all(), name
        elif theirs[name].dtype == pl.Float64:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-12, atol=1e-15, err_msg=name)
        else:
            assert ours[name].equals(theirs[name]), name
    refused = application("experiment=slack", "run.rows=false", directory=tmp_path / "slack")
    assert refused.returncode == 1
    assert "error: run.rows is false; slack needs every draw" in refused.stderr


SMALL_TIGHTNESS = [
    "experiment=tightness", "experiment.draws=5", "experiment.actions=[2]", "experiment.leaders=2",
    "experiment.states=2", "experiment.steps=5",
]  # fmt: skip
SMALL_BOTH = {
    "selection": [*SMALL_SELECTION, *SETTING, "experiment.draws=9"],
    "conversation": [*SMALL_CONVERSATION, "experiment.draws=7"],
    "tightness": SMALL_TIGHTNESS,
}
# Tables of each, of which it has one with rows and one without, and the columns that are quantiles.
BOTH_TABLES = {
    "selection": ("summary.csv", "dynamics/summary.csv"),
    "conversation": ("summary.csv", "lessons.csv"),
    "tightness": ("summary.csv",),
}
MIDDLES = {
    "loss_q25": ("loss", "q25"), "loss_median": ("loss", "q50"), "loss_q75": ("loss", "q75"),
    "ratio_median": ("ratio_lower", "q50"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SMALL_BOTH)
def test_the_same_is_said_without_rows(name, tmp_path):
    """Every column of every summary; of quantiles there are brackets."""
    for rows in ("true", "false"):
        words = [*SMALL_BOTH[name], "run.optimise=false", f"run.rows={rows}"]
        done = application(*words, directory=tmp_path / rows, timeout=450)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / rows / "figure.png").exists()
    assert not list((tmp_path / "false").rglob("results.parquet"))
    assert len(list((tmp_path / "false").rglob("statistics.parquet"))) == len(BOTH_TABLES[name])
    for table in BOTH_TABLES[name]:
        theirs, ours = (pl.read_csv(tmp_path / rows / table) for rows in ("true", "false"))
        assert set(theirs.columns) == set(ours.columns) and theirs.height == ours.height
        for column in theirs.columns:
            if column in MIDDLES:  # of brackets, which hold what the rows say
                value, quantile = MIDDLES[column]
                known = pl.read_csv(tmp_path / "false" / "statistics.csv").filter(name=value)
                by = [name for name in known.columns[: known.columns.index("name")] if name in theirs.columns]
                both = theirs.select(*by, column).join(known, on=by, how="inner")
                inside = pl.col(column).is_between(
                    pl.col(f"{quantile}_lower") - 1e-12, pl.col(f"{quantile}_upper") + 1e-12
                )
                assert both.height == theirs.height and both.select(inside.all()).item(), column
            elif theirs[column].dtype == pl.Float64:
                np.testing.assert_allclose(
                    ours[column].cast(pl.Float64), theirs[column], rtol=1e-9, atol=1e-11, err_msg=column
                )
            else:
                assert ours[column].to_list() == theirs[column].to_list(), f"{table}: {column}"


@pytest.mark.slow
def test_a_sweep_gives_every_point_its_directory(tmp_path):
    swept = application(
        "--multirun", *SMALL_HULL, *SETTING, "family=noise,uniform",
        f"run.directory={tmp_path}/${{family.name}}", f"hydra.sweep.dir={tmp_path}",
    )  # fmt: skip
    assert swept.returncode == 0, swept.stderr
    for family in ("noise", "uniform"):
        assert (tmp_path / family / "figure.png").exists()
        assert OmegaConf.load(tmp_path / family / "config.yaml").family.name == family


# Errors: one line that names what was wrong, before anything is computed


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["experiment.drawz=3"], "Key 'drawz' not in 'HullCoverageConfig'"),
        pytest.param(
            ["experiment.draws=many"],
            "Value 'many' of type 'str' could not be converted to Integer",
            marks=pytest.mark.slow,
        ),
        pytest.param(["family=nois"], "Could not find 'family/nois'", marks=pytest.mark.slow),
        pytest.param(
            ["experiment.draws=0"], "error: draws is 0; it must be at least 1", marks=pytest.mark.slow
        ),
        (["experiment.leaders=[2,1]"], "error: experiment.leaders is [2, 1]"),
        pytest.param(["experiment.diversity=[1.5]"], "error: experiment.diversity", marks=pytest.mark.slow),
        (
            ["experiment.offset=some"],
            "error: offset is 'some'; it must be one of 'none', 'constant'",
        ),
        pytest.param(
            ["family.strength=-1"], "error: strength is -1.0; it must be at least 0", marks=pytest.mark.slow
        ),
        pytest.param(
            ["experiment.states=0"], "error: states is 0; it must be at least 1", marks=pytest.mark.slow
        ),
        pytest.param(
            ["run.precision=half"],
            "error: run.precision is 'half'; it must be 'float64' or 'float32'",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["run.platform=tpu"],
            "error: run.platform is 'tpu'; it must be 'auto', 'cpu' or 'gpu'",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_bad_values_are_named(overrides, message, tmp_path):
    failed = application("experiment=hull_coverage", *overrides, directory=tmp_path / "run")
    assert failed.returncode == 1
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (tmp_path / "run" / "results.parquet").exists()


def test_an_unwritable_directory_is_named_before_computing(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    failed = application("experiment=hull_coverage", directory=blocked / "run")
    assert failed.returncode == 1
    assert f"error: cannot write the run directory {blocked}/run" in failed.stderr
    assert "Nothing was computed" in failed.stderr


@pytest.mark.slow
def test_help_lists_what_can_be_set():
    shown = application("--help")
    assert shown.returncode == 0
    for word in ("hull_coverage", "panel_coverage", "selection", "low_rank", "senate", "draws: 4096"):
        assert word in shown.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_progress_is_shown_on_a_terminal(tmp_path):
    import pty

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "experiments", *SMALL_HULL, *SETTING, f"run.directory={tmp_path}/run"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=follower, stderr=follower, stdin=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # how a pseudo-terminal says that the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    assert process.wait() == 0, shown.decode()
    assert b"compiling" in shown and b"draws/s" in shown and b"6/6" in shown

"""The page of all claims, the replay of one draw, and the search for tight games."""

import html
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import hydra
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import jaxgame as jg
from experiments.common import claims
from experiments.common.config import register_configs
from experiments.replay import __main__ as replay
from experiments.reproduce import __main__ as reproduce
from jaxgame import verify
from tests import browser

ROOT = Path(__file__).parent.parent
COORDINATES = ("leaders", "diversity")


def python(*words, timeout=280):
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout
    )


# What counts as a violation


def guarantees(directory, worst, width=0.0, eps=0.1, mean=0.15):
    """A table of one game a row, OPT = 1, bounds 1 - 2 eps and 1 - mean, worst equilibria given."""
    worst = np.asarray(worst)
    table = pl.DataFrame({"draw": np.arange(len(worst)), "leaders": 2, "diversity": 0.5})
    distances = {"constant": eps, "state": eps, "cone": eps, "mean": mean, "mean_cone": mean}
    for name, distance in distances.items():
        table = table.with_columns(**{f"{name}_{end}": pl.lit(distance) for end in ("lower", "upper")})
    ends = {"lower": -width, "upper": width}
    for end, moved in ends.items():
        table = table.with_columns(
            **{
                f"slack_{end}": worst - (1 - 2 * eps) + moved,
                f"mean_slack_{end}": worst - (1 - mean) + moved,
                f"loss_{end}": 1 - worst + moved,
            }
        )
    table.with_columns(stake=pl.lit(1.0)).write_parquet(directory / "results.parquet")
    return directory


def test_violations_are_counted_and_named(tmp_path):
    found = claims.guarantee(guarantees(tmp_path, [0.85, 0.8, 0.79, 1.0, 0.5]), COORDINATES)
    assert (found.draws, found.checked, found.violations, found.undecided) == (5, 5, 2, 0)
    assert found.inside == 0
    assert found.replays == (
        {"draw": 4, "leaders": 2, "diversity": 0.5}, {"draw": 2, "leaders": 2, "diversity": 0.5},
    )  # fmt: skip


def test_the_sharper_bound_is_read_from_its_own_columns(tmp_path):
    directory = guarantees(tmp_path, [0.86, 0.84, 0.79])
    assert claims.guarantee(directory, COORDINATES).violations == 1
    sharper = claims.guarantee(directory, COORDINATES, average=True)
    assert [row["draw"] for row in sharper.replays] == [2, 1]
    assert claims.guarantee(directory, COORDINATES, where={"leaders": 3}).checked == 0


def test_a_false_claim_is_violated_where_the_true_one_holds(tmp_path):
    directory = guarantees(tmp_path, [0.85, 0.96, 0.8, 1.0])
    assert claims.guarantee(directory, COORDINATES).violations == 0
    false = claims.guarantee(directory, COORDINATES, factor=0.25)  # 0.95
    assert [row["draw"] for row in false.replays] == [2, 0] and false.violations == 2


def test_how_near_losses_come_is_said(tmp_path):
    found = claims.guarantee(guarantees(tmp_path, [0.85, 0.9, 1.0]), COORDINATES)
    assert found.nearest == "largest loss 75% of what is allowed"
    assert found.premise == "2 eps from 20% to 20% of what is at stake, median 20%"


def test_wide_brackets_leave_games_undecided(tmp_path):
    found = claims.guarantee(guarantees(tmp_path, [0.85, 0.81, 0.7], width=0.02), COORDINATES)
    assert (found.violations, found.undecided) == (1, 1)
    found = claims.guarantee(guarantees(tmp_path, [np.nan, 0.85]), COORDINATES)
    assert (found.violations, found.undecided) == (0, 1)


def test_exact_claims_are_about_games_in_the_hull(tmp_path):
    inside = guarantees(tmp_path, [1.0, 1 - 1e-7, 0.99], eps=0.0)
    found = claims.lossless(inside, COORDINATES)
    assert (found.checked, found.inside, found.violations) == (3, 3, 1)
    assert found.nearest == "largest miss 0.01 of what is at stake"
    outside = guarantees(tmp_path, [1.0, 0.9], eps=0.1)
    assert claims.lossless(outside, COORDINATES).checked == 0
    dropped = claims.lossless(outside, COORDINATES, inside=False)
    assert [row["draw"] for row in dropped.replays] == [1]


def test_what_noise_costs_is_not_counted_as_lost(tmp_path):
    table = guarantees(tmp_path, [0.95, 0.9], eps=0.0) / "results.parquet"
    pl.read_parquet(table).with_columns(noise=pl.lit(0.05)).write_parquet(table)
    assert [row["draw"] for row in claims.lossless(tmp_path, COORDINATES).replays] == [1]


def made_up(whose=claims.PAPERS, **found):
    claim = claims.Claim("name", "title", "statement", whose, lambda _: None)
    counts = {"draws": 1, "checked": 1000, "violations": 0, "undecided": 0}
    return reproduce.Checked(claim, claims.Finding("premise", **(counts | found)), ())


@pytest.mark.parametrize(
    ("check", "verdict", "expected"),
    [
        (made_up(), "holds", True),
        (made_up(theorem=False), "measured", True),
        (made_up(undecided=10), "holds", True),
        (made_up(undecided=11), "undecided", False),
        (made_up(violations=1), "violated", False),
        (made_up(claims.CONTROL, violations=1), "fails, as it should", True),
        (made_up(claims.CONTROL), "NOT REFUTED", False),
        (made_up(checked=0), "undecided", False),
    ],
)
def test_verdicts_of_the_page(check, verdict, expected):
    assert (check.verdict, check.expected) == (verdict, expected)


def test_every_command_of_the_page_is_one():
    register_configs()
    names = [claim.name for run in reproduce.runs() for claim in run.claims]
    assert len(set(names)) == len(names)
    for run in reproduce.runs():
        for scale in reproduce.SCALES:
            with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
                config = hydra.compose("config", overrides=list(run.overrides(scale)))
            draws = run.draws * (1 if scale == "quick" else 100)
            assert config.experiment.draws == draws and config.run.seed == 0
            assert config.experiment.name in run.overrides(scale)[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scale=huge"], "scale is 'huge'; it must be one of quick, full"),
        (["draws=3"], "unknown draws; usage: python -m experiments.reproduce"),
    ],
)
def test_bad_arguments_of_the_page(arguments, message, capsys):
    assert reproduce.main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["draw=3"], "run=DIRECTORY and draw=NUMBER are needed"),
        (["run=x", "draw"], "'draw' is not NAME=VALUE"),
        (["run=x", "draw=-1"], "draw is '-1'; it must be an integer of at least 0"),
        (["run=x", "draw=1"], "x has no config.yaml; run must be the directory of a finished experiment"),
    ],
)
def test_bad_arguments_of_a_replay(arguments, message, capsys):
    assert replay.main(arguments) == 2
    assert message in capsys.readouterr().err


# Replay


@pytest.fixture(scope="module")
def selection_run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("replay") / "selection"
    done = python(
        "experiments", "experiment=failure", "experiment.draws=6", "experiment.leaders=[2,3]",
        "run.optimise=false", "experiment.diversity=[0.5,1.0]", f"run.directory={directory}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return directory


@pytest.mark.slow
def test_a_replay_meets_what_was_recorded(selection_run, capsys):
    table = pl.read_parquet(selection_run / "results.parquet")
    row = table.filter(draw=4, leaders=2, diversity=1.0).row(0, named=True)
    assert replay.main([f"run={selection_run}", "draw=4", "leaders=2", "diversity=1.0"]) == 0
    printed = capsys.readouterr().out
    assert "draw 4, leaders 2, diversity 1.0: Game(2 leaders, 1 types, 2 states, 3 actions)" in printed
    assert f"{row['full_information']:.9g}" in printed and row["holds"] in printed
    assert "other numbers" not in printed
    # Without a choice the row with the least slack is shown.
    least = table.filter(draw=4).sort("slack_lower").row(0, named=True)
    assert replay.main([f"run={selection_run}", "draw=4"]) == 0
    assert f"leaders {least['leaders']}, diversity {least['diversity']}" in capsys.readouterr().out


@pytest.mark.slow
def test_a_replay_writes_a_proof(selection_run, tmp_path, capsys):
    path = tmp_path / "proof.json"
    assert replay.main([f"run={selection_run}", "draw=4", "leaders=2", f"proof={path}"]) == 0
    printed = capsys.readouterr().out
    verdict = verify.check(path)
    assert verdict.proved and f"{path}: {verdict.sentence}" in printed
    rows = pl.read_parquet(selection_run / "results.parquet").filter(draw=4, leaders=2)
    lower = rows.sort("slack_lower")["worst_lower"][0]
    assert float(verify.read(path)["value"]) >= lower
    assert replay.main([f"run={selection_run}", "draw=4", f"proof={tmp_path / 'none' / 'x.json'}"]) == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.slow
def test_a_replay_tells_when_numbers_differ(selection_run, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.yaml").write_text((selection_run / "config.yaml").read_text())
    table = pl.read_parquet(selection_run / "results.parquet")
    table.with_columns(pl.col("worst_lower") + 0.01).write_parquet(other / "results.parquet")
    assert replay.main([f"run={other}", "draw=0"]) == 1
    assert "The run recorded other numbers: worst by 1.0e-02" in capsys.readouterr().out
    assert replay.main([f"run={selection_run}", "draw=9"]) == 2
    assert "draw is 9; the run has draws from 0 to 5" in capsys.readouterr().err
    assert replay.main([f"run={selection_run}", "draw=0", "leaders=7"]) == 2
    assert "leaders is 7; draw 0 has 2, 3" in capsys.readouterr().err


@pytest.mark.slow
def test_failure_in_numbers(selection_run):
    summary = pl.read_csv(selection_run / "summary.csv")
    assert summary.height == 4 and (summary["yes"] == 6).all()
    assert (summary["outside"] >= summary["spared"]).all()
    assert (summary["outside"] + summary["covered"]).to_list() == pytest.approx([1.0] * 4)


# Tightness


def game_of(text):
    return jg.make_game(**{name: np.array(value) for name, value in json.loads(text).items()})


@pytest.mark.slow
def test_the_constant_two_is_attained():
    # By hand: in either state one action is right. To act safely costs her 2 eps, while for both models,
    # alike, it is as good as to be right; they gain nothing by telling her the state, and she hears
    # nothing.
    eps = 0.1
    follower = np.array([[1, -1, 1 - 2 * eps], [-1, 1, 1 - 2 * eps]])
    leader = np.array([[1 - eps, -1, 1 - eps], [-1, 1 - eps, 1 - eps]])
    game = jg.make_game([0.5, 0.5], follower, np.stack([leader, leader]))
    found = jax.jit(jg.theorems.best_ai_selection)(game)
    for distance in (found.constant, found.state, found.cone):
        assert float(distance.lower) == pytest.approx(eps, abs=1e-9)
    assert float(found.worst.upper) == pytest.approx(1 - 2 * eps, abs=1e-7)
    assert jg.theorems.VERDICTS[int(found.holds)] == "yes"


@pytest.mark.slow
def test_the_tightest_game_that_was_found_is_as_tight_as_was_said():
    saved = json.loads((ROOT / "tests" / "data" / "tightest.json").read_text())
    game = game_of(json.dumps(saved["game"]))
    found = jax.jit(jg.theorems.best_ai_selection)(game)
    eps = jnp.stack([found.constant.upper, found.state.upper, found.cone.upper]).min()
    ratio = float((found.full_information - found.worst.upper) / (2 * eps))
    assert ratio == pytest.approx(saved["ratio"], abs=1e-6)
    assert 0.9 < ratio <= 1


@pytest.mark.slow
def test_ascent_finds_tighter_games(tmp_path):
    directory = tmp_path / "tight"
    done = python(
        "experiments", "experiment=tightness", "experiment.draws=8", "experiment.actions=[3]",
        "run.optimise=false", f"run.directory={directory}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = pl.read_parquet(directory / "results.parquet")
    best = {w: table.filter(when=w)["ratio_lower"].to_numpy().max() for w in ("start", "end")}
    assert best["end"] > best["start"] and (table["ratio_lower"] <= 1).all()
    assert (table["holds"] == "yes").all()
    saved = json.loads((directory / "game.json").read_text())
    game = game_of(json.dumps(saved["game"]))
    checked = jax.jit(jg.theorems.best_ai_selection)(game)
    eps = jnp.stack([checked.constant.upper, checked.state.upper, checked.cone.upper]).min()
    ratio = float((checked.full_information - checked.worst.upper) / (2 * eps))
    assert ratio == pytest.approx(saved["ratio"], abs=1e-6) and ratio <= 1


# The page


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    directory = tmp_path_factory.mktemp("page")
    done = python("experiments.reproduce", f"directory={directory}", timeout=1500)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.mark.slow
@pytest.mark.timeout(1600)
def test_the_page_tells_every_claim_and_needs_no_network(page):
    text = html.unescape((page / "index.html").read_text())
    every = [claim for run in reproduce.runs() for claim in run.claims]
    for claim in every:
        assert f'id="{claim.name}"' in text
    assert text.count("data:image/png;base64,") == sum(len(run.pictures) for run in reproduce.runs())
    assert not re.search(r'(src|href)="https?:', text)
    # The controls can fail; their violations are the only ones, and can be looked at.
    commands = re.findall(r"python -m experiments\.replay [^<\n]*", text)
    controls = [claim for claim in every if claim.whose == claims.CONTROL]
    assert len(controls) == 2
    assert len(commands) == sum(len(c.find(page / "overview" / c.folder).replays) for c in controls) > 0
    shown = python(*shlex.split(commands[0])[2:])
    assert shown.returncode == 0, shown.stdout + shown.stderr


@pytest.mark.slow
@pytest.mark.timeout(1600)
def test_the_page_has_proofs_that_hold(page):
    text = html.unescape((page / "index.html").read_text())
    files = re.findall(r'href="(proofs/[^"]*)"', text)
    assert len(files) == len(set(files)) == 4 and text.count("nearest to the bound") >= 1
    for file in files:
        verdict = verify.check(page / file)
        assert verdict.proved and verdict.sentence in text


@pytest.mark.slow
@pytest.mark.timeout(1600)
def test_the_page_checks_thousands_of_games_many_of_them_in_the_hull(page):
    for run in reproduce.runs():
        for claim in run.claims:
            found = claim.find(page / run.name / claim.folder)
            if found.inside is None or claim.name == "tightness":  # the games of the search are outside
                continue
            least = 500 if claim.name == "quantal_exact" else 2000
            assert found.checked >= least, claim.name
            assert found.inside >= found.checked / 4, claim.name
            assert found.undecided < 0.01 * found.checked, claim.name
            assert bool(found.violations) == (claim.whose == claims.CONTROL), claim.name
    families = pl.read_parquet(page / "overview" / "results.parquet")
    for (family, competition), games in families.group_by("family", "competition"):
        assert games.height >= 2000, (family, competition)
        assert (games["mean_holds"] == "yes").all() and (games["holds"] == "yes").all()


@pytest.mark.slow
@pytest.mark.timeout(1600)
@pytest.mark.parametrize("width", [390, 1366], ids=["phone", "laptop"])
def test_the_page_in_a_browser(page, width, tmp_path):
    found = browser.chromium()
    if found is None:
        pytest.skip("no Chromium on this machine (chromium, chromium-browser or google-chrome)")
    with browser.page(found, tmp_path / "profile") as shown:
        shown.open(page / "index.html", width=width, height=844)
        assert shown.problems == []
        assert {address.split(":")[0] for address in shown.requests} == {"file", "data"}
        assert shown.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
        assert shown.evaluate("document.querySelectorAll('section').length") == len(reproduce.runs())
        sizes = shown.evaluate("[...document.images].map(x => [x.naturalWidth > 0, x.width])")
        # On a phone figures scroll sideways rather than shrink beyond reading.
        assert sizes and all(loaded and width >= 600 for loaded, width in sizes)


@pytest.mark.slow
@pytest.mark.timeout(1600)
@pytest.mark.parametrize("name", ["panel_eqbench", "slack"])
def test_a_figure_is_rebuilt_by_its_own_command(page, name, tmp_path):
    text = html.unescape((page / "index.html").read_text())
    command = next(
        line for line in re.findall(r"<pre>(python -m experiments [^<]*)</pre>", text) if name in line
    )
    words = [word for word in shlex.split(command)[2:] if not word.startswith("run.directory")]
    done = python(*words, f"run.directory={tmp_path / name}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name / "figure.png").read_bytes() == (page / name / "figure.png").read_bytes()

"""A user who chooses badly: by a wrong measure, after few trials, or among few of the models."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import MISSING, DictConfig

from experiments.common import claims
from experiments.common.claims import Claim, Run
from experiments.common.families import called, make_family
from experiments.common.guarantee import LABELS, counts, report, tightest, verdict_sentence, with_losses
from experiments.common.lists import check_increasing, check_list
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import Grid, drawn, gathered, scan_of
from jaxgame import plot, selection, theorems
from jaxgame.core.game import Game, full_information_value
from jaxgame.core.units import at_stake
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.runs.keys import draw_key
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import Guarantee

COORDINATES = ("choice",)
ERROR, TRIALS = "error", "interactions"
KINK = ("constant_upper", "state_upper", "cone_upper", "error_upper", "stake", "loss")  # what `_kink` draws
CONSULTED = "consulted"  # the folder of the table of users who ask some of the models

NEAR = 1e-3  # a user so near to the hull, in parts of her stake, is left out where distances divide
LEAST, MOST = 1e-2, 1e2  # of ratios to the distance, in the figure


@dataclass
class ChoiceConfig:
    """See conf/experiment/choice.yaml."""

    name: str = MISSING
    draws: int = MISSING
    leaders: int = MISSING
    states: int = MISSING
    actions: int = MISSING
    diversity: float = MISSING
    errors: list[float] = MISSING
    interactions: list[int] = MISSING
    consulted: list[int] = MISSING
    steps: int = MISSING
    tolerance: float = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute both tables, the summary and the figure in `directory`; report verdicts and brackets."""
    settings = config.experiment
    _check(settings)
    family = make_family(config.family)
    grid: Grid = {"choice": choices(settings)}
    table = scan_of(config, scored_function(family, settings), directory, grid, LABELS)
    by, amount = pl.col("choice").str.split(" ").list.get(0), pl.col("choice").str.split(" ").list.get(1)
    table = with_losses(table).with_columns(by=by, amount=amount.cast(pl.Float64))
    grid = {"consulted": list(settings.consulted)}
    asked = scan_of(config, asking_function(family, settings), directory / CONSULTED, grid)
    part, off = pl.col("loss") / pl.col("stake"), pl.col("error_upper") / pl.col("stake")
    summary = gathered(
        table.group_by("by", "amount")
        .agg(
            pl.len().alias("draws"),
            part.mean().alias("loss_mean"),
            part.quantile(0.9, "linear").alias("loss_q90"),
            off.mean().alias("error_mean"),
            off.quantile(0.9, "linear").alias("error_q90"),
            (pl.col("allowed") / pl.col("stake")).mean().alias("allowed_mean"),
            *tightest(),
            *counts(settings.tolerance),
        )
        .sort("by", "amount")
    )
    report(summary, "worst >= OPT - max(2 eps, 2 d)", settings.tolerance)
    write_whole(directory / "summary.csv", summary.write_csv)
    plot.save(figure(table, asked, summary, config), directory)


def choices(settings: DictConfig) -> list[str]:
    """How she may choose whom to keep: "error SIZE" or "interactions COUNT", the values of the column."""
    return [f"{ERROR} {float(size):g}" for size in settings.errors] + [
        f"{TRIALS} {count}" for count in settings.interactions
    ]


def scored_function(family: Family, settings: DictConfig) -> DrawFunction:
    """One draw: the theorem's check for every way to choose, and d, how far her score is off."""

    def draw(key: Array) -> Mapping[str, Any]:
        game = _game(family, key, settings)
        known = theorems.premise(game)

        def checked(score: Array) -> Mapping[str, Any]:
            error = selection.score_error(game, score)
            check = theorems.score_selection(
                game, score, tolerance=settings.tolerance, error=error, known=known
            )
            return {**vars(check), "error": error}

        return jax.vmap(checked)(scores_of(game, key, settings))

    return draw


def scores_of(game: Game, key: Array, settings: DictConfig) -> Float[Array, "W K T S A"]:
    """Her scores of the leaders, by size of the errors and by the number of trials: each has its own.

    Errors of other sizes are multiples of the same ones.
    """
    sizes = jnp.asarray([float(size) for size in settings.errors])[:, None, None, None, None]
    noise = jax.random.normal(jax.random.fold_in(key, 1), game.leaders.shape)
    wrong = game.follower[None, None] + sizes * at_stake(game.prior, game.follower) * noise[None]
    tried = [
        selection.sampled_score(jax.random.fold_in(key, 2), game, count) for count in settings.interactions
    ]
    return jnp.concatenate([wrong, jnp.stack(tried)])


def asking_function(family: Family, settings: DictConfig) -> DrawFunction:
    """One draw: what she loses where leaders end who revise, from selfish offers, if she asks some."""

    def draw(key: Array) -> Mapping[str, Any]:
        game = _game(family, key, settings)
        offers, curves = selection.starting_offers(game, "selfish"), selection.leader_curves(game)
        traces = [
            selection.best_response_dynamics(
                game, offers, steps=settings.steps, consulted=count, known=curves
            )
            for count in settings.consulted
        ]
        full = full_information_value(game)
        found = {
            "loss": jnp.stack([full - trace.follower[-1] for trace in traces]),
            "gain": jnp.stack([trace.gain.upper[-1] for trace in traces]),
            "end": jnp.stack([trace.end for trace in traces]),
        }
        stake = at_stake(game.prior, game.follower)
        return {**found, "stake": jnp.broadcast_to(stake, len(traces))}

    return draw


def _game(family: Family, key: Array, settings: DictConfig) -> Game:
    shape = Shape(settings.leaders, 1, settings.states, settings.actions)
    return family.sample(key, shape, settings.diversity)


def _checked_again(game: Game, config: DictConfig, row: Mapping[str, Any]) -> Guarantee:
    """The check of a row, of the same score as in the run."""
    settings = config.experiment
    scores = scores_of(game, draw_key(config.run.seed, row["draw"]), settings)
    score = scores[choices(settings).index(row["choice"])]
    return theorems.score_selection(game, score, tolerance=settings.tolerance)


def figure(table: pl.LazyFrame, asked: pl.LazyFrame, summary: pl.DataFrame, config: DictConfig) -> Figure:
    """Loss against d, one point a draw, with the bound's kink; against trials; against models asked."""
    settings = config.experiment
    points, note = drawn(table.filter(pl.col("by") == ERROR), KINK)
    caption = (
        f"{verdict_sentence(summary, 'OPT - max(2 eps, 2 d)')} {settings.draws:,} draws of the family "
        f"{called(config.family)}, K = {settings.leaders}, S = {settings.states}, A = {settings.actions}, "
        f"diversity {settings.diversity:g}. d is how far her score is off, at most, after the best shift. "
        "Left: every model's score has normal errors of its own, of all sizes; both axes in parts of each "
        "game's own distance, so that the bound (line) has its kink at 1. Middle: every model is tried in "
        "cases of its own, drawn at random. Right: no theorem; where models end that revise offers by best "
        f"responses, {settings.steps} times from selfish ones, if she asks some of them, drawn at random."
        f"{note}"
    )
    fig, axes = plot.new_figure("What does it cost her to choose badly?", caption, 3)
    dark, middle = plot.shades(3)[:2]
    _kink(axes[0], points, dark)
    line = summary.filter(by=TRIALS).sort("amount")
    axes[1].plot(line["amount"], 100 * line["allowed_mean"], ":", color="0.3", label="allowed, mean")
    axes[1].plot(line["amount"], 100 * line["error_mean"], "--s", color=middle, label="d, mean")
    axes[1].plot(line["amount"], 100 * line["loss_mean"], "-o", color=dark, label="loss, mean")
    axes[1].set(
        xscale="log", yscale="log", xlabel="trials of each model", ylabel="% of what is at stake for her"
    )
    axes[1].set_title("A finite evaluation period")
    part = 100 * pl.col("loss") / pl.col("stake")
    ends = gathered(
        asked.group_by("consulted")
        .agg(part.mean().alias("mean"), part.quantile(0.9, "linear").alias("q90"))
        .sort("consulted")
    )
    axes[2].plot(ends["consulted"], ends["q90"], "--s", color=middle, label="90th percentile")
    axes[2].plot(ends["consulted"], ends["mean"], "-o", color=dark, label="mean")
    axes[2].set(
        xlabel=f"models asked, of {settings.leaders}",
        ylabel="loss where models end (%)",
        ylim=(0, None),
        xticks=list(settings.consulted),
        title="A user who asks some",
    )
    for axis in axes[1:]:
        axis.legend(frameon=False, fontsize=7)
    return fig


def _kink(axis: Axes, table: pl.DataFrame, colour: tuple[float, ...]) -> None:
    """Loss and d of scores with errors, in parts of 2 eps and eps, where she is off the hull."""
    distance = pl.min_horizontal("constant_upper", "state_upper", "cone_upper")
    shown = table.filter(distance > NEAR * pl.col("stake"), pl.col("error_upper") > 0)
    x = shown.select((pl.col("error_upper") / distance).clip(LEAST, MOST)).to_series()
    y = shown.select((pl.col("loss") / (2 * distance)).clip(LEAST, MOST)).to_series()
    axis.plot(x, y, "o", color=colour, markersize=2.5, alpha=0.5, markeredgewidth=0)
    bound = np.array([LEAST, 1.0, MOST])
    axis.plot(bound, np.maximum(bound, 1.0), color="0.3")
    axis.set(xscale="log", yscale="log", xlabel="d / eps", ylabel="loss / (2 eps)")
    axis.set_title(f"By a wrong measure (drawn from {LEAST:g} on)")


def _check(settings: DictConfig) -> None:
    check_list(
        "errors", settings.errors, "increasing numbers of at least 0", lambda x: x >= 0, increasing=True
    )
    check_increasing("interactions", settings.interactions, 1)
    most = settings.leaders
    whom = f"increasing integers from 1 to leaders = {most}"
    check_list("consulted", settings.consulted, whom, lambda count: 1 <= count <= most, increasing=True)
    if most < 2:
        raise ValueError(f"experiment.leaders is {most}; it must be at least 2")
    if not 0 <= settings.diversity <= 1:
        raise ValueError(f"experiment.diversity is {settings.diversity}; it must be from 0 to 1")


register(
    Experiment(
        name="choice",
        config=ChoiceConfig,
        run=run,
        headline=Headline(
            "amount", "loss_mean", "loss_mean", "loss_q90", "loss (part of what is at stake)",
            "mean loss by trials of each model (bands: to the 90th percentile)",
            fixed={"by": TRIALS}, x_label="trials of each model",
        ),
        coordinates=COORDINATES,
        check=_checked_again,
        page=(
            Run(
                place=46,
                name="choice",
                title="A user who chooses badly",
                about=(
                    "She acts by what she wants, but keeps a model by a measure that is off, such as "
                    "approval, or after few trials, or asks only some of the models."
                ),
                setting=("experiment=choice", "family.apart=0.3"),
                draws=168,
                seconds=60,
                pictures={"figure": "Loss by the error of a score, by trials, by models asked"},
                claims=tuple(
                    Claim(
                        name=f"choice{suffix}",
                        title=f"OPT - max({distance}, 2 d): kept by a score",
                        statement=(
                            "If she keeps the model with the best score, which is off by at most d after a "
                            f"shift, she gets at least OPT - max({distance}, 2 d)."
                        ),
                        whose=claims.OURS,
                        find=functools.partial(claims.guarantee, coordinates=COORDINATES, average=average),
                    )
                    for suffix, distance, average in (("", "2 eps", False), ("_average", "D", True))
                ),
            ),
        ),
    )
)  # fmt: skip

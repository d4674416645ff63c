"""Slack: worst equilibria of three competitions where every leader may forgo a small gain."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import polars as pl
from jaxtyping import Array
from matplotlib.figure import Figure
from omegaconf import MISSING, DictConfig

from experiments.common import claims
from experiments.common.claims import Claim, Run
from experiments.common.competitions import COMPETITIONS, TITLES, checked, padded
from experiments.common.families import called, make_family
from experiments.common.games import repeated
from experiments.common.guarantee import LABELS, counts, report, tightest, verdict_sentence, with_losses
from experiments.common.lists import check_increasing, check_list
from experiments.common.registry import Experiment, Headline, register
from experiments.common.runs import Grid, gathered, scan_of
from jaxgame import plot, theorems
from jaxgame.core.game import Game
from jaxgame.core.units import at_stake
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import Guarantee

COORDINATES = ("leaders", "slack_part", "competition")


@dataclass
class SlackConfig:
    """See conf/experiment/slack.yaml."""

    name: str = MISSING
    draws: int = MISSING
    leaders: list[int] = MISSING
    states: int = MISSING
    actions: int = MISSING
    diversity: float = MISSING
    slack: list[float] = MISSING
    rationality: float = MISSING
    tolerance: float = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute table, summary and figure in `directory`; report verdicts and brackets."""
    settings = config.experiment
    _check(settings)
    grid: Grid = {
        "leaders": list(settings.leaders),
        "slack_part": [float(part) for part in settings.slack],
        "competition": list(COMPETITIONS),
    }
    function = draw_function(make_family(config.family), settings)
    table = with_losses(scan_of(config, function, directory, grid, LABELS))
    summary = gathered(
        table.group_by(COORDINATES)
        .agg(
            pl.len().alias("draws"),
            (pl.col("loss") / pl.col("stake")).mean().alias("loss_mean"),
            (pl.col("loss") / pl.col("stake")).quantile(0.9, "linear").alias("loss_q90"),
            (pl.col("mean_allowed") / pl.col("stake")).mean().alias("allowed_mean"),
            *tightest(),
            *counts(settings.tolerance),
        )
        .sort(COORDINATES)
    )
    report(summary, "worst >= OPT - 2 eps - sum_i w_i slack_i (- her regret)", settings.tolerance)
    write_whole(directory / "summary.csv", summary.write_csv)
    plot.save(figure(summary, config), directory)


def draw_function(family: Family, settings: DictConfig) -> DrawFunction:
    """One draw: the three theorems' checks for the first K leaders at every slack."""
    shape = Shape(max(settings.leaders), 1, settings.states, settings.actions)
    first = repeated(settings.leaders, shape.leaders)
    parts = jnp.asarray([float(part) for part in settings.slack])

    def draw(key: Array) -> Mapping[str, Any]:
        game = family.sample(key, shape, settings.diversity)

        def nested(some: Array) -> Mapping[str, Any]:
            chosen = Game(game.prior, game.follower, some)
            known = theorems.premise(chosen)

            def every(part: Array) -> Mapping[str, Any]:
                slack = slack_of(chosen, part)
                found = [vars(checked(name, chosen, settings, known, slack)) for name in COMPETITIONS]
                return jax.tree.map(lambda *values: jnp.stack(values), *found)

            return jax.vmap(every)(parts)

        return jax.vmap(nested)(game.leaders[first])

    return draw


def slack_of(game: Game, part: float | Array) -> Array:
    """The slack [K] of leaders who may forgo a `part` of what is at stake for them."""
    return part * jax.vmap(at_stake, (None, 0))(game.prior, game.leaders)


def _checked_again(game: Game, config: DictConfig, row: Mapping[str, Any]) -> Guarantee:
    """The check of a row, of the same program as in the run."""
    same, settings = padded(game, max(config.experiment.leaders)), config.experiment
    slack = slack_of(same, row["slack_part"])
    return checked(row["competition"], same, settings, theorems.premise(same), slack)


def figure(summary: pl.DataFrame, config: DictConfig) -> Figure:
    """Mean loss against slack, and what our bound allows, per competition."""
    settings = config.experiment
    caption = (
        f"{verdict_sentence(summary, 'OPT - 2 eps - sum_i w_i slack_i (- her regret)')} Every leader may "
        f"forgo a gain of up to the slack, in parts of what is at stake for it. {settings.draws:,} draws of "
        f"the family {called(config.family)}, S = {settings.states}, A = {settings.actions}, diversity "
        f"{settings.diversity:g}; dotted: the mean of what OPT - D - sum_i w_i slack_i (- her regret) "
        "allows."
    )
    fig, axes = plot.new_figure("What do leaders cost her who do not quite optimise?", caption, 3)
    leaders = list(settings.leaders)
    for axis, name in zip(axes, COMPETITIONS, strict=True):
        for k, colour, marker in zip(leaders, plot.shades(len(leaders)), plot.MARKERS, strict=False):
            line = summary.filter(pl.col("competition") == name, pl.col("leaders") == k).sort("slack_part")
            x = 100 * line["slack_part"]
            axis.plot(x, 100 * line["loss_mean"], color=colour, marker=marker, label=f"K = {k}")
            axis.plot(x, 100 * line["allowed_mean"], color=colour, linestyle=":", linewidth=1)
        axis.set(title=TITLES[name], xlabel="slack (% of what is at stake for a leader)", ylim=(0, None))
    axes[0].plot([], [], color="0.3", linestyle=":", label="allowed, mean")
    axes[0].set_ylabel("mean loss at the worst equilibrium\n(% of what is at stake for her)")
    axes[0].legend(frameon=False, fontsize=7)
    return fig


def _check(settings: DictConfig) -> None:
    check_increasing("leaders", settings.leaders, 2)
    check_list("slack", settings.slack, "increasing numbers of at least 0", lambda x: x >= 0, increasing=True)
    if settings.states != 2:
        raise ValueError(f"experiment.states is {settings.states}; a logit follower's certificate needs two")
    if not 0 <= settings.diversity <= 1:
        raise ValueError(f"experiment.diversity is {settings.diversity}; it must be from 0 to 1")
    if not settings.rationality > 0:
        raise ValueError(f"experiment.rationality is {settings.rationality}; it must be positive")


register(
    Experiment(
        name="slack",
        config=SlackConfig,
        run=run,
        headline=Headline(
            "slack_part", "loss_mean", "loss_mean", "loss_q90", "loss (part of what is at stake)",
            "mean loss in best-AI selection by slack (bands: to the 90th percentile)",
            fixed={"competition": "selection"}, ends={"leaders": "max"},
            x_label="slack (part of what is at stake for a leader)",
        ),
        coordinates=COORDINATES,
        check=_checked_again,
        page=(
            Run(
                place=40,
                name="slack",
                title="Leaders who do not quite optimise",
                about=(
                    "Exact equilibria can stand on a knife's edge. Here every model may forgo a small "
                    "gain, and she meets the worst of all profiles that are left. In half of the games she "
                    "is in the hull."
                ),
                setting=("experiment=slack", "family.apart=0.3"),
                draws=84,
                seconds=40,
                pictures={"figure": "Loss against slack"},
                claims=tuple(
                    Claim(
                        name=f"slack{suffix}",
                        title=f"OPT - {distance} - the slack's cost (- her regret)",
                        statement=(
                            f"Where no model i gains more than slack_i, she gets at least OPT - {distance} "
                            "- sum_i w_i slack_i (less her regret, if she responds by logit), w the "
                            "weights of the mixture, in all three competitions."
                        ),
                        whose=claims.OURS,
                        find=functools.partial(
                            claims.guarantee, coordinates=COORDINATES, average=average, tolerance=1e-4
                        ),
                    )
                    for suffix, distance, average in (("", "2 eps", False), ("_average", "D", True))
                ),
            ),
        ),
    )
)  # fmt: skip

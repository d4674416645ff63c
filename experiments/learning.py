"""A best-responding user who hears all leaders: her loss at the worst equilibrium against the bound."""

from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import polars as pl
from matplotlib.figure import Figure
from omegaconf import MISSING, DictConfig

from experiments.common.families import called, make_family
from experiments.common.guarantee import check_function, checked, loss_headline, report, verdict_sentence
from experiments.common.lists import check_diversity, check_increasing, check_list
from experiments.common.registry import Experiment, register
from experiments.common.runs import drawn
from experiments.common.subplots import by_leaders, scatter, tightest
from jaxgame import plot
from jaxgame.runs.batch import DrawFunction
from jaxgame.runs.files import write_whole
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import bayes_optimal_learning

COORDINATES = ("types", "leaders", "diversity")


@dataclass
class LearningConfig:
    """See conf/experiment/learning.yaml."""

    name: str = MISSING
    draws: int = MISSING
    leaders: list[int] = MISSING
    types: list[int] = MISSING
    states: int = MISSING
    actions: int = MISSING
    diversity: list[float] = MISSING
    tolerance: float = MISSING


def run(config: DictConfig, directory: Path) -> None:
    """Compute table, summary and figure in `directory`; report the verdicts and the brackets."""
    settings = config.experiment
    check_increasing("leaders", settings.leaders, 1)
    check_diversity(settings.diversity)
    check_list("types", settings.types, "distinct integers of at least 1", lambda types: types >= 1)
    table, summary = checked(
        config,
        draw_function(make_family(config.family), settings),
        directory,
        {
            "types": list(settings.types),
            "diversity": list(settings.diversity),
            "leaders": list(settings.leaders),
        },
    )
    report(summary, "worst >= OPT - 2 eps", settings.tolerance)
    write_whole(directory / "summary.csv", summary.write_csv)
    plot.save(figure(table, summary, config), directory)


def draw_function(family: Family, settings: DictConfig) -> DrawFunction:
    """One draw: the theorem's check for every number of types, diversity and number of leaders."""
    checks = [
        check_function(
            family,
            Shape(max(settings.leaders), types, settings.states, settings.actions),
            list(settings.leaders),
            list(settings.diversity),
            lambda game: bayes_optimal_learning(game, tolerance=settings.tolerance),
        )
        for types in settings.types
    ]
    return lambda key: jax.tree.map(lambda *x: jnp.stack(x), *(check(key) for check in checks))


def figure(table: pl.LazyFrame | None, summary: pl.DataFrame, config: DictConfig) -> Figure:
    """Loss against the bound for each number of types; loss and coverage against diversity for the first."""
    settings = config.experiment
    types, leaders = list(settings.types), list(settings.leaders)
    points, note = (pl.DataFrame(), "") if table is None else drawn(table, ("types", "allowed", "loss"))
    several = summary.filter(pl.col("leaders") > 1)
    free, spared = (float(several[name].to_numpy().sum()) for name in ("lossless", "spared"))
    outside = spared / free if free > 0 else 0.0
    caption = (
        f"{verdict_sentence(summary, 'OPT - 2 eps (line)')} With two leaders or more, {outside:.0%} "
        f"of the games without loss are outside the hull: the condition is sufficient, not necessary. Family "
        f"{called(config.family)}, {settings.draws:,} draws (S = {settings.states}, A = "
        f"{settings.actions}); eps is the sup distance with an offset per state and weights of any sum. The "
        f"user hears all leaders, whose signals are as rich and correlated as they like, and takes a best "
        f"action. Worst over all equilibria and tie rules, certified: the widest bracket is "
        f"{summary['widest'].to_numpy().max():.0e}.{note}"
    )
    fig, axes = plot.new_figure("What does a user lose who hears all models?", caption, 3)
    names = {t: f"T = {t}" for t in types}
    if table is None:
        tightest(axes[0], summary, "diversity", "types", names)
        axes[0].set(title="The games nearest to the bound")
    else:
        scatter(axes[0], points, "types", names)
        axes[0].set(title="Every game against the bound", ylabel="OPT - worst equilibrium")
    first = summary.filter(pl.col("types") == types[0])
    by_leaders(axes[1], first, "diversity", ("loss_mean", "mean"), ("loss_median", "median"))
    axes[1].set(
        title=f"Loss at the worst equilibrium, T = {types[0]}",
        ylim=(0, 1.5 * float(first["loss_mean"].to_numpy().max())),
    )
    axes[1].set(ylabel="OPT - worst equilibrium (utility units)")
    hull, lossless = ("covered", "in the hull"), ("lossless", "no loss")
    by_leaders(axes[2], first, "diversity", hull, lossless, name_leaders=len(leaders) < 2)
    axes[2].set(title=f"In the hull, and without loss, T = {types[0]}", ylim=(-0.03, 1.03))
    axes[2].set(ylabel="share of games")
    for axis in axes[0 if table is None else 1 :]:
        axis.set(xlabel="diversity of the leaders")
    return fig


register(
    Experiment(
        name="learning",
        config=LearningConfig,
        run=run,
        rows_optional=True,
        headline=loss_headline("at the largest diversity", diversity="max", types="max"),
        coordinates=COORDINATES,
        check=lambda game, config, row: bayes_optimal_learning(game, tolerance=config.experiment.tolerance),
    )
)

"""Best-AI selection: the follower's loss at her worst equilibrium against the distance to the hull."""

import logging
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array
from matplotlib.figure import Figure
from omegaconf import DictConfig

from experiments.config import identity
from experiments.hull_coverage import make_family
from jaxgame import plot
from jaxgame.batch import DrawFunction, run_draws
from jaxgame.game import Game
from jaxgame.run_directory import write_whole
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import VERDICTS, best_ai_selection

log = logging.getLogger("experiments")

# A loss up to this is none; brackets are that wide.
LOSSLESS = 2e-6


def run(config: DictConfig, directory: Path) -> None:
    """Compute table, summary and figure in `directory`; report the verdicts and the brackets."""
    settings = config.experiment
    leaders, diversity = list(settings.leaders), list(settings.diversity)
    _check(leaders, diversity)
    shape = Shape(max(leaders), settings.types, settings.states, settings.actions)
    table = run_draws(
        draw_function(make_family(config.family), shape, leaders, diversity, settings.tolerance),
        settings.draws,
        config.run.seed,
        coordinates={"diversity": diversity, "leaders": leaders},
        labels={"holds": VERDICTS},
        chunk=config.run.chunk,
        directory=directory,
        settings=identity(config),
        progress=config.run.progress,
    )
    table = table.with_columns(
        loss=pl.col("full_information") - pl.col("worst_lower"),
        allowed=pl.col("full_information") - pl.col("bound_lower"),
        width=pl.col("worst_upper") - pl.col("worst_lower"),
    )
    summary = summarise(table)
    verdicts = {verdict: table.filter(pl.col("holds") == verdict).height for verdict in VERDICTS}
    log.info("worst >= OPT - 2 eps: %s", ", ".join(f"{name} {count}" for name, count in verdicts.items()))
    wide = table.filter(~(pl.col("width") <= settings.tolerance)).height
    widest = table["width"].to_numpy().max()
    log.info("widest bracket %.1e; %d of %d wider than %g", widest, wide, table.height, settings.tolerance)
    write_whole(directory / "summary.csv", summary.write_csv)
    plot.save(figure(table, summary, verdicts, config), directory)


def draw_function(
    family: Family, shape: Shape, leaders: list[int], diversity: list[float], tolerance: float
) -> DrawFunction:
    """One draw: the theorem's check at every diversity for the first K leaders, for every K.

    Leaders repeated change neither hull nor equilibria: all K share one compiled program.
    """
    first = np.stack([np.arange(shape.leaders) % k for k in leaders])

    def at(key: Array, d: Array) -> Mapping[str, Any]:
        game = family.sample(key, shape, d)

        def check(some: Array) -> Mapping[str, Any]:
            return vars(best_ai_selection(Game(game.prior, game.follower, some), tolerance))

        return jax.vmap(check)(game.leaders[first])

    return lambda key: jax.vmap(lambda d: at(key, d))(jnp.asarray(diversity))


def summarise(table: pl.DataFrame) -> pl.DataFrame:
    """One row per diversity and K: losses, coverage, verdicts, brackets."""
    loss = pl.col("loss")
    return (
        table.group_by("diversity", "leaders", maintain_order=True)
        .agg(
            pl.len().alias("draws"),
            loss.quantile(0.25, "linear").alias("loss_q25"),
            loss.median().alias("loss_median"),
            loss.quantile(0.75, "linear").alias("loss_q75"),
            loss.mean().alias("loss_mean"),
            loss.max().alias("loss_largest"),
            (loss <= LOSSLESS).mean().alias("lossless"),
            (pl.col("state_upper") <= 1e-8).mean().alias("covered"),
            (loss / pl.col("allowed")).filter(pl.col("allowed") > 1e-4).max().alias("tightest"),
            *[(pl.col("holds") == verdict).sum().alias(verdict) for verdict in VERDICTS],
            pl.col("width").max().alias("widest"),
        )
        .sort("diversity", "leaders")
    )


def figure(
    table: pl.DataFrame, summary: pl.DataFrame, verdicts: dict[str, int], config: DictConfig
) -> Figure:
    """Loss against the bound, one point a game; mean loss, and share of games without any, against K."""
    settings = config.experiment
    leaders = list(settings.leaders)
    few, many = (_mean_loss(summary, k) for k in (leaders[0], leaders[-1]))
    entries = f"T = {settings.types}, S = {settings.states}, A = {settings.actions}"
    caption = (
        f"At the worst equilibrium the user loses {few:.4f} with K = {leaders[0]} and {many:.4f} with "
        f"K = {leaders[-1]}, on average over games and diversities. The bound (line) holds in "
        f"{verdicts['yes']:,} games, fails in {verdicts['no']:,}, undecided in {verdicts['undecided']:,}. "
        f"The largest loss is {_tightest(summary):.0%} of what it allows. Family {config.family.name}, "
        f"{table['draw'].n_unique():,} draws ({entries}); eps is the sup distance with an offset per state "
        f"and weights of any sum. Worst over all pure equilibria, certified: the widest bracket is "
        f"{summary['widest'].to_numpy().max():.0e}. No loss: up to {LOSSLESS:g}."
    )
    fig, axes = plot.new_figure("What does the best-AI rule cost the user?", caption, 3)
    values = sorted(settings.diversity)
    for d, colour, marker in zip(values, plot.shades(len(values)), plot.MARKERS, strict=False):
        points = table.filter(pl.col("diversity") == d)
        axes[0].plot(
            points["allowed"], points["loss"], linestyle="", marker=marker, color=colour,
            markersize=3, alpha=0.4, label=f"diversity {d:g}", rasterized=True,
        )  # fmt: skip
    most = float(table["allowed"].to_numpy().max())
    axes[0].plot([0, most], [0, most], color="0.3", linewidth=1, label="bound")
    axes[0].set(title="Every game obeys the bound" if not verdicts["no"] else "Games against the bound")
    axes[0].set(xlabel="2 eps (utility units)", ylabel="OPT - worst equilibrium")
    axes[1].set(title="Mean loss", ylabel="OPT - worst equilibrium (utility units)")
    for d, colour, marker in zip(values, plot.shades(len(values)), plot.MARKERS, strict=False):
        line = summary.filter(pl.col("diversity") == d)
        axes[1].plot(line["leaders"], line["loss_mean"], color=colour, marker=marker)
        axes[2].plot(line["leaders"], line["lossless"], color=colour, marker=marker, label=f"no loss, {d:g}")
        axes[2].plot(
            line["leaders"], line["covered"], color=colour, marker=marker, linestyle=":", fillstyle="none",
            label=f"in the hull, {d:g}",
        )  # fmt: skip
    axes[2].set(title="Without loss, in the hull", ylabel="share of games", ylim=(-0.03, 1.03))
    axes[1].set_ylim(bottom=0)
    for axis in axes[1:]:
        plot.leaders_axis(axis, leaders)
    axes[0].legend(frameon=False)
    axes[2].legend(frameon=False, fontsize=7)
    return fig


def _mean_loss(summary: pl.DataFrame, leaders: int) -> float:
    return float(summary.filter(pl.col("leaders") == leaders)["loss_mean"].to_numpy().mean())


def _tightest(summary: pl.DataFrame) -> float:
    found = summary["tightest"].drop_nulls().to_numpy()
    return float(found.max()) if len(found) else 0.0


def _check(leaders: list[int], diversity: list[float]) -> None:
    if not leaders or leaders[0] < 2 or any(a >= b for a, b in pairwise(leaders)):
        raise ValueError(f"experiment.leaders is {leaders}; it must be increasing integers from 2 on")
    if not diversity or any(not 0 <= d <= 1 for d in diversity) or len(set(diversity)) < len(diversity):
        raise ValueError(f"experiment.diversity is {diversity}; it must be distinct numbers from 0 to 1")

"""The figure of experiment=selection, from its tables."""

from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import DictConfig

from jaxgame import plot
from jaxgame.selection import STARTS, Trace

START_NAMES = {"selfish": "selfish offers", "none": "no information", "full": "full information"}


def figure(
    worst: pl.DataFrame,
    summary: pl.DataFrame,
    ends: pl.DataFrame,
    ended: pl.DataFrame,
    game: dict[str, Any],
    trace: Trace,
    config: DictConfig,
) -> Figure:
    """Loss against the bound at the worst equilibrium and after dynamics; against diversity; over time."""
    caption = _caption(worst, summary, ended, config)
    fig, axes = plot.new_figure("What does the best-AI rule cost the user?", caption, 3, height=3.0, rows=2)
    _scatter(axes[0], worst, "diversity", sorted(config.experiment.diversity), "diversity {:g}")
    axes[0].set(title="Worst equilibrium against the bound", ylabel="OPT - worst equilibrium")
    _scatter(axes[1], ends, "start", list(STARTS), "{}")
    axes[1].set(title=f"Where dynamics end (K = {config.experiment.dynamics_leaders})")
    axes[1].set(ylabel="OPT - value at the end")
    _by_diversity(axes[2], summary, "loss_mean", "loss_median", "mean", "median")
    axes[2].set(title="Loss at the worst equilibrium", ylabel="utility units", ylim=(0, None))
    _by_diversity(axes[3], summary, "covered", "lossless", "in the hull", "no loss", name_leaders=False)
    axes[3].set(title="In the hull, and without loss", ylabel="share of games", ylim=(-0.03, 1.03))
    _over_time(axes[4], game, trace)
    _evaluation(axes[5], ended, list(config.experiment.interactions))
    return fig


def _caption(worst: pl.DataFrame, summary: pl.DataFrame, ended: pl.DataFrame, config: DictConfig) -> str:
    settings = config.experiment
    counts = {name: worst.filter(pl.col("holds") == name).height for name in ("yes", "no", "undecided")}
    places = {name: int(ended[name].sum()) for name in ("above", "at", "below")}
    tightest = summary["tightest"].drop_nulls().to_numpy()
    entries = f"T = {settings.types}, S = {settings.states}, A = {settings.actions}"
    return (
        f"The bound OPT - 2 eps (lines above) holds at the worst equilibrium in {counts['yes']:,} games, "
        f"fails in {counts['no']:,}, undecided in {counts['undecided']:,}; the largest loss is "
        f"{tightest.max() if len(tightest) else 0:.0%} of what it allows. Dynamics end above the worst "
        f"equilibrium {places['above']:,} times, at it {places['at']:,}, below {places['below']:,}: offers "
        f"must exceed rivals' by {settings.outbid:g}, and who would gain by less than that stays put. "
        f"Family {config.family.name}, {worst['draw'].n_unique():,} draws ({entries}); eps is the sup "
        f"distance with an offset per state and weights of any sum. Worst over all pure equilibria, "
        f"certified: the widest bracket is {summary['widest'].to_numpy().max():.0e}."
    )


def _scatter(axes: Axes, table: pl.DataFrame, by: str, values: list, label: str) -> None:
    """Loss against what the bound allows, one point a game, and the bound's line."""
    for value, colour, marker in zip(values, plot.shades(len(values)), plot.MARKERS, strict=False):
        points = table.filter(pl.col(by) == value)
        axes.plot(
            points["allowed"], points["loss"], linestyle="", marker=marker, color=colour, markersize=2.5,
            alpha=0.35, label=label.format(START_NAMES.get(value, value)), rasterized=True,
        )  # fmt: skip
    most = float(table["allowed"].to_numpy().max())
    axes.plot([0, most], [0, most], color="0.3", linewidth=1, label="bound")
    axes.set(xlabel="2 eps (utility units)")
    axes.legend(frameon=False, fontsize=7, markerscale=1.6)


def _by_diversity(
    axes: Axes,
    summary: pl.DataFrame,
    solid: str,
    dotted: str,
    solid_name: str,
    dotted_name: str,
    *,
    name_leaders: bool = True,
) -> None:
    """One shade per K; two columns, a solid line with a full marker and a dotted one with an open one."""
    values = summary["leaders"].unique().sort().to_list()
    for k, colour, marker in zip(values, plot.shades(len(values)), plot.MARKERS, strict=False):
        line = summary.filter(pl.col("leaders") == k).sort("diversity")
        axes.plot(
            line["diversity"],
            line[solid],
            color=colour,
            marker=marker,
            label=f"K = {k}" if name_leaders else None,
        )
        axes.plot(
            line["diversity"], line[dotted], color=colour, marker=marker, linestyle=":", fillstyle="none"
        )
    axes.plot([], [], color="0.3", label=solid_name)
    axes.plot([], [], color="0.3", linestyle=":", label=dotted_name)
    axes.set(xlabel="diversity of the leaders")
    axes.legend(frameon=False, fontsize=7)


def _over_time(axes: Axes, game: dict[str, Any], trace: Trace) -> None:
    last = int(trace.steps) + 1
    steps = np.arange(last + 1)
    axes.step(steps, trace.follower[: last + 1], where="post", color="0.0", linewidth=2, label="user")
    leaders = trace.leaders.shape[1]
    for i, colour in enumerate(plot.shades(leaders)):
        axes.step(
            steps, trace.leaders[: last + 1, i], where="post", color=colour, linewidth=1,
            linestyle=plot.DASHES[1 + i % (len(plot.DASHES) - 1)], label=f"leader {i}" if i < 4 else None,
        )  # fmt: skip
    for value, name, side in (
        (game["full_information"], "OPT", "bottom"),
        (game["worst_lower"], "worst equilibrium", "top"),
    ):
        axes.axhline(value, color="0.6", linewidth=0.8)
        axes.annotate(name, (0, value), ha="left", va=side, fontsize=7, color="0.3")
    axes.set(title=f"One game: draw {game['draw']}, diversity {game['diversity']:g}")
    axes.set(xlabel="revisions", ylabel="utility")
    axes.legend(frameon=False, fontsize=7)


def _evaluation(axes: Axes, ended: pl.DataFrame, lengths: list[int]) -> None:
    for start, colour, marker in zip(STARTS, plot.shades(len(STARTS)), plot.MARKERS, strict=False):
        row = ended.filter(pl.col("start") == start).row(0, named=True)
        losses = [row[f"evaluation_{n}"] for n in lengths]
        if max(losses) > 0:  # equal offers cost nothing to confuse
            axes.plot(lengths, losses, color=colour, marker=marker, label=START_NAMES.get(start, start))
    axes.set_xscale("log")
    axes.set(title="A finite evaluation period", xlabel="interactions with each leader")
    axes.set(ylabel="mean loss against the best offer", ylim=(0, None))
    axes.legend(frameon=False, title="offers", title_fontsize=7, fontsize=7)

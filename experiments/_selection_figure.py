"""The figure of experiment=selection, from its tables."""

from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import DictConfig

from experiments.common.families import called
from experiments.common.guarantee import verdict_sentence
from experiments.common.runs import drawn
from experiments.common.subplots import by_leaders, scatter, tightest
from jaxgame import plot
from jaxgame.selection import STARTS, OfferTrace

START_NAMES = {
    "selfish": "selfish offers",
    "none": "no information",
    "full": "full information",
    "random": "random",
}


def figure(
    worst: pl.LazyFrame | None,
    summary: pl.DataFrame,
    ends: pl.LazyFrame | None,
    ended: pl.DataFrame,
    game: dict[str, Any],
    trace: OfferTrace,
    config: DictConfig,
) -> Figure:
    """Loss against the bound at the worst equilibrium and after dynamics; against diversity; over time.

    Without rows the first is what comes nearest to the bound, the second where dynamics end.
    """
    settings = config.experiment
    names = {d: f"diversity {d:g}" for d in sorted(settings.diversity)}
    note = ""
    points = pl.DataFrame()
    if worst is not None:
        points, note = drawn(worst, ("diversity", "allowed", "loss"))
    caption = _caption(summary, ended, config) + note
    fig, axes = plot.new_figure("What does the best-AI rule cost the user?", caption, 3, height=3.0, rows=2)
    if worst is None:
        tightest(axes[0], summary, "leaders", "diversity", names)
        axes[0].set(title="The games nearest to the bound", xlabel="number of leaders K")
        axes[0].set_xticks(list(settings.leaders))
    else:
        scatter(axes[0], points, "diversity", names)
        axes[0].set(title="Worst equilibrium against the bound", ylabel="OPT - worst equilibrium")
    if ends is None:
        _places(axes[1], ended)
    else:
        scatter(axes[1], drawn(ends, ("start", "allowed", "loss"))[0], "start", START_NAMES)
        axes[1].set(ylabel="OPT - value at the end")
    axes[1].set(title=f"Where dynamics end (K = {settings.dynamics_leaders})")
    by_leaders(axes[2], summary, "diversity", ("loss_mean", "mean"), ("loss_median", "median"))
    axes[2].set(title="Loss at the worst equilibrium", ylabel="utility units", ylim=(0, None))
    hull, lossless = ("covered", "in the hull"), ("lossless", "no loss")
    by_leaders(axes[3], summary, "diversity", hull, lossless, name_leaders=False)
    axes[3].set(title="In the hull, and without loss", ylabel="share of games", ylim=(-0.03, 1.03))
    for axis in axes[2:4]:
        axis.set(xlabel="diversity of the leaders")
    _over_time(axes[4], game, trace)
    _evaluation(axes[5], ended, list(settings.interactions))
    return fig


def _places(axes: Axes, ended: pl.DataFrame) -> None:
    """How many of the ends are above, at and below the worst equilibrium, by start."""
    names = [START_NAMES[start] for start in ended["start"]]
    left = np.zeros(ended.height)
    for place, colour in zip(("above", "at", "below"), plot.shades(3), strict=True):
        share = (ended[place] / ended["games"]).to_numpy()
        axes.barh(names, share, left=left, color=colour, edgecolor="white", label=place)
        left = left + share
    axes.set(xlabel="share of games, against the worst equilibrium", xlim=(0, 1))
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=7, ncols=3, loc="lower center", bbox_to_anchor=(0.5, -0.4))
    axes.set_axisbelow(True)


def _caption(summary: pl.DataFrame, ended: pl.DataFrame, config: DictConfig) -> str:
    settings = config.experiment
    places = {name: int(ended[name].sum()) for name in ("above", "at", "below")}
    entries = f"T = {settings.types}, S = {settings.states}, A = {settings.actions}"
    return (
        f"{verdict_sentence(summary, 'OPT - 2 eps (lines above)')} Dynamics end above the worst "
        f"equilibrium {places['above']:,} times, at it {places['at']:,}, below {places['below']:,}: offers "
        f"must exceed rivals' by {settings.outbid:g}; who would gain by exceeding them by less stays put. "
        f"Family {called(config.family)}, {settings.draws:,} draws ({entries}); eps is the sup "
        f"distance with an offset per state and weights of any sum. Worst over all pure equilibria, "
        f"certified: the widest bracket is {summary['widest'].to_numpy().max():.0e}."
    )


def _over_time(axes: Axes, game: dict[str, Any], trace: OfferTrace) -> None:
    last = min(int(trace.steps) + 1, len(trace.follower) - 1)  # one step more, if there was one
    steps = np.arange(last + 1)
    axes.step(steps, trace.follower[: last + 1], where="post", color="0.0", linewidth=2, label="user")
    leaders = trace.leaders.shape[1]
    for i, colour in enumerate(plot.shades(leaders)):
        axes.step(
            steps, trace.leaders[: last + 1, i], where="post", color=colour, linewidth=1,
            linestyle=plot.DASHES[1 + i % (len(plot.DASHES) - 1)], label=f"leader {i}" if i < 4 else None,
        )  # fmt: skip
    full, worst = game["full_information"], game["worst_lower"]
    low, high = axes.get_ylim()
    names = [(full, "OPT", "bottom"), (worst, "worst equilibrium", "top")]
    if full - worst < 0.05 * (high - low):  # one label for both: two would run into each other
        names = [(full, "OPT and worst equilibrium", "bottom"), (worst, "", "top")]
    for value, name, side in names:
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
            axes.plot(lengths, losses, color=colour, marker=marker, label=START_NAMES[start])
    axes.set_xscale("log")
    axes.set(title="A finite evaluation period", xlabel="interactions with each leader")
    axes.set(ylabel="mean loss against the best offer", ylim=(0, None))
    axes.legend(frameon=False, title="offers", title_fontsize=7, fontsize=7)

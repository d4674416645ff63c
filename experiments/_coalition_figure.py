"""The figure of the experiment coalition: depth, coverage, the trade of a rule, and the bound."""

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import DictConfig

from experiments.common.runs import drawn, gathered
from jaxgame import plot


def figure(summary: pl.DataFrame, rules: pl.LazyFrame, rings: pl.DataFrame, config: DictConfig) -> Figure:
    """Depth / n, coverage and rings against n; harm and good let through against k; loss against eps."""
    settings = config.experiment
    top = summary.filter(pl.col("diversity") == max(settings.diversity)).sort("reviewers")
    few, many = top.row(0, named=True), top.row(-1, named=True)
    checked = gathered(rules.select(pl.len().alias("all"), (pl.col("holds") == "no").sum().alias("no")))
    games, violated = checked.row(0)
    points, note = drawn(rules, ("tolerated", "bound_upper", "loss_upper"))
    caption = (
        f"At diversity {max(settings.diversity):g} anything harmful meets the objection of "
        f"{many['share_mean']:.0%} of n = {many['reviewers']} reviewers on average, of "
        f"{few['share_mean']:.0%} of n = {few['reviewers']}. {settings.draws:,} random panels, "
        f"{settings.outcomes} outcomes, noise of {settings.strength:g} of the principal's utility; from "
        "diversity 0 (one mistake for all) to 1 (each its own). Bands: quartiles (depth), 99% intervals "
        f"(coverage). Below: the rules of n = {settings.panel} reviewers with noise of their own, of several "
        "strengths; losses and gains in parts of the most that a proposal changes for the principal. The "
        f"bound eps |d| fails in {violated:,} of {games:,} rules.{note}"
    )
    fig, axes = plot.new_figure(
        "How many reviewers stand between an agent and harm?", caption, 3, height=3.0, rows=2
    )
    plot.band(
        axes[0], summary, "reviewers", "share_mean", "share_q25", "share_q75", "diversity", "diversity {:g}"
    )
    axes[0].axhline(0.5, color="0.3", linewidth=1, linestyle=":")
    axes[0].set(title="Rejection depth", ylabel="depth / n", ylim=(-0.02, 0.55))
    axes[0].legend(frameon=False, fontsize=7)
    _coverage(axes[1], top, list(settings.removed))
    for axis in axes[:2]:
        plot.leaders_axis(axis, list(settings.reviewers), "number of reviewers n")
    _rings(axes[2], rings)
    _against_tolerated(axes[3], rules, "loss_upper", "Worst harm that gets through", "loss (of the most)")
    _against_tolerated(axes[4], rules, "gain_lower", "Best that gets through", "gain (of the most)")
    _bound(axes[5], points)
    return fig


def _coverage(axes: Axes, most: pl.DataFrame, removed: list[int]) -> None:
    for k, colour, marker, dash in zip(
        removed, plot.shades(len(removed)), plot.MARKERS, plot.DASHES, strict=False
    ):
        share = most[f"robust_{k}"] / most["draws"]
        axes.fill_between(
            most["reviewers"], most[f"low_{k}"], most[f"high_{k}"], color=colour, alpha=0.18, linewidth=0
        )
        label = "all together" if k == 0 else f"any {k} removed"
        axes.plot(most["reviewers"], share, color=colour, marker=marker, linestyle=dash, label=label)
    formula = most.drop_nulls("wendel")
    axes.plot(formula["reviewers"], formula["wendel"], "kx", markersize=7, label="Wendel's formula", zorder=5)
    axes.set(
        title="Do the others still cover her?", ylabel="share of panels (diversity 1)", ylim=(-0.03, 1.03)
    )
    axes.legend(frameon=False, fontsize=7)


def _rings(axes: Axes, rings: pl.DataFrame) -> None:
    """What the (n - 1) / 2-tolerant rule costs on rings, solved, and its closed form as crosses."""
    plot.band(axes, rings, "reviewers", "loss_upper", "loss_lower", "loss_upper", "angle", "{:g} degrees")
    axes.plot(rings["reviewers"], rings["loss"], "kx", markersize=7, label="closed form", zorder=5)
    axes.set(
        title="Rings: depth (n - 1) / 2",
        xlabel="number of reviewers n",
        ylabel="worst loss, (n - 1) / 2 tolerated",
        xticks=rings["reviewers"].unique().sort().to_list(),
        ylim=(0, None),
    )
    axes.legend(frameon=False, fontsize=7)


def _against_tolerated(axes: Axes, rules: pl.LazyFrame, column: str, title: str, label: str) -> None:
    """Mean and quartiles of a column against what the rule tolerates, one line per strength of noise."""
    by = gathered(
        rules.group_by("strength", "tolerated")
        .agg(
            pl.col(column).mean().alias("middle"),
            pl.col(column).quantile(0.25, "linear").alias("low"),
            pl.col(column).quantile(0.75, "linear").alias("high"),
        )
        .sort("strength", "tolerated")
    )
    plot.band(axes, by, "tolerated", "middle", "low", "high", "strength", "noise {:g}")
    ticks = by["tolerated"].unique().sort().to_list()
    axes.set(title=title, xlabel="objections tolerated k", ylabel=label, xticks=ticks, ylim=(-0.03, 1.03))
    axes.legend(frameon=False, fontsize=7)


def _bound(axes: Axes, rules: pl.DataFrame) -> None:
    """Loss against eps |d|, one point a panel and rule."""
    values = rules["tolerated"].unique().sort().to_list()
    for k, colour, marker in zip(values, plot.shades(len(values)), plot.MARKERS, strict=False):
        points = rules.filter(pl.col("tolerated") == k)
        axes.plot(
            points["bound_upper"], points["loss_upper"], linestyle="", marker=marker, color=colour,
            markersize=2.5, alpha=0.35, label=f"k = {k}", rasterized=True,
        )  # fmt: skip
    most = float(rules["bound_upper"].to_numpy().max())
    axes.plot([0, most], [0, most], color="0.3", linewidth=1, label="bound")
    axes.set(
        title="Loss and bound", xlabel="eps |d| of the worst coalition", ylabel="worst loss, k tolerated"
    )
    axes.legend(frameon=False, fontsize=7, markerscale=1.6)

"""Panels that figures of several experiments share."""

from typing import Any

import polars as pl
from matplotlib.axes import Axes

from jaxgame import plot


def scatter(axes: Axes, table: pl.DataFrame, by: str, names: dict[Any, str]) -> None:
    """Loss against what the bound allows, one point a game, and its line; `names` of the values of `by`."""
    for (value, name), colour, marker in zip(
        names.items(), plot.shades(len(names)), plot.MARKERS, strict=False
    ):
        points = table.filter(pl.col(by) == value)
        axes.plot(
            points["allowed"], points["loss"], linestyle="", marker=marker, color=colour, markersize=2.5,
            alpha=0.35, label=name, rasterized=True,
        )  # fmt: skip
    most = float(table["allowed"].to_numpy().max())
    axes.plot([0, most], [0, most], color="0.3", linewidth=1, label="bound")
    axes.set(xlabel="2 eps (utility units)")
    axes.legend(frameon=False, fontsize=7, markerscale=1.6)


def by_leaders(
    axes: Axes,
    summary: pl.DataFrame,
    x: str,
    solid: tuple[str, str],
    dotted: tuple[str, str],
    *,
    name_leaders: bool = True,
) -> None:
    """One shade per K; two (column, name)s, solid with a full marker and dotted with an open one."""
    values = summary["leaders"].unique().sort().to_list()
    for k, colour, marker in zip(values, plot.shades(len(values)), plot.MARKERS, strict=False):
        line = summary.filter(pl.col("leaders") == k).sort(x)
        label = f"K = {k}" if name_leaders else None
        axes.plot(line[x], line[solid[0]], color=colour, marker=marker, label=label)
        axes.plot(line[x], line[dotted[0]], color=colour, marker=marker, linestyle=":", fillstyle="none")
    axes.plot([], [], color="0.3", label=solid[1])
    axes.plot([], [], color="0.3", linestyle=":", label=dotted[1])
    axes.legend(frameon=False, fontsize=7)


def tightest(axes: Axes, summary: pl.DataFrame, x: str, by: str, names: dict[Any, str]) -> None:
    """The largest loss as a share of what the bound allows, one line per value of `by`; for want of rows."""
    for (value, name), colour, marker in zip(
        names.items(), plot.shades(len(names)), plot.MARKERS, strict=False
    ):
        line = summary.filter(pl.col(by) == value).group_by(x).agg(pl.col("tightest").max()).sort(x)
        axes.plot(line[x], line["tightest"], color=colour, marker=marker, label=name)
    axes.axhline(1.0, color="0.3", linewidth=1, label="bound")
    axes.set(ylabel="largest loss / what the bound allows", ylim=(0, None))
    axes.legend(frameon=False, fontsize=7)

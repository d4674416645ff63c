"""What experiments on the guarantees share: a theorem checked over draws, its table, summary and panels."""

import logging
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array
from matplotlib.axes import Axes

from jaxgame import plot
from jaxgame.batch import DrawFunction
from jaxgame.game import Game
from jaxgame.sampling import Family, Shape
from jaxgame.theorems import VERDICTS, Guarantee

log = logging.getLogger("experiments")

# A loss up to this is none; brackets are that wide.
LOSSLESS = 2e-6

# And a distance to the hull up to this.
INSIDE = 1e-8


def check_function(
    family: Family,
    shape: Shape,
    leaders: list[int],
    diversity: list[float],
    check: Callable[[Game], Guarantee],
) -> DrawFunction:
    """One draw: a theorem's check at every diversity for the first K leaders, for every K.

    Leaders repeated change neither hull nor equilibria: all K share one compiled program.
    """
    first = np.stack([np.arange(shape.leaders) % k for k in leaders])

    def at(key: Array, d: Array) -> Mapping[str, Any]:
        game = family.sample(key, shape, d)
        return jax.vmap(lambda some: vars(check(Game(game.prior, game.follower, some))))(game.leaders[first])

    return lambda key: jax.vmap(lambda d: at(key, d))(jnp.asarray(diversity))


def with_losses(table: pl.DataFrame) -> pl.DataFrame:
    """The table with the follower's largest possible loss, what the bound allows, and the bracket's width."""
    return table.with_columns(
        loss=pl.col("full_information") - pl.col("worst_lower"),
        allowed=pl.col("full_information") - pl.col("bound_lower"),
        width=pl.col("worst_upper") - pl.col("worst_lower"),
    )


def summarise(table: pl.DataFrame, *by: str) -> pl.DataFrame:
    """One row for each value of the columns `by`: losses, coverage, verdicts, brackets."""
    loss = pl.col("loss")
    return (
        table.group_by(*by, maintain_order=True)
        .agg(
            pl.len().alias("draws"),
            loss.quantile(0.25, "linear").alias("loss_q25"),
            loss.median().alias("loss_median"),
            loss.quantile(0.75, "linear").alias("loss_q75"),
            loss.mean().alias("loss_mean"),
            loss.max().alias("loss_largest"),
            (loss <= LOSSLESS).mean().alias("lossless"),
            (pl.col("state_upper") <= INSIDE).mean().alias("covered"),
            (loss / pl.col("allowed")).filter(pl.col("allowed") > 1e-4).max().alias("tightest"),
            *[(pl.col("holds") == verdict).sum().alias(verdict) for verdict in VERDICTS],
            pl.col("width").max().alias("widest"),
        )
        .sort(*by)
    )


def verdicts(table: pl.DataFrame) -> dict[str, int]:
    """How many rows have each verdict."""
    return {verdict: table.filter(pl.col("holds") == verdict).height for verdict in VERDICTS}


def report(table: pl.DataFrame, claim: str, tolerance: float) -> None:
    """Log verdicts and brackets."""
    log.info("%s: %s", claim, ", ".join(f"{name} {count}" for name, count in verdicts(table).items()))
    wide = table.filter(~(pl.col("width") <= tolerance)).height
    widest = table["width"].to_numpy().max()
    log.info("widest bracket %.1e; %d of %d wider than %g", widest, wide, table.height, tolerance)


def verdict_sentence(
    table: pl.DataFrame, summary: pl.DataFrame, bound: str, where: str = "at the worst equilibrium"
) -> str:
    """For captions: where the bound holds, and how near losses come to it."""
    counts = verdicts(table)
    tightest = summary["tightest"].drop_nulls().to_numpy()
    return (
        f"The bound {bound} holds {where} in {counts['yes']:,} games, fails in "
        f"{counts['no']:,}, undecided in {counts['undecided']:,}; the largest loss is "
        f"{tightest.max() if len(tightest) else 0:.0%} of what it allows."
    )


def check_lists(settings: Any, least_leaders: int) -> None:
    """Raise ValueError unless leaders increase from `least_leaders` on and diversities are from 0 to 1."""
    leaders, diversity = list(settings.leaders), list(settings.diversity)
    if not leaders or leaders[0] < least_leaders or any(a >= b for a, b in pairwise(leaders)):
        raise ValueError(
            f"experiment.leaders is {leaders}; it must be increasing integers from {least_leaders} on"
        )
    if not diversity or any(not 0 <= d <= 1 for d in diversity) or len(set(diversity)) < len(diversity):
        raise ValueError(f"experiment.diversity is {diversity}; it must be distinct numbers from 0 to 1")


# Panels


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

"""The figure of a sweep: each experiment's leading number, one line per run."""

from typing import Any

import polars as pl
from matplotlib.figure import Figure

from experiments.common.registry import Headline, registered
from jaxgame import plot


def figure(table: pl.DataFrame, swept: list[str], missing: int) -> Figure:
    """One panel per experiment in `table`, lines told apart by the values of `swept`.

    `missing` runs are told in the caption. An experiment without a headline has an empty panel that says so.
    """
    experiments = table["experiment"].unique(maintain_order=True).to_list()
    headlines = {name: known.headline for name, known in registered().items() if known.headline}
    claims = [f"{name}: {headlines[name].claim}" for name in experiments if name in headlines]
    runs = table["run"].n_unique()
    caption = f"Each line is a run of the sweep over {', '.join(telling(table, swept)) or 'nothing'}. "
    caption += "".join(f"{claim}. " for claim in claims)
    caption += f"{runs} runs are complete{f', {missing} are missing or not complete' if missing else ''}."
    fig, axes = plot.new_figure("A sweep, collected", caption, max(len(experiments), 1), height=3.8)
    for axis, name in zip(axes, experiments, strict=True):
        axis.set_title(name)
        if name in headlines:
            _lines(axis, table.filter(pl.col("experiment") == name), swept, headlines[name])
        else:
            axis.text(0.5, 0.5, f"the experiment {name} has no headline", ha="center", wrap=True)
    return fig


def _lines(axis: Any, table: pl.DataFrame, swept: list[str], headline: Headline) -> None:
    rows = table.filter(*[pl.col(key) == value for key, value in headline.fixed.items()])
    for key, end in headline.ends.items():  # of each run its own: a sweep may change them
        wanted = pl.col(key).max() if end == "max" else pl.col(key).min()
        rows = rows.filter(pl.col(key) == wanted.over("run"))
    label = pl.concat_str(
        [_words(key) for key in telling(rows, swept)] or [pl.lit("the run")], separator=", "
    )
    rows = rows.with_columns(label.alias("_line")).drop_nulls(headline.middle).sort(telling(rows, swept))
    plot.band(axis, rows, headline.x, headline.middle, headline.low, headline.high, "_line")
    if headline.x_label is None:
        plot.leaders_axis(axis, sorted(rows[headline.x].unique().to_list()), headline.x)
    else:
        axis.set_xlabel(headline.x_label)
    axis.set_ylabel(headline.label)
    axis.set_ylim(bottom=0.0)  # losses, distances and their ratios
    axis.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.14))


def telling(rows: pl.DataFrame, swept: list[str]) -> list[str]:
    """As few of the keys `swept` as tell all runs apart: a family's name makes its parameters superfluous."""
    kept = list(swept)
    for key in sorted(swept, key=lambda key: key.endswith(".name")):  # names go last
        fewer = [other for other in kept if other != key]
        apart = rows.select(fewer).unique().height if fewer else 1
        if apart == rows["run"].n_unique():
            kept = fewer
    return kept


def _words(key: str) -> pl.Expr:
    """`family noise` for family.name, `actions 3` for experiment.actions."""
    word = key.removesuffix(".name").split(".")[-1]
    return pl.lit(f"{word} ") + pl.col(key).cast(pl.String).fill_null("none")
